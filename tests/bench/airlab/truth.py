"""What is really there on the fake LAN: a value, drawn from a seed before anything is built."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

UDP_PORTS: Final = (3232, 3231, 3197, 3199, 8266, 10022, 30303)
TCP_PORTS: Final = (80, 3232, 6053, 8266)
"""The ports that every sweep asks here: those of issue 3's goals."""
UDP: Final = frozenset(f"udp/{port}" for port in UDP_PORTS)
TCP: Final = frozenset(f"tcp/{port}" for port in TCP_PORTS)

KINDS: Final[Mapping[str, tuple[tuple[str, int, str], ...]]] = MappingProxyType(
    {
        "arduino": (("udp", 3232, "ota"),),
        "ota8266": (("udp", 8266, "ota"), ("tcp", 80, "http")),
        "mute3232": (("udp", 3232, "mute"),),
        "esphome": (("tcp", 6053, "esphome"), ("tcp", 3232, "mute"), ("tcp", 80, "http")),
        "spa": (("udp", 30303, "echo"),),
        "spa3197": (("udp", 3197, "echo"), ("udp", 3199, "mute")),
        "web": (("tcp", 80, "http"),),
    }
)
"""Kind of device -> its services: protocol, port, how it answers (respond.c)."""

MIX: Final[Mapping[str, int]] = MappingProxyType(
    {"arduino": 4, "ota8266": 7, "mute3232": 1, "esphome": 15, "spa": 3, "spa3197": 5, "web": 1, "silent": 12, "noicmp": 12}
)
"""60 hosts with 78 services: 20 % say nothing but ARP, 20 % send no ICMP errors. The router is the 61st."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One live host. ``kind``: one of KINDS, "silent" (ARP only), "noicmp" (no ICMP errors) or "router"."""

    address: str
    kind: str
    services: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The network, our address in it, and who lives there. A service's key is "udp/3232/10.77.0.9"."""

    network: ipaddress.IPv4Network
    hosts: tuple[Host, ...]
    seed: int
    addresses: frozenset[str] = field(init=False)
    services: frozenset[str] = field(init=False)
    closed_udp: frozenset[str] = field(init=False)
    """UDP ports that were asked and where nothing listens, on live hosts of every kind."""

    def __post_init__(self) -> None:
        """Derive the sets that findings are compared with."""
        services = frozenset(f"{proto}/{port}/{host.address}" for host in self.hosts for proto, port, _ in host.services)
        asked = frozenset(f"udp/{port}/{host.address}" for host in self.hosts for port in UDP_PORTS)
        object.__setattr__(self, "addresses", frozenset(host.address for host in self.hosts))
        object.__setattr__(self, "services", services)
        object.__setattr__(self, "closed_udp", asked - services)

    @property
    def router(self) -> str:
        """The device side's own address, a live host without services."""
        return str(self.network[1])

    @property
    def scanner(self) -> str:
        """Our own address."""
        return str(self.network[2])

    def kind_of(self, address: str) -> str:
        """Return the kind of the host at an address, "nobody" where there is none."""
        return next((host.kind for host in self.hosts if host.address == address), "nobody")


def draw(network: str, seed: int, mix: Mapping[str, int] = MIX) -> Truth:
    """Draw who lives where: the same for the same network, seed and mix. An empty mix leaves the router alone."""
    net = ipaddress.IPv4Network(network)
    rng = random.Random(seed)  # noqa: S311 - repeatable by its seed, no secret
    kinds = [kind for kind, count in mix.items() for _ in range(count)]
    places = rng.sample(range(3, net.num_addresses - 1), len(kinds))
    rng.shuffle(kinds)
    hosts = [
        Host(address=str(net[place]), kind=kind, services=KINDS.get(kind, ())) for place, kind in sorted(zip(places, kinds, strict=True))
    ]
    return Truth(network=net, hosts=(Host(address=str(net[1]), kind="router"), *hosts), seed=seed)
