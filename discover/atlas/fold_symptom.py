"""Messages as they are compared: whoever pasted them, from whatever terminal."""

from __future__ import annotations

import functools
import re
from typing import Final

from discover.text import clean

MAX_LINE: Final = 20_000
"""Code points of a line that are read."""
PLACEHOLDER: Final = re.compile(r"\{(host|)\}")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_NUMBERED: Final = re.compile(r"(?<=[a-z]) \[(?=[0-9])")
"""A space before a number in brackets: sketches print "Error[2]" and "Error [2]"."""
_QUOTES: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "`": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})


def fold(text: str) -> str:
    """Return a line as messages are compared: clean, one space between words, no case, plain quotes, no colours."""
    bare = clean(_ESCAPES.sub("", text[: MAX_LINE * 2]), MAX_LINE)
    return _NUMBERED.sub("[", " ".join(bare.translate(_QUOTES).casefold().split()))


@functools.lru_cache(maxsize=1024)
def pieces_of(text: str) -> tuple[str, ...]:
    """Return the folded literal pieces of a text, in order; between two of them stands a placeholder, and after a last empty one."""
    parts = PLACEHOLDER.split(text)[::2]
    return tuple(" ".join(part.translate(_QUOTES).casefold().split()) for part in parts)
