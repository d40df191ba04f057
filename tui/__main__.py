"""Where ``espied`` and ``python -m tui`` begin."""

from __future__ import annotations

from typing import NoReturn

from discover.lean import lean_process


def run() -> NoReturn:
    """Run the command line in a process of its own."""
    lean_process()  # first: what is imported next is most of the garbage collector's work
    from tui.cli.main import main  # noqa: PLC0415 - see above

    main()


if __name__ == "__main__":
    run()
