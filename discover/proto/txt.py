"""DNS-SD TXT records: rdata to strings and back (RFC 6763 section 6, RFC 1035 section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

MAX_STRING: Final = 255


def decode(rdata: bytes) -> tuple[bytes, ...]:
    """Return the strings of a TXT record, order and duplicates kept, empty ones left out.

    Never fails: a last string that is cut short is kept as far as it goes, as every resolver does.
    """
    items: list[bytes] = []
    index = 0
    while index < len(rdata):
        length = rdata[index]
        item = rdata[index + 1 : index + 1 + length]
        if item:
            items.append(item)
        index += 1 + length
    return tuple(items)


def encode(items: Iterable[bytes]) -> bytes:
    """Return the rdata; one zero byte where there is no string (RFC 6763 section 6.1). Raises ValueError above 255 bytes a string."""
    out = bytearray()
    for item in items:
        if len(item) > MAX_STRING:
            raise ValueError("a TXT string has at most 255 bytes")
        if item:
            out += bytes((len(item),)) + item
    return bytes(out) or b"\0"


def to_text(items: Sequence[bytes]) -> tuple[str, ...]:
    """Return the strings as text, "key=value" or "flag", U+FFFD for what is not UTF-8.

    A string that begins with "=" has no key and is left out (RFC 6763 section 6.4).
    """
    return tuple(item.decode("utf-8", "replace") for item in items if not item.startswith(b"="))
