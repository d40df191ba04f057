"""The one gate that every packet passes: what may leave, where to, when, and the note of it in the ledger."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from discover.errors import NotPrivateError
from discover.model.network import Address, Interface, Network, Packet
from discover.net.api import Clock, Ledger
from discover.net.pace import Pace

PRIVATE: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("10.0.0.0/8"),  # RFC 1918
    ipaddress.ip_network("172.16.0.0/12"),  # RFC 1918
    ipaddress.ip_network("192.168.0.0/16"),  # RFC 1918
    ipaddress.ip_network("169.254.0.0/16"),  # link-local, RFC 3927
    ipaddress.ip_network("127.0.0.0/8"),  # loopback, RFC 1122 section 3.2.1.3
    ipaddress.ip_network("fc00::/7"),  # unique local, RFC 4193
    ipaddress.ip_network("fe80::/10"),  # link-local, RFC 4291 section 2.5.6
    ipaddress.ip_network("::1/128"),  # loopback, RFC 4291 section 2.5.3
)
"""Networks that may be scanned where they are directly attached (DESIGN section 3, invariant 4).

Not ``ipaddress.is_private``: that counts documentation, benchmark and reserved ranges, too.
"""
_LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_GROUPS: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("255.255.255.255/32"),  # limited broadcast: no router forwards it
    ipaddress.ip_network("224.0.0.0/4"),  # multicast, sent with TTL 1 only
    ipaddress.ip_network("ff02::/16"),  # link-local multicast
)
_MAX_LOCKS: Final = 4096


def is_private(network: Network) -> bool:
    """Tell whether all of ``network`` is private, link-local, unique-local or loopback."""
    return any(_within(network, one) for one in PRIVATE)


def attached_networks(interfaces: Iterable[Interface]) -> tuple[Network, ...]:
    """Return the private networks that the interfaces stand in."""
    return tuple(dict.fromkeys(one.network for face in interfaces for one in face.addresses if is_private(one.network)))


def parse_address(text: str) -> Address:
    """Return the address without its scope, an IPv4-mapped one as IPv4. Raises NotPrivateError where it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise NotPrivateError(f"{text!r} is not an IP address", "Give an address; names are resolved before.") from None
    # ::ffff:8.8.8.8 reaches 8.8.8.8, so it is judged as that.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


class Gate:
    """Admits a packet, or refuses it.

    ``attached`` are the networks this machine stands in (only their private ones count), ``allowed``
    further networks that the user named; these count only together with ``own``, the user's word that
    they are theirs.
    """

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        attached: Iterable[Network] = (),
        pace: Pace | None = None,
        *,
        allowed: Iterable[Network] = (),
        own: bool = False,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._pace = Pace() if pace is None else pace
        self._allowed = tuple(allowed) if own else ()
        self._attached: tuple[Network, ...] = ()
        self._hosts: dict[str, asyncio.Lock] = {}
        self._overall = asyncio.Lock()
        self.attach(attached)

    def attach(self, networks: Iterable[Network]) -> None:
        """Replace the attached networks (interfaces come and go); public ones are left out."""
        self._attached = tuple(network for network in networks if is_private(network))

    @property
    def networks(self) -> Sequence[Network]:
        """All networks that packets may go to."""
        return (*self._attached, *self._allowed, *_LOOPBACK)

    def permits(self, address: str) -> bool:
        """Tell whether packets may go to ``address`` (False for what is no address)."""
        try:
            self.check(address)
        except NotPrivateError:
            return False
        return True

    def check(self, address: str) -> None:
        """Raise NotPrivateError unless packets may go to ``address``."""
        parsed = parse_address(address)
        if any(parsed in network for network in (*self.networks, *_GROUPS) if network.version == parsed.version):
            return
        if any(parsed in network for network in PRIVATE if network.version == parsed.version):
            raise NotPrivateError(
                f"{parsed} is in no network that this machine is directly attached to",
                "Name its network and say that it is yours: --network CIDR --own.",
            )
        raise NotPrivateError(
            f"{parsed} is not a private address",
            "espied only talks to private, link-local, unique-local and loopback networks; name a public network that is yours "
            "with --network CIDR --own.",
        )

    async def admit(self, *, interface: str, address: str, port: int, transport: str, purpose: str, payload: bytes = b"") -> None:
        """Wait until the packet may leave, and note it; the caller sends it at once, without another await.

        ``transport`` is "udp", "mdns" or "tcp"; ``payload`` is empty only for a TCP connect.
        Raises ValueError for an empty datagram and NotPrivateError for a foreign address.
        """
        self.refuse(address=address, transport=transport, payload=payload)
        host = str(parse_address(address))
        packet = Packet(mono=0.0, interface=interface, to=address, port=port, transport=transport, purpose=purpose, payload=payload)
        # Two queues, first come first served: those who wait for one host hold up nobody else.
        async with self._lock(host):
            while True:
                while (wait := self._pace.host_wait(host, self._clock.mono())) > 0:
                    await self._clock.sleep(wait)
                async with self._overall:
                    while (wait := self._pace.overall_wait(self._clock.mono())) > 0:
                        await self._clock.sleep(wait)
                    now = self._clock.mono()
                    if self._pace.host_wait(host, now) <= 0:
                        self._pace.spend(host, now)
                        self._ledger.record(replace(packet, mono=now))
                        return

    def refuse(self, *, address: str, transport: str, payload: bytes) -> None:
        """Raise what :meth:`admit` would raise at once, and note nothing."""
        if not payload and transport != "tcp":
            # One empty datagram made ArduinoOTA on early ESP32 cores deaf until a restart (arduino-esp32 pull request 757).
            raise ValueError("an empty datagram is never sent")
        self.check(address)

    def _lock(self, host: str) -> asyncio.Lock:
        lock = self._hosts.get(host)
        if lock is None:
            if len(self._hosts) >= _MAX_LOCKS:
                # A lock in someone's hand or queue is locked; the others can be made anew.
                self._hosts = {name: one for name, one in self._hosts.items() if one.locked()}
            lock = self._hosts[host] = asyncio.Lock()
        return lock


def _within(network: Network, other: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and network.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and network.subnet_of(other)
