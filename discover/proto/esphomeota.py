"""ESPHome's native OTA over TCP: magic, version, errors and the password arithmetic.

Source: esphome/esphome esphome/components/esphome/ota/ota_esphome.cpp, esphome/espota2.py (2026.10).
espied sends the magic and nothing else by default: the features byte would block a device without password.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from discover.proto.malformed import Malformed

MAGIC: Final = bytes((0x6C, 0x26, 0xF7, 0x5C, 0x45))

OK: Final = 0x00
REQUEST_AUTH_MD5: Final = 0x01
REQUEST_AUTH_SHA256: Final = 0x02
HEADER_OK: Final = 0x40
AUTH_OK: Final = 0x41
PREPARE_OK: Final = 0x42
MD5_OK: Final = 0x43
RECEIVE_OK: Final = 0x44
END_OK: Final = 0x45
SUPPORTS_COMPRESSION: Final = 0x46
CHUNK_OK: Final = 0x47
FEATURE_FLAGS: Final = 0x48

FEATURE_COMPRESSION: Final = 0x01
FEATURE_SHA256_AUTH: Final = 0x02
FEATURE_EXTENDED: Final = 0x04

CHUNK: Final = 8192
"""Bytes after which a version 2 device sends CHUNK_OK."""

ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x80: "magic",
        0x81: "update-prepare",
        0x82: "auth-invalid",
        0x83: "writing-flash",
        0x84: "update-end",
        0x85: "invalid-bootstrapping",
        0x86: "wrong-current-flash-config",
        0x87: "wrong-new-flash-config",
        0x88: "esp8266-not-enough-space",
        0x89: "esp32-not-enough-space",
        0x8A: "no-update-partition",
        0x8B: "md5-mismatch",
        0x8C: "rp2040-not-enough-space",
        0x8D: "signature-invalid",
        0x8E: "unsupported-ota-type",
        0x8F: "partition-table-verify",
        0x90: "partition-table-update",
        0x91: "bootloader-verify",
        0x92: "bootloader-update",
        0x93: "version-downgrade",
        0x94: "encryption-required",
        0xFF: "unknown",
    }
)
"""Error bytes of the device and our names for them."""

_NONCE: Final[Mapping[int, tuple[str, int]]] = MappingProxyType({REQUEST_AUTH_MD5: ("md5", 32), REQUEST_AUTH_SHA256: ("sha256", 64)})
_HEX: Final = frozenset(string.hexdigits)


@dataclass(frozen=True, slots=True)
class OtaError:
    """The device refused: its byte and our name for it."""

    code: int
    name: str


@dataclass(frozen=True, slots=True)
class AuthRequest:
    """What the device asks for: ``method`` is "sha256", "md5" or "none"; ``nonce`` 64, 32 or 0 hex digits."""

    method: str
    nonce: str = ""


def decode_error(code: int) -> OtaError | None:
    """Return the error that a byte stands for, None for any other byte."""
    name = ERRORS.get(code)
    return None if name is None else OtaError(code, name)


def decode_magic_reply(payload: bytes) -> int | OtaError | Malformed:
    """Return the protocol version (1 or 2) that a device answers the magic with.

    ``00 version`` from a device that knows the magic, ``80`` from one that does not. A second byte
    outside 1..9 is no version: other services answer zeros, too.
    """
    if not payload:
        return Malformed("no answer to the magic")
    error = decode_error(payload[0])
    if error is not None:
        return error
    if payload[0] != OK:
        return Malformed("the answer is neither OK nor an error of ESPHome's OTA")
    if len(payload) < 2:
        return Malformed("the version is missing")
    if len(payload) > 2 or not 1 <= payload[1] <= 9:
        return Malformed("the answer to the magic has no version")
    return payload[1]


def decode_auth_request(payload: bytes) -> AuthRequest | OtaError | Malformed:
    """Return what follows the features answer: no password, or a nonce and its method."""
    if not payload:
        return Malformed("no answer to the features")
    if payload == bytes((AUTH_OK,)):
        return AuthRequest("none")
    if payload[0] in _NONCE:
        method, length = _NONCE[payload[0]]
        nonce = payload[1:].decode("latin-1")
        if len(nonce) != length or not _HEX.issuperset(nonce):
            return Malformed(f"the nonce is not {length} hex digits")
        return AuthRequest(method, nonce)
    return decode_error(payload[0]) or Malformed("not a step of ESPHome's authentication")


def auth_response(method: str, password: str, nonce: str, cnonce: str) -> str:
    """Return H(password, nonce, cnonce) in hex. Raises ValueError for a method other than "sha256" or "md5"."""
    data = f"{password}{nonce}{cnonce}".encode()
    if method == "sha256":
        return hashlib.sha256(data).hexdigest()
    if method == "md5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    raise ValueError("the method is sha256 or md5")
