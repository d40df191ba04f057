"""What mDNS sends: questions only, through the gate, by sockets whose errors are seen."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Sequence
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock
from discover.net.gate import Gate
from discover.net.sockets import sockaddr
from discover.net.trouble import network_error

PORT: Final = 5353
GROUP4: Final = "224.0.0.251"
GROUP6: Final = "ff02::fb"
_FIRST_SECONDS: Final = 2.0
"""RFC 6762 section 5.2: the first question waits 20 to 120 ms; a busy machine takes longer."""
_FULL: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
"""The system's queue is full, which Wi-Fi drivers say after a few packets; a moment later it is not."""
_FULL_SECONDS: Final = 0.02
_FULL_TRIES: Final = 5


class Sender:
    """Sends to the mDNS group of one address family.

    Questions leave from port 5353 (RFC 6762 section 5.2), so the socket that listens there is used.
    """

    def __init__(self, sock: socket.socket, interface: Interface) -> None:
        self.group = GROUP6 if sock.family == socket.AF_INET6 else GROUP4
        self._target = sockaddr(interface, self.group, PORT)
        self._sock = sock

    def send(self, packet: bytes) -> None:
        """Send now. Raises OSError."""
        self._sock.sendto(packet, self._target)


class Outbox:
    """The questions of one interface: :meth:`ask` sends each by every family's socket."""

    def __init__(self, gate: Gate, clock: Clock, interface: Interface, senders: Sequence[Sender]) -> None:
        self.error: NetworkError | None = None
        """Why the last question could not be sent, None where it left."""
        self._gate = gate
        self._clock = clock
        self._interface = interface
        self._senders = senders
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ask(self, make: Callable[[], bytes]) -> None:
        """Send the packet that ``make`` returns when the budget has room for it (b"": none any more).

        It is asked for that late because answers that came in the meantime make questions needless. A
        failure is kept in ``error``.
        """
        packet: bytes | None = None
        failed: list[OSError] = []
        for sender in self._senders:
            failure: OSError | None = None
            for tries in range(_FULL_TRIES):
                # A packet in any case, and never an empty one: what it says is known when its turn has come.
                async with self._gate.turn(sender.group, transport="mdns", payload=packet or b"?"):
                    packet = make() if packet is None else packet
                    failure = self._send(sender, packet) if packet else None
                if failure is None or failure.errno not in _FULL or tries == _FULL_TRIES - 1:
                    break
                await self._clock.sleep(_FULL_SECONDS)
            failed += [failure] if failure is not None else []
        # One family is enough: IPv6 multicast is often off where IPv4 works.
        whole = bool(failed) and len(failed) == len(self._senders)
        self.error = network_error(failed[0], f"ask by multicast on {self._interface.name}") if whole else None
        if not self._first.done():
            self._first.set_result(None)

    def _send(self, sender: Sender, packet: bytes) -> OSError | None:
        try:
            sender.send(packet)
        except OSError as error:
            return error
        self._gate.note(
            interface=self._interface.name, address=sender.group, port=PORT, transport="mdns", purpose="mDNS query", payload=packet
        )
        return None

    async def first_question(self) -> None:
        """Wait until the first question has left. Raises NetworkError where it could not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_SECONDS):
                await asyncio.shield(self._first)
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Stop waiting for the first question."""
        self._first.cancel()
