"""Whatever bytes come, every decoder answers with a value: random, cut short, flipped, far too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.proto import (
    addp,
    arduinoota,
    arp,
    balboa,
    espeasy,
    esphomeapi,
    esphomeota,
    gecko,
    http1,
    icmp6,
    microchip,
    protobuf,
    replies,
    ssdp,
    txt,
    wled,
)
from discover.proto.malformed import Malformed

MAC = "24:6f:28:ab:cd:ef"
HTTP = b"HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
DIGI = addp.encode_reply(addp.AddpReply(mac=MAC, ip="10.0.0.231", device="Digi Connect ME", real_port=771))
NODE = esphomeapi.DeviceInfo(name="gear", mac=MAC, esphome_version="2026.10.0", webserver_port=80)
SSDP = b"NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nUSN: uuid:1\r\nLOCATION: http://10.0.0.1/x\r\n\r\n"

# Each decoder with one good message, from which the damaged ones are made.
DECODERS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "arduinoota.decode_invitation": (arduinoota.decode_invitation, b"0 48266 0 " + b"a" * 32 + b"\n"),
    "arduinoota.decode_reply": (arduinoota.decode_reply, b"AUTH " + b"ab" * 32),
    "arduinoota.decode_auth": (arduinoota.decode_auth, b"200 " + b"a" * 32 + b" " + b"b" * 32 + b"\n"),
    "arduinoota.starts_update": (arduinoota.starts_update, b"0 48266 9 " + b"a" * 32 + b"\n"),
    "esphomeota.decode_magic_reply": (esphomeota.decode_magic_reply, b"\x00\x02"),
    "esphomeota.decode_auth_request": (esphomeota.decode_auth_request, b"\x02" + b"ab" * 32),
    "esphomeapi.decode_hello_request": (esphomeapi.decode_hello_request, b"\x0a\x04gear\x10\x01\x18\x0a"),
    "esphomeapi.decode_hello_response": (esphomeapi.decode_hello_response, b"\x08\x01\x10\x0a\x1a\x01v\x22\x01n"),
    "esphomeapi.decode_device_info": (esphomeapi.decode_device_info, esphomeapi.encode_device_info(NODE)),
    "esphomeapi.decode_noise_hello": (esphomeapi.decode_noise_hello, b"\x01gear\x00246f28abcdef\x00"),
    "esphomeapi.FrameReader": (lambda data: esphomeapi.FrameReader().feed(data), b"\x00\x02\x01ab\x01\x00\x03\x01a\x00"),
    "protobuf.decode": (protobuf.decode, b"\x08\x01\x15abcd\x19abcdefgh\x22\x01n"),
    "arp.decode": (arp.decode, arp.encode_request(MAC, "10.0.0.1", "10.0.0.2") + bytes(18)),
    "icmp6.decode_echo_reply": (
        icmp6.decode_echo_reply,
        icmp6.encode_echo_reply(icmp6.Echo(1, 2, b"espied"), source="fe80::1", target="fe80::2"),
    ),
    "microchip.decode_announce": (microchip.decode_announce, b"BWGSPA\r\n00-15-27-00-00-01\r\n"),
    "gecko.decode_hello": (gecko.decode_hello, b"<HELLO>SPA00:11:22:33:44:55|Tub</HELLO>"),
    "addp.decode": (addp.decode, DIGI),
    "balboa.decode_message": (
        balboa.decode_message,
        balboa.encode_status(balboa.Status(temperature=38.5, target=39, unit="C", hour=1, minute=2)),
    ),
    "balboa.FrameReader": (lambda data: balboa.FrameReader().feed(data), balboa.encode_frame(balboa.REQUEST_MODULE) * 2),
    "txt.decode": (lambda data: txt.to_text(txt.decode(data)), b"\x04a=bc\x01f"),
    "http1.ResponseReader": (lambda data: (http1.ResponseReader().feed(data), http1.ResponseReader().end()), HTTP),
    "http1.title": (http1.title, b"<html><title> A &amp; B </title>"),
    "http1.json_scalars": (http1.json_scalars, b'{"a": 1, "b": {"c": "d"}, "e": 1.5, "f": null}'),
    "ssdp.decode": (ssdp.decode, SSDP),
    "wled.decode": (wled.decode, wled.encode(wled.NodeInfo(ip="10.0.0.1", name="x", type="ESP32", on=True, unit=1, build=2))),
    "espeasy.decode": (espeasy.decode, espeasy.encode(espeasy.NodeInfo(mac=MAC, ip="10.0.0.1", unit=1, name="x", type="ESP Easy"))),
}

each = pytest.mark.parametrize("name", sorted(DECODERS))


@each
def test_the_good_message_is_understood(name: str) -> None:
    decode, good = DECODERS[name]
    assert not isinstance(decode(good), Malformed)


@each
@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes(name: str, data: bytes) -> None:
    DECODERS[name][0](data)


@each
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_messages(name: str, data: st.DataObject) -> None:
    decode, good = DECODERS[name]
    bad = bytearray(good[: data.draw(st.integers(0, len(good)), label="cut")])
    if bad:
        for _ in range(data.draw(st.integers(0, 3), label="flips")):
            bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(bad) + data.draw(st.binary(max_size=12), label="tail"))


@each
@pytest.mark.parametrize("filler", [b"\x00", b"\xff", b"~", b"1", b" ", b"\x80", b"[", b'{"a":', b"9" * 5000])
def test_oversized_messages(name: str, filler: bytes) -> None:
    decode, good = DECODERS[name]
    decode(good + filler * (70_000 // len(filler)))
    decode(filler * (70_000 // len(filler)))


@settings(max_examples=150, deadline=None)
@given(port=st.sampled_from([0, 1900, 2040, 2362, 3231, 3232, 8266, 10022, 30303, 65506, 65535]), data=st.binary(max_size=200))
def test_any_datagram_gets_a_protocol_and_fields(port: int, data: bytes) -> None:
    protocol, fields = replies.decode_udp(port, data)
    assert protocol
    assert all(fields)
    assert "" not in fields.values()
