"""ICMPv6 echo: as the kernel sends it, byte for byte, and what is no reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.proto import icmp6
from discover.proto.icmp6 import Echo
from discover.proto.malformed import Malformed

# Recorded with tcpdump in a network namespace: `ping -6 -c1 -s 8 -p ab -e 4660` to all nodes of a link, and an answer.
SOURCE = "fe80::a4a8:c0ff:fe52:4f89"
PEER = "fe80::84df:8eff:fe21:2f66"
REQUEST = bytes.fromhex("8000117612340001ab00000000000000")
REPLY = bytes.fromhex("8100cf9112340001ab00000000000000")

DATA = b"\xab" + bytes(7)

numbers = st.integers(0, 0xFFFF)
addresses = st.ip_addresses(v=6).map(str)


def test_a_request_is_what_the_kernel_sends() -> None:
    assert icmp6.encode_echo_request(Echo(4660, 1, DATA), source=SOURCE, target=icmp6.ALL_NODES) == REQUEST


def test_a_reply_tells_whose_question_it_answers() -> None:
    assert icmp6.decode_echo_reply(REPLY) == Echo(4660, 1, DATA)
    assert icmp6.encode_echo_reply(Echo(4660, 1, DATA), source=PEER, target=SOURCE) == REPLY


@given(numbers, numbers, st.binary(max_size=99), addresses, addresses)
def test_what_was_encoded_is_decoded_and_bears_its_checksum(identifier: int, sequence: int, data: bytes, source: str, target: str) -> None:
    echo = Echo(identifier, sequence, data)
    message = icmp6.encode_echo_reply(echo, source=source, target=target)
    assert icmp6.decode_echo_reply(message) == echo
    assert icmp6.checksum(message, source=source, target=target) == 0


@pytest.mark.parametrize("message", [b"", REPLY[:7], REQUEST, b"\x87" + REPLY[1:], REPLY[:1] + b"\x01" + REPLY[2:]])
def test_what_is_no_reply_is_malformed(message: bytes) -> None:
    assert isinstance(icmp6.decode_echo_reply(message), Malformed)


@pytest.mark.parametrize("echo", [Echo(-1, 0, b""), Echo(0x10000, 0, b""), Echo(1, 0x10000, b"")])
def test_numbers_have_16_bits(echo: Echo) -> None:
    with pytest.raises(ValueError, match="16 bits"):
        icmp6.encode_echo_request(echo, source=SOURCE, target=icmp6.ALL_NODES)
