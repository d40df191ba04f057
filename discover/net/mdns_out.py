"""What mDNS sends: questions only, through the gate, by sockets whose errors are seen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.gate import Gate
from discover.net.trouble import network_error

PORT: Final = 5353
GROUP4: Final = "224.0.0.251"
GROUP6: Final = "ff02::fb"
_FIRST_SECONDS: Final = 2.0
"""RFC 6762 section 5.2: the first question waits 20 to 120 ms; a busy machine takes longer."""


class Sender:
    """A descriptor of our own for one of zeroconf's sockets: asyncio's transport would swallow the error of a send.

    Questions leave from port 5353, as RFC 6762 section 5.2 wants it, so the socket itself must be used.
    """

    def __init__(self, fileno: int, transport: asyncio.DatagramTransport, interface: Interface, *, ipv6: bool) -> None:
        self.group = GROUP6 if ipv6 else GROUP4
        self._target: tuple[str, int] | tuple[str, int, int, int] = (GROUP6, PORT, 0, interface.index) if ipv6 else (GROUP4, PORT)
        self._transport = transport
        self._sock: socket.socket | None = None
        if os.name == "posix":
            family = socket.AF_INET6 if ipv6 else socket.AF_INET
            self._sock = socket.socket(family, socket.SOCK_DGRAM, fileno=os.dup(fileno))
            self._sock.settimeout(0)

    def send(self, packet: bytes) -> None:
        """Send now. Raises OSError (on Windows, which cannot copy a socket's descriptor, errors stay unseen)."""
        if self._sock is None:
            self._transport.sendto(packet, self._target)
        else:
            self._sock.sendto(packet, self._target)

    def close(self) -> None:
        """Close our descriptor."""
        if self._sock is not None:
            self._sock.close()


class Outbox:
    """All questions of one interface, in order."""

    def __init__(self, gate: Gate, interface: Interface) -> None:
        self.interface = interface
        self.error: NetworkError | None = None
        """Why the last question could not be sent, None where it left."""
        self._gate = gate
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._senders: Sequence[Sender] = ()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pump: asyncio.Task[None] | None = None

    def start(self, senders: Sequence[Sender]) -> None:
        """Let packets out by these sockets, one of each address family."""
        self._senders = senders
        self._pump = asyncio.get_running_loop().create_task(self._run(), name=f"mDNS questions on {self.interface.name}")

    def put(self, packet: bytes) -> None:
        """Send a packet soon; for callers that cannot wait."""
        self._queue.put_nowait(packet)

    async def _run(self) -> None:
        while True:
            await self.ask(await self._queue.get())

    async def ask(self, packet: bytes) -> None:
        """Send one packet by each family's socket; a failure is kept in ``error``."""
        failed: list[OSError] = []
        for sender in self._senders:
            await self._gate.admit(
                interface=self.interface.name, address=sender.group, port=PORT, transport="mdns", purpose="mDNS query", payload=packet
            )
            try:
                sender.send(packet)
            except OSError as error:
                failed.append(error)
        # One family is enough: IPv6 multicast is often off where IPv4 works.
        whole = bool(failed) and len(failed) == len(self._senders)
        self.error = network_error(failed[0], f"ask by multicast on {self.interface.name}") if whole else None
        if not self._first.done():
            self._first.set_result(None)

    async def first_question(self) -> None:
        """Wait until the first question has left. Raises NetworkError where it could not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_SECONDS):
                await self._first
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        """Stop, and close our descriptors; what waits in the queue is not sent."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        self._first.cancel()
        for sender in self._senders:
            sender.close()
