"""Cleaning peer text: the one gate between hostile bytes and everything that shows them.

Every string of a :class:`~discover.model.signal.Signal` has passed :func:`clean`.
"""

from __future__ import annotations

from typing import Final

MAX_TEXT: Final = 512
"""Longest text kept, in code points; DNS-SD TXT strings end at 255 bytes, HTTP titles seldom pass 200."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# Cc: C0 and C1 (ESC, CSI, NUL ...); Cf: bidi controls, zero-width and tag characters;
# Cs: lone surrogates; Co and Cn: private use and unassigned, which terminals draw as they like;
# Zl and Zp: line and paragraph separators.
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Zero-width or blank although Unicode calls them letters or marks (Hangul fillers, Mongolian
# vowel separators, variation selectors): a name made of them looks empty.
_INVISIBLE: Final = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)]
)
_MAX_MARKS: Final = 4
"""Combining marks kept on one base character; more is "zalgo" that paints over other rows."""


def clean(text: str | bytes, limit: int = MAX_TEXT) -> str:
    """Return ``text`` safe to show: one line, NFC, no control, bidi or invisible characters.

    Bytes are decoded as UTF-8 with U+FFFD for what is not UTF-8. Every harmful character becomes
    U+FFFD (runs of them become one), tabs and line ends a space; the result is at most ``limit``
    code points, the last one an ellipsis where something was cut.
    """
    if isinstance(text, bytes):
        # Four bytes a code point at the most, so nothing that could be kept is cut here.
        text = text[: limit * 4 + 4].decode("utf-8", "replace")
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    import unicodedata  # noqa: PLC0415 - most peers speak ASCII

    # NFC at most triples the length (UAX 15, "Stream-Safe"), so a bounded head is enough.
    text = unicodedata.normalize("NFC", text[: limit * 4 + 4])
    out: list[str] = []
    marks = 0
    for char in text:
        if char in "\t\r\n":
            out.append(" ")
            marks = 0
            continue
        category = unicodedata.category(char)
        if category in _HARMFUL or ord(char) in _INVISIBLE:
            if not out or out[-1] != REPLACEMENT:
                out.append(REPLACEMENT)
            marks = 0
            continue
        if category in ("Mn", "Me"):
            marks += 1
            if marks > _MAX_MARKS:
                continue
        else:
            marks = 0
        out.append(" " if category == "Zs" else char)
        if len(out) > limit:
            break
    cleaned = unicodedata.normalize("NFC", "".join(out))
    if len(cleaned) > limit:
        cleaned = cleaned[: limit - 1] + "…"
    return cleaned


def is_clean(text: str) -> bool:
    """Tell whether :func:`clean` would leave ``text`` as it is (whatever its length)."""
    return clean(text, limit=max(len(text), 1)) == text
