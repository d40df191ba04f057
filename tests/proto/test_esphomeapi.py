"""ESPHome's native API against aioesphomeapi, its own client library."""

from __future__ import annotations

from typing import Any

import pytest
from aioesphomeapi import api_pb2
from aioesphomeapi._frame_helper.packets import make_plain_text_packets
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.proto import esphomeapi as api
from discover.proto import protobuf
from discover.proto.malformed import Malformed

# The generated module gives its message classes no types.
PB: Any = api_pb2
words = st.text(st.characters(codec="utf-8"), max_size=30)
numbers = st.integers(0, 2**32 - 1)


def frames(data: bytes) -> tuple[object, ...]:
    return api.FrameReader().feed(data)


def test_the_hello_is_the_one_seen_on_the_wire() -> None:
    # Measured against the real firmware, host build 2026.10.0.
    hello = api.encode_frame(api.HELLO_REQUEST, api.encode_hello_request(api.HelloRequest(client_info="gear")))
    assert hello.hex() == "000a010a04676561721001180a"


@settings(max_examples=60)
@given(info=words, major=numbers, minor=numbers)
def test_hello_request_is_read_by_the_oracle_and_back(info: str, major: int, minor: int) -> None:
    ours = api.HelloRequest(client_info=info, api_major=major, api_minor=minor)
    theirs = PB.HelloRequest.FromString(api.encode_hello_request(ours))
    assert (theirs.client_info, theirs.api_version_major, theirs.api_version_minor) == (info, major, minor)
    assert api.decode_hello_request(theirs.SerializeToString()) == ours


@settings(max_examples=60)
@given(major=numbers, minor=numbers, server=words, name=words)
def test_hello_response_is_read_as_the_oracle_writes_it(major: int, minor: int, server: str, name: str) -> None:
    theirs = PB.HelloResponse(api_version_major=major, api_version_minor=minor, server_info=server, name=name)
    ours = api.HelloResponse(api_major=major, api_minor=minor, server_info=server, name=name)
    assert api.decode_hello_response(theirs.SerializeToString()) == ours
    assert PB.HelloResponse.FromString(api.encode_hello_response(ours)) == theirs


@settings(max_examples=60)
@given(name=words, version=words, model=words, project=words, port=st.integers(0, 65535), sleep=st.booleans(), secret=st.booleans())
def test_device_info_is_read_as_the_oracle_writes_it(
    name: str,
    version: str,
    model: str,
    project: str,
    port: int,
    sleep: bool,  # noqa: FBT001 - drawn values
    secret: bool,  # noqa: FBT001 - drawn values
) -> None:
    theirs = PB.DeviceInfoResponse(
        name=name,
        mac_address="24:6F:28:AB:CD:EF",
        esphome_version=version,
        model=model,
        project_name=project,
        webserver_port=port,
        has_deep_sleep=sleep,
        api_encryption_supported=secret,
        friendly_name="Büro",
        bluetooth_mac_address="24:6F:28:AB:CD:F0",  # a field we do not know
    )
    theirs.areas.add(name="a nested message")
    read = api.decode_device_info(theirs.SerializeToString())
    assert read == api.DeviceInfo(
        name=name,
        mac="24:6f:28:ab:cd:ef",
        esphome_version=version,
        model=model,
        project_name=project,
        webserver_port=port,
        has_deep_sleep=sleep,
        api_encryption_supported=secret,
        friendly_name="Büro",
    )
    again = PB.DeviceInfoResponse.FromString(api.encode_device_info(read))
    assert (again.name, again.mac_address, again.project_name) == (name, "24:6F:28:AB:CD:EF", project)


@settings(max_examples=60)
@given(packets=st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=300)), max_size=5), cut=st.integers(1, 40))
def test_frames_of_the_oracle_are_found_however_they_are_cut(packets: list[tuple[int, bytes]], cut: int) -> None:
    stream = b"".join(make_plain_text_packets(packets))
    assert stream == b"".join(api.encode_frame(kind, body) for kind, body in packets)
    reader = api.FrameReader()
    found = [one for start in range(0, len(stream), cut) for one in reader.feed(stream[start : start + cut])]
    assert found == [api.Frame(kind, body) for kind, body in packets]


def test_a_node_with_encryption_tells_name_and_mac_before_any_key() -> None:
    hello = api.NoiseHello("gear", "24:6f:28:ab:cd:ef")
    assert frames(api.encode_noise_hello(hello)) == (hello,)
    assert frames(b"\x01\x00\x01\x01") == (api.NoiseHello("", ""),)  # before 2022.2
    assert frames(b"\x01\x00\x06\x01gear\x00") == (api.NoiseHello("gear", ""),)  # before 2025.4


def test_a_node_with_encryption_rejects_a_plaintext_hello_in_words() -> None:
    assert frames(b"\x01\x00\x13\x01Bad indicator byte") == (api.NoiseReject("Bad indicator byte"),)


def test_what_follows_the_noise_hello_is_the_handshake_and_not_ours() -> None:
    assert frames(api.encode_noise_hello(api.NoiseHello("gear", "")) + b"\x01\x00\x02xy") == (api.NoiseHello("gear", ""),)


@pytest.mark.parametrize(
    "data",
    [b"\x02", b"HTTP/1.1", b"\x00\x80\x80\x80\x80\x01", b"\x00\xff\xff\xff\x7f\x01", b"\x00\x00\x80\x80\x80\x80\x01", b"\x01\x00\x01\x07"],
)
def test_a_stream_that_is_something_else_ends_the_reader(data: bytes) -> None:
    reader = api.FrameReader()
    (only,) = reader.feed(data)
    assert isinstance(only, Malformed)
    assert reader.dead
    assert reader.feed(api.encode_frame(7)) == ()


def test_the_reader_waits_for_the_rest() -> None:
    reader = api.FrameReader()
    for byte in api.encode_frame(api.PING_REQUEST, b"x" * 200)[:-1]:
        assert reader.feed(bytes((byte,))) == ()
    assert reader.feed(b"x") == (api.Frame(api.PING_REQUEST, b"x" * 200),)


def test_a_body_above_the_protocols_limit_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="65535"):
        api.encode_frame(1, b"x" * 65536)


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back_as_they_went(value: int) -> None:
    data = protobuf.encode_varint(value)
    assert protobuf.decode_varint(data, 0) == (value, len(data))
    assert protobuf.decode_varint(data[:-1], 0) is None


def test_a_message_of_too_many_fields_is_malformed() -> None:
    assert isinstance(protobuf.decode(b"\x08\x01" * 300), Malformed)
    assert isinstance(protobuf.decode(b"\x0b"), Malformed)  # a group: proto3 has none
