"""Interfaces, networks, neighbours and packets sent: values only, no I/O.

Tuples, where no field's name forbids it: each is made in half the time of a frozen dataclass, and its class in a sixth (measured).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class InterfaceAddress(NamedTuple):
    """One of our addresses: ``network`` is computed from address and mask, never taken from the system."""

    address: Address
    network: Network
    scope_id: int = 0

    @property
    def broadcast(self) -> ipaddress.IPv4Address | None:
        """The directed broadcast address; None for IPv6 and for /31 and /32 (RFC 3021)."""
        if isinstance(self.network, ipaddress.IPv4Network) and self.network.prefixlen <= 30:
            return self.network.broadcast_address
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One network interface. ``skip`` is "" where a default scan uses it, else one sentence that says why not."""

    name: str
    index: int
    mac: str
    addresses: tuple[InterfaceAddress, ...]
    up: bool = True
    loopback: bool = False
    point_to_point: bool = False
    multicast: bool = True
    skip: str = ""

    @property
    def ipv4(self) -> tuple[InterfaceAddress, ...]:
        """Its IPv4 addresses, in the system's order."""
        return tuple(one for one in self.addresses if one.address.version == 4)

    @property
    def ipv6(self) -> tuple[InterfaceAddress, ...]:
        """Its IPv6 addresses, in the system's order."""
        return tuple(one for one in self.addresses if one.address.version == 6)


class Neighbour(NamedTuple):
    """One row of the neighbour table; ``mac`` is "" while nobody answered."""

    address: str
    mac: str
    interface: str
    state: str


class Packet(NamedTuple):
    """One packet we sent, as the ledger keeps it. ``transport``: "udp", "tcp", "mdns"; "arp", "icmp" and "icmp6" have port 0."""

    mono: float
    interface: str
    to: str
    port: int
    transport: str
    purpose: str
    payload: bytes


class Progress(NamedTuple):
    """Where a scan stands: ``phase`` in words, addresses planned and tested, packets sent, seconds left (None: unknown).

    ``unanswered`` are the tested addresses that have given no sign of life so far.
    """

    phase: str
    planned: int
    tested: int
    hosts: int
    packets_sent: int
    elapsed: float
    remaining: float | None
    unanswered: int = 0
