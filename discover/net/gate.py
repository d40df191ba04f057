"""The one gate that every packet passes: what may leave, where to, when, and the note of it in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import lru_cache
from typing import Final

from discover.errors import NotPrivateError
from discover.model.network import Address, Interface, Network, Packet
from discover.net.api import Clock, Ledger
from discover.net.pace import Pace
from discover.net.policy import DEFAULT, Policy

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
_MOST_KNOWN: Final = 4096
"""Addresses whose canonical text, and hosts whose queue, are kept at once."""
_IN_LINE: Final = 0.002
"""Seconds that who cannot wait is told to come back in while others stand in line for the same budget."""


def is_private(network: Network) -> bool:
    """Tell whether all of ``network`` is private, link-local, unique-local or loopback."""
    return any(_within(network, one) for one in PRIVATE)


def attached_networks(interfaces: Iterable[Interface]) -> tuple[Network, ...]:
    """Return the private networks that the interfaces stand in."""
    return tuple(dict.fromkeys(one.network for face in interfaces for one in face.addresses if is_private(one.network)))


def pack_ipv4(text: str) -> bytes:
    """Return the four bytes of an IPv4 address in canonical text, b"" for any other; six times as quick as ``ipaddress`` (measured)."""
    try:
        packed = socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return b""
    return packed if socket.inet_ntoa(packed) == text else b""


def ipv4_text(number: int) -> str:
    """Return the canonical text of an IPv4 address; four times as quick as ``ipaddress`` (measured)."""
    return socket.inet_ntoa(number.to_bytes(4))


@lru_cache(maxsize=2048)
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
    they are theirs. ``policy`` says how fast.

    Who can wait uses :meth:`admit` or :meth:`turn`, first come first served for each host. Who cannot asks
    :meth:`wait`, sends, and says so by :meth:`note` before anybody else runs.
    """

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        attached: Iterable[Network] = (),
        policy: Policy = DEFAULT,
        *,
        allowed: Iterable[Network] = (),
        own: bool = False,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._pace = Pace(policy)
        self.policy = policy
        self._allowed = tuple(allowed) if own else ()
        self._attached: tuple[Network, ...] = ()
        self._known: dict[str, str] = {}
        self._lines: dict[str, asyncio.Lock] = {}
        self._overall = asyncio.Lock()
        self._open: dict[int, tuple[tuple[int, int], ...]] = {}
        self.attach(attached)

    def attach(self, networks: Iterable[Network]) -> None:
        """Replace the attached networks (interfaces come and go); public ones are left out."""
        attached = tuple(network for network in networks if is_private(network))
        if self._open and attached == self._attached:
            return
        self._attached = attached
        self._known.clear()
        self._open = {
            version: tuple((int(one.network_address), int(one.netmask)) for one in (*self.networks, *_GROUPS) if one.version == version)
            for version in (4, 6)
        }

    @property
    def networks(self) -> Sequence[Network]:
        """All networks that packets may go to."""
        return (*self._attached, *self._allowed, *_LOOPBACK)

    def permits(self, address: str) -> bool:
        """Tell whether packets may go to ``address`` (False for what is no address)."""
        try:
            self.host(address)
        except NotPrivateError:
            return False
        return True

    def check(self, address: str) -> None:
        """Raise NotPrivateError unless packets may go to ``address``."""
        self.host(address)

    def host(self, address: str) -> str:
        """Return ``address`` as budgets know it: canonical, without a scope. Raises NotPrivateError unless packets may go there."""
        host = self._known.get(address)
        if host is None:
            packed = pack_ipv4(address)
            if packed:
                host, number, version = address, int.from_bytes(packed), 4
            else:
                parsed = parse_address(address)
                host, number, version = str(parsed), int(parsed), parsed.version
            for network, mask in self._open[version]:
                if number & mask == network:
                    break
            else:
                raise _foreign(parse_address(host))
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[address] = host
        return host

    def refuse(self, *, address: str, transport: str, payload: bytes) -> None:
        """Raise what :meth:`admit` would raise at once, and note nothing."""
        if not payload and transport != "tcp":
            # One empty datagram made ArduinoOTA on early ESP32 cores deaf until a restart (arduino-esp32 pull request 757).
            raise ValueError("an empty datagram is never sent")
        self.host(address)

    # For those who cannot wait.

    def wait(self, address: str, *, liveness: bool = False, room: int = 1, transport: str = "", payload: bytes | None = None) -> float:
        """Return the seconds until a packet to ``address`` may leave: 0.0 where it may now.

        ``liveness``: the packet belongs to the liveness phase, whose budget is its own. ``room``: so many packets
        must fit, because the kernel may send more after this one. Raises NotPrivateError for a foreign address and,
        where ``payload`` is given, ValueError for an empty datagram.
        """
        if payload is not None and not payload and transport != "tcp":
            self.refuse(address=address, transport=transport, payload=payload)
        host = self._known.get(address) or self.host(address)
        wait = self._pace.wait(host, self._clock.mono(), liveness=liveness, room=room)
        if wait > 0 or not self._lines:
            return wait
        line = self._lines.get(host)
        # Whoever asks again and again must not take each token from those who wait for it in line.
        return _IN_LINE if (line is not None and line.locked()) or (not liveness and self._overall.locked()) else 0.0

    def spent(self) -> float:
        """Return the seconds until the budget of the whole lets a packet leave, whoever it goes to; 0.0 where it does now."""
        return self._pace.overall_wait(self._clock.mono())

    def note(
        self,
        *,
        interface: str,
        address: str,
        port: int,
        transport: str,
        purpose: str,
        payload: bytes = b"",
        liveness: bool = False,
        room: int = 1,
    ) -> None:
        """Spend for a packet that has just left, and write it into the ledger; :meth:`wait` was 0.0 in the same breath.

        With a ``room`` above 1 the other ``room - 1`` packets stay set aside until :meth:`release`.
        """
        now = self._clock.mono()
        self._pace.spend(self._known.get(address) or plain(address), now, liveness=liveness, room=room)
        self._ledger.record(Packet(now, interface, address, port, transport, purpose, payload))

    def release(self, address: str, packets: int) -> None:
        """Give back packets that :meth:`note` set aside."""
        self._pace.release(self._known.get(address) or plain(address), packets, self._clock.mono())

    def charge(self, address: str, packets: int) -> None:
        """Count packets that the kernel sent to ``address`` by itself (ACK and FIN of a connection); they are not in the ledger."""
        self._pace.charge(self._known.get(address) or plain(address), packets, self._clock.mono())

    def mark_fragile(self, address: str) -> None:
        """Let ``address`` get at most the policy's ``fragile_packets`` in a window from now on, whoever sends; idempotent.

        Connects under way keep what was set aside for them. The newest 16,384 are remembered. Raises NotPrivateError for
        what is no address.
        """
        self._pace.mark_fragile(plain(address))

    # For those who can.

    async def admit(
        self,
        *,
        interface: str,
        address: str,
        port: int,
        transport: str,
        purpose: str,
        payload: bytes = b"",
        room: int = 1,
    ) -> None:
        """Wait until the packet may leave, and note it; the caller sends it at once, without another await.

        ``transport`` is "udp", "mdns" or "tcp"; ``payload`` is empty only for a TCP connect. ``room`` as in :meth:`note`.
        Raises ValueError for an empty datagram and NotPrivateError for a foreign address.
        """
        async with self.turn(address, transport=transport, payload=payload, room=room):
            self.note(interface=interface, address=address, port=port, transport=transport, purpose=purpose, payload=payload, room=room)

    @contextlib.asynccontextmanager
    async def turn(self, address: str, *, transport: str, payload: bytes, room: int = 1) -> AsyncIterator[None]:
        """Wait until a packet may leave; the body sends it and notes it, without an await. What it does not note is not spent.

        Raises what :meth:`admit` raises.
        """
        self.refuse(address=address, transport=transport, payload=payload)
        host = self.host(address)
        # Two queues, first come first served: those who wait for one host hold up nobody else.
        async with self._line(host):
            while True:
                while (wait := self._pace.host_wait(host, self._clock.mono(), room)) > 0:
                    await self._clock.sleep(wait)
                async with self._overall:
                    while (wait := self._pace.overall_wait(self._clock.mono(), room=room)) > 0:
                        await self._clock.sleep(wait)
                    if self._pace.host_wait(host, self._clock.mono(), room) <= 0:
                        self.host(address)  # our networks may have changed while we waited
                        yield
                        return

    def _line(self, host: str) -> asyncio.Lock:
        line = self._lines.get(host)
        if line is None:
            if len(self._lines) >= _MOST_KNOWN:
                # A lock in someone's hand or queue is locked; the others can be made anew.
                self._lines = {name: one for name, one in self._lines.items() if one.locked()}
            line = self._lines[host] = asyncio.Lock()
        return line


@lru_cache(maxsize=4096)
def plain(address: str) -> str:
    """Return the address in canonical text without its scope, an IPv4-mapped one as IPv4. Raises NotPrivateError where it is none."""
    return address if pack_ipv4(address) else str(parse_address(address))


def _foreign(parsed: Address) -> NotPrivateError:
    if any(parsed in network for network in PRIVATE if network.version == parsed.version):
        return NotPrivateError(
            f"{parsed} is in no network that this machine is directly attached to",
            "Name its network and say that it is yours: --network CIDR --own.",
        )
    return NotPrivateError(
        f"{parsed} is not a private address",
        "espied only talks to private, link-local, unique-local and loopback networks; name a public network that is yours "
        "with --network CIDR --own.",
    )


def _within(network: Network, other: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and network.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and network.subnet_of(other)
