"""What a codec returns for bytes that break its protocol: a value, never an exception."""

from __future__ import annotations

from typing import NamedTuple


class Malformed(NamedTuple):
    """The bytes are not this protocol; ``reason`` is our own short sentence, free of peer text."""

    reason: str
