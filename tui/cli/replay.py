"""``espied replay``: a recording in the app, or folded and printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.engine import ReplayFeed


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--scan", "scan_only", is_flag=True, help="Print what the recording comes to instead of opening the app.")
@click.option("-f", "--format", "format_name", type=click.Choice(("table", "json", "ndjson", "csv", "markdown")), default="table")
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=1.0, show_default=True, help="How fast the app plays it.")
@click.pass_obj
def command(settings: Settings, *, file: Path, scan_only: bool, format_name: str, speed: float) -> int:
    """Replay a recording that ``espied scan --record FILE`` wrote.

    Replaying with --scan gives the inventory of the recorded scan byte for byte; nothing is sent and nothing is stored.
    """
    from tui.cli.session import read_recording  # noqa: PLC0415 - not for the help

    signals = read_recording(file)
    if not scan_only:
        from tui.cli.app import run_app  # noqa: PLC0415 - textual loads here

        def feed() -> ReplayFeed:
            from discover.engine import ReplayFeed  # noqa: PLC0415 - after the first paint

            return ReplayFeed(signals, speed=speed)

        return run_app(settings, feed_factory=feed, title=f"replay of {file.name}", keep=False)
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help
    from discover.inventory.fold import fold  # noqa: PLC0415 - likewise
    from tui.cli.output import write_stdout  # noqa: PLC0415 - likewise
    from tui.cli.scan import render  # noqa: PLC0415 - likewise

    write_stdout(render(fold(signals, load_catalogue()), format_name, color=settings.stdout_color))
    return 0
