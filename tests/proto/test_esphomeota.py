"""ESPHome's TCP OTA: versions, errors, password arithmetic."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.proto import esphomeota as ota
from discover.proto.malformed import Malformed


def test_the_magic_is_the_five_bytes_of_the_firmware() -> None:
    assert ota.MAGIC.hex() == "6c26f75c45"


@pytest.mark.parametrize(("payload", "version"), [(b"\x00\x01", 1), (b"\x00\x02", 2)])
def test_the_version_is_told(payload: bytes, version: int) -> None:
    assert ota.decode_magic_reply(payload) == version


def test_a_wrong_magic_is_an_error_of_the_protocol() -> None:
    assert ota.decode_magic_reply(b"\x80") == ota.OtaError(0x80, "magic")


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x00\x00", b"\x00\x7f", b"\x00\x02\x40", b"HTTP/1.1 400", b"220 ftp"])
def test_other_services_are_not_taken_for_it(payload: bytes) -> None:
    assert isinstance(ota.decode_magic_reply(payload), Malformed)


@given(st.integers(0, 255))
def test_every_byte_is_an_error_we_name_or_none(code: int) -> None:
    error = ota.decode_error(code)
    assert (error is None) == (code not in ota.ERRORS)
    if error is not None:
        assert (error.code, error.name) == (code, ota.ERRORS[code])
        assert code >= 0x80


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (b"\x41", ota.AuthRequest("none")),
        (b"\x02" + b"0f" * 32, ota.AuthRequest("sha256", "0f" * 32)),
        (b"\x01" + b"0f" * 16, ota.AuthRequest("md5", "0f" * 16)),
        (b"\x82", ota.OtaError(0x82, "auth-invalid")),
    ],
)
def test_what_follows_the_features(payload: bytes, request_: object) -> None:
    assert ota.decode_auth_request(payload) == request_


@pytest.mark.parametrize("payload", [b"", b"\x02", b"\x02" + b"0f" * 16, b"\x02" + b"zz" * 32, b"\x01" + b"0f" * 32, b"\x41\x41", b"\x47"])
def test_a_broken_auth_request(payload: bytes) -> None:
    assert isinstance(ota.decode_auth_request(payload), Malformed)


def test_the_answer_hashes_password_nonce_and_cnonce_in_that_order() -> None:
    data = b"secret" + b"n" * 64 + b"c" * 64
    assert ota.auth_response("sha256", "secret", "n" * 64, "c" * 64) == hashlib.sha256(data).hexdigest()
    assert ota.auth_response("md5", "secret", "n" * 64, "c" * 64) == hashlib.md5(data, usedforsecurity=False).hexdigest()
    with pytest.raises(ValueError, match="sha256"):
        ota.auth_response("sha1", "secret", "", "")
