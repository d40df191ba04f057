"""The port phase of one interface: the scheduler's hands. It sends, hears, and tells what came of it as signals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from discover.errors import EspiedError, NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.model.signal import Field, Source
from discover.net.api import Network, TcpOutcome
from discover.net.emitter import Emitter
from discover.net.mailbox import fail
from discover.net.policy import Policy
from discover.net.waiting import Bell
from discover.probe.ask import Decision
from discover.probe.book import Book, Line
from discover.probe.ports import UPDATE_PORTS, PortQuestion, control_ports
from discover.probe.schedule import Schedule, Send
from discover.probe.timing import SLEPT, Air

BURST: Final = 32
"""Packets sent before what came in is read: a round trip must not wait for our own burst."""

REFILL: Final = 0.016
"""Seconds that the budget of the whole gathers once it is spent, before all hosts are let at it again: in a sweep of lossy air
38 of them came back every millisecond for each new token, 80 times (measured). Less than an answer takes there."""

_KINDS: Final = {TcpOutcome.OPEN: "tcp.open", TcpOutcome.REFUSED: "tcp.refused", TcpOutcome.SILENT: "tcp.silent"}
_REFUSED: Final = (NetworkError, NotPrivateError)
"""What the system or the gate refuses: an interface that moved to another network leaves hosts of the old one behind."""


class PortPhase:
    """Asks hosts for their ports, each once, as they are added. ``run`` works until it is cancelled.

    ``on_done(address)`` is told each host that has nothing left to ask; ``on_trouble`` what the system refuses.
    Signals: udp.silent and tcp.* from here, udp.reply, udp.refused and udp.unreachable from the book.
    """

    def __init__(
        self,
        network: Network,
        interface: Interface,
        emit: Emitter,
        book: Book,
        *,
        air: Air,
        policy: Policy,
        questions: Iterable[PortQuestion],
        on_done: Callable[[str], None],
        on_trouble: Callable[[EspiedError], None],
        is_fragile: Callable[[str], bool],
        mark_fragile: Callable[[str], None],
    ) -> None:
        self._network = network
        self._interface = interface
        self._clock = network.clock
        self._emit = emit
        self._book = book
        self._questions = tuple(questions)
        self._air = air
        self._schedule = Schedule(self._questions, air=air, policy=policy)
        self._on_done = on_done
        self._on_trouble = on_trouble
        self._is_fragile = is_fragile
        self._mark_fragile = mark_fragile
        self._policy = policy
        self._asking: set[str] = set()
        self._syns: dict[tuple[str, int], None] = {}
        self._bell = Bell(network.clock, self._turn)
        self._dry = 0.0
        """Until when nothing may leave, because the budget of the whole is spent."""
        self._ended: asyncio.Future[None] | None = None
        self._line = Line(network, interface, book)
        try:
            self._connector = network.connector(interface, self._outcome)
        except NetworkError:
            self._line.close()
            raise

    @property
    def active(self) -> int:
        """Hosts that are being asked or wait for it."""
        return len(self._asking)

    def add(self, address: str, *, mac: str = "", asked: Mapping[int, float] | None = None, trip: float = 0.0) -> None:
        """Ask a host; nothing where it is being asked already. ``asked`` and ``trip``: see HostAsking."""
        if address in self._asking:
            return
        fragile = bool(mac) and self._is_fragile(mac)
        if fragile:
            self._mark_fragile(address)
        self._asking.add(address)
        self._book.contact(address).controls.update(control_ports(address, self._questions))
        self._schedule.add(address, self._clock.mono(), fragile=fragile, asked=asked, trip=trip)
        self._settle(address)  # there may be nothing to ask
        self._come_back()

    def learn(self, address: str, mac: str) -> None:
        """Take note of a host's MAC that came later than the host."""
        if mac and address in self._asking and self._is_fragile(mac):
            self._fragile(address)

    def drop(self, address: str) -> None:
        """Ask a host nothing more."""
        if address in self._asking:
            self._schedule.drop(address, self._clock.mono())
            self._finish(address)

    def heard(self, address: str, port: int, refused: bool, mono: float) -> None:  # noqa: FBT001 - the book's callback has these
        """Take an answer over UDP that came at ``mono``."""
        if self._schedule.heard(address, "udp", port, mono, refused=refused):
            if port in UPDATE_PORTS and port in self._book.contact(address).replied:
                self._fragile(address)
            self._settle(address)
            self._come_back()

    def estimate(self) -> float:
        """Return about how many seconds the hosts known by now still take."""
        return self._schedule.estimate(self._clock.mono())

    async def run(self) -> None:
        """Send what is due and decide what has been silent long enough, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._line.run())
            group.create_task(self._work())

    async def _work(self) -> None:
        self._ended = asyncio.get_running_loop().create_future()
        try:
            self._bell.ring()
            await self._ended
        finally:
            self._ended = None
            self._bell.cancel()
            self._network.rest(self._interface, None)

    def _come_back(self) -> None:
        """Let the bell strike no later than something is due, while anybody works."""
        if self._ended is not None:
            self._bell.set_no_later(self._next_time())

    def _next_time(self) -> float | None:
        when = self._schedule.next_time()
        if when is None or when >= self._dry:
            return when
        control = self._schedule.next_control()
        return self._dry if control is None else min(control, self._dry)

    def _turn(self, late: float) -> None:
        """Serve who is due, and say when to come back."""
        try:
            self._line.drain()
            if late > SLEPT:
                self._schedule.shift(late)
            else:
                self._serve()
            self._bell.set(self._next_time())
            if self._asking:
                self._network.rest(self._interface, self._air.rest)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            fail(self._ended, error)

    def _serve(self) -> None:
        """Send what is due now, a burst at a time; the rest comes after what has come in was read.

        A host's next packet comes once around all others; where there are few others, that is in the same turn. While the budget
        of the whole gathers, only controls leave, whose knocks have left.
        """
        room = BURST
        while True:
            before = room
            now = self._clock.mono()
            self._air.tick(now)
            for step in self._schedule.due(now) if now >= self._dry else ():
                if isinstance(step, Decision):
                    self._decide(step)
                    continue
                self._send(step)
                room -= 1
                if now < self._dry:
                    break  # nobody else would fare better
                if not room:
                    self._bell.ring()
                    return
            if now < self._dry:
                for control in self._schedule.controls(now):
                    self._send(control)
                return
            when = self._schedule.next_time()
            if room == before or when is None or when > self._clock.mono():
                return

    def _send(self, send: Send) -> None:
        address, question = send.host.address, send.question
        try:
            wait = self._leave(send)
        except _REFUSED as error:
            if not self._schedule.refused(send, self._clock.mono()):
                self._on_trouble(error)
                self._settle(address)
            return
        now = self._clock.mono()
        if wait > 0:
            if send.ask is not None and (spent := self._network.spent()) > 0:
                self._dry = now + max(spent, REFILL)
                self._schedule.keep()
            else:
                self._schedule.postpone(send, now + wait)
            return
        self._schedule.sent(send, now)
        if question.transport == "tcp":
            self._syns[address, question.port] = None

    def _leave(self, send: Send) -> float:
        address, question = send.host.address, send.question
        if question.transport == "udp":
            return self._line.try_send(send.payload, address, question.port, purpose=question.purpose)
        if (address, question.port) not in self._syns and len(self._syns) >= self._policy.streams:
            return _STREAMS_WAIT
        return self._connector.try_connect(address, question.port, purpose=question.purpose)

    def _outcome(self, address: str, port: int, outcome: TcpOutcome) -> None:
        self._syns.pop((address, port), None)
        if outcome is TcpOutcome.SILENT:
            return  # the schedule asks again, or decides
        if not self._schedule.heard(address, "tcp", port, self._clock.mono()):
            return
        fields: dict[str, Field] = {"port": port}
        if outcome is TcpOutcome.UNREACHABLE:
            fields["reason"] = "unreachable"
        else:
            self._book.contact(address).spoke = True
            self._book.alive(address)
        self._emit(Source.TCP, _KINDS.get(outcome, "tcp.silent"), address, fields)
        self._settle(address)
        self._come_back()

    def _decide(self, decision: Decision) -> None:
        address, port = decision.address, decision.question.port
        if decision.question.transport == "tcp":
            self._connector.abandon(address, port)
            self._syns.pop((address, port), None)
            self._emit(Source.TCP, "tcp.silent", address, {"port": port})
        else:
            self._emit(Source.UDP, "udp.silent", address, {"port": port, "tries": decision.tries, "control": decision.control})
            if decision.control == "refused" and port in UPDATE_PORTS:
                self._fragile(address)
        self._settle(address)

    def _fragile(self, address: str) -> None:
        """Treat a host with an update port as fragile from now on."""
        self._schedule.make_fragile(address)
        self._mark_fragile(address)

    def _settle(self, address: str) -> None:
        if address in self._asking and self._schedule.is_done(address):
            self._finish(address)

    def _finish(self, address: str) -> None:
        self._asking.discard(address)
        if not self._asking:
            self._network.rest(self._interface, None)
        self._on_done(address)

    def close(self) -> None:
        """Close the sockets; idempotent."""
        self._line.close()
        self._connector.close()


_STREAMS_WAIT: Final = 0.02
