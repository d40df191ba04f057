"""``espied check``: can this device be updated over the air, and what stands in the way."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from discover.errors import EXIT_NEGATIVE, EspiedError, NetworkError, UsageError
from discover.inventory.fold import Inventory
from discover.model.check import OtaCheck, Sent, Step
from discover.model.device import Device
from discover.model.network import Packet
from discover.model.snapshot import Snapshot
from discover.ota.target import parse_host
from tui.cli.output import note, to_text, width, write_stdout
from tui.cli.session import live_feed, silent_progress
from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.atlas.catalogue import Catalogue


@click.command("check")
@click.argument("host", required=False, default="", metavar="HOST[:PORT]")
@click.option(
    "-l", "--level", type=click.IntRange(0, 2), help="How far to go: 0 announced, 1 knock, 2 handshake (default: as far as is safe)."
)
@click.option("--kind", type=click.Choice(("arduino", "esphome")), help="What listens there, where you know it.")
@click.option("-i", "--interface", "interfaces", multiple=True, metavar="IF", help="Interface to look and ask on.")
@click.option(
    "-n", "--network", "networks", multiple=True, metavar="CIDR", help="Network that HOST is in, where it is not attached; with --own."
)
@click.option(
    "--own", "--i-own-this-network", "own", is_flag=True, help="The --network is mine: allow HOST although it is not attached and private."
)
@click.option(
    "--listen",
    "listen_seconds",
    type=click.FloatRange(0, 60),
    default=2.0,
    show_default=True,
    help="Seconds to listen for its announcement first.",
)
@click.option("--yes", "consent", is_flag=True, help="Go to the level asked for although it may make the device run its error callback.")
@click.option("--open", "open_only", is_flag=True, help="List which devices take firmware without a password; sends nothing.")
@click.option(
    "-f", "--format", "format_name", type=click.Choice(("text", "json", "csv")), default="text", show_default=True, help="csv: with --open."
)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    host: str,
    open_only: bool,
    level: int | None,
    kind: str | None,
    interfaces: tuple[str, ...],
    networks: tuple[str, ...],
    own: bool,
    listen_seconds: float,
    consent: bool,
    format_name: str,
) -> int:
    """Check whether HOST accepts updates over the air. No check can start an update.

    HOST is a name, an address, or a device of your inventory. The exit code is 0 where the way is open
    (ready, announced or likely) and 1 where it is not.

    --open lists instead, from the stored inventory, which devices say that they take firmware without a password, which say
    that they have one, and which do not say; --listen SECONDS also listens for it. The exit code is 1 where one has none.
    """
    settings: Settings = ctx.obj
    if open_only:
        from tui.cli.check_open import check_open  # noqa: PLC0415 - only here

        asked = ctx.get_parameter_source("listen_seconds") is click.core.ParameterSource.COMMANDLINE
        seconds = listen_seconds if asked else 0.0
        return check_open(
            settings, listen_seconds=seconds, interfaces=interfaces, networks=networks, own=own, format_name=format_name, host=host
        )
    if not host:
        raise UsageError("Which device is to be checked?", "Give its name or address: espied check kitchen.local")
    if format_name == "csv":
        raise UsageError("A check is not written as CSV.", "Use --format json; csv is for the list of --open.")
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help

    device = _known(settings, host)
    result = asyncio.run(
        _check(
            settings,
            load_catalogue(),
            host=host,
            level=level,
            kind=kind or "",
            interfaces=interfaces,
            networks=networks,
            own=own,
            listen_seconds=listen_seconds,
            consent=consent,
            known=device,
            live=format_name == "text",
        )
    )
    if format_name == "json":
        from discover.ota.report import render_check  # noqa: PLC0415 - only here

        write_stdout(render_check(result))
    else:
        from tui.present.check import check_lines  # noqa: PLC0415 - only here

        write_stdout(to_text(check_lines(result), color=settings.stdout_color, width=width()))
    return EXIT_NEGATIVE if result.negative else 0


def _known(settings: Settings, host: str) -> Device | None:
    """Find the device in the stored inventory, if there is one and it names exactly one device."""
    path = settings.database_path()
    if not path.exists():
        return None
    from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here

    try:
        with Store.open(path) as store:
            return store.find(host)
    except EspiedError as error:
        note(f"The inventory is left aside: {error.message}", quiet=settings.quiet)
        return None


async def _check(
    settings: Settings,
    catalogue: Catalogue,
    *,
    host: str,
    level: int | None,
    kind: str,
    interfaces: tuple[str, ...],
    networks: tuple[str, ...],
    own: bool,
    listen_seconds: float,
    consent: bool,
    known: Device | None,
    live: bool,
) -> OtaCheck:
    """Listen for the announcement, then check; Ctrl-C leaves no socket behind."""
    from discover.ota import check  # noqa: PLC0415 - asyncio is loaded by now

    feed = live_feed(settings, catalogue, interfaces=interfaces, networks=networks, own=own, seconds=listen_seconds, passive=True)
    device = known
    if listen_seconds:
        inventory = Inventory(catalogue)
        with contextlib.suppress(NetworkError):
            await feed.run(inventory.add, silent_progress)
        device = better_known(find_device(inventory.snapshot(), host), known)

    def on_step(step: Step) -> None:
        if live and not settings.quiet and sys.stderr.isatty():
            note(f"{step.name}: {step.state.value}")

    listened = tuple(sent_while_listening(packet) for packet in feed.ledger.packets)
    face = interfaces[0] if len(interfaces) == 1 else None  # of several, the check chooses by the address
    result = await check(feed.network, host, level=level, kind=kind, device=device, consent=consent, on_step=on_step, interface=face)
    return replace(result, sent=(*listened, *result.sent))


def sent_while_listening(packet: Packet) -> Sent:
    """Return one packet of the listening before a check as the check tells it: everything that was sent is said."""
    where = f"[{packet.to}]:{packet.port}" if ":" in packet.to else f"{packet.to}:{packet.port}"
    return Sent(
        to=where, transport=packet.transport, bytes_hex=packet.payload.hex(), why=f"{packet.purpose}: listening for its announcement"
    )


def better_known(heard: Device | None, known: Device | None) -> Device | None:
    """Return the device as it was just heard, or as the inventory has it where two seconds told nothing of its updates.

    The neighbour table alone makes a device of a MAC; an announcement that was lost, or a device that sleeps,
    must not take away what an earlier scan knows.
    """
    if heard is None or (known is not None and heard.ota is None and known.ota is not None):
        return known
    return heard


def find_device(snapshot: Snapshot, host: str) -> Device | None:
    """Find the device that ``host`` (a name, an address, with or without port) means; None unless it is exactly one."""
    bare = host
    with contextlib.suppress(UsageError):  # a device's name may be no host's: "Kitchen Light"
        bare = parse_host(host).name
    # The inventory keeps link-local addresses without their zone, which is this machine's word and not the device's.
    wanted = bare.partition("%")[0].lower().rstrip(".")
    names = {wanted, wanted.removesuffix(".local")}
    hits = [
        device
        for device in snapshot.devices
        if wanted in device.addresses
        or device.hostname.lower().removesuffix(".local") in names
        or device.name.lower() in names
        or device.id == wanted
    ]
    return hits[0] if len(hits) == 1 else None
