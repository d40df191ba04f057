"""Sends that never wait: on Linux's endpoint, on the portable one, and scripted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from discover.errors import NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.net.api import Clock, UdpEndpoint, UdpEventKind
from discover.net.clock import SystemClock
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.net.full import FULL_SECONDS, Fullness
from discover.net.gate import Gate
from discover.net.interfaces import list_interfaces
from discover.net.ledger import MemoryLedger
from discover.net.policy import DEFAULT, Policy
from discover.net.udp import UdpSocketEndpoint
from discover.net.udp_connected import ConnectedUdpEndpoint
from discover.net.virtual import VirtualClock

Endpoint = UdpSocketEndpoint | ConnectedUdpEndpoint
KINDS: list[type[Endpoint]] = [UdpSocketEndpoint, ConnectedUdpEndpoint] if sys.platform == "linux" else [ConnectedUdpEndpoint]
ADDRESS = "127.0.0.1"


class Troubled(socket.socket):
    """A socket whose next sends fail as told (0: that one passes); ``tries`` counts them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.errors: list[int] = []
        self.tries = 0

    def _trouble(self) -> None:
        self.tries += 1
        if self.errors and (number := self.errors.pop(0)):
            raise OSError(number, "told so")

    def sendto(self, *args: Any) -> int:
        self._trouble()
        return super().sendto(*args)

    def send(self, *args: Any) -> int:
        self._trouble()
        return super().send(*args)


class Bench:
    def __init__(self, kind: type[Endpoint], clock: Clock, policy: Policy = DEFAULT) -> None:
        self.clock = clock
        self.ledger = MemoryLedger()
        self.gate = Gate(clock, self.ledger, policy=policy)
        self.face = next(face for face in list_interfaces() if face.loopback)
        self.end = kind(self.gate, clock, self.face, broadcast=False, local_port=0, groups=())

    def troubled(self, target: tuple[str, int]) -> Troubled:
        """Put a troubled socket in the place of the one that asks ``target``."""
        sock = Troubled(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(0)
        sock.bind((ADDRESS, 0))
        if isinstance(self.end, ConnectedUdpEndpoint):
            sock.connect(target)
            self.end._targets[target] = sock
            self.end._watch.add(sock, lambda: None)
        else:
            old = self.end._sockets[socket.AF_INET]
            asyncio.get_running_loop().remove_reader(old.fileno())
            old.close()
            self.end._sockets[socket.AF_INET] = sock
        return sock


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[Endpoint]:
    found: type[Endpoint] = request.param
    return found


@pytest.fixture
def make(kind: type[Endpoint]) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def one(clock: Clock | None = None, policy: Policy = DEFAULT) -> Bench:
        made.append(Bench(kind, clock or SystemClock(), policy))
        return made[-1]

    yield one
    for bench in made:
        bench.end.close()


@contextlib.contextmanager
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((ADDRESS, 0))
        sock.settimeout(5)
        yield sock


async def test_it_leaves_now_or_not_at_all(make: Callable[..., Bench]) -> None:
    bench = make()
    with peer() as talks:
        port = talks.getsockname()[1]
        for number in range(40):
            assert bench.end.try_send(bytes([number]), ADDRESS, port, purpose="knock") == 0.0
        assert 0 < bench.end.try_send(b"x", ADDRESS, port, purpose="knock") <= 1.02
        assert bench.ledger.count == 40
        got = [await asyncio.to_thread(talks.recv, 9) for _ in range(40)]
        assert got == [bytes([number]) for number in range(40)]
        talks.settimeout(0)
        with pytest.raises(BlockingIOError):
            talks.recv(9)


async def test_it_raises_what_send_raises(make: Callable[..., Bench]) -> None:
    bench = make()
    with pytest.raises(ValueError, match="empty"):
        bench.end.try_send(b"", ADDRESS, 9, purpose="knock")
    with pytest.raises(NotPrivateError):
        bench.end.try_send(b"1", "8.8.8.8", 9, purpose="knock")
    with pytest.raises(NotPrivateError):
        bench.end.try_send(b"1", "::ffff:8.8.8.8", 9, purpose="knock", liveness=True)
    bench.end.close()
    with pytest.raises(NetworkError, match="closed"):
        bench.end.try_send(b"1", ADDRESS, 9, purpose="knock")
    assert bench.ledger.count == 0


async def test_a_full_buffer_is_a_time_to_wait_and_nothing_is_noted(make: Callable[..., Bench]) -> None:
    bench = make(VirtualClock())
    with peer() as talks:
        target = talks.getsockname()
        sock = bench.troubled(target)
        sock.errors = [errno.EAGAIN, errno.ENOBUFS]
        waits = [bench.end.try_send(b"1", *target, purpose="knock") for _ in range(50)]
        assert all(0 < wait < 0.05 for wait in waits)
        assert sock.tries == 1, "who asks again at once is not let near the socket"
        await bench.clock.sleep(waits[0])
        assert bench.end.try_send(b"1", *target, purpose="knock") > 0
        assert bench.ledger.count == 0
        await bench.clock.sleep(waits[0])
        assert bench.end.try_send(b"1", *target, purpose="knock") == 0.0
        assert bench.ledger.count == 1
        assert bench.gate.wait(ADDRESS, room=39) == 0.0, "what did not leave has cost nothing"


async def test_a_buffer_that_stays_full_is_an_error(make: Callable[..., Bench]) -> None:
    bench = make(VirtualClock())
    with peer() as talks:
        target = talks.getsockname()
        bench.troubled(target).errors = [errno.ENOBUFS] * 100_000
        with pytest.raises(NetworkError, match="ENOBUFS"):
            await bench.end.send(b"1", *target, purpose="knock")
        assert FULL_SECONDS <= bench.clock.mono() < FULL_SECONDS + 0.1
        assert bench.ledger.count == 0


async def test_what_waited_for_the_buffer_does_not_leave_in_one_burst(make: Callable[..., Bench]) -> None:
    bench = make(VirtualClock())
    with peer() as talks:
        target = talks.getsockname()
        sock = bench.troubled(target)
        sock.errors = [errno.EAGAIN] * 400  # some 2 s at 5 ms a try
        await asyncio.gather(*(bench.end.send(b"1", *target, purpose="knock") for _ in range(100)))
    times = [packet.mono for packet in bench.ledger.packets]
    assert len(times) == 100
    assert times[0] > 1.9
    assert all(later - first > 1.0 for first, later in zip(times, times[40:], strict=False))


async def test_what_this_machine_refuses_is_an_error_and_not_noted(make: Callable[..., Bench]) -> None:
    bench = make()
    with peer() as talks:
        target = talks.getsockname()
        sock = bench.troubled(target)
        for number in (errno.EPERM, errno.ENETDOWN, errno.ENODEV, errno.EMSGSIZE):
            sock.errors = [number]
            with pytest.raises(NetworkError, match=errno.errorcode[number]) as caught:
                bench.end.try_send(b"1", *target, purpose="knock")
            assert caught.value.hint
        assert bench.ledger.count == 0
        sock.errors = [errno.EHOSTUNREACH] * 2
        assert bench.end.try_send(b"1", *target, purpose="knock") == 0.0
        event = bench.end.receive_nowait()
        assert event is not None
        assert (event.kind, event.port, event.reason) == (UdpEventKind.UNREACHABLE, target[1], "EHOSTUNREACH")


async def test_errors_of_earlier_datagrams_do_not_keep_this_one_back(make: Callable[..., Bench]) -> None:
    bench = make()
    with peer() as talks:
        with peer() as gone:
            closed = gone.getsockname()[1]
        for number in range(5):
            assert bench.end.try_send(b"1", ADDRESS, closed, purpose="knock") == 0.0, number
        assert bench.end.try_send(b"2", ADDRESS, talks.getsockname()[1], purpose="knock") == 0.0
        assert await asyncio.to_thread(talks.recv, 9) == b"2"
    kinds = set()
    while (event := await bench.end.receive(0.2)) is not None:
        kinds.add((event.kind, event.port))
    assert kinds == {(UdpEventKind.REFUSED, closed)}


async def test_events_are_drained_without_waiting(make: Callable[..., Bench]) -> None:
    bench = make()
    assert bench.end.receive_nowait() is None
    with peer() as talks:
        bench.end.try_send(b"1", *talks.getsockname(), purpose="knock")
        _, back = await asyncio.to_thread(talks.recvfrom, 9)
        for number in range(20):
            talks.sendto(bytes([number]), back)
        first = await bench.end.receive(5)
        assert first is not None
        got = [first.payload]
        while (event := bench.end.receive_nowait()) is not None:
            got.append(event.payload)
    assert got == [bytes([number]) for number in range(20)]
    bench.end.close()
    assert bench.end.receive_nowait() is None


async def test_the_liveness_phase_is_counted_apart(make: Callable[..., Bench]) -> None:
    bench = make(VirtualClock(), Policy(overall_burst=2, liveness_burst=3))
    with peer() as talks:
        port = talks.getsockname()[1]
        addresses = [f"127.77.5.{number}" for number in range(1, 9)]
        alive = [bench.end.try_send(b"1", address, port, purpose="live", liveness=True) == 0 for address in addresses]
        others = [bench.end.try_send(b"1", address, port, purpose="knock") == 0 for address in addresses]
    assert (sum(alive), sum(others)) == (3, 2)


def test_a_socket_that_nobody_asked_for_long_is_given_its_time_again() -> None:
    clock = VirtualClock()
    full = Fullness(clock)
    error = BlockingIOError(errno.EAGAIN, "told so")
    assert full.left() == 0.0
    assert full.again(error, "send") == full.left() > 0
    clock._now += 100
    assert full.left() == 0.0
    assert full.again(error, "send") > 0
    for _ in range(4):
        clock._now += 1.2
        assert full.again(error, "send") > 0
    clock._now += 1.2
    with pytest.raises(NetworkError, match="cannot send"):
        full.again(error, "send")
    with pytest.raises(NetworkError, match="EPERM"):
        full.again(PermissionError(errno.EPERM, "told so"), "send")


# The scripted one keeps the same promises.


def lan(**host: object) -> tuple[FakeNetwork, Interface, UdpEndpoint]:
    network = FakeNetwork(FakeHost(address="192.168.1.20", **host))  # type: ignore[arg-type]
    face = network.interfaces()[0]
    return network, face, network.udp(face)


async def test_scripted_it_leaves_now_or_not_at_all() -> None:
    network, _, end = lan(udp={7: lambda question: question})
    for _ in range(40):
        assert end.try_send(b"1", "192.168.1.20", 7, purpose="knock") == 0.0
    assert 1.0 < end.try_send(b"1", "192.168.1.20", 7, purpose="knock") < 1.1
    assert network.ledger.count == 40
    assert end.receive_nowait() is None
    await network.clock.sleep(0.1)
    count = 0
    while end.receive_nowait() is not None:
        count += 1
    assert count == 40
    end.close()
    with pytest.raises(NetworkError, match="closed"):
        end.try_send(b"1", "192.168.1.20", 7, purpose="knock")


async def test_scripted_faults_of_a_send() -> None:
    network, _, end = lan()
    network.fail("send", errno.EAGAIN, until=1)
    network.fail("send", errno.EPERM, at=1, until=2)
    network.fail("send", errno.EHOSTUNREACH, at=2, until=3)
    network.fail("send", errno.ENOBUFS, at=4)
    with pytest.raises(ValueError, match="empty"):
        end.try_send(b"", "192.168.1.20", 7, purpose="knock")
    with pytest.raises(NotPrivateError):
        end.try_send(b"1", "9.9.9.9", 7, purpose="knock")
    waits = []
    while network.clock.mono() < 1:
        waits.append(end.try_send(b"1", "192.168.1.20", 7, purpose="knock"))
        await network.clock.sleep(waits[-1])
    assert 100 < len(waits) < 300
    assert min(waits) > 0.001
    with pytest.raises(NetworkError, match="EPERM"):
        end.try_send(b"1", "192.168.1.20", 7, purpose="knock")
    assert network.ledger.count == 0
    await network.clock.sleep(1)
    assert end.try_send(b"1", "192.168.1.20", 7, purpose="knock") == 0.0
    event = await end.receive(1)
    assert event is not None
    assert event.kind is UdpEventKind.UNREACHABLE
    await network.clock.sleep(1)
    assert network.ledger.count == 0
    assert end.try_send(b"1", "192.168.1.20", 7, purpose="knock") == 0.0
    await network.clock.sleep(1)
    with pytest.raises(NetworkError, match="ENOBUFS"):
        await end.send(b"1", "192.168.1.20", 7, purpose="knock")
    assert network.clock.mono() > 4 + FULL_SECONDS
    assert network.ledger.count == 1
    end.close()
