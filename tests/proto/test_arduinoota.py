"""ArduinoOTA: read as the device reads, and write nothing that starts an update."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.proto import arduinoota as ota
from discover.proto.malformed import Malformed

MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def test_the_knock_is_one_byte_and_no_device_reads_an_invitation_or_an_auth_answer_in_it() -> None:
    assert ota.KNOCK == ota.RESET == b"1"
    assert isinstance(ota.decode_invitation(ota.KNOCK), Malformed)
    assert isinstance(ota.decode_auth(ota.RESET), Malformed)


@given(
    command=st.sampled_from([ota.FLASH, ota.FILESYSTEM]),
    port=st.integers(1, 65535),
    md5=st.text("0123456789abcdef", min_size=32, max_size=32),
)
def test_an_invitation_of_size_0_comes_back_as_it_went(command: int, port: int, md5: str) -> None:
    invitation = ota.Invitation(command=command, port=port, size=0, md5=md5)
    payload = ota.encode_invitation(invitation)
    assert ota.decode_invitation(payload) == invitation
    assert not ota.starts_update(payload)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1},
        {"size": 4096},
        {"size": -1},
        {"command": 200},
        {"port": 0},
        {"port": 65536},
        {"md5": "short"},
        {"md5": " " * 32},
        {"md5": "é" * 32},
    ],
)
def test_nothing_else_can_be_encoded(change: dict[str, int | str]) -> None:
    values: dict[str, int | str] = {"command": 0, "port": 4711, "size": 0, "md5": MD5}
    values.update(change)
    with pytest.raises(ValueError, match=r"."):
        ota.encode_invitation(ota.Invitation(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (f"0 48266 524288 {MD5}\n".encode(), True),
        (f"100 48266 1 {MD5}\n".encode(), True),
        (f"  0   48266   7 {MD5}".encode(), True),  # no newline is needed
        (f"0 48266 4294967296 {MD5}\n".encode(), True),  # whatever atoi makes of it
        (f"0 48266 0 {MD5}\n".encode(), False),
        (f"1 48266 524288 {MD5}\n".encode(), False),
        (f"200 48266 524288 {MD5}\n".encode(), False),
        (f"0 48266 524288 {MD5[:-1]}\n".encode(), False),
        (b"1", False),
        (b"", False),
    ],
)
def test_starts_update_sees_what_a_device_would_do(payload: bytes, starts: bool) -> None:  # noqa: FBT001 - a parametrised expectation
    assert ota.starts_update(payload) is starts


def test_33_letters_are_a_valid_invitation_so_garbage_is_no_harmless_probe() -> None:
    # Measured on the real ESP8266 code: it answers "ERR: ERROR[5]: Bad Size Given" and calls onError.
    assert ota.decode_invitation(b"x" * 33) == ota.Invitation(command=0, port=0, size=0, md5="x" * 32)
    assert isinstance(ota.decode_invitation(b"x" * 32), Malformed)


def test_a_number_that_overflows_the_devices_buffer_is_command_0_to_it() -> None:
    # parseInt gives up after 15 digits and returns 0, which is FLASH: a long number is no harmless datagram.
    payload = b"1" * 15 + b" 1 1 " + MD5.encode()
    assert ota.decode_invitation(payload) == ota.Invitation(command=0, port=1, size=1, md5=MD5)
    assert ota.starts_update(payload)


@pytest.mark.parametrize(
    ("payload", "reply"),
    [
        (b"OK", ota.ReplyOk()),
        (b"AUTH " + b"0a" * 16, ota.ReplyAuth("0a" * 16)),
        (b"AUTH " + b"0a" * 32, ota.ReplyAuth("0a" * 32)),
        (b"Authentication Failed", ota.ReplyAuthFailed()),
        (b"ERR: ERROR[5]: Bad Size Given\n", ota.ReplyError("ERROR[5]: Bad Size Given")),
        (b"ERR: No Filesystem", ota.ReplyError("No Filesystem")),
    ],
)
def test_every_answer_is_known(payload: bytes, reply: ota.Reply) -> None:
    assert ota.decode_reply(payload) == reply
    assert ota.decode_reply(ota.encode_reply(reply)) == reply


@pytest.mark.parametrize(
    "payload", [b"", b"ok", b"OK OK", b"AUTH", b"AUTH " + b"a" * 33, b"AUTH " + b"g" * 32, b"200", b"\x1b[31mOK", b"HTTP/1.1 200 OK"]
)
def test_anything_else_is_malformed(payload: bytes) -> None:
    assert isinstance(ota.decode_reply(payload), Malformed)


def test_the_nonces_length_tells_the_scheme() -> None:
    assert ota.ReplyAuth("a" * 32).bits == 128
    assert ota.ReplyAuth("a" * 64).bits == 256


@given(size=st.sampled_from([32, 64]), data=st.data())
def test_an_answer_to_auth_comes_back_as_it_went(size: int, data: st.DataObject) -> None:
    digits = st.text("0123456789abcdef", min_size=size, max_size=size)
    cnonce, response = data.draw(digits), data.draw(digits)
    assert ota.decode_auth(ota.encode_auth(cnonce, response)) == ota.AuthAnswer(cnonce, response)


@pytest.mark.parametrize(("cnonce", "response"), [("a" * 32, "b" * 64), ("a" * 31, "b" * 31), ("g" * 32, "a" * 32), ("", "")])
def test_a_lopsided_answer_to_auth_is_not_encoded(cnonce: str, response: str) -> None:
    with pytest.raises(ValueError, match="hex digits"):
        ota.encode_auth(cnonce, response)


def test_md5_scheme_is_what_the_esp8266_core_computes() -> None:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    assert ota.md5_response("secret", "n" * 32, "c" * 32) == md5(f"{md5('secret')}:{'n' * 32}:{'c' * 32}")


def test_pbkdf2_scheme_matches_the_known_vector() -> None:
    # From arduino-esp32's espota.py of 2025-10.
    expected = "4d63ba8b1efa8949a0c5caefe7e8bc77db582e5531bdf2667c663394b4551b93"
    assert ota.pbkdf2_response("a-real-password", "ab" * 32, "cd" * 32) == expected


@settings(max_examples=40)
@given(st.binary(max_size=80))
def test_what_starts_an_update_never_is_the_knock_or_empty(payload: bytes) -> None:
    if ota.starts_update(payload):
        assert payload not in (b"", b"1")
        assert len(payload) >= 34  # a digit of size, a separator, 32 characters
