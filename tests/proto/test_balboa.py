"""Balboa frames against pybalboa, which talks to real spas."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybalboa.client import SpaClient
from pybalboa.enums import TemperatureUnit
from pybalboa.utils import calculate_checksum, read_one_message

from discover.proto import balboa
from discover.proto.malformed import Malformed

MODULE = balboa.ModuleIdentification("00:15:27:e4:00:9d", "00000000-00000000-001527FF-FFE4009D")
SYSTEM = balboa.SystemInformation(software="M100_201 V20.0", model="BP6013G1", setup=3, voltage=240)


@given(st.binary(max_size=100))
def test_the_checksum_is_pybalboas(data: bytes) -> None:
    assert balboa.crc8(data) == calculate_checksum(data)


def test_the_requests_are_the_documented_bytes() -> None:
    assert balboa.encode_frame(balboa.REQUEST_MODULE).hex(" ") == "7e 05 0a bf 04 77 7e"
    assert balboa.encode_frame(balboa.REQUEST_SYSTEM).hex(" ") == "7e 08 0a bf 22 02 00 00 89 7e"


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=3, max_size=60))
def test_pybalboa_reads_our_frames(body: bytes) -> None:
    async def read() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(balboa.encode_frame(body))
        reader.feed_eof()
        return await read_one_message(reader)

    assert asyncio.run(read())[1:-1] == body


async def test_pybalboa_reads_what_we_encode_and_we_read_the_same() -> None:
    client = SpaClient("127.0.0.1")
    status = balboa.Status(temperature=37.5, target=38.0, unit="C", hour=9, minute=41)
    module, system = balboa.encode_module(MODULE), balboa.encode_system(SYSTEM, ids=(100, 201, 20, 0))
    for body in (module, system, balboa.encode_status(status)):
        frame = balboa.encode_frame(body)
        client._process_message(frame[1:-1])
    assert (client.mac_address, client.idigi_device_id) == (MODULE.mac, MODULE.idigi)
    assert (client.model, client.software_version, client.voltage, client.current_setup) == ("BP6013G1", "M100_201 V20.0", 240, 3)
    assert (client.temperature, client.target_temperature, client.temperature_unit) == (37.5, 38.0, TemperatureUnit.CELSIUS)
    assert (client.time_hour, client.time_minute) == (9, 41)
    assert balboa.decode_message(module) == MODULE
    assert balboa.decode_message(system) == SYSTEM
    assert balboa.decode_message(balboa.encode_status(status)) == status


@given(
    temperature=st.none() | st.integers(0, 120).map(float),
    target=st.integers(0, 120).map(float),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_a_status_in_fahrenheit_comes_back_as_it_went(temperature: float | None, target: float, hour: int, minute: int) -> None:
    status = balboa.Status(temperature=temperature, target=target, unit="F", hour=hour, minute=minute)
    assert balboa.decode_message(balboa.encode_status(status)) == status


@settings(max_examples=60)
@given(bodies=st.lists(st.binary(min_size=3, max_size=60), max_size=5), cut=st.integers(1, 30))
def test_frames_are_found_however_the_stream_is_cut(bodies: list[bytes], cut: int) -> None:
    stream = b"".join(balboa.encode_frame(body) for body in bodies)
    reader = balboa.FrameReader()
    found = [one for start in range(0, len(stream), cut) for one in reader.feed(stream[start : start + cut])]
    assert found == [balboa.Frame(body) for body in bodies]


def test_a_stream_joined_in_the_middle_falls_into_step() -> None:
    stream = balboa.encode_frame(balboa.STATUS + bytes(24)) * 2 + balboa.encode_frame(balboa.REQUEST_MODULE)
    found = balboa.FrameReader().feed(stream[9:])
    assert found[-1] == balboa.Frame(balboa.REQUEST_MODULE)
    assert balboa.Frame(balboa.STATUS + bytes(24)) in found


def test_a_wrong_checksum_is_told_and_the_next_frame_still_read() -> None:
    bad = bytearray(balboa.encode_frame(b"\x0a\xbf\x94payload"))
    bad[5] ^= 1
    found = balboa.FrameReader().feed(bytes(bad) + balboa.encode_frame(balboa.REQUEST_MODULE))
    assert isinstance(found[0], Malformed)
    assert found[-1] == balboa.Frame(balboa.REQUEST_MODULE)


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=300), max_size=10))
def test_the_reader_never_holds_more_than_a_frame(chunks: list[bytes]) -> None:
    reader = balboa.FrameReader()
    for chunk in chunks:
        reader.feed(chunk)
        assert len(reader._buffer) <= balboa.MAX_LENGTH + 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        balboa.MODULE,
        balboa.MODULE + bytes(24),
        balboa.MODULE + bytes(25),
        balboa.SYSTEM + bytes(20),
        balboa.STATUS + bytes(23),
        b"\x0a\xbf\x2e12345",
    ],
)
def test_short_empty_and_unused_messages_are_malformed(body: bytes) -> None:
    assert isinstance(balboa.decode_message(body), Malformed)


def test_a_body_that_would_look_like_a_delimiter_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="123"):
        balboa.encode_frame(b"x" * 124)
