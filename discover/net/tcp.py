"""TCP: connect within a time, and say how it ended."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import TcpOutcome
from discover.net.gate import Gate, parse_address
from discover.net.sockets import sockaddr, source_address
from discover.net.trouble import network_error

_OUTCOMES: Final = {
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
                return await self._loop.sock_recv(self._sock, limit)
        except TimeoutError:
            # ETIMEDOUT is a TimeoutError, too: a peer that has vanished and one that says nothing look the same.
            return None
        except OSError:
            return b""  # reset: the stream is over either way, and no byte will come

    def close(self) -> None:
        """Close at once; idempotent."""
        if not self._closed:
            self._closed = True
            self._sock.close()


async def connect(
    gate: Gate, interface: Interface | None, address: str, port: int, *, purpose: str, timeout: float
) -> tuple[TcpOutcome, SocketStream | None]:
    """Connect to ``address``; a stream comes only with OPEN, and the caller closes it.

    ``interface`` chooses our source address (and the scope of link-local IPv6); None leaves it to the
    routing table. Raises NotPrivateError for a foreign address, NetworkError where this machine itself
    refuses (a local firewall, no address, no files left).
    """
    name = interface.name if interface is not None else ""
    parsed = parse_address(address)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    await gate.admit(interface=name, address=address, port=port, transport="tcp", purpose=purpose)
    doing = f"connect to {address} port {port}"
    loop = asyncio.get_running_loop()
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise network_error(error, doing) from error
    keep = False
    try:
        sock.settimeout(0)
        own = source_address(interface, family, parsed) if interface is not None else None
        if own is not None and interface is not None and not parsed.is_loopback:
            sock.bind(sockaddr(interface, str(own.address), 0))
        async with asyncio.timeout(timeout):
            await loop.sock_connect(sock, sockaddr(interface, address, port))
        # Two ephemeral ports of one machine can meet: a connection with ourselves proves nothing.
        keep = sock.getsockname() != sock.getpeername()
    except TimeoutError:
        return TcpOutcome.SILENT, None
    except OSError as error:
        outcome = _OUTCOMES.get(error.errno or 0)
        if outcome is None:
            raise network_error(error, doing) from error
        return outcome, None
    finally:
        if not keep:
            sock.close()
    if not keep:
        return TcpOutcome.REFUSED, None
    return TcpOutcome.OPEN, SocketStream(gate, name, sock, address, port)
