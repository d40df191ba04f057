"""One TCP port of ours for one caller: whoever connects is hung up on at once, unread, also while nobody waits for it."""

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
from discover.net.mailbox import Mailbox
from discover.net.trouble import network_error

CLOSING: Final = 3
"""Packets of ours that a call takes which is hung up on: SYN with ACK, FIN, and the ACK of the caller's FIN."""
_TAKEN: Final = frozenset({errno.EADDRINUSE, 10048})  # 10048: Windows' WSAEADDRINUSE
_GONE: Final = frozenset({errno.ECONNABORTED, errno.EINTR, errno.EPROTO})
"""accept(2): the caller had gone before we came to it."""
_POLL_SECONDS: Final = 0.02
_MOST: Final = 64
"""Calls taken in one turn."""


class SocketListener:
    """A listening socket; see :class:`discover.net.api.TcpListener`.

    It listens at all addresses of this machine, as espota.py does, so that what reaches an upload reaches this,
    too. It hangs up by FIN: the kernel repeats one that is lost, and a lost RST would leave an ESP8266, which waits as
    long as the connection stands, hanging for good.
    """

    def __init__(self, gate: Gate, interface: Interface, caller: str, *, port: int = 0) -> None:
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._calls: Mailbox[str] = Mailbox(self._loop.call_later)
        self._poller: asyncio.TimerHandle | None = None
        self._caller = gate.host(caller)
        self._closed = False
        self._error: OSError | None = None
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
        try:
            self._loop.add_reader(sock.fileno(), self._ready)
        except NotImplementedError:  # Windows' own event loop
            self._poller = self._loop.call_later(_POLL_SECONDS, self._poll)

    @property
    def port(self) -> int:
        """The port that is bound, 0 once closed."""
        return 0 if self._closed else int(self._sock.getsockname()[1])

    async def called(self, timeout: float) -> bool:
        """Wait for the caller; see :class:`discover.net.api.TcpListener`."""
        called = await self._calls.get(timeout) is not None
        if self._error is not None:
            raise network_error(self._error, f"take a call on TCP port {self.port}") from self._error
        return called

    def _poll(self) -> None:
        self._poller = self._loop.call_later(_POLL_SECONDS, self._poll)
        self._ready()

    def _ready(self) -> None:
        try:
            self._take()
        except OSError as error:
            # Too many open files, say: the caller stays in the system's queue, and closing hangs up on it.
            self._error = error
            self._stop()
            self._calls.close()

    def _take(self) -> None:
        """Hang up on everybody who has connected."""
        with contextlib.suppress(BlockingIOError):  # nobody is left
            for _ in range(_MOST):
                try:
                    call, (address, *_rest) = self._sock.accept()
                except OSError as error:
                    if error.errno in _GONE:
                        continue
                    raise
                call.close()
                host = plain(address)
                if host == self._caller:
                    self._gate.charge(host, CLOSING)
                    self._calls.put(host)

    def _stop(self) -> None:
        """Take no more calls."""
        if self._poller is not None:
            self._poller.cancel()
        else:
            self._loop.remove_reader(self._sock.fileno())

    def close(self) -> None:
        """Stop listening; idempotent. Who called in the last moment is hung up on by FIN, too, not by the RST of a closed listener."""
        if self._closed:
            return
        self._stop()
        self._closed = True
        with contextlib.suppress(OSError):  # then the system resets who is left
            self._take()
        self._sock.close()
        self._calls.close()
