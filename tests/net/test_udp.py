"""UDP endpoints on loopback: replies, refusals and silence, on Linux's endpoint and on the portable one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace

import pytest
from blockbuster import blockbuster_ctx

from discover.errors import NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.net.api import UdpEventKind
from discover.net.clock import SystemClock
from discover.net.gate import Gate
from discover.net.interfaces import list_interfaces
from discover.net.ledger import MemoryLedger
from discover.net.udp import EndpointBase, UdpSocketEndpoint, _arrival, _extended_error
from discover.net.udp_connected import ConnectedUdpEndpoint, Watch

Endpoint = UdpSocketEndpoint | ConnectedUdpEndpoint
KINDS: list[type[Endpoint]] = [UdpSocketEndpoint, ConnectedUdpEndpoint] if sys.platform == "linux" else [ConnectedUdpEndpoint]


@pytest.fixture
def loopback() -> Interface:
    return next(face for face in list_interfaces() if face.loopback)


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture(params=KINDS)
async def opened(request: pytest.FixtureRequest, loopback: Interface, ledger: MemoryLedger) -> AsyncIterator[Callable[..., Endpoint]]:
    ends: list[Endpoint] = []
    clock = SystemClock()
    gate = Gate(clock, ledger)

    def make(*, broadcast: bool = False, local_port: int = 0, groups: tuple[str, ...] = ()) -> Endpoint:
        ends.append(request.param(gate, clock, loopback, broadcast=broadcast, local_port=local_port, groups=groups))
        return ends[-1]

    yield make
    for end in ends:
        end.close()


@contextlib.contextmanager
def peer(address: str = "127.0.0.1", port: int = 0) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        sock.settimeout(5)
        yield sock


def closed_port() -> int:
    with peer() as sock:
        return int(sock.getsockname()[1])


async def test_a_reply_a_refusal_and_silence(opened: Callable[..., Endpoint], ledger: MemoryLedger) -> None:
    end = opened()
    refused = closed_port()
    with peer() as talks, peer("127.77.0.3") as silent, blockbuster_ctx():
        port = talks.getsockname()[1]
        await end.send(b"1", "127.0.0.1", port, purpose="knock")
        await end.send(b"1", "127.77.0.3", silent.getsockname()[1], purpose="knock")
        await end.send(b"1", "127.77.0.9", refused, purpose="knock")
        await end.send(b"2", "127.77.0.9", refused, purpose="knock")
        with contextlib.closing(talks.dup()) as mine:
            mine.settimeout(0)
            payload, back = mine.recvfrom(99)
            assert payload == b"1"
            mine.sendto(b"", back)
            mine.sendto(b"hello", back)
        seen = []
        while (event := await end.receive(0.2)) is not None:
            seen.append((event.kind.value, event.address, event.port, event.payload, event.reason))
    assert ("refused", "127.77.0.9", refused, b"", "ECONNREFUSED") in seen
    assert [one for one in seen if one[0] == "reply"] == [
        ("reply", "127.0.0.1", port, b"", ""),
        ("reply", "127.0.0.1", port, b"hello", ""),
    ]
    assert all(one[1] != "127.77.0.3" for one in seen)
    assert ledger.by_purpose() == {"knock": 4}


async def test_many_refusals_are_told_each_by_its_port_and_no_send_fails(opened: Callable[..., Endpoint]) -> None:
    end = opened()
    ports = [closed_port() for _ in range(30)]
    for number, port in enumerate(ports):
        await end.send(b"1", f"127.77.1.{number + 1}", port, purpose="knock")
    refused = set()
    while (event := await end.receive(0.3)) is not None:
        assert event.kind is UdpEventKind.REFUSED
        refused.add((event.address, event.port))
    assert refused == {(f"127.77.1.{number + 1}", port) for number, port in enumerate(ports)}


async def test_an_endpoint_goes_on_after_refusals(opened: Callable[..., Endpoint]) -> None:
    end = opened()
    with peer() as talks:
        for _ in range(5):
            await end.send(b"1", "127.0.0.1", closed_port(), purpose="knock")
        await end.send(b"2", "127.0.0.1", talks.getsockname()[1], purpose="knock")
        assert await asyncio.to_thread(talks.recv, 9) == b"2"


async def test_what_the_gate_refuses_never_leaves(opened: Callable[..., Endpoint], ledger: MemoryLedger) -> None:
    end = opened()
    with pytest.raises(ValueError, match="empty"):
        await end.send(b"", "127.0.0.1", 9, purpose="knock")
    with pytest.raises(NotPrivateError):
        await end.send(b"1", "8.8.8.8", 9, purpose="knock")
    assert ledger.count == 0


async def test_a_listener_hears_others_and_not_itself(opened: Callable[..., Endpoint]) -> None:
    with peer() as talks:
        port = closed_port()
        end = opened(local_port=port, broadcast=True)
        await end.send(b"to all", "127.255.255.255", port, purpose="announce")
        talks.sendto(b"news", ("127.0.0.1", port))
        heard = []
        while (event := await end.receive(0.2)) is not None:
            heard.append((event.payload, event.port))
        assert heard == [(b"news", talks.getsockname()[1])]
        shared = opened(local_port=port)  # SO_REUSEADDR: another program may listen there, too
        shared.close()


async def test_multicast_stays_on_the_interface_and_reaches_the_group(opened: Callable[..., Endpoint]) -> None:
    port = closed_port()
    listener = opened(local_port=port, groups=("239.255.77.77",))
    asker = opened(broadcast=True)
    await asker.send(b"who", "239.255.77.77", port, purpose="question")
    event = await listener.receive(2)
    assert event is not None
    assert (event.kind, event.payload, event.address) == (UdpEventKind.REPLY, b"who", "127.0.0.1")


async def test_closing_wakes_who_waits_and_forbids_sending(opened: Callable[..., Endpoint]) -> None:
    end = opened()
    waiting = asyncio.ensure_future(end.receive(30))
    await asyncio.sleep(0)
    end.close()
    end.close()
    assert await waiting is None
    assert await end.receive(1) is None
    with pytest.raises(NetworkError, match="closed"):
        await end.send(b"1", "127.0.0.1", 9, purpose="knock")


async def test_a_flood_waits_in_the_kernel_and_nothing_is_lost_on_the_way_out(
    opened: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discover.net.udp._PAUSE_AT", 20)
    monkeypatch.setattr("discover.net.udp._RESUME_AT", 5)
    end = opened(local_port=closed_port())
    with peer() as talks:
        await end.send(b"hi", "127.0.0.1", talks.getsockname()[1], purpose="knock")
        _, back = await asyncio.to_thread(talks.recvfrom, 9)
        for number in range(150):
            talks.sendto(str(number).encode(), back)
    got = []
    while (event := await end.receive(0.2)) is not None:
        got.append(event.payload)
    assert got == [str(number).encode() for number in range(150)]


async def test_a_taken_address_and_a_taken_port_are_told_with_advice(loopback: Interface) -> None:
    clock = SystemClock()
    gate = Gate(clock, MemoryLedger())
    ghost = Interface(
        name="lo",
        index=loopback.index,
        mac="",
        addresses=tuple(
            type(one)(address=ipaddress.IPv4Address("192.0.2.99"), network=ipaddress.ip_network("192.0.2.0/24"))
            for one in loopback.ipv4[:1]
        ),
    )
    for kind in KINDS:
        with pytest.raises(NetworkError) as caught:
            kind(gate, clock, ghost, broadcast=False, local_port=0, groups=("239.1.2.3",))
        assert caught.value.hint
    if sys.platform == "linux":
        with peer("0.0.0.0") as sock, pytest.raises(NetworkError, match="EADDRINUSE"):
            UdpSocketEndpoint(gate, clock, loopback, broadcast=False, local_port=sock.getsockname()[1], groups=())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's endpoint")
async def test_errors_of_a_send_become_events_or_sentences(loopback: Interface, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    end = UdpSocketEndpoint(Gate(clock, MemoryLedger()), clock, loopback, broadcast=False, local_port=0, groups=())
    real = end._sockets[socket.AF_INET]
    answers: list[int] = []

    class Refusing:
        """The socket, but its sends fail as told."""

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def sendto(self, payload: bytes, target: tuple[str, int]) -> int:
            if answers:
                raise OSError(answers.pop(0), "told so")
            return real.sendto(payload, target)

    monkeypatch.setitem(end._sockets, socket.AF_INET, Refusing())
    with peer() as talks:
        port = talks.getsockname()[1]
        answers[:] = [errno.ECONNREFUSED, errno.EAGAIN, errno.EAGAIN]
        await end.send(b"1", "127.0.0.1", port, purpose="knock")
        assert await asyncio.to_thread(talks.recv, 9) == b"1"
        answers[:] = [errno.EHOSTUNREACH]
        await end.send(b"2", "127.0.0.1", port, purpose="knock")
        event = await end.receive(1)
        assert event is not None
        assert (event.kind, event.reason) == (UdpEventKind.UNREACHABLE, "EHOSTUNREACH")
        for number in (errno.EPERM, errno.EACCES, errno.ENETUNREACH, errno.ENODEV):
            answers[:] = [number]
            with pytest.raises(NetworkError, match=errno.errorcode[number]) as caught:
                await end.send(b"3", "127.0.0.1", port, purpose="knock")
            assert caught.value.hint
    end.close()


async def test_the_oldest_target_gives_way(loopback: Interface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.net.udp_connected.MAX_SOCKETS", 3)
    clock = SystemClock()
    end = ConnectedUdpEndpoint(Gate(clock, MemoryLedger()), clock, loopback, broadcast=False, local_port=0, groups=())
    with peer() as talks:
        for number in range(1, 9):
            await end.send(b"1", f"127.77.2.{number}", talks.getsockname()[1], purpose="knock")
    assert len(end._targets) == 3
    end.close()


async def test_where_the_loop_cannot_watch_sockets_they_are_looked_at() -> None:
    class Proactor:
        """A loop that has no readers, as Windows'."""

        call_later = staticmethod(asyncio.get_running_loop().call_later)

        def add_reader(self, *_: object) -> None:
            raise NotImplementedError

    watch = Watch(Proactor())  # type: ignore[arg-type]
    called = asyncio.Event()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    watch.add(sock, called.set)
    await called.wait()
    watch.remove(sock)
    watch.close()
    assert sock.fileno() == -1


def test_looking_at_sockets_stops_while_a_flood_waits_and_goes_on_after_it() -> None:
    class Proactor:
        """A loop that has no readers, and whose time stands still."""

        def __init__(self) -> None:
            self.due: list[Callable[[], None]] = []

        def call_later(self, _seconds: float, callback: Callable[[], None]) -> SimpleNamespace:
            self.due.append(callback)
            return SimpleNamespace(cancel=lambda: None)

        def add_reader(self, *_: object) -> None:
            raise NotImplementedError

        def tick(self) -> None:
            due, self.due = self.due, []
            for callback in due:
                callback()

    loop = Proactor()
    watch = Watch(loop)  # type: ignore[arg-type]
    looks: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        watch.add(one, lambda: looks.append("one"))
        loop.tick()
        watch.pause()
        watch.add(two, lambda: looks.append("two"))
        loop.tick()
        loop.tick()
        assert looks == ["one"]
        assert not loop.due
        watch.resume()
        loop.tick()
        assert looks == ["one", "one", "two"]
        watch.remove(one)
        watch.remove(two)
    loop.tick()
    assert looks == ["one", "one", "two"]
    assert not loop.due
    watch.close()


def test_ancillary_data_of_no_use_is_no_error() -> None:
    assert _extended_error([]) == 0
    assert _extended_error([(0, 11, b"short")]) == 0
    assert _arrival([(0, 8, b"\x07\0\0\0" + bytes(8))]) == 7
    assert _arrival([(1, 1, b"")]) == 0


def test_both_endpoints_share_their_base() -> None:
    assert all(issubclass(kind, EndpointBase) for kind in KINDS)
