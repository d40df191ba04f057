"""``espied check --open``: which devices take firmware without a password, from what they announced; no device is sent anything."""

from __future__ import annotations

import asyncio
import shlex
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from discover.errors import EXIT_NEGATIVE, UsageError
from discover.inventory.openness import Openness, words_of
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from tui.cli.output import to_text, width, write_stdout
from tui.cli.settings import Settings
from tui.cli.stored import open_store
from tui.present import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discover.model.device import Device


def check_open(
    settings: Settings,
    *,
    listen_seconds: float,
    interfaces: Sequence[str],
    networks: Sequence[str],
    own: bool,
    format_name: str,
    host: str = "",
) -> int:
    """Print the list; ``listen_seconds`` 0 reads the stored inventory only. The exit code is 1 where a device says that it is open.

    Raises UsageError for a ``host``: the list is of all devices.
    """
    if host:
        raise UsageError("--open lists all devices and takes no HOST.", "To check one device: espied check " + shlex.quote(host))
    now = time.time()
    snapshot, packets = stored(settings, now), 0
    if listen_seconds:
        heard, packets = asyncio.run(_listen(settings, listen_seconds, tuple(interfaces), tuple(networks), own=own))
        now = time.time()
        snapshot = merged(snapshot, heard, now)
    if format_name == "text":
        from tui.present.openness import openness_lines  # noqa: PLC0415 - only here

        lines = openness_lines(snapshot, now=now, sent=sent_words(listen_seconds, packets))
        write_stdout(to_text(lines, color=settings.stdout_color, width=width()))
    else:
        from discover.export.open_updates import render_open_csv, render_open_json  # noqa: PLC0415 - msgspec loads here

        as_json = format_name == "json"
        write_stdout(render_open_json(snapshot, listened=listen_seconds, packets_sent=packets) if as_json else render_open_csv(snapshot))
    return EXIT_NEGATIVE if any(word.openness is Openness.OPEN for word in words_of(snapshot.devices)) else 0


def stored(settings: Settings, now: float) -> Snapshot:
    """Return the stored inventory as of ``now``; empty where there is none yet, which is not made for this."""
    if not settings.database_path().exists():
        return Snapshot(generated=now, scan=ScanSummary(), devices=())
    with open_store(settings) as store:
        return replace(store.load(), generated=now)


def merged(known: Snapshot, heard: Snapshot, now: float) -> Snapshot:
    """Return both: what was just heard in the place of what was known of the same device, unless it says less about updates."""
    fresh = {device.id: device for device in heard.devices}
    by_name = {place: device.id for device in heard.devices if not device.mac for place in _places(device)}
    devices = []
    for device in known.devices:
        # What only announces itself may tell no MAC: then its id is another one, and host name and address together tell who it is.
        same = next((by_name[place] for place in _places(device) if place in by_name), "")
        new = fresh.pop(device.id, None) or fresh.pop(same, None)
        if new is None:
            devices.append(device)
        elif new.ota is None:
            devices.append(replace(device, presence=new.presence))
        else:
            devices.append(replace(new, id=device.id, label=device.label, notes=device.notes, tags=device.tags))
    return replace(known, generated=now, devices=(*devices, *fresh.values()))


def _places(device: Device) -> list[tuple[str, str]]:
    """Return the device's host name with each of its addresses: neither alone makes two devices one."""
    name = device.hostname.casefold().rstrip(".").removesuffix(".local")
    return [(name, address) for address in device.addresses] if name else []


def sent_words(listened: float, packets: int) -> str:
    """Say what was sent for the list."""
    if not listened:
        return "From the stored inventory; nothing was sent. Add --listen 5 to hear who announces itself now."
    asked = f"{words.count(packets, 'question')} by mDNS went to the multicast group, nothing to a single device"
    return f"From the stored inventory and {listened:g} s of listening: {asked}."


async def _listen(
    settings: Settings, seconds: float, interfaces: tuple[str, ...], networks: tuple[str, ...], *, own: bool
) -> tuple[Snapshot, int]:
    """Listen as `espied scan --passive` does: it asks by mDNS and sends nothing to a single device."""
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the stored list
    from discover.inventory.fold import Inventory  # noqa: PLC0415 - likewise
    from tui.cli.session import live_feed, silent_progress  # noqa: PLC0415 - likewise

    catalogue = load_catalogue()
    feed = live_feed(settings, catalogue, interfaces=interfaces, networks=networks, own=own, seconds=seconds, passive=True)
    inventory = Inventory(catalogue)
    await feed.run(inventory.add, silent_progress)
    return inventory.snapshot(), feed.ledger.count
