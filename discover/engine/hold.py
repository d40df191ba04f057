"""Loopback, where every address answers: what only says "nobody listens" is held back until something speaks.

On a real network an ICMP error means that a host is there. On loopback our own kernel sends it for all
16 million addresses, and a server bound to all addresses is "open" on each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from discover.model.signal import Signal

_SPEAKS: Final = frozenset({"tcp.reply", "http.reply", "mdns.service", "ota.checked"})
_HELD: Final = frozenset({"udp.refused", "udp.silent", "udp.unreachable", "tcp.refused", "tcp.silent", "tcp.open", "udp.reply"})
_CONCERNED: Final = _HELD | _SPEAKS


class LoopbackHold:
    """Hands signals on, each peer's from its first positive one on; what was held before goes with it, in order.

    Positive are replies, an open TCP port, a silent UDP port beside a refused control, and mDNS; ports in
    ``everywhere`` ((transport, port) pairs that answer at our own address, too) prove nothing. ``hold`` names the
    peers concerned: loopback addresses that are swept.
    """

    def __init__(self, hand_on: Callable[[Signal], None], hold: Callable[[str], bool]) -> None:
        self._hand_on = hand_on
        self._concerned = hold
        self._held: dict[str, list[Signal]] = {}
        self._free: set[str] = set()
        self.everywhere: frozenset[tuple[str, int]] = frozenset()

    def take(self, signal: Signal) -> None:
        """Take one signal."""
        peer = signal.peer
        if peer in self._free or signal.kind not in _CONCERNED or not self._concerned(peer):
            self._hand_on(signal)
        elif is_positive(signal, self.everywhere):
            self._free.add(peer)
            for held in self._held.pop(peer, ()):
                self._hand_on(held)
            self._hand_on(signal)
        else:
            self._held.setdefault(peer, []).append(signal)


def is_positive(signal: Signal, everywhere: Collection[tuple[str, int]] = ()) -> bool:
    """Tell whether the signal shows that something of its own is at the address."""
    if signal.kind in _SPEAKS:
        return True
    if (signal.source.value, signal.number("port") or 0) in everywhere:
        return False
    return signal.kind in ("udp.reply", "tcp.open") or (signal.kind == "udp.silent" and signal.text("control") == "refused")
