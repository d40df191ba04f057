"""One ping to one host: through a socket that stands for the kernel's, because most systems let only some groups ping."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Self

import pytest

from discover.errors import NetworkError, NotPrivateError
from discover.net import ping4
from discover.net.real import RealNetwork
from discover.proto import icmp4
from discover.proto.icmp6 import Echo

HERE = "127.0.0.1"


class Kernel:
    """An ICMP socket made of a pair: what is sent arrives at ``far``."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.refuse: OSError | None = None
        self.connected = ""

    def __call__(self) -> Self:
        return self

    def settimeout(self, seconds: float) -> None:
        self.near.settimeout(seconds)

    def connect(self, where: tuple[str, int]) -> None:
        self.connected = where[0]

    def send(self, data: bytes) -> int:
        if self.refuse is not None:
            raise self.refuse
        return self.near.send(data)

    def close(self) -> None:
        self.near.close()

    def fileno(self) -> int:
        return self.near.fileno()

    def gettimeout(self) -> float | None:
        return self.near.gettimeout()

    def recv(self, size: int) -> bytes:
        return self.near.recv(size)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    made = Kernel()
    monkeypatch.setattr(ping4, "_open", made)
    yield made
    made.far.close()
    made.near.close()


async def ping(network: RealNetwork, address: str = HERE, seconds: float = 0.05) -> bool | None:
    lo = next(one for one in network.interfaces() if one.loopback)
    return await network.ping(lo, address, purpose="ping: test", timeout=seconds)


async def test_an_answer_is_yes_and_silence_is_no_and_both_are_in_the_ledger(kernel: Kernel) -> None:
    network = RealNetwork()
    kernel.far.send(icmp4.encode_echo_reply(Echo(7, 1, b"somebody else's")))
    kernel.far.send(icmp4.encode_echo_reply(Echo(7, 1, ping4.DATA)))
    assert await ping(network) is True
    request = kernel.far.recv(512)
    assert request[0] == icmp4.ECHO_REQUEST
    assert kernel.connected == HERE
    (packet,) = network.ledger.packets
    assert (packet.to, packet.port, packet.transport, packet.payload) == (HERE, 0, "icmp", request)


async def test_silence_and_junk_are_no(kernel: Kernel) -> None:
    kernel.far.send(b"junk")
    assert await ping(RealNetwork()) is False


async def test_who_may_not_ping_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = RealNetwork()
    lo = next(one for one in network.interfaces() if one.loopback)

    def refuse() -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ping4, "_open", refuse)
    assert await network.ping(lo, HERE, purpose="ping: test", timeout=1.0) is None
    assert await network.ping(lo, "::1", purpose="ping: test", timeout=1.0) is None
    assert network.ledger.count == 0


async def test_foreign_addresses_and_refusals_are_errors(kernel: Kernel) -> None:
    network = RealNetwork()
    with pytest.raises(NotPrivateError):
        await ping(network, "8.8.8.8")
    assert network.ledger.count == 0
    kernel.refuse = PermissionError(errno.EPERM, "Operation not permitted")
    with pytest.raises(NetworkError):
        await ping(network)
