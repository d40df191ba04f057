"""A scripted TCP port of ours, which scripted hosts call."""

from __future__ import annotations

from collections.abc import Callable

from discover.net.accept import CLOSING
from discover.net.gate import Gate, plain
from discover.net.mailbox import Mailbox
from discover.net.virtual import VirtualClock


class FakeListener:
    """Waits for calls of :meth:`discover.net.fake.FakeNetwork.call`; ``calls`` are all who called, in order."""

    def __init__(self, clock: VirtualClock, gate: Gate, caller: str, port: int, on_close: Callable[[FakeListener], None]) -> None:
        self.calls: list[str] = []
        self._gate = gate
        self._caller = caller
        self._port = port
        self._on_close = on_close
        self._box: Mailbox[str] = Mailbox(clock.call_later)
        self._closed = False

    @property
    def port(self) -> int:
        """The port, 0 once closed."""
        return 0 if self._closed else self._port

    def ring(self, source: str) -> None:
        """Take a call, now: it is hung up on, and counts where it is the caller's."""
        self.calls.append(source)
        if plain(source) == self._caller:
            self._gate.charge(self._caller, CLOSING)
            self._box.put(source)

    async def called(self, timeout: float) -> bool:
        """Wait for the caller; see :class:`discover.net.api.TcpListener`."""
        return await self._box.get(timeout) is not None

    def close(self) -> None:
        """Stop listening; idempotent."""
        if not self._closed:
            self._closed = True
            self._box.close()
            self._on_close(self)
