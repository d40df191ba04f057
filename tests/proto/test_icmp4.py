"""ICMP echo over IPv4: messages, with and without the IP header that macOS leaves before them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.proto import icmp4
from discover.proto.icmp6 import Echo
from discover.proto.malformed import Malformed

HEADER = bytes.fromhex("4500002000004000400100007f0000017f000001")

ECHOES = st.builds(Echo, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=64))


def test_the_request_bears_its_checksum() -> None:
    # RFC 1071 by hand: 0800 + 0000 + 1234 + 0001 + 4142 + 4344 = 9ebb, whose complement is 6144.
    assert icmp4.encode_echo_request(Echo(0x1234, 1, b"ABCD")) == bytes.fromhex("0800614412340001") + b"ABCD"


@given(ECHOES)
def test_replies_are_read_with_and_without_the_ip_header(echo: Echo) -> None:
    message = icmp4.encode_echo_reply(echo)
    assert icmp4.checksum(message) == 0
    assert icmp4.decode_echo_reply(message) == echo
    assert icmp4.decode_echo_reply(HEADER + message) == echo


@given(st.binary(max_size=80))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    assert isinstance(icmp4.decode_echo_reply(data), Echo | Malformed)


@given(ECHOES)
def test_a_request_is_no_reply(echo: Echo) -> None:
    assert isinstance(icmp4.decode_echo_reply(icmp4.encode_echo_request(echo)), Malformed)


@pytest.mark.parametrize(("identifier", "sequence"), [(-1, 0), (0x10000, 0), (0, -1), (0, 0x10000)])
def test_numbers_beyond_sixteen_bits_are_refused(identifier: int, sequence: int) -> None:
    with pytest.raises(ValueError, match="16 bits"):
        icmp4.encode_echo_request(Echo(identifier, sequence, b""))
