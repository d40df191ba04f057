"""The password check: does a device take this password. On request only, and nothing can be begun by it.

ArduinoOTA: the challenge of an invitation of size 0 is answered, so a device that takes the password fails over the size and
runs the sketch's onError alone; a wrong password runs it, too. ESPHome: the handshake goes on to the answer about the
password and ends there; the size of an image is never sent. The random part of an answer comes from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from discover.ota.actions import (
    Connect,
    Done,
    Event,
    Failed,
    Hangup,
    Read,
    Received,
    Refused,
    Reply,
    Send,
    Session,
    Settle,
    Unreachable,
    Write,
)
from discover.ota.arduino import reset
from discover.ota.ears import HOST, gather
from discover.ota.esphome import CONNECT_SECONDS, REPLY_SECONDS
from discover.ota.knocking import show
from discover.proto.arduinoota import (
    RESET,
    ReplyAuth,
    ReplyAuthFailed,
    ReplyError,
    ReplyOk,
    decode_reply,
    encode_auth,
    md5_response,
    pbkdf2_response,
)
from discover.proto.esphomeota import (
    AUTH_OK,
    FEATURE_SHA256_AUTH,
    HEADER_OK,
    MAGIC,
    REQUEST_AUTH_MD5,
    REQUEST_AUTH_SHA256,
    AuthRequest,
    auth_response,
    decode_auth_request,
    decode_error,
    decode_magic_reply,
)
from discover.proto.malformed import Malformed

AUTH_SECONDS: Final = 5.0
"""How long each copy of the answer to a challenge waits: 10,000 rounds of PBKDF2 take an ESP32 a second or two."""
AUTH_TRIES: Final = 2
_NONCES: Final = {REQUEST_AUTH_MD5: 32, REQUEST_AUTH_SHA256: 64}
_INVALID: Final = 0x82


class Tried(StrEnum):
    """What a device said to a password."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_FILESYSTEM = "no-filesystem"
    FOREIGN = "foreign"
    UNANSWERED = "unanswered"
    NONE = "none"
    """It asks for no password."""
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of the answer to a challenge of ``bits``; ``begun`` is True where the device said OK to the whole."""

    outcome: Tried
    tries: int
    bits: int = 0
    begun: bool = False
    told: str = ""
    hint: str = ""
    reset: bool = False


def answer(port: int, nonce: str, password: str, cnonce: str) -> Session[Answered]:
    """Answer a challenge with the password, by the scheme that the nonce's length tells, and read what the device says to it.

    ``cnonce`` are at least as many random hex digits as the nonce has. The answer is sent from the socket of the invitation: an
    ESP8266 answers no other. A second copy of it can do nothing: who has read the first is no longer waiting for one. After anything that
    no device says which has read it, the reset follows. Raises ValueError for a cnonce that is too short or not hex.
    """
    digits = len(nonce)
    cnonce = cnonce[:digits]
    respond = pbkdf2_response if digits == 64 else md5_response
    payload = encode_auth(cnonce, respond(password, nonce, cnonce))
    bits = digits * 4
    for attempt in range(1, AUTH_TRIES + 1):
        event = yield Send(port, payload, "answer to the challenge: is this the password", undo=RESET)
        if isinstance(event, Failed):
            return Answered(outcome=Tried.BLOCKED, tries=attempt, bits=bits, told=event.message, hint=event.hint)
        heard = yield from gather((port,), AUTH_SECONDS)
        result = _verdict(heard.get(port) or heard.get(HOST))
        if result is not None:
            result = replace(result, tries=attempt, bits=bits)
            break
    else:
        result = Answered(outcome=Tried.UNANSWERED, tries=AUTH_TRIES, bits=bits)
    if result.outcome in (Tried.RIGHT, Tried.WRONG, Tried.NO_FILESYSTEM):
        yield Settle(port)
        return result
    return replace(result, reset=(yield from reset(port)))


def _verdict(event: Event | None) -> Answered | None:
    """What an event says of the password; None where it says nothing."""
    match event:
        case Reply(_, payload):
            return _read_reply(payload)
        case Unreachable(reason):
            return Answered(outcome=Tried.UNREACHABLE, tries=0, told=reason)
        case Refused():
            return Answered(outcome=Tried.UNREACHABLE, tries=0, told="the port is closed now")
        case Failed(message, hint):
            return Answered(outcome=Tried.BLOCKED, tries=0, told=message, hint=hint)
        case _:
            return None


def _read_reply(payload: bytes) -> Answered | None:
    told = show(payload)
    match decode_reply(payload):
        case ReplyAuthFailed():
            return Answered(outcome=Tried.WRONG, tries=0, told=told)
        case ReplyOk():
            return Answered(outcome=Tried.RIGHT, tries=0, begun=True, told=told)
        case ReplyError(text):
            # The ESP8266 and the Pico look at the size after the password: a size of 0 is what they complain of.
            outcome = Tried.NO_FILESYSTEM if "no filesystem" in text.lower() else Tried.RIGHT
            return Answered(outcome=outcome, tries=0, told=told)
        case ReplyAuth():
            return None  # the answer to an invitation that was asked twice
        case Malformed():
            return Answered(outcome=Tried.FOREIGN, tries=0, told=told)


def ask_esphome(port: int, password: str, cnonce: str) -> Session[Answered]:
    """Go through ESPHome's handshake to its word about the password, and hang up.

    Sends the magic, the features byte 02 (SHA-256), and the answer to the challenge; never the size that would follow. ``cnonce``
    as in :func:`answer`. One connection. Raises ValueError for a cnonce that is too short or not hex.
    """
    if len(cnonce) < max(_NONCES.values()) or set(cnonce) - set("0123456789abcdef"):
        raise ValueError("a cnonce is 64 lower-case hex digits")
    event = yield Connect(port, CONNECT_SECONDS, "connect: is this the password")
    match event:
        case Done():
            pass
        case Failed(message, hint):
            return Answered(outcome=Tried.BLOCKED, tries=0, told=message, hint=hint)
        case Refused():
            return Answered(outcome=Tried.UNREACHABLE, tries=0, told="the port is closed now")
        case _:
            return Answered(outcome=Tried.UNREACHABLE, tries=0, told="nobody answered")
    result = yield from _handshake(password, cnonce)
    yield Hangup()
    return result


def _handshake(password: str, cnonce: str) -> Session[Answered]:  # noqa: PLR0911 - one for each way it can end
    if isinstance((yield Write(MAGIC, "magic: asks for the protocol version")), Failed):
        return Answered(outcome=Tried.UNANSWERED, tries=0)
    data = yield from _take(2)
    if not isinstance(decode_magic_reply(data), int):
        return _odd(data)
    if isinstance((yield Write(bytes((FEATURE_SHA256_AUTH,)), "features: asks for the challenge")), Failed):
        return Answered(outcome=Tried.UNANSWERED, tries=0)
    data = yield from _take(1)
    if data != bytes((HEADER_OK,)):
        return _odd(data)
    data = yield from _take(1)
    data += yield from _take(_NONCES.get(data[0], 0) if data else 0)
    request = decode_auth_request(data)
    if not isinstance(request, AuthRequest):
        return _odd(data)
    if request.method == "none":
        return Answered(outcome=Tried.NONE, tries=0)
    bits = len(request.nonce) * 4
    mine = cnonce[: len(request.nonce)]
    response = auth_response(request.method, password, request.nonce, mine)
    if isinstance((yield Write((mine + response).encode(), "answer to the challenge: is this the password")), Failed):
        return Answered(outcome=Tried.UNANSWERED, tries=1, bits=bits)
    data = yield from _take(1)
    if data == bytes((AUTH_OK,)):
        return Answered(outcome=Tried.RIGHT, tries=1, bits=bits, told=show(data))
    if data == bytes((_INVALID,)):
        return Answered(outcome=Tried.WRONG, tries=1, bits=bits, told=show(data))
    return replace(_odd(data), tries=1, bits=bits)


def _odd(data: bytes) -> Answered:
    """What came instead of the handshake's next answer."""
    if not data:
        return Answered(outcome=Tried.UNANSWERED, tries=0)
    error = decode_error(data[0])
    return Answered(outcome=Tried.FOREIGN, tries=0, told=f"{show(data)} ({error.name})" if error is not None else show(data))


def _take(count: int) -> Session[bytes]:
    """Read ``count`` bytes, fewer where the device ends or pauses."""
    data = b""
    for _ in range(count):
        event = yield Read(count - len(data), REPLY_SECONDS)
        if not isinstance(event, Received) or not event.data:
            break
        data += event.data[: count - len(data)]
        if len(data) >= count:
            break
    return data
