"""``espied diff``: what changed between two stored scans."""

from __future__ import annotations

from datetime import datetime

import click

from tui.cli.output import note, to_text, write_stdout
from tui.cli.settings import Settings
from tui.cli.stored import open_store


@click.command("diff")
@click.argument("before", metavar="[A]", default="previous")
@click.argument("after", metavar="[B]", default="last")
@click.option("--list", "list_only", is_flag=True, help="List the stored scans instead.")
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "ndjson")), default="text", show_default=True)
@click.pass_obj
def command(settings: Settings, *, before: str, after: str, list_only: bool, format_name: str) -> int:
    """Show what changed from scan A to scan B (default: from the last but one to the last).

    A and B are numbers from --list, "last", "previous", or the beginning of a time such as 2026-11-21.
    """
    with open_store(settings) as store:
        if list_only:
            for info in store.snapshots():
                made = datetime.fromtimestamp(info.generated).astimezone().strftime("%Y-%m-%d %H:%M:%S")
                write_stdout(f"{info.number:>4}  {made}  {info.devices:>4} devices{'' if info.complete else '  (not complete)'}\n")
            return 0
        first, second = store.load_snapshot(before), store.load_snapshot(after)
    from discover.inventory.diff import diff  # noqa: PLC0415 - only here
    from tui.cli.watch import change_json  # noqa: PLC0415 - only here
    from tui.present.changes import change_line  # noqa: PLC0415 - only here

    changes = diff(first, second)
    for change in changes:
        write_stdout(change_json(change) if format_name == "ndjson" else to_text([change_line(change)], color=settings.stdout_color))
    if not changes:
        note("Nothing changed.", quiet=settings.quiet)
    return 0
