"""``espied completion``: the script that makes Tab work."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from discover.errors import UsageError
from tui.cli.output import write_stdout

WHERE = {
    "bash": 'Put this into ~/.bashrc: eval "$(espied completion bash)"',
    "zsh": 'Put this into ~/.zshrc: eval "$(espied completion zsh)"',
    "fish": "Run once: espied completion fish > ~/.config/fish/completions/espied.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(sorted(WHERE)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash   eval "$(espied completion bash)"      in ~/.bashrc
    zsh    eval "$(espied completion zsh)"       in ~/.zshrc
    fish   espied completion fish > ~/.config/fish/completions/espied.fish
    """  # noqa: D301 - click's mark for "keep these lines"
    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - Choice lets only the three through
        raise UsageError(f"No completion for {shell}", f"There is one for {', '.join(sorted(WHERE))}.")
    root = ctx.find_root().command
    write_stdout(found(root, {}, "espied", "_ESPIED_COMPLETE").source() + "\n")
