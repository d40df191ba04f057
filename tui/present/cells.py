"""How many terminal cells a text takes, and cutting and padding by cells.

East Asian wide and fullwidth characters take two cells, combining marks none (UAX 11). Peer text is
clean already (``discover.text``): no control characters, joiners or variation selectors come here.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

ELLIPSIS: Final = "…"

# Emoji that terminals draw two cells wide are East Asian Wide in UAX 11; regional indicators (flags) are
# Neutral there, yet rich and most terminals give a pair two cells: one each, which is what Neutral says.
_WIDE: Final = frozenset({"W", "F"})
_NONE: Final = frozenset({"Mn", "Me"})


@lru_cache(maxsize=4096)
def _char_width(char: str) -> int:
    if unicodedata.category(char) in _NONE:
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1


def cell_width(text: str) -> int:
    """Return the number of terminal cells ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def head(text: str, width: int) -> str:
    """Return the longest beginning of ``text`` that fits ``width`` cells; a wide character is never halved."""
    if text.isascii():
        return text[: max(width, 0)]
    used = 0
    for index, char in enumerate(text):
        used += _char_width(char)
        if used > width:
            return text[:index]
    return text


def truncate(text: str, width: int) -> str:
    """Return ``text`` cut to ``width`` cells, the last one an ellipsis where something was cut; "" for no width."""
    if width <= 0:
        return ""
    if cell_width(text) <= width:
        return text
    return head(text, width - 1).rstrip() + ELLIPSIS


def pad(text: str, width: int, align: str = "left") -> str:
    """Return ``text`` at exactly ``width`` cells: cut with an ellipsis, or filled with spaces (``align`` "left" or "right")."""
    cut = truncate(text, width)
    fill = " " * max(width - cell_width(cut), 0)
    return fill + cut if align == "right" else cut + fill
