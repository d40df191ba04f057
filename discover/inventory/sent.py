"""What was sent, by recipient: the ledger's tallies beside the devices that were found. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from discover.model.device import Device
from discover.model.scan import ScanInterface
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally

GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "224.0.0.251": "mDNS group",  # RFC 6762 section 3
        "ff02::fb": "mDNS group",
        "239.255.255.250": "SSDP group",  # UPnP Device Architecture 2.0 section 1.3.2
        "ff02::c": "SSDP group",
        "224.0.5.128": "ADDP group",  # Digi's discovery protocol
        "ff02::1": "all IPv6 nodes",  # RFC 4291 section 2.7.1
        "255.255.255.255": "broadcast",  # RFC 919
    }
)
"""Addresses that reach many at once, and what they are called."""


_LINK_LAYER: Final[Mapping[str, str]] = MappingProxyType({"arp": "ARP", "icmp": "ICMP", "icmp6": "ICMPv6"})
"""Transports without ports, and what they are called."""
_PORTS_NAMED: Final = 8


class Who(IntEnum):
    """Who stands behind an address; the order is that of a list for people."""

    DEVICE = 0
    GROUP = 1
    SELF = 2
    NOBODY = 3
    """No device was found at the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One that packets were sent to: a device with its addresses, or one address. ``name`` is "" where it has none."""

    who: Who
    name: str
    addresses: tuple[str, ...]
    tallies: tuple[Tally, ...]

    @property
    def packets(self) -> int:
        """How many packets it got."""
        return sum(tally.packets for tally in self.tallies)

    @property
    def size(self) -> int:
        """Their payload in bytes."""
        return sum(tally.size for tally in self.tallies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What some packets were for, over one transport: ``ports`` in order with their packets, payload ``size`` in bytes."""

    purpose: str
    transport: str
    ports: tuple[tuple[int, int], ...]
    packets: int
    size: int


def recipients(tallies: Iterable[Tally], snapshot: Snapshot) -> tuple[Recipient, ...]:
    """Return who was sent something: devices, groups, this machine, then addresses without a device; each in the order of addresses.

    The addresses of one device are one recipient.
    """
    owners = _owners(snapshot.devices)
    tallies = tuple(tallies)
    here = _Here(snapshot.scan.interfaces, tallies)
    found: dict[tuple[Who, str, str], list[Tally]] = {}
    for tally in tallies:
        address = bare(tally.to)
        device = owners.get(address)
        if device is not None:
            key = (Who.DEVICE, device.id, _name(device))
        else:
            who, name = here.stranger(address)
            key = (who, address, name)
        found.setdefault(key, []).append(tally)
    made = (Recipient(who=who, name=name, addresses=_addresses(some), tallies=tuple(some)) for (who, _, name), some in found.items())
    return tuple(sorted(made, key=lambda one: (one.who, address_order(one.addresses[0]))))


def owner_names(devices: Sequence[Device]) -> Callable[[str], str]:
    """Return a function that gives the name of the device at an address, "" where none is known."""
    owners = _owners(devices)

    def name(address: str) -> str:
        device = owners.get(bare(address))
        return _name(device) if device is not None else ""

    return name


def sent_to(tallies: Iterable[Tally], addresses: Iterable[str]) -> tuple[Tally, ...]:
    """Return what went to any of the addresses."""
    wanted = {bare(address) for address in addresses}
    return tuple(tally for tally in tallies if bare(tally.to) in wanted)


def purposes(tallies: Iterable[Tally]) -> tuple[Purpose, ...]:
    """Return the tallies by purpose and transport, in the order of their first packet; what went to several addresses is added up."""
    found: dict[tuple[str, str], list[Tally]] = {}
    for tally in sorted(tallies, key=lambda one: one.first):
        found.setdefault((tally.purpose, tally.transport), []).append(tally)
    result = []
    for (purpose, transport), some in found.items():
        ports: dict[int, int] = {}
        for tally in some:
            ports[tally.port] = ports.get(tally.port, 0) + tally.packets
        result.append(
            Purpose(
                purpose=purpose,
                transport=transport,
                ports=tuple(sorted(ports.items())),
                packets=sum(ports.values()),
                size=sum(tally.size for tally in some),
            )
        )
    return tuple(result)


def totals(tallies: Iterable[Tally]) -> tuple[int, int]:
    """Return packets and payload bytes."""
    counted = [(tally.packets, tally.size) for tally in tallies]
    return sum(packets for packets, _ in counted), sum(size for _, size in counted)


def merged(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """Return the tallies of several ledgers as those of one: one for each address, transport, port and purpose."""
    found: dict[tuple[str, str, int, str], Tally] = {}
    for tally in tallies:
        key = (tally.to, tally.transport, tally.port, tally.purpose)
        known = found.get(key)
        found[key] = tally if known is None else _added(known, tally)
    return tuple(found.values())


def sent_words(tallies: Sequence[Tally]) -> str:
    """Return the totals in words ("731 packets with 5,021 bytes of payload to 254 addresses"), "nothing" where nothing was sent."""
    if not tallies:
        return "nothing"
    packets, size = totals(tallies)
    addresses = len({tally.to for tally in tallies})
    return f"{_count(packets, 'packet')} with {_count(size, 'byte')} of payload to {_count(addresses, 'address', 'addresses')}"


def nobody_words(found: Sequence[Recipient]) -> tuple[str, str]:
    """Return how many addresses had no device, and which ("192 addresses without a device", "10.0.0.1 to 10.0.0.254")."""
    first, last = found[0].addresses[0], found[-1].addresses[-1]
    return f"{_count(len(found), 'address', 'addresses')} without a device", first if first == last else f"{first} to {last}"


def purpose_words(purpose: Purpose) -> str:
    """Return the purpose with where its packets went ("OTA knock (2040 3232/udp)")."""
    where = ports_words(purpose)
    return f"{purpose.purpose} ({where})" if where else purpose.purpose


def ports_words(purpose: Purpose) -> str:
    """Return where packets went, as number and transport ("2040 3232/udp", "ICMPv6"); many ports as their number and range.

    "" where there are no ports and the purpose names the protocol itself ("is anybody there (ARP request)").
    """
    if purpose.transport in _LINK_LAYER:
        word = _LINK_LAYER[purpose.transport]
        return "" if word in purpose.purpose else word
    numbers = [port for port, _ in purpose.ports]
    transport = "udp" if purpose.transport == "mdns" else purpose.transport
    if len(numbers) > _PORTS_NAMED:
        return f"{len(numbers)} ports, {numbers[0]} to {numbers[-1]}/{transport}"
    return f"{' '.join(map(str, numbers))}/{transport}"


def bare(address: str) -> str:
    """Return the address without its scope ("fe80::1%eth0" is "fe80::1" to whoever looks for the device)."""
    return address.partition("%")[0]


def address_order(address: str) -> tuple[int, int, str]:
    """Return a sort key in the order of the numbers, IPv4 first."""
    try:
        parsed = ipaddress.ip_address(bare(address))
    except ValueError:
        return (9, 0, address)
    return (parsed.version, int(parsed), address)


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _addresses(tallies: Iterable[Tally]) -> tuple[str, ...]:
    found = {tally.to for tally in tallies}
    return tuple(sorted(found, key=address_order)) if len(found) > 1 else tuple(found)


def _added(one: Tally, other: Tally) -> Tally:
    return Tally(
        to=one.to,
        transport=one.transport,
        port=one.port,
        purpose=one.purpose,
        packets=one.packets + other.packets,
        size=one.size + other.size,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
    )


def _owners(devices: Sequence[Device]) -> dict[str, Device]:
    # Reversed: where two devices name one address, the first one keeps it.
    return {bare(address): device for device in reversed(devices) for address in device.addresses}


def _name(device: Device) -> str:
    return device.label or device.name


class _Here:
    """This machine's place in the network, as far as the scan's summary and its packets tell it."""

    def __init__(self, interfaces: Sequence[ScanInterface], tallies: Iterable[Tally]) -> None:
        self._ours = {bare(one.address) for one in interfaces} | {"127.0.0.1", "::1"}
        self._networks = [network for one in interfaces if (network := _network(one.network)) is not None]
        self._swept = _widest(tallies)

    def stranger(self, address: str) -> tuple[Who, str]:
        """Return who stands behind an address that is no device's, and a name."""
        if address in self._ours:
            return Who.SELF, "this machine"
        if address in GROUPS:
            return Who.GROUP, GROUPS[address]
        if address in self._swept:
            return Who.NOBODY, ""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return Who.NOBODY, ""
        if parsed.is_multicast:
            return Who.GROUP, "multicast"
        # Where only a part of an attached network is swept, the broadcast address lies outside of that part, and the
        # part's own last address may well be a device's: but then it was swept.
        broadcast = address.endswith(".255") or any(parsed == network.broadcast_address for network in self._networks)
        return (Who.GROUP, "broadcast") if broadcast else (Who.NOBODY, "")


def _widest(tallies: Iterable[Tally]) -> frozenset[str]:
    """Return the addresses that got what the most addresses got: those that were swept."""
    reached: dict[tuple[str, int, str], set[str]] = {}
    for tally in tallies:
        reached.setdefault((tally.transport, tally.port, tally.purpose), set()).add(bare(tally.to))
    widest = max(reached.values(), key=len, default=set())
    return frozenset(widest) if len(widest) > 1 else frozenset()


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return network if network.num_addresses > 2 else None  # RFC 3021: a /31 has no broadcast address, and a /32 neither
