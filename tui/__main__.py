"""``python -m tui``: the same as the command ``espied``."""

from tui.cli.main import main

main()
