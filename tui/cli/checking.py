"""Running checks from the command line: listen once, end as soon as everybody wanted was heard, check each device by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from discover.errors import EspiedError, NetworkError, UsageError
from discover.inventory.fold import Inventory
from discover.model.check import OtaCheck, Sent, Step
from discover.model.device import Device
from discover.model.network import Packet
from discover.model.signal import Signal, Source
from discover.model.snapshot import Snapshot
from discover.ota.target import parse_host
from tui.cli.session import silent_progress

if TYPE_CHECKING:
    from discover.atlas.catalogue import Catalogue
    from discover.engine import LiveFeed

AT_ONCE: Final = 64
"""Checks at a time: each holds a socket or two, and waits most of its few seconds."""
PAUSE: Final = 0.1
"""Seconds between two looks at what was heard: folding it takes milliseconds on a large network."""
GRACE: Final = 0.2
"""Seconds of listening after everybody wanted was heard: the records of one device come in more than one datagram."""
NO_LISTENER: Final = frozenset({"pull", "none", ""})
"""Kinds of update that have no listener to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user wants of every check."""

    level: int | None = None
    kind: str = ""
    interface: str | None = None
    consent: bool = False
    password: str | None = None
    host_port: int | None = None
    judge: Callable[[OtaCheck, Device | None], OtaCheck] | None = None
    """Adds what an image means for the device that was checked (``--image``)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One host's check, or the error in its place."""

    host: str
    check: OtaCheck | None = None
    error: EspiedError | None = None


class Hosts:
    """Whom to check: the hosts that were named, or (``everybody``) every device with an update listener, stored or heard now.

    ``stored`` are the inventory's devices, ``find`` finds one of them by what the user wrote.
    """

    def __init__(
        self,
        named: Sequence[str] = (),
        *,
        everybody: bool = False,
        stored: Sequence[Device] = (),
        find: Callable[[str], Device | None] = lambda _host: None,
    ) -> None:
        self._named = tuple(dict.fromkeys(named))
        self._everybody = everybody
        self._stored = tuple(stored)
        self._find = find

    def heard_all(self, heard: Snapshot) -> bool:
        """Tell whether everybody wanted has announced how it is updated, so that listening can end."""
        return not self._everybody and all(_tells(find_device(heard, host)) for host in self._named)

    def stirred(self) -> str:
        """Return the address to ask for by ARP while listening: a single host's, and of none that is never asked; else ""."""
        if len(self._named) != 1:
            return ""
        device = self._find(self._named[0])
        if device is not None and device.ota is not None and (device.ota.kind, device.ota.transport) == ("arduino", "tcp"):
            return ""  # the uploader on 65280/tcp gets no packet at all
        with contextlib.suppress(UsageError):
            written = parse_host(self._named[0])
            if written.literal:
                return written.name
        return device.addresses[0] if device is not None and device.addresses else ""

    def devices(self, heard: Snapshot) -> list[tuple[str, Device | None]]:
        """Return each host to check with what is known of it, in the order of the command line or by name."""
        if not self._everybody:
            return [(host, better_known(find_device(heard, host), self._find(host))) for host in self._named]
        found = {device.id: device for device in self._stored if _has_listener(device)}
        for device in heard.devices:
            if _has_listener(device):
                # Without its MAC, which two seconds need not bring, a device has another id than the inventory's.
                for same in [one.id for one in found.values() if _same(one, device)]:
                    del found[same]
                found[device.id] = device
        return [("", device) for device in sorted(found.values(), key=lambda one: (one.title.casefold(), one.id)) if device.addresses]


def _tells(device: Device | None) -> bool:
    return device is not None and device.ota is not None and any(one.source is Source.MDNS for one in device.signals)


def _same(stored: Device, heard: Device) -> bool:
    """Tell whether a stored device is the one that was heard: by its id, or by its address where its name does not say otherwise."""
    names = {one.hostname.lower().removesuffix(".local") for one in (stored, heard)} - {""}
    return stored.id == heard.id or (bool(set(stored.addresses) & set(heard.addresses)) and len(names) < 2)


def _has_listener(device: Device) -> bool:
    return device.ota is not None and device.ota.kind not in NO_LISTENER


async def run_checks(
    feed: LiveFeed,
    catalogue: Catalogue,
    hosts: Hosts,
    asked: Asked,
    *,
    listen: bool = True,
    on_step: Callable[[Step], None] | None = None,
    on_start: Callable[[int], None] | None = None,
) -> AsyncGenerator[Outcome, None]:
    """Listen (as long as the feed's plan says, or until everybody wanted was heard), then yield each check in the hosts' order.

    One check a device at a time, AT_ONCE of them together; cancelled, it leaves no socket behind. ``on_start`` is told how many.
    """
    from discover.ota import check  # noqa: PLC0415 - asyncio is loaded by now

    if listen and asked.level != 0 and (address := hosts.stirred()):
        from discover.ota.stir import stir  # noqa: PLC0415 - loaded with the check

        await stir(feed.network, address, asked.interface or "")
    heard = await _listen(feed, catalogue, hosts) if listen else Inventory(catalogue).snapshot()
    listened = tuple(sent_while_listening(packet) for packet in feed.ledger.packets)
    found = hosts.devices(heard)
    if on_start is not None:
        on_start(len(found))
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(host: str, device: Device | None) -> Outcome:
        async with turn:
            try:
                result = await check(
                    feed.network,
                    host,
                    level=asked.level,
                    kind=asked.kind,
                    device=device,
                    consent=asked.consent,
                    password=asked.password,
                    host_port=asked.host_port,
                    interface=asked.interface,
                    on_step=on_step,
                )
            except EspiedError as error:
                return Outcome(host or (device.title if device is not None else ""), error=error)
        if asked.judge is not None:
            result = asked.judge(result, device)
        shown = result if host or device is None else replace(result, host=device.title)
        return Outcome(shown.host, check=replace(shown, sent=(*listened, *shown.sent)))

    tasks = [asyncio.create_task(one(host, device)) for host, device in found]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(feed: LiveFeed, catalogue: Catalogue, hosts: Hosts) -> Snapshot:
    """Listen, and end early once everybody wanted was heard."""
    inventory = Inventory(catalogue)
    news = asyncio.Event()

    def take(signal: Signal) -> None:
        inventory.add(signal)
        if signal.source is Source.MDNS:
            news.set()

    async def until_heard() -> None:
        while True:
            await news.wait()
            news.clear()
            await feed.network.clock.sleep(PAUSE)
            if hosts.heard_all(inventory.snapshot()):
                await feed.network.clock.sleep(GRACE)
                return

    listening = asyncio.create_task(feed.run(take, silent_progress))
    enough = asyncio.create_task(until_heard())
    try:
        await asyncio.wait({listening, enough}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (enough, listening):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, NetworkError):  # what cannot be listened to is asked all the same
            await listening
        with contextlib.suppress(asyncio.CancelledError):
            await enough
    return inventory.snapshot()


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
