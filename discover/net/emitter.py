"""Stamping signals: one emitter for each interface, used by all producers (``listen``, ``probe``, the engine)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from discover.model.signal import Field, Signal, Source
from discover.net.api import Clock


class Emitter:
    """Makes the signals of one interface and hands them on.

    ``interface`` is our interface's name ("" for signals of the scan itself), ``start`` the monotonic
    second in which the scan began: a signal's ``mono`` counts from there.
    """

    def __init__(self, clock: Clock, interface: str, hand_on: Callable[[Signal], None], start: float) -> None:
        self._clock = clock
        self._hand_on = hand_on
        self._start = start
        self.interface = interface

    def __call__(self, source: Source, kind: str, peer: str = "", fields: Mapping[str, Field] | None = None, raw: bytes = b"") -> None:
        """Emit one signal, stamped now. Raises ValueError for a kind that the vocabulary does not list."""
        self._hand_on(
            Signal(
                # Microseconds are finer than any clock here is true, and keep recordings short.
                when=round(self._clock.wall(), 6),
                mono=round(self._clock.mono() - self._start, 6),
                source=source,
                interface=self.interface,
                peer=peer,
                kind=kind,
                fields=fields or {},
                raw=raw,
            )
        )
