"""One TCP port of ours for one caller: whoever connects is hung up on at once, unread."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.gate import Gate, parse_address, plain
from discover.net.trouble import network_error

CLOSING: Final = 3
"""Packets of ours that a call takes which is hung up on: SYN with ACK, FIN, and the ACK of the caller's FIN."""
_TAKEN: Final = frozenset({errno.EADDRINUSE, 10048})  # 10048: Windows' WSAEADDRINUSE
_GONE: Final = frozenset({errno.ECONNABORTED, errno.EINTR, errno.EPROTO})
"""accept(2): the caller had gone before we came to it."""


class SocketListener:
    """A listening socket; see :class:`discover.net.api.TcpListener`.

    It listens at all addresses of this machine, as espota.py does, so that what reaches an upload reaches this,
    too. It hangs up by FIN: the kernel repeats one that is lost, and a lost RST would leave an ESP8266, which waits as
    long as the connection stands, hanging for good.
    """

    def __init__(self, gate: Gate, interface: Interface, caller: str, *, port: int = 0) -> None:
        self._gate = gate
        self._caller = gate.host(caller)
        self._closed = False
        version = parse_address(caller).version
        doing = f"listen on TCP port {port} of {interface.name}" if port else f"listen on a TCP port of {interface.name}"
        sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            sock.settimeout(0)
            if sys.platform != "win32":  # there it would let two programs have the same port
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("0.0.0.0" if version == 4 else "::", port))
            sock.listen(4)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                if error.errno in _TAKEN:
                    raise NetworkError(
                        f"another program on this machine uses TCP port {port}", "Close it, or choose another host port."
                    ) from error
                raise network_error(error, doing) from error
            raise
        self._sock = sock

    @property
    def port(self) -> int:
        """The port that is bound, 0 once closed."""
        return 0 if self._closed else int(self._sock.getsockname()[1])

    async def hang_up_on(self, timeout: float) -> bool:
        """Wait for the caller and hang up; see :class:`discover.net.api.TcpListener`."""
        if self._closed:
            return False
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        call, (address, *_) = await loop.sock_accept(self._sock)
                    except OSError as error:
                        if isinstance(error, TimeoutError) or error.errno not in _GONE:
                            raise
                        continue
                    if self._drop(call, address):
                        return True
        except TimeoutError:
            return False
        except OSError as error:
            raise network_error(error, f"take a call on TCP port {self.port}") from error

    def _drop(self, call: socket.socket, address: str) -> bool:
        """Hang up; tell whether it was the caller."""
        call.close()
        host = plain(address)
        if host != self._caller:
            return False
        self._gate.charge(host, CLOSING)
        return True

    def close(self) -> None:
        """Stop listening; idempotent. Who called in the last moment is hung up on by FIN, too, not by the RST of a closed listener."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # BlockingIOError: nobody is left
            while True:
                call, (address, *_) = self._sock.accept()
                self._drop(call, address)
        self._sock.close()
