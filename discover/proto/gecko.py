"""Gecko in.touch2 spa modules on UDP 10022: the greeting that tells MAC and name.

Source: gazoodle/geckolib src/geckolib/driver/protocol/hello.py. Only the broadcast question is ours;
a client greeting would register us as an app.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from discover.proto import wellknown
from discover.proto.mac import canonical_mac
from discover.proto.malformed import Malformed

PORT: Final = wellknown.GECKO_PORT
QUESTION: Final = wellknown.GECKO_QUESTION

_OPEN: Final = b"<HELLO>"
_CLOSE: Final = b"</HELLO>"


class Hello(NamedTuple):
    """A spa's greeting: identifier ("SPAaa:bb:..."), the MAC in it ("" where there is none) and the spa's name."""

    identifier: str
    mac: str
    name: str


def encode_hello(hello: Hello) -> bytes:
    """Return the greeting a spa sends."""
    return _OPEN + f"{hello.identifier}|{hello.name}".encode() + _CLOSE


def decode_hello(payload: bytes) -> Hello | Malformed:
    """Read ``<HELLO>identifier|name</HELLO>``; questions and client greetings have no bar and are Malformed."""
    if not (payload.startswith(_OPEN) and payload.rstrip(b"\0\r\n ").endswith(_CLOSE)):
        return Malformed("not a greeting")
    body = payload.rstrip(b"\0\r\n ")[len(_OPEN) : -len(_CLOSE)]
    identifier, bar, name = body.partition(b"|")
    if not bar or not identifier:
        return Malformed("the greeting has no identifier and name")
    text = identifier.decode("utf-8", "replace")
    mac = canonical_mac(text[3:]) if text.upper().startswith("SPA") else ""
    return Hello(text, mac, name.decode("utf-8", "replace"))
