"""MAC addresses as devices write them, and the one way espied does."""

from __future__ import annotations

import re
from typing import Final

# Compiled when the first MAC comes as text.
_FORMS: Final = (
    r"[0-9A-Fa-f]{12}",
    r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}",
    r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}",
    r"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}",
)


def canonical_mac(text: str) -> str:
    """Return ``text`` as "aa:bb:cc:dd:ee:ff", "" where it is no unicast MAC address.

    Understands 12 bare hex digits and the forms with colons, hyphens or Cisco's dots. All-zero and
    group addresses (lowest bit of the first byte set, IEEE 802-2014 section 8.2) belong to nobody.
    """
    text = text.strip()
    if not any(re.fullmatch(form, text) for form in _FORMS):
        return ""
    digits = re.sub(r"[^0-9A-Fa-f]", "", text)
    return mac_from_bytes(bytes.fromhex(digits))


def mac_from_bytes(raw: bytes) -> str:
    """Return six bytes as "aa:bb:cc:dd:ee:ff", "" for another length, all zeros or a group address."""
    if len(raw) != 6 or not any(raw) or raw[0] & 1:
        return ""
    return raw.hex(":")
