"""ArduinoOTA's UDP conversation: the invitation, its answers and the password arithmetic.

Grammar and state machine: esp8266/Arduino and espressif/arduino-esp32
libraries/ArduinoOTA/src/ArduinoOTA.cpp (``_onRx``, ``parseInt``); the 64-digit nonce and PBKDF2 of
arduino-esp32 >= 3.3.1 from its tools/espota.py. Decoding reads what the *device* would read, so that
:func:`starts_update` tells the truth about any datagram before it is sent.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Final

from discover.proto import wellknown
from discover.proto.malformed import Malformed

KNOCK: Final = wellknown.KNOCK
RESET: Final = b"1"
"""Takes a device out of WAITAUTH: any first number but 200 does, without callback or answer."""

FLASH: Final = 0
FILESYSTEM: Final = 100
AUTH: Final = 200

CALLBACK_SIZE: Final = 4096
"""Bytes that a callback test announces: one flash sector, which every core accepts and none erases before all of it is there."""

ITERATIONS: Final = 10_000
"""PBKDF2 rounds of arduino-esp32 >= 3.3.1 (tools/espota.py)."""
_DIGITS: Final = 15
"""The device's parseInt has a 16-byte buffer; a longer number reads as 0 and leaves the rest."""
_HEX: Final = frozenset(string.hexdigits)
_BLANK: Final = b" \t\n\v\f\r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an uploader asks for: ``port`` is the uploader's TCP port, ``size`` the image's bytes, ``md5`` any 32 characters."""

    command: int
    port: int
    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class ReplyOk:
    """``OK``: accepted; the device connects back."""


@dataclass(frozen=True, slots=True)
class ReplyAuth:
    """``AUTH nonce``: a password is set; 32 hex digits mean MD5, 64 mean PBKDF2-HMAC-SHA256."""

    nonce: str

    @property
    def bits(self) -> int:
        """Bits of the nonce: 128 (MD5) or 256 (arduino-esp32 >= 3.3.1)."""
        return len(self.nonce) * 4


@dataclass(frozen=True, slots=True)
class ReplyAuthFailed:
    """``Authentication Failed``."""


@dataclass(frozen=True, slots=True)
class ReplyError:
    """``ERR: text``: the update could not begin (ESP8266 >= 2.4, Pico)."""

    text: str


@dataclass(frozen=True, slots=True)
class AuthAnswer:
    """The uploader's ``200 cnonce response``."""

    cnonce: str
    response: str


Reply = ReplyOk | ReplyAuth | ReplyAuthFailed | ReplyError


def encode_invitation(invitation: Invitation) -> bytes:
    r"""Return the invitation as one datagram, ``"%d %d %d %s\n"``.

    Raises ValueError for a size other than 0 (espied never starts an update), a command other than
    FLASH or FILESYSTEM, a port outside 1..65535 and an md5 that is not 32 printable ASCII characters.
    """
    if invitation.size != 0:
        raise ValueError("espied sends only invitations of size 0: nothing it sends may start an update")
    if invitation.command not in (FLASH, FILESYSTEM):
        raise ValueError("the command of an invitation is 0 or 100")
    if not 1 <= invitation.port <= 65535:
        raise ValueError("a TCP port is 1..65535")
    if len(invitation.md5) != 32 or not all(0x21 <= ord(char) <= 0x7E for char in invitation.md5):
        raise ValueError("the checksum is 32 printable characters")
    return f"{invitation.command} {invitation.port} {invitation.size} {invitation.md5}\n".encode("ascii")


def encode_callback_invitation(port: int) -> bytes:
    """Return the one invitation of espied's with a size: an app of 4096 bytes, so that a device calls our TCP ``port``.

    A device that accepts it runs its sketch's onStart. Only discover/ota/callback.py may send it, with the user's
    word, and it never sends an image: no core touches its flash before 4096 bytes have come. Raises ValueError for a port
    outside 1..65535.
    """
    if not 1 <= port <= 65535:
        raise ValueError("a TCP port is 1..65535")
    return f"{FLASH} {port} {CALLBACK_SIZE} {'0' * 32}\n".encode("ascii")


def decode_invitation(payload: bytes) -> Invitation | Malformed:
    """Read a datagram as an idle device does. Even 33 letters are an invitation (command 0, size 0)."""
    command, rest = _number(payload)
    if command not in (FLASH, FILESYSTEM):
        return Malformed("the command is neither 0 nor 100")
    port, rest = _number(rest)
    size, rest = _number(rest)
    digest, _ = _until(rest[1:], b"\n")
    digest = digest.strip(_BLANK)
    if len(digest) != 32:
        return Malformed("the checksum does not have 32 characters")
    return Invitation(command=command, port=port, size=size, md5=digest.decode("latin-1"))


def starts_update(payload: bytes) -> bool:
    """Tell whether an idle device without password would start an update on this datagram (invariant 2)."""
    invitation = decode_invitation(payload)
    return isinstance(invitation, Invitation) and invitation.size != 0


def encode_reply(reply: Reply) -> bytes:
    """Return a device's answer as its datagram (used by the demo LAN)."""
    match reply:
        case ReplyOk():
            return b"OK"
        case ReplyAuth(nonce):
            return f"AUTH {nonce}".encode()
        case ReplyAuthFailed():
            return b"Authentication Failed"
        case ReplyError(text):
            return f"ERR: {text}\n".encode()


def decode_reply(payload: bytes) -> Reply | Malformed:
    """Read a device's answer: OK, AUTH with 32 or 64 hex digits, Authentication Failed or ERR."""
    text = payload[:512].decode("utf-8", "replace").strip("\r\n\0 ")
    if text == "OK":
        return ReplyOk()
    if text == "Authentication Failed":
        return ReplyAuthFailed()
    if text.startswith("AUTH "):
        nonce = text[5:]
        if len(nonce) in (32, 64) and _HEX.issuperset(nonce):
            return ReplyAuth(nonce)
        return Malformed("the nonce is not 32 or 64 hex digits")
    if text.startswith("ERR:"):
        return ReplyError(text[4:].strip())
    return Malformed("not an answer of ArduinoOTA")


def encode_auth(cnonce: str, response: str) -> bytes:
    r"""Return ``"200 cnonce response\n"``. Raises ValueError where they are not equally long hex of 32 or 64 digits."""
    if len(cnonce) not in (32, 64) or len(response) != len(cnonce) or not _HEX.issuperset(cnonce + response):
        raise ValueError("cnonce and response are 32 or 64 hex digits each")
    return f"{AUTH} {cnonce} {response}\n".encode("ascii")


def decode_auth(payload: bytes) -> AuthAnswer | Malformed:
    """Read a datagram as a device in WAITAUTH does; lengths are the device's business."""
    command, rest = _number(payload)
    if command != AUTH:
        return Malformed("the command is not 200")
    cnonce, rest = _until(rest[1:], b" ")
    response, _ = _until(rest, b"\n")
    return AuthAnswer(cnonce.decode("latin-1"), response.decode("latin-1"))


def md5_response(password: str, nonce: str, cnonce: str) -> str:
    """Return MD5(MD5hex(password):nonce:cnonce) as 32 hex digits (ESP8266, Pico, arduino-esp32 before 3.3.1)."""
    import hashlib  # noqa: PLC0415 - brings OpenSSL along: only who knows a password needs it

    secret = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return hashlib.md5(f"{secret}:{nonce}:{cnonce}".encode(), usedforsecurity=False).hexdigest()


def pbkdf2_response(password: str, nonce: str, cnonce: str) -> str:
    """Return the answer of arduino-esp32 >= 3.3.1 as 64 hex digits.

    key = PBKDF2-HMAC-SHA256(SHA256hex(password), nonce:cnonce, 10,000 rounds); answer = SHA256(keyhex:nonce:cnonce).
    """
    import hashlib  # noqa: PLC0415 - likewise

    secret = hashlib.sha256(password.encode()).hexdigest()
    key = hashlib.pbkdf2_hmac("sha256", secret.encode(), f"{nonce}:{cnonce}".encode(), ITERATIONS).hex()
    return hashlib.sha256(f"{key}:{nonce}:{cnonce}".encode()).hexdigest()


def _number(data: bytes) -> tuple[int, bytes]:
    """Do as the device's parseInt: skip spaces, read digits, 0 where there are none or more than fit."""
    data = data.lstrip(b" ")
    length = 0
    while length < len(data) and length < _DIGITS and 0x30 <= data[length] <= 0x39:
        length += 1
    if length == _DIGITS:
        return 0, data[length:]
    return int(data[:length] or b"0"), data[length:]


def _until(data: bytes, end: bytes) -> tuple[bytes, bytes]:
    """Do as the device's readStringUntil: up to ``end``, NUL or the end of the datagram; the rest follows it."""
    for index, byte in enumerate(data):
        if byte in (0, end[0]):
            return data[:index], data[index + 1 :]
    return data, b""
