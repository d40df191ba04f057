"""``espied scan``: look once and print what is there."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from discover.errors import EXIT_CANNOT, EXIT_INTERRUPTED
from discover.model.snapshot import ScanSummary, Snapshot
from tui.cli.narrate import Narrator
from tui.cli.output import note, to_text, width, write_stdout
from tui.cli.session import live_feed, run_feed, save, write_ledger
from tui.cli.settings import Settings

FORMATS = ("table", "json", "ndjson", "csv", "markdown")


@click.command("scan")
@click.option("-i", "--interface", "interfaces", multiple=True, metavar="IF", help="Interface to look on; repeat it for several.")
@click.option("-n", "--network", "networks", multiple=True, metavar="CIDR", help="Network to sweep instead of the interface's own.")
@click.option(
    "--own", "--i-own-this-network", "own", is_flag=True, help="The --network is mine: allow it although it is not attached and private."
)
@click.option("-s", "--seconds", type=click.FloatRange(0, 86400), help="How long to listen (default 5; 0: until the sweep is complete).")
@click.option("--passive", is_flag=True, help="Ask by mDNS only; send nothing to any single device.")
@click.option("-f", "--format", "format_name", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Keep every signal as NDJSON, for `espied replay`.")
@click.option("--ledger", is_flag=True, help="Show on stderr what was sent, by device and purpose.")
@click.option("--ledger-file", type=click.Path(path_type=Path, dir_okay=False), help="Write every packet sent as NDJSON.")
@click.option("--no-save", is_flag=True, help="Do not put what was found into the inventory.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    interfaces: tuple[str, ...],
    networks: tuple[str, ...],
    own: bool,
    seconds: float | None,
    passive: bool,
    format_name: str,
    record: Path | None,
    ledger: bool,
    ledger_file: Path | None,
    no_save: bool,
) -> int:
    """Look once on all suitable interfaces and print the devices that are there.

    \b
    espied scan                                   a table
    espied scan -i wlan0 --format json > lan.json the contract, for programs
    espied scan --passive                         only listen to what devices announce
    espied scan --record lan.ndjson               keep the signals, replay them later
    """  # noqa: D301 - click's mark for "keep these lines"
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help

    catalogue = load_catalogue()
    feed = live_feed(settings, catalogue, interfaces=interfaces, networks=networks, own=own, seconds=seconds, passive=passive)
    with Narrator(quiet=settings.quiet) as narrator:
        feed.on_notice = narrator.notice
        found = run_feed(feed, catalogue, narrator, record=record)
    write_stdout(render(found.snapshot, format_name, color=settings.stdout_color))
    if not settings.quiet and format_name != "table":  # the table says it itself
        note(coverage(found.snapshot.scan, len(found.snapshot.devices)))
    if ledger:
        from tui.present.ledger import ledger_lines  # noqa: PLC0415 - only here

        click.echo(to_text(ledger_lines(feed.ledger.packets), color=settings.stderr_color), err=True, nl=False)
    if ledger_file is not None:
        write_ledger(tuple(feed.ledger.packets), ledger_file)
    # What the system refused has been said as it arose; the exit code says it to programs.
    code = 0 if found.snapshot.scan.complete else EXIT_CANNOT
    if found.trouble is not None:
        note(f"{found.trouble.message}. {found.trouble.hint}")
        code = EXIT_CANNOT
    if not no_save:
        code = max(code, save(settings, found.snapshot))
    return EXIT_INTERRUPTED if found.interrupted else code


def render(snapshot: Snapshot, format_name: str, *, color: bool) -> str | bytes:
    """Render a snapshot for stdout in one of FORMATS."""
    if format_name == "table":
        from tui.present.table import PIPE_WIDTH, snapshot_lines  # noqa: PLC0415 - only here

        return to_text(snapshot_lines(snapshot, width=width() if sys.stdout.isatty() else PIPE_WIDTH), color=color)
    from discover.export import FORMATS as EXPORTS  # noqa: PLC0415 - msgspec loads here

    return EXPORTS[format_name].render(snapshot)


def coverage(scan: ScanSummary, devices: int) -> str:
    """Say in one sentence what was covered, honestly."""
    where = ", ".join(f"{one.name} ({one.network})" for one in scan.interfaces) or "no interface"
    asked = "listened only" if scan.passive else f"{scan.tested} of {scan.planned} addresses tested"
    cut = "" if scan.complete else "; not complete, so what is missing here may still exist"
    return (
        f"{devices} device{'' if devices == 1 else 's'} on {where}; {asked}, {scan.packets_sent} packets sent in {scan.seconds:.1f} s{cut}."
    )
