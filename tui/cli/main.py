"""The command ``espied``: global options, and one lazily imported file a command.

Nothing heavy is imported before a command is chosen: ``espied --help`` must not load asyncio,
textual, zeroconf or esptool (DESIGN section 6).
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

import click

from discover import __version__
from discover.errors import EXIT_INTERRUPTED, EspiedError
from discover.lean import import_asyncio
from tui.cli.settings import Settings

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "scan": ("tui.cli.scan", "Look once and print what is there."),
    "watch": ("tui.cli.watch", "Print changes as they happen."),
    "explain": ("tui.cli.explain", "Explain a port: registry, practice, what a device told, conclusion."),
    "check": ("tui.cli.check", "Check whether a device can be updated over the air, without touching its flash."),
    "inventory": ("tui.cli.inventory", "List, show, name, note, tag and forget known devices."),
    "export": ("tui.cli.export", "Write the stored inventory as JSON, NDJSON, CSV or Markdown."),
    "import": ("tui.cli.import_", "Read devices from an exported JSON file into the inventory."),
    "diff": ("tui.cli.diff", "Show what changed between two scans."),
    "boards": ("tui.cli.boards", "List the boards on USB, ask their chips, and find their twins on the network."),
    "firmware": ("tui.cli.firmware", "Say what firmware images are, and what is wrong with them."),
    "doctor": ("tui.cli.doctor", "Find out why nothing is found here."),
    "demo": ("tui.cli.demo", "Start the app on a simulated LAN, no gear needed."),
    "replay": ("tui.cli.replay", "Start the app on a recording (--scan: print it)."),
    "completion": ("tui.cli.completion", "Print the completion script for your shell."),
}
"""Command -> (module with a ``command`` of that name, one line for the list)."""
_ASKING: Final = frozenset({"scan", "watch", "check", "doctor", "demo", "replay"})
"""Commands that talk to a network, or to a simulated one."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order people need them, not in that of the alphabet."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None for a name that is not there."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in _ASKING:
            import_asyncio()
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command where the name is off by a letter or two."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # noqa: PLC0415 - only a mistyped name needs it

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message.rstrip('.')}. Did you mean '{near[0]}'?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from their one-liners, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--db", "database", type=click.Path(path_type=Path, dir_okay=False), help="Inventory file (default: your platform's state folder)."
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file; everything works without one.")
@click.option("--no-color", is_flag=True, help="No colours (NO_COLOR does the same).")
@click.option("-q", "--quiet", is_flag=True, help="No narration on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr where a scan, watch or check looks, and why not elsewhere.")
@click.version_option(__version__, "--version", prog_name="espied")
@click.pass_context
def cli(ctx: click.Context, *, database: Path | None, config: Path | None, no_color: bool, quiet: bool, verbose: bool) -> None:
    """Find every ESP32 and embedded gadget on your LAN: what it is and why, what its ports mean, and whether it can be updated.

    Without a command, espied opens the app and starts looking on all suitable interfaces.
    """
    ctx.obj = Settings.load(database=database, config=config, no_color=no_color, quiet=quiet, verbose=verbose)
    if ctx.invoked_subcommand is None:
        import_asyncio()
        from tui.cli.app import run_app  # noqa: PLC0415 - textual loads only when the app is wanted

        ctx.exit(run_app(ctx.obj))


def fail(error: EspiedError) -> NoReturn:
    """Say what happened and what to do next on stderr, and leave with the error's exit code."""
    click.echo(f"espied: {error.message}", err=True)
    if error.hint:
        click.echo(f"  → {error.hint}", err=True)
    sys.exit(error.exit_code)


def main() -> NoReturn:
    """Run the command line; every way out has an exit code of DESIGN section 4."""
    try:
        result = cli.main(standalone_mode=False, prog_name="espied")
    except EspiedError as error:
        fail(error)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("espied: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`espied scan | head`): no traceback, and none at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(result if isinstance(result, int) else 0)
