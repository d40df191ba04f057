"""ESPHome's native OTA over TCP: connect, say the magic, read the version, hang up.

The session ends before the features byte: a device without password would enter its blocking data phase on
it (esphome/components/esphome/ota/ota_esphome.cpp, FEATURE_ACK). So the password stays unasked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discover.ota.actions import Connect, Done, Failed, Hangup, Read, Received, Refused, Session, Unreachable, Write
from discover.ota.knocking import show
from discover.proto.esphomeota import MAGIC, OtaError, decode_magic_reply

CONNECT_SECONDS: Final = 2.2
"""Two SYNs, the second after a second (RFC 6298), and the answer of a device that saves power."""
REPLY_SECONDS: Final = 3.0
REPLY_BYTES: Final = 2
"""``00 version``; more is not read."""


class Talk(StrEnum):
    """How the conversation ended."""

    CONNECTED = "connected"
    VERSION = "version"
    FOREIGN = "foreign"
    MUTE = "mute"
    DROPPED = "dropped"
    REFUSED = "refused"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Talked:
    """The outcome, the protocol version (1 or 2; 0 unknown), and what came or what this machine said."""

    outcome: Talk
    version: int = 0
    told: str = ""
    hint: str = ""

    @property
    def connected(self) -> bool:
        """True where the device accepted the connection."""
        return self.outcome in (Talk.CONNECTED, Talk.VERSION, Talk.FOREIGN, Talk.MUTE, Talk.DROPPED)


def talk(port: int, *, level: int) -> Session[Talked]:
    """Connect and, at level 2, say the magic; always hang up at once. One connection, at most five bytes sent."""
    event = yield Connect(port, CONNECT_SECONDS, "connect: is there a listener")
    match event:
        case Done():
            pass
        case Refused():
            return Talked(outcome=Talk.REFUSED)
        case Unreachable(reason):
            return Talked(outcome=Talk.UNREACHABLE, told=reason)
        case Failed(message, hint):
            return Talked(outcome=Talk.BLOCKED, told=message, hint=hint)
        case _:
            return Talked(outcome=Talk.SILENT)
    result = (yield from _handshake()) if level >= 2 else Talked(outcome=Talk.CONNECTED)
    yield Hangup()
    return result


def _handshake() -> Session[Talked]:
    event = yield Write(MAGIC, "magic: asks for the protocol version, ends before the features byte")
    if isinstance(event, Failed):
        return Talked(outcome=Talk.DROPPED, told=event.message)
    data = b""
    for _ in range(REPLY_BYTES):
        event = yield Read(REPLY_BYTES - len(data), REPLY_SECONDS)
        if not isinstance(event, Received):
            return Talked(outcome=Talk.MUTE, told=show(data))
        data += event.data[:REPLY_BYTES]
        if not event.data or len(data) >= REPLY_BYTES or data[0] != 0:
            break
    if not data:
        return Talked(outcome=Talk.DROPPED)
    reply = decode_magic_reply(data)
    if isinstance(reply, int):
        return Talked(outcome=Talk.VERSION, version=reply, told=show(data))
    if isinstance(reply, OtaError):
        return Talked(outcome=Talk.FOREIGN, told=f"{show(data)} ({reply.name})")
    return Talked(outcome=Talk.FOREIGN, told=show(data))
