"""UDP and TCP ports of simulated devices: open, answer, fall silent, close without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Self, cast

from discover.errors import NetworkError

Sender = tuple[str, int]
"""Address and port a datagram came from."""
OnDatagram = Callable[[bytes, Sender], None]
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_NO_ALIAS: Final = (
    "This system answers on 127.0.0.1 alone (macOS does so), and every simulated device needs an address of its own. "
    "`espied replay FILE` shows a recording instead."
)
_TAKEN: Final = "Another program uses that port; most likely a second `espied demo` runs. Close it and try again."
_DENIED: Final = "Ports below 1024 belong to the administrator on this system; simulated web servers use 8080 where 80 is denied."


def bind_error(error: OSError, address: str, port: int, transport: str) -> NetworkError:
    """Return the NetworkError for a port that could not be bound, with the usual cause as its hint."""
    hint = ""
    if error.errno == errno.EADDRNOTAVAIL:
        hint = _NO_ALIAS
    elif error.errno == errno.EADDRINUSE:
        hint = _TAKEN
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = _DENIED
    return NetworkError(f"cannot simulate a device at {address}:{port}/{transport}: {error.strerror or error}", hint)


LISTENED: Final = frozenset({1900, 65506})
"""Ports that a scanner on this machine listens on at all addresses (discover/listen/broadcasts.py). They are shared
with it; what is sent to a device's own address goes to the socket that is bound to it. 8266 is not shared: it is
knocked on as well, and the scanner's own listener would swallow the knock at every address of loopback."""


class UdpPort(asyncio.DatagramProtocol):
    """One UDP port: hands datagrams to ``on_datagram``, counts them, and ignores them while :attr:`mute`."""

    def __init__(self, on_datagram: OnDatagram) -> None:
        self.mute = False
        self.received = 0
        self._on_datagram = on_datagram
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()

    @classmethod
    async def open(cls, address: str, port: int, on_datagram: OnDatagram, *, group: str = "") -> Self:
        """Bind ``address`` and ``port`` (0: any free one). Raises NetworkError where that is not possible.

        With ``group`` the socket is bound to that multicast group, or broadcast address, and heard on the
        interface that ``address`` belongs to; several programs may share it.
        """
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if group or port in LISTENED:
                _share(sock)
            if group:
                sock.bind((group, port))
                if int(group.partition(".")[0]) >= 224:
                    sock.setsockopt(
                        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(address))
                    )
            else:
                sock.bind((address, port))
            sock.settimeout(0)
            _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: cls(on_datagram), sock=sock)
        except OSError as error:
            sock.close()
            raise bind_error(error, group or address, port, "udp") from error
        return protocol

    @property
    def port(self) -> int:
        """The port that is bound, 0 once closed."""
        if self._transport is None or self._transport.is_closing():
            return 0
        bound: tuple[str, int] = self._transport.get_extra_info("sockname")
        return bound[1]

    def send(self, payload: bytes, to: Sender) -> None:
        """Send one datagram, unless the port is closed or mute."""
        if self._transport is not None and not self._transport.is_closing() and not self.mute:
            self._transport.sendto(payload, to)

    async def close(self) -> None:
        """Close the socket and wait until it is; idempotent."""
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (called by asyncio)."""
        # Python 3.11's own UDP transport is no subclass of DatagramTransport, so there is nothing to check.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that the socket is closed (called by asyncio)."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Sender) -> None:
        """Hand the datagram on (called by asyncio)."""
        self.received += 1
        if not self.mute:
            self._on_datagram(data, (addr[0], addr[1]))


class TcpPort:
    """One listening TCP port: a conversation for each connection, ended when either side leaves.

    An exception of a conversation other than a lost connection is raised by :meth:`close`.
    """

    def __init__(self, converse: Conversation) -> None:
        self.connections = 0
        self._converse = converse
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []

    @classmethod
    async def open(cls, address: str, port: int, converse: Conversation) -> Self:
        """Listen on ``address`` and ``port`` (0: any free one). Raises NetworkError where that is not possible."""
        one = cls(converse)
        try:
            one._server = await asyncio.start_server(one._accept, address, port, reuse_address=sys.platform != "win32")
        except OSError as error:
            raise bind_error(error, address, port, "tcp") from error
        return one

    @property
    def port(self) -> int:
        """The port that is bound, 0 once closed."""
        sockets = self._server.sockets if self._server is not None else ()
        bound: tuple[str, int] = sockets[0].getsockname() if sockets else ("", 0)
        return bound[1]

    async def close(self) -> None:
        """Stop listening and end every conversation; idempotent. Raises what a conversation raised."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        if self._errors:
            raise self._errors.pop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            # The peer left, flooded us or slept: what a device does then is to hang up.
            pass
        except Exception as error:  # noqa: BLE001 - kept for close(), which raises it
            self._errors.append(error)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def _share(sock: socket.socket) -> None:
    """Let several programs have the same port."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT") and sys.platform != "linux":
        # Linux spreads datagrams over SO_REUSEPORT sockets; the BSDs need it to share at all.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
