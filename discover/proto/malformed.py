"""What a codec returns for bytes that break its protocol: a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Malformed:
    """The bytes are not this protocol; ``reason`` is our own short sentence, free of peer text."""

    reason: str
