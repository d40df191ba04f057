"""ArduinoOTA over UDP: the knock and the invitation of size 0, as sessions that cannot start an update.

The knock is one byte that every core reads as an unknown command and forgets. The invitation announces an
image of 0 bytes, so nothing can be begun; a device with a password answers it with a challenge before it runs
anything of the sketch. It then waits for the answer without a time limit, so the one-byte reset follows from the same
socket: without it the next real upload's first invitation would be swallowed (measured on esp8266/Arduino's code).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from discover.model.device import Password
from discover.ota.actions import Done, Event, Failed, Listen, Refused, Reply, Send, Session, Settle, Silence, Stray, Unreachable, Wait
from discover.proto.arduinoota import (
    FLASH,
    KNOCK,
    RESET,
    Invitation,
    ReplyAuth,
    ReplyAuthFailed,
    ReplyError,
    ReplyOk,
    decode_reply,
    encode_invitation,
)
from discover.proto.malformed import Malformed
from discover.text import clean

KNOCK_SECONDS: Final = 1.2
"""How long a knock waits; power save delays an ICMP error by up to a beacon interval or three (0.1 to 0.3 s)."""
KNOCK_TRIES: Final = 2
SPACING: Final = 1.0
"""Seconds between two datagrams to one device at the least."""
INVITE_SECONDS: Final = 2.5
"""A busy sketch polls ArduinoOTA.handle() late; espota.py waits 10 s, two tries of 2.5 s found every one measured."""
INVITE_TRIES: Final = 2
MAX_STRAYS: Final = 16
"""Datagrams of others that one wait puts up with."""

CONTROL_PORTS: Final = (33434, 33435, 33436)
"""Surely closed UDP ports: the first that traceroute(8) relies on being closed. One check uses two, never the one it is about."""

HOST_PORT: Final = 9
"""The TCP port an invitation names as ours: discard (RFC 863). Nothing listens there and nothing may; size 0 never connects."""

INVITATION: Final = encode_invitation(Invitation(command=FLASH, port=HOST_PORT, size=0, md5="0" * 32))


class Knock(StrEnum):
    """How a knock ended."""

    REFUSED = "refused"
    SILENT = "silent"
    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocked:
    """The outcome of a knock, how often it was tried, and what came or what this machine said (``told``, clean; ``hint``)."""

    outcome: Knock
    tries: int
    told: str = ""
    hint: str = ""


class Answer(StrEnum):
    """How an invitation ended."""

    CHALLENGED = "challenged"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NO_FILESYSTEM = "no-filesystem"
    FOREIGN = "foreign"
    SILENT = "silent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"


_FINAL: Final = frozenset({Answer.ACCEPTED, Answer.DECLINED, Answer.NO_FILESYSTEM, Answer.REFUSED, Answer.UNREACHABLE})
"""After these no device is waiting for a password, so no reset is owed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """The outcome of the invitation. ``bits`` is the nonce's length (128 or 256), ``reset`` True where the reset went out."""

    outcome: Answer
    tries: int
    password: Password = Password.UNKNOWN
    bits: int = 0
    told: str = ""
    hint: str = ""
    reset: bool = False


def knock(port: int, *, tries: int = KNOCK_TRIES, why: str = "knock: the one byte no ArduinoOTA core acts on") -> Session[Knocked]:
    """Knock on a UDP port, at most ``tries`` times, one datagram a KNOCK_SECONDS."""
    for attempt in range(1, tries + 1):
        event = yield Send(port, KNOCK, why)
        if isinstance(event, Failed):
            return Knocked(outcome=Knock.BLOCKED, tries=attempt, told=event.message, hint=event.hint)
        event = yield from _answer(port, KNOCK_SECONDS)
        if isinstance(event, Refused):
            return Knocked(outcome=Knock.REFUSED, tries=attempt)
        if isinstance(event, Unreachable):
            return Knocked(outcome=Knock.UNREACHABLE, tries=attempt, told=event.reason)
        if isinstance(event, Reply):
            return Knocked(outcome=Knock.ANSWERED, tries=attempt, told=show(event.payload))
        if isinstance(event, Failed):
            return Knocked(outcome=Knock.BLOCKED, tries=attempt, told=event.message, hint=event.hint)
    return Knocked(outcome=Knock.SILENT, tries=tries)


def invite(port: int) -> Session[Invited]:
    """Send the invitation of size 0, read the answer, and take the device out of its wait.

    Whatever comes, unless the device refused the invitation for good, the last datagram is the reset: an
    answer may have been lost on its way here.
    """
    reset = False
    for attempt in range(1, INVITE_TRIES + 1):
        event = yield Send(port, INVITATION, "invitation of size 0: asks for the challenge, cannot start an update", undo=RESET)
        if isinstance(event, Failed):
            return Invited(outcome=Answer.BLOCKED, tries=attempt, told=event.message, hint=event.hint, reset=reset)
        event = yield from _answer(port, INVITE_SECONDS)
        result = _judge(event, attempt)
        if result is not None and result.outcome in _FINAL:
            yield Settle(port)
            return result
        event = yield Send(port, RESET, "reset: ends the device's wait for a password, without callback or answer")
        reset = reset or isinstance(event, Done)
        if result is not None:
            return replace(result, reset=reset)
        if attempt < INVITE_TRIES:
            yield Wait(SPACING)
    return Invited(outcome=Answer.SILENT, tries=INVITE_TRIES, reset=reset)


def _judge(event: Event, attempt: int) -> Invited | None:
    """What an event says of the invitation; None where it says nothing."""
    match event:
        case Refused():
            return Invited(outcome=Answer.REFUSED, tries=attempt)
        case Unreachable(reason):
            return Invited(outcome=Answer.UNREACHABLE, tries=attempt, told=reason)
        case Failed(message, hint):
            return Invited(outcome=Answer.BLOCKED, tries=attempt, told=message, hint=hint)
        case Reply(_, payload):
            told = show(payload)
        case _:
            return None
    return replace(_read(payload), tries=attempt, told=told)


def _read(payload: bytes) -> Invited:
    match decode_reply(payload):
        case ReplyAuth() as auth:
            return Invited(outcome=Answer.CHALLENGED, tries=0, password=Password.YES, bits=auth.bits)
        case ReplyAuthFailed():
            return Invited(outcome=Answer.CHALLENGED, tries=0, password=Password.YES)
        case ReplyOk():
            return Invited(outcome=Answer.ACCEPTED, tries=0, password=Password.NO)
        case ReplyError(text):
            # arduino-pico _runUpdate says this where LittleFS cannot be mounted; a real upload would fail alike.
            outcome = Answer.NO_FILESYSTEM if "no filesystem" in text.lower() else Answer.DECLINED
            return Invited(outcome=outcome, tries=0, password=Password.NO)
        case Malformed():
            return Invited(outcome=Answer.FOREIGN, tries=0)


def _answer(port: int, seconds: float) -> Session[Event]:
    """Wait for something that concerns ``port``; datagrams of others use the time up but decide nothing."""
    left = seconds
    for _ in range(MAX_STRAYS):
        event: Event = yield Listen(left)
        match event:
            case Reply(number, _, after) | Refused(number, after) if number != port:
                left -= after
            case Stray(after):
                left -= after
            case Reply() | Refused() | Unreachable() | Failed():
                return event
            case _:
                return Silence()
        if left <= 0:
            break
    return Silence()


def show(payload: bytes) -> str:
    """Return bytes of a peer as one short harmless line: text where they are text, else hex."""
    text = payload.decode("ascii", "replace").strip()
    if text and text.isascii() and text.isprintable():
        return clean(text, 100)
    return payload[:24].hex(" ") + (" ..." if len(payload) > 24 else "")
