"""``espied watch``: changes as they happen."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from discover.errors import EXIT_CANNOT, EXIT_INTERRUPTED
from discover.model.snapshot import Change, Snapshot
from tui.cli.narrate import Narrator
from tui.cli.output import note, to_text, write_stdout
from tui.cli.session import live_feed, run_feed, save
from tui.cli.settings import Settings


@click.command("watch")
@click.option("-i", "--interface", "interfaces", multiple=True, metavar="IF", help="Interface to watch; repeat it for several.")
@click.option("-n", "--network", "networks", multiple=True, metavar="CIDR", help="Network to sweep instead of the interface's own.")
@click.option(
    "--own", "--i-own-this-network", "own", is_flag=True, help="The --network is mine: allow it although it is not attached and private."
)
@click.option("-s", "--seconds", type=click.FloatRange(0), default=0, help="Stop after that many seconds (default: at Ctrl-C).")
@click.option("--passive", is_flag=True, help="Ask by mDNS only; send nothing to any single device.")
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "ndjson")), default="text", show_default=True)
@click.option("--no-save", is_flag=True, help="Do not put what was found into the inventory.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    interfaces: tuple[str, ...],
    networks: tuple[str, ...],
    own: bool,
    seconds: float,
    passive: bool,
    format_name: str,
    no_save: bool,
) -> int:
    """Print devices as they appear, change and go, until Ctrl-C."""
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help
    from discover.inventory.diff import diff  # noqa: PLC0415 - likewise
    from discover.lean import settle_down  # noqa: PLC0415 - likewise

    catalogue = load_catalogue()
    feed = live_feed(
        settings,
        catalogue,
        interfaces=interfaces,
        networks=networks,
        own=own,
        seconds=seconds,
        passive=passive,
        forever=not seconds,
    )
    last: Snapshot | None = None

    def show(snapshot: Snapshot) -> None:
        nonlocal last
        before = last or Snapshot(generated=snapshot.generated, scan=snapshot.scan, devices=())
        for change in diff(before, snapshot):
            write_stdout(change_json(change) if format_name == "ndjson" else change_text(change, color=settings.stdout_color))
        last = snapshot

    with Narrator(quiet=True) as narrator:
        if not settings.quiet:
            feed.on_notice = note
            note("watching; Ctrl-C ends")
        settle_down()
        found = run_feed(feed, catalogue, narrator, every=show)
    code = EXIT_CANNOT if seconds and not found.snapshot.scan.complete else 0
    if not no_save:
        code = max(code, save(settings, found.snapshot))
    return EXIT_INTERRUPTED if found.interrupted else code


def change_json(change: Change) -> str:
    """Render one change as a line of JSON (schema espied.change/1)."""
    document = {
        "schema": "espied.change/1",
        "when": datetime.fromtimestamp(change.when, UTC).isoformat().replace("+00:00", "Z"),
        "kind": change.kind.value,
        "id": change.device_id,
        "title": change.title,
        "into": change.into or None,
        "fields": [{"field": one.field, "before": one.before, "after": one.after} for one in change.fields],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def change_text(change: Change, *, color: bool) -> str:
    """Render one change for people."""
    from tui.present.changes import change_line  # noqa: PLC0415 - only here

    return to_text([change_line(change)], color=color)
