"""``espied import``: devices from an exported JSON file."""

from __future__ import annotations

from pathlib import Path

import click

from discover.errors import UsageError
from tui.cli.output import note
from tui.cli.settings import Settings


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def command(settings: Settings, *, file: Path) -> int:
    """Read devices from FILE (espied's own JSON) into the inventory; what you already know is kept."""
    from discover.export import parse_inventory  # noqa: PLC0415 - msgspec loads here
    from tui.cli.stored import open_store  # noqa: PLC0415 - sqlite3 loads here

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror}", "Give a file that `espied export --format json` wrote.") from error
    snapshot = parse_inventory(data)
    with open_store(settings) as store:
        count = store.import_devices(snapshot)
    note(f"{count} devices imported from {file}", quiet=settings.quiet)
    return 0
