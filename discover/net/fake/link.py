"""The link layer of the scripted network: news of the neighbour table, raw ARP, and the ping to all IPv6 nodes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

from discover.errors import NetworkError
from discover.model.network import Interface, Neighbour
from discover.net.arp import OnLink
from discover.net.fake.hosts import ARP_TIMEOUT, FakeHost
from discover.net.gate import Gate
from discover.net.ping6 import AGAIN, PURPOSE, TOKEN, answers_count, own_address
from discover.net.trouble import network_error
from discover.net.virtual import VirtualClock
from discover.proto import icmp6

_REPORTED = ("reachable", "failed")
"""States that the kernel tells of by itself: that it has begun to ask is no news to it (measured)."""


class LinkWorld(Protocol):
    """The scripted network, as its link layer sees it."""

    @property
    def clock(self) -> VirtualClock:
        """The virtual clock."""
        ...

    @property
    def gate(self) -> Gate:
        """The gate."""
        ...

    def check(self, interface: Interface, operation: str) -> int:
        """Return the errno an operation fails with now, 0 where it succeeds."""
        ...

    def host(self, interface: Interface, address: str) -> FakeHost | None:
        """Return the host at an address."""
        ...

    def hosts_on(self, interface: Interface) -> list[FakeHost]:
        """Return all hosts of the interface."""
        ...

    def asked(self, interface: Interface, address: str) -> None:
        """Note that the kernel asked for an address."""
        ...

    def loses(self, host: FakeHost) -> bool:
        """Tell whether this packet is lost."""
        ...

    def delay(self, host: FakeHost) -> float:
        """Return the seconds until this answer is back."""
        ...

    def row(self, interface: str, address: str) -> Neighbour | None:
        """Return an address's row of the neighbour table, None where it has none."""
        ...


class FakeLink:
    """What :class:`discover.net.fake.FakeNetwork` knows below IP.

    ``events``: the system tells changes of the neighbour table. ``privileged``: raw ARP is allowed. ``ping``:
    all nodes may be pinged, and hosts with an IPv6 address answer.
    """

    def __init__(self, world: LinkWorld, *, events: bool, privileged: bool, ping: bool) -> None:
        self._world = world
        self._events = events
        self._privileged = privileged
        self._ping = ping
        self._told: dict[tuple[str, str], Neighbour] = {}
        self._subscriptions: list[FakeSubscription] = []
        self._askers: list[FakeArpAsker] = []
        self._pings: list[FakePing] = []
        self._deaf = 0

    @property
    def open_count(self) -> int:
        """How many subscriptions, askers and pings are still open."""
        return len(self._subscriptions) + len(self._askers) + len(self._pings)

    def overflow(self, *, at: float, seconds: float = 0.0) -> None:
        """Let the kernel's queue overflow: what changes in the ``seconds`` from ``at`` is not told, and then that it was lost."""

        def begin() -> None:
            self._deaf += 1

        def end() -> None:
            self._deaf -= 1
            for one in list(self._subscriptions):
                one.tell(None)

        self._world.clock.script(at, begin)
        self._world.clock.script(at + seconds, end)

    def asked(self, interface: Interface, address: str, delay: float | None) -> None:
        """Note that the kernel has just begun to ask for an address; ``delay``: when an answer will be there, None for never."""
        clock = self._world.clock
        self._told.pop((interface.name, address), None)
        if delay is not None:
            clock.script_in(delay, partial(self._answered, interface, address))
        clock.script_in(ARP_TIMEOUT, partial(self.changed, interface.name, address))

    def _answered(self, interface: Interface, address: str) -> None:
        self.changed(interface.name, address)
        host = self._world.host(interface, address)
        if host is not None and host.mac and ":" not in address:
            for one in list(self._askers):
                if one.interface.name == interface.name:
                    one.hear(address, host.mac)

    def changed(self, interface: str, address: str) -> None:
        """Tell the address's row, if it is news."""
        row = self._world.row(interface, address)
        if row is None or row.state not in _REPORTED:
            self._told.pop((interface, address), None)
            return
        if self._told.get((interface, address)) == row:
            return
        self._told[interface, address] = row
        for one in list(self._subscriptions):
            if one.interface.name == interface and not self._deaf:
                one.tell(row)

    # What discover.net.api.Network promises.

    def neighbour_events(self, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> FakeSubscription | None:
        """Subscribe, None where the script's system tells nothing."""
        if not self._events or self._world.check(interface, "neighbour_events"):
            return None
        one = FakeSubscription(interface, on_change, self._subscriptions.remove)
        self._subscriptions.append(one)
        return one

    def arp(self, interface: Interface, on_reply: Callable[[str, str], None]) -> FakeArpAsker | None:
        """Return an asker, None without the privilege, on loopback and where the interface has no MAC."""
        if not self._privileged or interface.loopback or interface.point_to_point or not interface.mac or not interface.ipv4:
            return None
        if self._world.check(interface, "arp"):
            return None
        one = FakeArpAsker(self._world, interface, on_reply, self._askers.remove)
        self._askers.append(one)
        return one

    def ping_nodes(self, interface: Interface, on_reply: Callable[[str], None]) -> FakePing | None:
        """Ping all nodes, None where this user may not or there is no IPv6."""
        if not self._ping or interface.loopback or own_address(interface) is None:
            return None
        one = FakePing(self._world, interface, on_reply, self._pings.remove)
        one.begin()
        self._pings.append(one)
        return one


class FakeSubscription:
    """Somebody who is told changes of one interface's table."""

    def __init__(
        self, interface: Interface, on_change: Callable[[Neighbour | None], None], on_close: Callable[[FakeSubscription], None]
    ) -> None:
        self.interface = interface
        self._on_change = on_change
        self._on_close = on_close
        self._closed = False

    def tell(self, row: Neighbour | None) -> None:
        """Tell a change, now."""
        if not self._closed:
            self._on_change(row)

    def close(self) -> None:
        """Stop; idempotent."""
        if not self._closed:
            self._closed = True
            self._on_close(self)


class FakeArpAsker:
    """Scripted raw ARP; it hears the answers to the kernel's own questions, too, as a packet socket does."""

    def __init__(
        self,
        world: LinkWorld,
        interface: Interface,
        on_reply: Callable[[str, str], None],
        on_close: Callable[[FakeArpAsker], None],
    ) -> None:
        self.interface = interface
        self._world = world
        self._link = OnLink(interface)
        self._on_reply = on_reply
        self._on_close = on_close
        self._closed = False

    def try_ask(self, address: str, *, purpose: str) -> float:
        """Ask; see :class:`discover.net.api.ArpAsker`."""
        doing = f"ask for {address} by ARP on {self.interface.name}"
        if self._closed:
            raise NetworkError(f"cannot {doing}: the asker is closed")
        self._world.gate.check(address)
        payload = self._link.request(self.interface.mac, address, doing)
        seconds = self._world.gate.wait(address, liveness=True, transport="arp", payload=payload)
        if seconds > 0:
            return seconds
        number = self._world.check(self.interface, "arp")
        if number:
            raise network_error(OSError(number, os.strerror(number)), doing)
        self._world.gate.note(
            interface=self.interface.name, address=address, port=0, transport="arp", purpose=purpose, payload=payload, liveness=True
        )
        host = self._world.host(self.interface, address)
        if host is not None and host.mac and not self._world.loses(host):
            self._world.clock.script_in(self._world.delay(host), partial(self.hear, address, host.mac))
        return 0.0

    def hear(self, address: str, mac: str) -> None:
        """Tell that a host was heard, now."""
        if not self._closed:
            self._on_reply(address, mac)

    def close(self) -> None:
        """Close; idempotent."""
        if not self._closed:
            self._closed = True
            self._on_close(self)


class FakePing:
    """A scripted ping to all nodes: hosts with an IPv6 address answer, each told once."""

    def __init__(
        self, world: LinkWorld, interface: Interface, on_reply: Callable[[str], None], on_close: Callable[[FakePing], None]
    ) -> None:
        self.interface = interface
        self._world = world
        self._on_reply = on_reply
        self._on_close = on_close
        self._told: set[str] = set()
        self._closed = False

    def begin(self) -> None:
        """Send the first request now and the second a second later. Raises NetworkError."""
        self._send(1)
        self._world.clock.script_in(AGAIN, partial(self._again, 2))

    def _again(self, sequence: int) -> None:
        if not self._closed and not self._world.check(self.interface, "ping"):
            self._send(sequence)

    def _send(self, sequence: int) -> None:
        source = str(own_address(self.interface))
        echo = icmp6.Echo(self.interface.index, sequence, TOKEN)
        payload = icmp6.encode_echo_request(echo, source=source, target=icmp6.ALL_NODES)
        seconds = self._world.gate.wait(icmp6.ALL_NODES, liveness=True, transport="icmp6", payload=payload)
        if seconds > 0:
            self._world.clock.script_in(seconds, partial(self._again, sequence))
            return
        number = self._world.check(self.interface, "ping")
        if number:
            raise network_error(OSError(number, os.strerror(number)), f"ping the IPv6 nodes on {self.interface.name}")
        self._world.gate.note(
            interface=self.interface.name,
            address=icmp6.ALL_NODES,
            port=0,
            transport="icmp6",
            purpose=PURPOSE,
            payload=payload,
            liveness=True,
        )
        for host in self._world.hosts_on(self.interface):
            if answers_count(host.address) and not self._world.loses(host):
                self._world.clock.script_in(self._world.delay(host), partial(self._hear, host.address))

    def _hear(self, address: str) -> None:
        self._world.asked(self.interface, address)  # whoever answers us has asked for us, and so we know it
        if not self._closed and address not in self._told:
            self._told.add(address)
            self._on_reply(address)

    def close(self) -> None:
        """Stop; idempotent."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
