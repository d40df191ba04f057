"""Connectors: how attempts end, on loopback and scripted; that they leave nothing open, and nothing unnoted."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator

import pytest
from blockbuster import blockbuster_ctx

from discover.errors import NetworkError, NotPrivateError
from discover.net import connects
from discover.net.api import Connector, TcpOutcome
from discover.net.clock import SystemClock
from discover.net.connects import SocketConnector
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.net.gate import Gate
from discover.net.interfaces import list_interfaces
from discover.net.ledger import MemoryLedger
from discover.net.policy import Policy

HOST = "192.168.1.20"


class Bench:
    """A connector on loopback, and what it told."""

    def __init__(self, policy: Policy) -> None:
        self.ledger = MemoryLedger()
        self.gate = Gate(SystemClock(), self.ledger, policy=policy)
        self.told: list[tuple[str, int, TcpOutcome]] = []
        self.news = asyncio.Event()
        self.face = next(face for face in list_interfaces() if face.loopback)
        self.connector = SocketConnector(self.gate, self.face, self._tell)

    def _tell(self, address: str, port: int, outcome: TcpOutcome) -> None:
        self.told.append((address, port, outcome))
        self.news.set()

    async def hear(self, count: int = 1) -> list[TcpOutcome]:
        async with asyncio.timeout(5):
            while len(self.told) < count:
                self.news.clear()
                await self.news.wait()
        return [outcome for _, _, outcome in self.told]

    @property
    def sockets(self) -> int:
        return len(self.connector._attempts)


@pytest.fixture
async def bench() -> Bench:
    return Bench(Policy())


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(5)
        yield sock


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that answers no SYN: a listener whose backlog is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]
        for filler in fillers:
            filler.close()


def odd(monkeypatch: pytest.MonkeyPatch, *, connect: int | None = None, later: int | None = None) -> list[socket.socket]:
    """Let the next sockets fail to connect, at once or later, with an errno; return those that were made."""
    made: list[socket.socket] = []

    class Odd(socket.socket):
        def connect_ex(self, address: object) -> int:
            return super().connect_ex(address) if connect is None else connect  # type: ignore[arg-type]

        def getsockopt(self, *which: int) -> int:  # type: ignore[override]
            return super().getsockopt(*which) if later is None else later

    def make(_route: object) -> socket.socket:
        made.append(Odd(socket.AF_INET, socket.SOCK_STREAM))
        made[-1].settimeout(0)
        return made[-1]

    monkeypatch.setattr(connects, "tcp_socket", make)
    return made


async def test_open_is_told_later_and_the_connection_is_closed_at_once(bench: Bench, server: socket.socket) -> None:
    port = server.getsockname()[1]
    with blockbuster_ctx():
        assert bench.connector.try_connect("127.0.0.1", port, purpose="connect") == 0.0
        assert bench.told == []
        assert await bench.hear() == [TcpOutcome.OPEN]
    theirs, _ = server.accept()
    with theirs:
        assert await asyncio.to_thread(theirs.recv, 9) == b""
    assert bench.told == [("127.0.0.1", port, TcpOutcome.OPEN)]
    assert [(one.transport, one.port, one.purpose, one.payload) for one in bench.ledger.packets] == [("tcp", port, "connect", b"")]
    assert bench.sockets == 0


async def test_a_refusal_is_told_later_too(bench: Bench, server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    assert bench.connector.try_connect("127.0.0.1", port, purpose="connect") == 0.0
    assert bench.told == []
    assert await bench.hear() == [TcpOutcome.REFUSED]
    assert bench.ledger.count == 1


async def test_many_at_once_and_each_has_its_own_end(bench: Bench, server: socket.socket) -> None:
    port = server.getsockname()[1]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for number in range(1, 31):
            assert bench.connector.try_connect(f"127.77.3.{number}", closed.getsockname()[1], purpose="connect") == 0.0
        assert bench.connector.try_connect("127.0.0.1", port, purpose="connect") == 0.0
        await bench.hear(31)
    assert {address for address, _, outcome in bench.told if outcome is TcpOutcome.REFUSED} == {f"127.77.3.{n}" for n in range(1, 31)}
    assert ("127.0.0.1", port, TcpOutcome.OPEN) in bench.told
    assert bench.sockets == 0


async def test_silence_ends_before_the_kernel_repeats_the_syn(bench: Bench, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connects.GUARD < 1.0
    monkeypatch.setattr(connects, "GUARD", 0.05)
    assert bench.connector.try_connect("127.0.0.1", silent, purpose="connect") == 0.0
    assert await bench.hear() == [TcpOutcome.SILENT]
    assert bench.sockets == 0


async def test_what_was_abandoned_is_not_told(bench: Bench, silent: int) -> None:
    bench.connector.abandon("127.0.0.1", silent)
    assert bench.connector.try_connect("127.0.0.1", silent, purpose="connect") == 0.0
    assert bench.connector.try_connect("127.0.0.1", silent, purpose="again") == 0.0
    assert bench.sockets == 1, "a new attempt ends the one before"
    bench.connector.abandon("127.0.0.1", silent)
    bench.connector.abandon("127.0.0.1", silent)
    assert bench.sockets == 0
    assert bench.told == []
    assert bench.ledger.by_purpose() == {"connect": 1, "again": 1}


async def test_closing_ends_all_and_forbids_more(bench: Bench, silent: int, server: socket.socket) -> None:
    bench.connector.try_connect("127.0.0.1", silent, purpose="connect")
    bench.connector.try_connect("127.0.0.1", server.getsockname()[1], purpose="connect")
    bench.connector.close()
    bench.connector.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert bench.told == []
    assert bench.sockets == 0
    with pytest.raises(NetworkError, match="closed"):
        bench.connector.try_connect("127.0.0.1", silent, purpose="connect")


async def test_foreign_addresses_are_refused(bench: Bench) -> None:
    with pytest.raises(NotPrivateError):
        bench.connector.try_connect("1.1.1.1", 80, purpose="connect")
    assert bench.ledger.count == 0


async def test_too_many_files_is_an_error_with_advice_and_no_packet(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_route: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(connects, "tcp_socket", make)
    with pytest.raises(NetworkError, match="EMFILE") as caught:
        bench.connector.try_connect("127.0.0.1", 80, purpose="connect")
    assert "ulimit" in caught.value.hint
    assert bench.ledger.count == 0
    assert bench.gate.wait("127.0.0.1", room=40) == 0.0, "nothing stays set aside"


@pytest.mark.parametrize(
    ("number", "outcome", "packets"),
    [
        (errno.EHOSTUNREACH, TcpOutcome.UNREACHABLE, 0),
        (errno.ENETUNREACH, TcpOutcome.UNREACHABLE, 0),
        (errno.ECONNREFUSED, TcpOutcome.REFUSED, 1),
    ],
)
async def test_a_connect_that_ends_at_once_is_told_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, outcome: TcpOutcome, packets: int
) -> None:
    made = odd(monkeypatch, connect=number)
    assert bench.connector.try_connect("127.0.0.1", 80, purpose="connect") == 0.0
    assert bench.told == []
    assert await bench.hear() == [outcome]
    assert bench.ledger.count == packets, "what the routing table answers never left"
    assert made[0].fileno() == -1


@pytest.mark.parametrize("number", [errno.EPERM, errno.EADDRNOTAVAIL, errno.ENOBUFS])
async def test_a_connect_that_this_machine_refuses_is_an_error(bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    made = odd(monkeypatch, connect=number)
    with pytest.raises(NetworkError, match=errno.errorcode[number]) as caught:
        bench.connector.try_connect("127.0.0.1", 80, purpose="connect")
    assert caught.value.hint
    assert bench.ledger.count == 0
    assert (made[0].fileno(), bench.sockets) == (-1, 0)


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (errno.ETIMEDOUT, TcpOutcome.SILENT),
        (errno.EHOSTUNREACH, TcpOutcome.UNREACHABLE),
        (errno.EACCES, TcpOutcome.UNREACHABLE),  # ICMPv6: administratively prohibited
        (errno.ECONNRESET, TcpOutcome.REFUSED),
    ],
)
async def test_errors_that_come_later_are_news_about_the_peer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, outcome: TcpOutcome, server: socket.socket
) -> None:
    odd(monkeypatch, later=number)
    bench.connector.try_connect("127.0.0.1", server.getsockname()[1], purpose="connect")
    assert await bench.hear() == [outcome]


async def test_a_connection_with_ourselves_proves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch, server: socket.socket) -> None:
    monkeypatch.setattr(connects, "meets_itself", lambda _sock: True)
    bench.connector.try_connect("127.0.0.1", server.getsockname()[1], purpose="connect")
    assert await bench.hear() == [TcpOutcome.REFUSED]


async def test_no_more_sockets_than_the_policy_says(silent: int) -> None:
    bench = Bench(Policy(streams=2))
    waits = [bench.connector.try_connect(address, silent, purpose="connect") for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3")]
    assert waits[-1] > 0
    assert bench.ledger.count <= 2
    bench.connector.close()


async def test_where_the_loop_cannot_watch_sockets_they_are_looked_at(
    bench: Bench, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_writer", cannot)
    monkeypatch.setattr(asyncio.get_running_loop(), "remove_writer", cannot)
    bench.connector.try_connect("127.0.0.1", server.getsockname()[1], purpose="connect")
    assert await bench.hear() == [TcpOutcome.OPEN]
    bench.connector.close()


# The scripted one keeps the same promises.


@pytest.fixture
def scripted() -> Iterator[tuple[FakeNetwork, Connector, list[tuple[float, int, TcpOutcome]]]]:
    network = FakeNetwork(FakeHost(address=HOST, tcp={80: "open", 81: "silent", 83: "closes"}, delay=0.02))
    told: list[tuple[float, int, TcpOutcome]] = []

    def tell(_address: str, port: int, outcome: TcpOutcome) -> None:
        told.append((round(network.clock.mono(), 6), port, outcome))

    connector = network.connector(network.interfaces()[0], tell)
    yield network, connector, told
    connector.close()
    assert network.open_count == 0


Scripted = tuple[FakeNetwork, Connector, list[tuple[float, int, TcpOutcome]]]


async def test_scripted_attempts_end_as_the_script_says(scripted: Scripted) -> None:
    network, connector, told = scripted
    for port in (80, 81, 82, 83):
        assert connector.try_connect(HOST, port, purpose="connect") == 0.0
    assert connector.try_connect("192.168.1.99", 80, purpose="connect") == 0.0
    assert told == []
    await network.clock.sleep(2)
    assert told == [
        (0.02, 80, TcpOutcome.OPEN),
        (0.02, 82, TcpOutcome.REFUSED),
        (0.02, 83, TcpOutcome.OPEN),
        (0.95, 81, TcpOutcome.SILENT),
        (0.95, 80, TcpOutcome.SILENT),  # nobody there: the kernel would say so after 3 s
    ]


async def test_scripted_attempts_are_abandoned_replaced_and_closed(scripted: Scripted) -> None:
    network, connector, told = scripted
    connector.try_connect(HOST, 80, purpose="connect")
    await network.clock.sleep(0.01)
    connector.try_connect(HOST, 80, purpose="connect")
    connector.try_connect(HOST, 82, purpose="connect")
    connector.abandon(HOST, 82)
    connector.abandon(HOST, 82)
    await network.clock.sleep(2)
    assert told == [(0.03, 80, TcpOutcome.OPEN)]
    connector.try_connect(HOST, 80, purpose="connect")
    connector.close()
    await network.clock.sleep(2)
    assert len(told) == 1
    with pytest.raises(NetworkError, match="closed"):
        connector.try_connect(HOST, 80, purpose="connect")


async def test_scripted_faults_and_foreign_addresses(scripted: Scripted) -> None:
    network, connector, _ = scripted
    with pytest.raises(NotPrivateError):
        connector.try_connect("9.9.9.9", 80, purpose="connect")
    network.fail("tcp", errno.EMFILE, until=1)
    with pytest.raises(NetworkError, match="EMFILE"):
        connector.try_connect(HOST, 80, purpose="connect")
    network.remove_interface("lan0", at=2)
    await network.clock.sleep(1)
    assert connector.try_connect(HOST, 80, purpose="connect") == 0.0
    await network.clock.sleep(2)
    with pytest.raises(NetworkError, match="ENODEV"):
        connector.try_connect(HOST, 80, purpose="connect")
    assert network.ledger.count == 1


def test_both_are_connectors() -> None:
    real: Callable[..., Connector] = SocketConnector
    fake: Callable[..., Connector] = FakeNetwork().connector
    assert real is not fake
