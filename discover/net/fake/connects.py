"""Scripted TCP connects: the connector, and how one SYN ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import TcpOutcome
from discover.net.connects import BUSY_WAIT, GUARD, OnOutcome
from discover.net.fake.ends import World
from discover.net.fake.hosts import ARP_TIMEOUT
from discover.net.mailbox import Timer
from discover.net.tcp import settle
from discover.net.trouble import network_error


def answer_to_syn(world: World, interface: Interface, address: str, port: int) -> tuple[float, TcpOutcome]:
    """Return how one SYN ends, and after how many seconds; SILENT where nothing ever comes."""
    world.asked(interface, address)
    host = world.host(interface, address)
    wait = world.arp_wait(interface, address)
    if host is None or wait is None:
        return ARP_TIMEOUT, TcpOutcome.UNREACHABLE
    behaviour = host.tcp.get(port, host.other_tcp)
    if behaviour == "silent" or world.drops(host) or world.drops(host):
        return 0.0, TcpOutcome.SILENT
    return wait + world.delay(host), TcpOutcome.REFUSED if behaviour == "refused" else TcpOutcome.OPEN


class FakeConnector:
    """Scripted connects, on the virtual clock; what :class:`discover.net.connects.SocketConnector` promises."""

    def __init__(self, world: World, interface: Interface, on_outcome: OnOutcome, on_close: Callable[[FakeConnector], None]) -> None:
        self.interface = interface
        self._world = world
        self._on_outcome = on_outcome
        self._on_close = on_close
        self._timers: dict[tuple[str, int], Timer] = {}
        self._closed = False

    def try_connect(self, address: str, port: int, *, purpose: str) -> float:
        """Begin to connect now or say when to try again; see :class:`discover.net.api.Connector`."""
        doing = f"connect to {address} port {port} on {self.interface.name}"
        if self._closed:
            raise NetworkError(f"cannot {doing}: the connector is closed")
        gate = self._world.gate
        room = gate.policy.connect_packets
        self.abandon(address, port)  # first: what it had set aside is free again
        wait = gate.wait(address, room=room)
        if wait > 0:
            return wait
        if len(self._timers) >= gate.policy.streams:
            return BUSY_WAIT
        number = self._world.check(self.interface, "tcp")
        if number:
            raise network_error(OSError(number, os.strerror(number)), doing)
        gate.note(interface=self.interface.name, address=address, port=port, transport="tcp", purpose=purpose, room=room)
        seconds, outcome = answer_to_syn(self._world, self.interface, address, port)
        if outcome is TcpOutcome.SILENT or seconds > GUARD:
            seconds, outcome = GUARD, TcpOutcome.SILENT
        self._timers[address, port] = self._world.clock.script_in(seconds, partial(self._end, address, port, outcome))
        return 0.0

    def _end(self, address: str, port: int, outcome: TcpOutcome) -> None:
        self._drop(address, port, outcome)
        self._on_outcome(address, port, outcome)

    def _drop(self, address: str, port: int, outcome: TcpOutcome) -> None:
        self._timers.pop((address, port)).cancel()
        settle(self._world.gate, address, outcome, self._world.gate.policy.connect_packets - 1)

    def abandon(self, address: str, port: int) -> None:
        """End an attempt without a word."""
        if (address, port) in self._timers:
            self._drop(address, port, TcpOutcome.SILENT)

    def close(self) -> None:
        """End all attempts; idempotent."""
        if not self._closed:
            self._closed = True
            for address, port in list(self._timers):
                self.abandon(address, port)
            self._on_close(self)
