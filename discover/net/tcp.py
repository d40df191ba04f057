"""TCP: connect within a time, and say how it ended."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import TcpOutcome
from discover.net.gate import Gate
from discover.net.sockets import sockaddr, tcp_route, tcp_socket
from discover.net.trouble import network_error

OUTCOMES: Final = {
    errno.ECONNREFUSED: TcpOutcome.REFUSED,
    errno.ECONNRESET: TcpOutcome.REFUSED,
    errno.ETIMEDOUT: TcpOutcome.SILENT,
    errno.EHOSTUNREACH: TcpOutcome.UNREACHABLE,
    errno.EHOSTDOWN: TcpOutcome.UNREACHABLE,
    errno.ENETUNREACH: TcpOutcome.UNREACHABLE,
    # Windows' own numbers: WSAECONNREFUSED, WSAETIMEDOUT, WSAEHOSTUNREACH, WSAENETUNREACH
    10061: TcpOutcome.REFUSED,
    10060: TcpOutcome.SILENT,
    10065: TcpOutcome.UNREACHABLE,
    10051: TcpOutcome.UNREACHABLE,
}
"""What the errno of a connect says about the peer; the others are about this machine."""

CLOSING: Final = 2
"""Packets of ours that closing a connection takes: our FIN, and the ACK of the peer's. They stay set aside while it is open."""
_SEGMENT: Final = 1460
"""Bytes of a full TCP segment on Ethernet; Linux acknowledges each of the first ones by itself."""


def acknowledged(chunk: bytes) -> int:
    """Return how many ACKs the kernel sends for the bytes, at most (where segments are full ones)."""
    return -(-len(chunk) // _SEGMENT)


class SocketStream:
    """A TCP connection; every write passes the gate."""

    def __init__(self, gate: Gate, interface: str, sock: socket.socket, address: str, port: int) -> None:
        self._gate = gate
        self._interface = interface
        self._sock = sock
        self._address = address
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def send(self, payload: bytes, *, purpose: str) -> None:
        """Write; see :class:`discover.net.api.TcpStream`."""
        if not payload:
            return
        doing = f"write to {self._address} port {self._port}"
        if self._closed:
            raise NetworkError(f"cannot {doing}: the connection is closed")
        await self._gate.admit(
            interface=self._interface, address=self._address, port=self._port, transport="tcp", purpose=purpose, payload=payload
        )
        try:
            await self._loop.sock_sendall(self._sock, payload)
        except OSError as error:
            raise network_error(error, doing) from error

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Return up to ``limit`` bytes, b"" at the end of the stream (also a reset one), None after ``timeout`` seconds."""
        if self._closed:
            return b""
        try:
            async with asyncio.timeout(timeout):
                chunk = await self._loop.sock_recv(self._sock, limit)
        except TimeoutError:
            # ETIMEDOUT is a TimeoutError, too: a peer that has vanished and one that says nothing look the same.
            return None
        except OSError:
            return b""  # reset: the stream is over either way, and no byte will come
        self._gate.charge(self._address, acknowledged(chunk))
        return chunk

    def close(self) -> None:
        """Close at once; idempotent."""
        if not self._closed:
            self._closed = True
            self._sock.close()
            self._gate.release(self._address, CLOSING)
            self._gate.charge(self._address, CLOSING)


async def connect(
    gate: Gate, interface: Interface | None, address: str, port: int, *, purpose: str, timeout: float
) -> tuple[TcpOutcome, SocketStream | None]:
    """Connect to ``address``; a stream comes only with OPEN, and the caller closes it.

    ``interface`` chooses our source address (and the scope of link-local IPv6); None leaves it to the
    routing table. Raises NotPrivateError for a foreign address, NetworkError where this machine itself
    refuses (a local firewall, no address, no files left).
    """
    name = interface.name if interface is not None else ""
    doing = f"connect to {address} port {port}"
    room = gate.policy.connect_packets
    async with gate.turn(address, transport="tcp", payload=b"", room=room):
        try:
            sock = tcp_socket(tcp_route(interface, address))
        except OSError as error:
            raise network_error(error, doing) from error
        gate.note(interface=name, address=address, port=port, transport="tcp", purpose=purpose, room=room)
    outcome = TcpOutcome.SILENT
    try:
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, sockaddr(interface, address, port))
        outcome = TcpOutcome.OPEN if not meets_itself(sock) else TcpOutcome.REFUSED
    except TimeoutError:
        pass
    except OSError as error:
        found = OUTCOMES.get(error.errno or 0)
        if found is None:
            raise network_error(error, doing) from error
        outcome = found
    finally:
        settle(gate, address, outcome, room - 1, stays=True)
        if outcome is not TcpOutcome.OPEN:
            sock.close()
    return outcome, SocketStream(gate, name, sock, address, port) if outcome is TcpOutcome.OPEN else None


def meets_itself(sock: socket.socket) -> bool:
    """Tell whether a connection leads to its own socket: two ephemeral ports of one machine can meet, and that proves nothing."""
    return bool(sock.getsockname() == sock.getpeername())


def settle(gate: Gate, address: str, outcome: TcpOutcome, held: int, *, stays: bool = False) -> None:
    """Count what the kernel sends by itself after a SYN for which ``held`` packets were set aside.

    An open port takes them all: the ACK of the handshake, our FIN, and the ACK of the peer's FIN; where the
    connection ``stays``, :data:`CLOSING` of them remain set aside. A silent one may still answer after we have
    closed: then the kernel sends a RST.
    """
    remain = CLOSING if stays and outcome is TcpOutcome.OPEN else 0
    gate.release(address, held - remain)
    if outcome is TcpOutcome.OPEN:
        gate.charge(address, held - remain)
    elif outcome is TcpOutcome.SILENT:
        gate.charge(address, 1)
