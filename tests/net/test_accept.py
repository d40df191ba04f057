"""Our TCP port on loopback: who calls is hung up on at once, and only the caller counts."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from discover.errors import NetworkError, NotPrivateError
from discover.net.accept import CLOSING, SocketListener
from discover.net.clock import SystemClock
from discover.net.fake.hosts import fake_interface
from discover.net.fake.network import FakeNetwork
from discover.net.gate import Gate
from discover.net.interfaces import list_interfaces
from discover.net.ledger import MemoryLedger

HERE = "127.0.0.1"


def listen(gate: Gate | None = None, *, caller: str = HERE, port: int = 0) -> SocketListener:
    face = next(one for one in list_interfaces() if one.loopback)
    return SocketListener(gate or Gate(SystemClock(), MemoryLedger()), face, caller, port=port)


async def call(port: int, source: str = HERE) -> bytes:
    """Connect from ``source`` and return what comes until the other side hangs up."""
    reader, writer = await asyncio.open_connection(HERE, port, local_addr=(source, 0))
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_the_caller_is_hung_up_on_at_once_and_hears_nothing() -> None:
    ledger = MemoryLedger()
    listener = listen(Gate(SystemClock(), ledger))
    assert await listener.called(0) is False
    # Nobody waits for the call yet: it must not be held until somebody does.
    assert await call(listener.port) == b""
    assert await listener.called(1)
    assert await listener.called(0) is False
    assert ledger.count == 0, "inbound only"
    listener.close()
    listener.close()
    assert listener.port == 0
    assert await listener.called(0) is False


async def test_a_stranger_does_not_count() -> None:
    listener = listen(caller="127.0.0.9")
    assert await call(listener.port, "127.0.0.8") == b""
    assert await listener.called(0.05) is False
    assert await call(listener.port, "127.0.0.9") == b""
    assert await listener.called(1)
    listener.close()


async def test_after_closing_nobody_is_let_in() -> None:
    listener = listen()
    port = listener.port
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        await call(port)


async def test_who_called_in_the_last_moment_gets_a_fin_and_no_reset() -> None:
    listener = listen()
    with socket.create_connection((HERE, listener.port), timeout=5) as late:
        listener.close()  # before the event loop had a turn
        assert late.recv(1) == b""


async def test_a_port_that_is_taken_is_said_to_be() -> None:
    with socket.create_server((HERE, 0)) as other, pytest.raises(NetworkError, match=f"uses TCP port {other.getsockname()[1]}") as error:
        listen(port=other.getsockname()[1])
    assert "host port" in error.value.hint


async def test_a_foreign_caller_is_refused() -> None:
    with pytest.raises(NotPrivateError):
        listen(caller="8.8.8.8")


async def test_an_errno_that_says_nothing_of_the_port_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: socket.socket, _backlog: int = 0) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "listen", refuse)
    with pytest.raises(NetworkError, match="listen on a TCP port"):
        listen()


async def test_a_machine_without_files_left_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_self: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        raise OSError(errno.EMFILE, "Too many open files")

    listener = listen()
    monkeypatch.setattr(socket.socket, "accept", exhausted)
    with socket.create_connection((HERE, listener.port), timeout=5), pytest.raises(NetworkError, match="take a call"):
        await listener.called(5)
    listener.close()


async def test_a_loop_that_watches_no_sockets_is_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise NotImplementedError  # as Windows' own event loop does

    monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
    listener = listen()
    with socket.create_connection((HERE, listener.port), timeout=5) as caller:
        assert await listener.called(5)
        assert caller.recv(1) == b""
    listener.close()


async def test_the_callers_packets_are_counted_against_its_budget() -> None:
    gate = Gate(SystemClock(), MemoryLedger())
    listener = listen(gate)
    room = gate.policy.host_packets
    assert gate.wait(HERE, room=room) == 0
    await call(listener.port)
    assert await listener.called(1)
    assert gate.wait(HERE, room=room) > 0
    assert gate.wait(HERE, room=room - CLOSING) == 0
    listener.close()


async def test_the_scripted_listener_keeps_the_same_promises() -> None:
    network = FakeNetwork()
    listener = network.listener(fake_interface(), "192.168.1.20", port=4000)
    network.call("192.168.1.99", 4000, at=0.5)
    network.call("192.168.1.20", 4001, at=0.6)
    assert await listener.called(1) is False
    network.call("192.168.1.20", 4000, at=2)
    assert await listener.called(5)
    assert listener.calls == ["192.168.1.99", "192.168.1.20"]
    assert network.open_count == 1
    listener.close()
    assert (network.open_count, listener.port, await listener.called(1)) == (0, 0, False)
    with pytest.raises(NotPrivateError):
        network.listener(fake_interface(), "8.8.8.8")
    network.fail("listen", errno.EADDRINUSE)
    with pytest.raises(NetworkError):
        network.listener(fake_interface(), "192.168.1.20")
