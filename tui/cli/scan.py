"""``espied scan``: look once and print what is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discover.errors import EXIT_CANNOT, EXIT_INTERRUPTED
from discover.model.coverage import coverage, remarks
from discover.model.snapshot import Snapshot
from tui.cli.narrate import Narrator
from tui.cli.output import note, stderr_width, to_text, width, write_stdout
from tui.cli.session import live_feed, run_feed, save, write_ledger
from tui.cli.settings import Settings
from tui.present import words
from tui.present.lines import BLANK

if TYPE_CHECKING:
    from discover.net.ledger import Tally

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
@click.option("--ledger", is_flag=True, help="Show what was sent, by device and purpose (csv and ndjson: on stderr).")
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
    espied scan --ledger                          show what was sent to whom, and what for
    """  # noqa: D301 - click's mark for "keep these lines"
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help

    catalogue = load_catalogue()
    feed = live_feed(settings, catalogue, interfaces=interfaces, networks=networks, own=own, seconds=seconds, passive=passive)
    if ledger_file is not None:
        feed.ledger.keep_all()
    with Narrator(quiet=settings.quiet) as narrator:
        feed.on_notice = narrator.notice
        found = run_feed(feed, catalogue, narrator, record=record)
    snapshot = found.snapshot
    tallies = feed.ledger.tallies() if ledger else None
    write_stdout(render(snapshot, format_name, color=settings.stdout_color, tallies=tallies))
    if format_name != "table":  # the table says it itself
        for said in (summary(snapshot), *remarks(snapshot.scan)):
            note(said, quiet=settings.quiet)
    if tallies is not None and not holds_ledger(format_name):
        from tui.present.ledger import ledger_lines  # noqa: PLC0415 - only here

        click.echo(to_text(ledger_lines(tallies, snapshot), color=settings.stderr_color, width=stderr_width()), err=True, nl=False)
    if ledger_file is not None:
        write_ledger(tuple(feed.ledger.packets), ledger_file)
    # What the system refused has been said as it arose; the exit code says it to programs.
    code = 0 if snapshot.scan.complete else EXIT_CANNOT
    if found.trouble is not None:
        note(f"{found.trouble.message}. {found.trouble.hint}")
        code = EXIT_CANNOT
    if not no_save:
        code = max(code, save(settings, snapshot))
    return EXIT_INTERRUPTED if found.interrupted else code


def holds_ledger(format_name: str) -> bool:
    """Tell whether a format of FORMATS has a place for what was sent; csv and ndjson are rows of devices and nothing else."""
    from discover.export import FORMATS as EXPORTS  # noqa: PLC0415 - msgspec loads here

    return format_name == "table" or EXPORTS[format_name].render_with_ledger is not None


def render(snapshot: Snapshot, format_name: str, *, color: bool, tallies: Sequence[Tally] | None = None) -> str | bytes:
    """Render a snapshot for stdout in one of FORMATS, with what was sent where the format holds it."""
    if format_name == "table":
        from tui.present.table import PIPE_WIDTH, snapshot_lines  # noqa: PLC0415 - only here

        columns = width() if sys.stdout.isatty() else PIPE_WIDTH
        lines = snapshot_lines(snapshot, width=columns)
        if tallies is None:
            return to_text(lines, color=color, width=columns)
        from tui.present.ledger import ledger_lines  # noqa: PLC0415 - only here

        return to_text((*lines, BLANK, *ledger_lines(tallies, snapshot)), color=color, width=columns)
    from discover.export import FORMATS as EXPORTS  # noqa: PLC0415 - msgspec loads here

    chosen = EXPORTS[format_name]
    if tallies is not None and chosen.render_with_ledger is not None:
        return chosen.render_with_ledger(snapshot, tallies)
    return chosen.render(snapshot)


def summary(snapshot: Snapshot) -> str:
    """Say in one sentence what was found and covered, honestly."""
    scan = snapshot.scan
    where = ", ".join(f"{one.name} ({one.network})" for one in scan.interfaces) or "no interface"
    found = f"{words.count(len(snapshot.devices), 'device')} on {where}"
    sent = f"{words.count(scan.packets_sent, 'packet')} sent in {words.duration(scan.seconds)}"
    return f"{'; '.join(part for part in (found, coverage(scan), sent) if part)}."
