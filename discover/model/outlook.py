"""What this machine knows of the way between itself and a device, read without sending anything: path and local firewalls."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CALLBACK_PORTS: Final = (10_000, 60_000)
"""The TCP ports one of which an uploader picks where none is pinned (espota.py of all cores: random.randint(10000, 60000))."""


class Ruling(StrEnum):
    """What a firewall does with a packet."""

    ALLOWED = "allowed"
    DROPPED = "dropped"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Span:
    """What happens to packets to the ports ``first`` to ``last``; ``rule`` decides (as its tool prints it), or says why it is unknown."""

    first: int
    last: int
    ruling: Ruling
    rule: str = ""
    base: str = ""
    """The chain it is decided in, where the firewall has such ("inet filter input")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallWord:
    """One firewall of this machine and what it does with the device's call back, port by port.

    ``replies`` is what it does with the UDP answers to what this machine sent. ``front`` is True for a front end whose
    rules a lower firewall carries out (ufw over iptables, firewalld over nftables).
    """

    name: str
    spans: tuple[Span, ...]
    replies: Ruling = Ruling.UNKNOWN
    reply_rule: str = ""
    front: bool = False
    opening: str = ""
    """The command that lets the device in, with "{network}" and "{port}" in it; "" where none is known."""
    reply_opening: str = ""
    """The command that lets answers in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The path from this machine to the device as the kernel would take it, and what may stand in the device's way back.

    ``local`` is the address that the device would call ("" unknown), ``network`` that address with its mask, ``gateway`` the
    next hop ("" where the device is on the link), ``twins`` other interfaces of ours with the device's address in their network,
    ``gateway_mac`` and ``gateway_state`` the neighbour row of the interface's default gateway.
    """

    local: str = ""
    interface: str = ""
    network: str = ""
    gateway: str = ""
    trouble: str = ""
    """Why the system names no path ("Network is unreachable"), "" where it does."""
    point_to_point: bool = False
    virtual: bool = False
    """The interface is a bridge or cable of containers or virtual machines."""
    wireless: bool = False
    twins: tuple[str, ...] = ()
    container: str = ""
    wsl: bool = False
    default_gateway: str = ""
    gateway_mac: str = ""
    gateway_state: str = ""
    firewalls: tuple[FirewallWord, ...] = ()
    system: str = "linux"
    """sys.platform."""
