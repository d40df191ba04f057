"""``espied demo``: the app on simulated devices that speak the real protocols on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.engine import Feed


@click.command("demo")
@click.option("--scan", "scan_only", is_flag=True, help="Print one scan instead of opening the app.")
@click.option("-f", "--format", "format_name", type=click.Choice(("table", "json", "ndjson", "csv", "markdown")), default="table")
@click.option("-s", "--seconds", type=click.FloatRange(0, 3600), default=4.0, show_default=True, help="How long --scan listens.")
@click.option("--ledger", is_flag=True, help="With --scan: show what was sent (csv and ndjson: not).")
@click.pass_obj
def command(settings: Settings, *, scan_only: bool, format_name: str, seconds: float, ledger: bool) -> int:
    """Open the app on a LAN of simulated devices. Nothing leaves this computer, nothing is stored."""
    if not scan_only:
        from tui.cli.app import run_app  # noqa: PLC0415 - textual loads here

        return run_app(settings, feed_factory=_lively_demo, title="demo LAN", keep=False)
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help
    from discover.errors import EXIT_INTERRUPTED  # noqa: PLC0415 - likewise
    from tui.cli.demo_feed import NOT_LIVE, demo_or_recording  # noqa: PLC0415 - likewise
    from tui.cli.narrate import Narrator  # noqa: PLC0415 - likewise
    from tui.cli.output import note, write_stdout  # noqa: PLC0415 - likewise
    from tui.cli.scan import render  # noqa: PLC0415 - likewise
    from tui.cli.session import run_feed  # noqa: PLC0415 - likewise

    feed = demo_or_recording(seconds=seconds, speed=0)
    if not feed.live:
        note(NOT_LIVE, quiet=settings.quiet)
    with Narrator(quiet=settings.quiet) as narrator:
        feed.on_notice = narrator.notice
        found = run_feed(feed, load_catalogue(), narrator)
    write_stdout(render(found.snapshot, format_name, color=settings.stdout_color, tallies=feed.ledger.tallies() if ledger else None))
    return EXIT_INTERRUPTED if found.interrupted else 0


def _lively_demo() -> Feed:
    from tui.cli.demo_feed import demo_or_recording  # noqa: PLC0415 - after the first paint

    return demo_or_recording(forever=True)
