"""The discovery of Microchip's TCP/IP stack on UDP 30303: Balboa spas, TellStick Net and others.

Source: garbled1/pybalboa discovery.py, ccutrer/balboa_worldwide_app lib/bwa/discovery.rb,
nmap scripts/broadcast-tellstick-discover.nse.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from discover.proto import wellknown
from discover.proto.mac import canonical_mac
from discover.proto.malformed import Malformed

PORT: Final = wellknown.MICROCHIP_PORT
QUESTION: Final = wellknown.MICROCHIP_QUESTION
QUESTION_SHORT: Final = wellknown.MICROCHIP_QUESTION_SHORT

_MAX: Final = 1472
"""An Ethernet datagram's payload; an announcement is one datagram."""


class Announce(NamedTuple):
    """A device's answer: its name, its MAC and whatever lines (or fields) follow."""

    name: str
    mac: str
    extra: tuple[str, ...] = ()


def encode_announce(announce: Announce) -> bytes:
    """Return ``name CRLF MAC CRLF ...``, the MAC with hyphens as the stack writes it."""
    lines = (announce.name, announce.mac.upper().replace(":", "-"), *announce.extra)
    return "".join(f"{line}\r\n" for line in lines).encode()


def decode_announce(payload: bytes) -> Announce | Malformed:
    """Read ``name CRLF MAC CRLF ...`` or TellStick's ``name:MAC:code:version``."""
    text = payload[:_MAX].decode("utf-8", "replace")
    parts = [part.strip("\0 \t\r") for part in text.split("\n")]
    if len(parts) < 2:
        parts = [part.strip("\0 \t\r") for part in text.split(":")]
    if len(parts) < 2:
        return Malformed("an announcement has a name and a MAC address")
    mac = canonical_mac(parts[1])
    if not mac:
        return Malformed("the second line is not a MAC address")
    return Announce(parts[0], mac, tuple(part for part in parts[2:] if part))
