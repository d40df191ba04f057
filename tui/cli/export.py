"""``espied export``: the stored inventory in a format of your choice."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.output import note, write_file, write_stdout
from tui.cli.settings import Settings


@click.command("export")
@click.option("-f", "--format", "format_name", type=click.Choice(("json", "ndjson", "csv", "markdown")), default="json", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write (default: stdout).")
@click.option("--redact", is_flag=True, help="Replace MACs, names and addresses by stable stand-ins, for bug reports.")
@click.pass_obj
def command(settings: Settings, *, format_name: str, output: Path | None, redact: bool) -> int:
    """Write every device of the inventory with its labels, notes and tags."""
    from discover.export import FORMATS  # noqa: PLC0415 - msgspec loads here
    from tui.cli.stored import open_store  # noqa: PLC0415 - sqlite3 loads here

    with open_store(settings) as store:
        snapshot = store.load()
    if redact:
        from discover.export.redact import redact as redacted  # noqa: PLC0415 - only here

        snapshot = redacted(snapshot)
    data = FORMATS[format_name].render(snapshot)
    if output is None:
        write_stdout(data)
    else:
        write_file(output, data)
        note(f"wrote {len(snapshot.devices)} devices to {output}", quiet=settings.quiet)
    return 0
