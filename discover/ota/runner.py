"""Runs a check: carries its actions out through the network, and notes every packet it sent."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from discover.errors import NetworkError, UsageError
from discover.model.check import OtaCheck, Sent, Step
from discover.model.device import Device
from discover.model.network import Interface
from discover.model.signal import Source
from discover.net.api import Network, TcpListener, TcpOutcome, TcpStream, UdpEndpoint, UdpEvent, UdpEventKind
from discover.ota.actions import (
    Action,
    Addresses,
    AskNeighbours,
    AwaitCall,
    Called,
    ClosePort,
    Connect,
    Done,
    Event,
    Failed,
    Hangup,
    Known,
    Listen,
    LookBack,
    Opened,
    OpenPort,
    Ping,
    Read,
    Received,
    Refused,
    Reply,
    Report,
    Resolve,
    Route,
    Send,
    Session,
    Settle,
    Silence,
    Stray,
    T,
    Unreachable,
    Use,
    Wait,
    Write,
)
from discover.ota.commands import upload_commands
from discover.ota.ladder import Ladder
from discover.ota.levels import MAX_LEVEL
from discover.ota.lookback import look_back
from discover.ota.route import choose
from discover.ota.target import KINDS, announced, family_way, find_host
from discover.ota.verdict import judge
from discover.text import clean

OnStep = Callable[[Step], None]


async def check(
    network: Network,
    host: str,
    *,
    port: int | None = None,
    kind: str = "",
    level: int | None = None,
    device: Device | None = None,
    on_step: OnStep | None = None,
    interface: Interface | str | None = None,
    consent: bool = False,
    password: str | None = None,
    host_port: int | None = None,
) -> OtaCheck:
    """Check whether a host can be updated over the air, without starting an update or anything else on it.

    ``host`` is a name, an address, or either with a port, or the ``device``'s name or label; "" takes its first address. ``level`` is 0
    to 3 (None: as far as :func:`~discover.ota.levels.allowed_level` lets it go by itself); ``consent`` is the
    user's word that the device may run its callbacks or restart. ``password`` asks, with consent, whether this is the device's;
    ``host_port`` is the TCP port on our side that the upload will use. ``on_step`` gets each step as it is done.
    Raises UsageError for a host, port, kind or level that is none, NotPrivateError for a foreign network and
    NoInterfaceError where ``interface`` is not there. What goes wrong on the way is a step, not an error.
    """
    if level is not None and not 0 <= level <= MAX_LEVEL:
        raise UsageError(f"{level} is no level of the check.", f"Levels are 0 (send nothing) to {MAX_LEVEL} (the device calls back).")
    if kind and kind not in KINDS:
        raise UsageError(f"{clean(kind, 40)} is no kind of update.", "Kinds are " + ", ".join(KINDS) + ".")
    if password == "":
        raise UsageError("An empty password is none.", "Leave the password out where the device has none.")
    if host_port is not None and not 1 <= host_port <= 65535:
        raise UsageError(f"{host_port} is no port.", "Ports are 1 to 65535.")
    target = find_host(host, port, device)
    kind, family = family_way(kind, device)
    found = announced(device, kind=kind, port=target.port, family=family)
    ladder = Ladder(
        target,
        found,
        known=device.addresses if device is not None else (),
        asked=level,
        consent=consent,
        password=password,
        host_port=host_port,
        cnonce=_random_digits() if password is not None else "",
    )
    async with _Runner(network, interface, on_step) as runner:
        conclusion = await runner.run(ladder.climb())
        heard = _heard(device, network.clock.wall())
        mac = device.mac if device is not None else ""
        conclusion, way = await runner.run(look_back(conclusion, runner.route, host_port=host_port, heard=heard, mac=mac))
        judged = judge(conclusion, runner.steps, way, target.name)
        return OtaCheck(
            host=target.name,
            address=conclusion.address,
            port=conclusion.port,
            transport=conclusion.transport,
            kind=conclusion.kind,
            level=conclusion.level,
            verdict=conclusion.verdict,
            password=conclusion.password,
            steps=tuple(runner.steps),
            sent=tuple(runner.sent),
            when=network.clock.wall(),
            hop=judged.hop,
            sentence=judged.sentence,
            fix=judged.fix,
            commands=upload_commands(
                device,
                kind=conclusion.kind,
                address=conclusion.address or target.name,
                port=conclusion.port,
                transport=conclusion.transport,
                password=conclusion.password,
                host_port=host_port or (way.pin if way is not None else 0) or None,
                family=family.id if family is not None else "",
            ),
        )


def _heard(device: Device | None, now: float) -> float | None:
    """Return the seconds since the device was last heard by mDNS, None where it never was."""
    last = max((one.when for one in device.signals if one.source is Source.MDNS), default=None) if device is not None else None
    return None if last is None else max(0.0, now - last)


class _Runner:
    """One check's sockets. Leaving it settles what is owed to the device and closes everything."""

    def __init__(self, network: Network, interface: Interface | str | None, on_step: OnStep | None) -> None:
        self._network = network
        self._wanted = interface.name if isinstance(interface, Interface) else interface or ""
        self._on_step = on_step
        self._interface: Interface | None = None
        self._address = ""
        self._udp: UdpEndpoint | None = None
        self._stream: TcpStream | None = None
        self._listener: TcpListener | None = None
        self._port = 0
        self.route = Route("", "", "", on_link=False)
        self._undo: dict[int, bytes] = {}
        self.steps: list[Step] = []
        self.sent: list[Sent] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            # Cut short between invitation and reset: the device must not be left waiting for a password.
            # Where even that cannot be sent, the error that cut the check short is the one to tell.
            with contextlib.suppress(NetworkError):
                for port, payload in list(self._undo.items()):
                    await self._send(Send(port, payload, "reset: the check was cut short"))
        finally:
            self._hang_up()
            self._close_port()
            if self._udp is not None:
                self._udp.close()
                self._udp = None

    async def run(self, session: Session[T]) -> T:
        """Play the session to its end."""
        try:
            action = next(session)
            while True:
                action = session.send(await self.perform(action))
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            session.close()

    async def perform(self, action: Action) -> Event:
        """Carry out one action and return what came of it."""
        try:
            return await self._perform(action)
        except NetworkError as error:
            return Failed(clean(error.message).rstrip("."), error.hint)

    async def _perform(self, action: Action) -> Event:  # noqa: PLR0911, PLR0912 - one case for each action reads best
        match action:
            case Report(step):
                self.steps.append(step)
                if self._on_step is not None:
                    self._on_step(step)
                return Done()
            case Resolve(name):
                return await self._resolve(name)
            case Use(addresses):
                self.route, self._interface = choose(addresses, self._network.interfaces(), self._wanted)
                self._address = self.route.address
                return self.route
            case Ping():
                return await self._ping(action)
            case LookBack(port, host_port, firewalls):
                return await self._network.outlook(self._address, port=port, host_port=host_port, firewalls=firewalls)
            case AskNeighbours():
                return await self._neighbour()
            case Send():
                return await self._send(action)
            case Settle(port):
                self._undo.pop(port, None)
                return Done()
            case Listen(seconds):
                return await self._listen(seconds)
            case Wait(seconds):
                await self._network.clock.sleep(seconds)
                return Done()
            case Connect():
                return await self._connect(action)
            case Write(payload, why):
                return await self._write(payload, why)
            case Read(limit, seconds):
                data = None if self._stream is None else await self._stream.receive(limit, seconds)
                return Silence() if data is None else Received(data)
            case Hangup():
                self._hang_up()
                return Done()
            case OpenPort(port):
                return self._open_port(port)
            case AwaitCall(seconds):
                called = self._listener is not None and await self._listener.called(seconds)
                return Called() if called else Silence()
            case ClosePort():
                self._close_port()
                return Done()

    async def _resolve(self, name: str) -> Event:
        """Look the name up; questions by mDNS are packets of this check, too (a browser beside us asks for other names)."""
        before = self._network.ledger.count
        label = name.partition(".")[0].casefold().encode()
        try:
            return Addresses(await self._network.resolve(name))
        finally:
            for packet in self._network.ledger.since(before):
                if packet.transport == "mdns" and label in packet.payload.lower():
                    self._note(packet.to, packet.port, "mdns", packet.payload, packet.purpose)

    async def _neighbour(self) -> Event:
        if self._interface is None:
            return Silence()
        wanted = _bare(self._address)
        rows = [one for one in await self._network.neighbours(self._interface) if _bare(one.address) == wanted]
        best = next((one for one in rows if one.mac), rows[0] if rows else None)
        return Known(best.mac, best.state) if best is not None else Known("", "")

    async def _send(self, action: Send) -> Event:
        if self._interface is None:
            raise NetworkError(f"no interface of this machine leads to {self._address}", "`espied doctor` lists the interfaces.")
        if self._udp is None:
            self._udp = self._network.udp(self._interface)
        with self._noted(action.port, "udp", action.payload, action.why):
            await self._udp.send(action.payload, self._address, action.port, purpose=action.why)
        self._undo.pop(action.port, None)
        if action.undo:
            self._undo[action.port] = action.undo
        return Done()

    async def _listen(self, seconds: float) -> Event:
        if self._udp is None or seconds <= 0:
            return Silence()
        start = self._network.clock.mono()
        event = await self._udp.receive(seconds)
        after = max(0.0, self._network.clock.mono() - start)
        return Silence() if event is None else self._translate(event, after)

    def _translate(self, event: UdpEvent, after: float) -> Event:
        if _bare(event.address) != _bare(self._address):
            return Stray(after)
        if event.kind is UdpEventKind.REPLY:
            return Reply(event.port, event.payload, after)
        if event.kind is UdpEventKind.REFUSED:
            return Refused(event.port, after)
        return Unreachable(event.reason or "unreachable", after)

    async def _connect(self, action: Connect) -> Event:
        self._hang_up()
        self._port = action.port
        with self._noted(action.port, "tcp", b"", action.why):
            outcome, self._stream = await self._network.tcp(
                self._interface, self._address, action.port, purpose=action.why, timeout=action.seconds
            )
        match outcome:
            case TcpOutcome.OPEN:
                return Done()
            case TcpOutcome.REFUSED:
                return Refused(action.port)
            case TcpOutcome.UNREACHABLE:
                return Unreachable("host unreachable")
            case TcpOutcome.SILENT:
                return Silence()

    async def _write(self, payload: bytes, why: str) -> Event:
        if self._stream is None:
            raise NetworkError("the connection is closed")
        with self._noted(self._port, "tcp", payload, why):
            await self._stream.send(payload, purpose=why)
        return Done()

    def _open_port(self, port: int) -> Event:
        if self._interface is None:
            raise NetworkError(f"no interface of this machine leads to {self._address}", "`espied doctor` lists the interfaces.")
        self._close_port()
        self._listener = self._network.listener(self._interface, self._address, port=port)
        return Opened(self._listener.port)

    def _close_port(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _ping(self, action: Ping) -> Event:
        if self._interface is None:
            return Failed("no interface leads there")
        before = self._network.ledger.count
        try:
            answered = await self._network.ping(self._interface, self._address, purpose=action.why, timeout=action.seconds)
        finally:
            for packet in self._network.ledger.since(before):
                if packet.transport == "icmp" and packet.to == self._address:
                    self.sent.append(Sent(to=self._address, transport="icmp", bytes_hex=packet.payload.hex(), why=action.why))
        return Failed("this user may not ping") if answered is None else Done() if answered else Silence()

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @contextlib.contextmanager
    def _noted(self, port: int, transport: str, payload: bytes, why: str) -> Iterator[None]:
        """Note what the gate let pass, whatever came of it, so that ``sent`` and the ledger tell the same."""
        before = self._network.ledger.count
        try:
            yield
        finally:
            mine = (self._address, port, transport, payload)
            if any((one.to, one.port, one.transport, one.payload) == mine for one in self._network.ledger.since(before)):
                self._note(self._address, port, transport, payload, why)

    def _note(self, address: str, port: int, transport: str, payload: bytes, why: str) -> None:
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self.sent.append(Sent(to=where, transport=transport, bytes_hex=payload.hex(), why=why))


def _random_digits() -> str:
    """Return the random part of an answer to a challenge: 64 hex digits."""
    from secrets import token_hex  # noqa: PLC0415 - brings hashlib along: only a password check needs it

    return token_hex(32)


def _bare(address: str) -> str:
    """The address without its zone, in canonical text."""
    text = address.partition("%")[0]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
