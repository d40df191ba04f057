"""TCP on loopback: how connections end, and streams."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

from discover.errors import NetworkError, NotPrivateError
from discover.net.api import TcpOutcome
from discover.net.clock import SystemClock
from discover.net.gate import Gate
from discover.net.interfaces import list_interfaces
from discover.net.ledger import MemoryLedger
from discover.net.tcp import connect
from discover.net.virtual import VirtualClock


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def gate(ledger: MemoryLedger) -> Gate:
    return Gate(SystemClock(), ledger)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(5)
        yield sock


async def test_a_conversation(gate: Gate, ledger: MemoryLedger, server: socket.socket) -> None:
    loop = next(face for face in list_interfaces() if face.loopback)
    with blockbuster_ctx():
        outcome, stream = await connect(gate, loop, "127.0.0.1", server.getsockname()[1], purpose="connect", timeout=2)
    assert outcome is TcpOutcome.OPEN
    assert stream is not None
    theirs, _ = server.accept()
    with theirs:
        assert await stream.receive(10, 0.01) is None
        await stream.send(b"", purpose="nothing")
        await stream.send(b"hello", purpose="talk")
        assert theirs.recv(99) == b"hello"
        theirs.sendall(b"welcome")
        assert await stream.receive(3, 1) == b"wel"
        assert await stream.receive(99, 1) == b"come"
    assert await stream.receive(9, 1) == b""
    stream.close()
    stream.close()
    assert await stream.receive(9, 1) == b""
    with pytest.raises(NetworkError, match="closed"):
        await stream.send(b"x", purpose="talk")
    assert [(packet.interface, packet.purpose, packet.payload) for packet in ledger.packets] == [
        ("lo", "connect", b""),
        ("lo", "talk", b"hello"),
    ]


async def test_closing_at_once_leaves_nothing_behind(gate: Gate, server: socket.socket) -> None:
    _, stream = await connect(gate, None, "127.0.0.1", server.getsockname()[1], purpose="connect", timeout=2)
    assert stream is not None
    stream.close()
    theirs, _ = server.accept()
    with theirs:
        assert await asyncio.to_thread(theirs.recv, 9) == b""


async def test_what_the_kernel_sends_by_itself_counts_for_the_hosts_budget(ledger: MemoryLedger, server: socket.socket) -> None:
    clock = VirtualClock()  # so that the second does not pass meanwhile
    gate = Gate(clock, ledger)

    def room() -> int:
        return max(number for number in range(41) if number == 0 or gate.wait("127.0.0.1", room=number) == 0.0)

    _, stream = await connect(gate, None, "127.0.0.1", server.getsockname()[1], purpose="connect", timeout=2)
    assert stream is not None
    theirs, _ = server.accept()
    with theirs:
        assert room() == 36, "SYN and ACK have left, FIN and the last ACK are set aside"
        theirs.sendall(bytes(2000))
        received = 0
        while received < 2000:
            received += len(await stream.receive(4096, 5) or b"")
        assert room() <= 34, "2000 bytes are two segments, and each may be acknowledged"
        before = room()
        stream.close()
        stream.close()
        assert room() == before
    await clock.sleep(1.1)
    assert room() == 40
    assert ledger.count == 1
    assert (await connect(gate, None, "127.0.0.2", server.getsockname()[1], purpose="connect", timeout=2))[0] is TcpOutcome.REFUSED
    assert gate.wait("127.0.0.2", room=39) == 0.0


async def test_refused(gate: Gate, server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    assert await connect(gate, None, "127.0.0.1", port, purpose="connect", timeout=2) == (TcpOutcome.REFUSED, None)


async def test_silent(gate: Gate) -> None:
    # A listener whose backlog is full answers no further SYN: silence, on loopback.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.settimeout(0)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        await asyncio.sleep(0)
        outcome = await connect(gate, None, "127.0.0.1", full.getsockname()[1], purpose="connect", timeout=0.1)
        for filler in fillers:
            filler.close()
    assert outcome == (TcpOutcome.SILENT, None)


async def test_foreign_addresses_are_refused(gate: Gate, ledger: MemoryLedger) -> None:
    with pytest.raises(NotPrivateError):
        await connect(gate, None, "1.1.1.1", 80, purpose="connect", timeout=1)
    assert ledger.count == 0


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (errno.EHOSTUNREACH, TcpOutcome.UNREACHABLE),
        (errno.ENETUNREACH, TcpOutcome.UNREACHABLE),
        (errno.ETIMEDOUT, TcpOutcome.SILENT),
        (errno.ECONNRESET, TcpOutcome.REFUSED),
        (errno.EPERM, None),
        (errno.EADDRNOTAVAIL, None),
    ],
)
async def test_errors_of_a_connect(gate: Gate, monkeypatch: pytest.MonkeyPatch, number: int, outcome: TcpOutcome | None) -> None:
    async def fail(_sock: socket.socket, _address: object) -> None:
        raise OSError(number, "told so")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", fail)
    if outcome is None:
        with pytest.raises(NetworkError) as caught:
            await connect(gate, None, "127.0.0.1", 9, purpose="connect", timeout=1)
        assert caught.value.hint
    else:
        assert await connect(gate, None, "127.0.0.1", 9, purpose="connect", timeout=1) == (outcome, None)


async def test_a_reset_stream_is_at_its_end(gate: Gate, server: socket.socket) -> None:
    _, stream = await connect(gate, None, "127.0.0.1", server.getsockname()[1], purpose="connect", timeout=2)
    assert stream is not None
    theirs, _ = server.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    assert await stream.receive(9, 1) == b""
    with pytest.raises(NetworkError, match="write to"):
        await stream.send(b"more", purpose="talk")
    stream.close()
