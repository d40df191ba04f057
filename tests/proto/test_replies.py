"""One datagram that came back: which protocol, and what it told."""

from __future__ import annotations

import pytest

from discover.model.signal import Field
from discover.proto import addp, espeasy, gecko, microchip, replies, wled

MAC = "24:6f:28:ab:cd:ef"

CASES: list[tuple[int, bytes, str, dict[str, Field]]] = [
    (30303, b"BWGSPA\r\n00-15-27-E4-00-9D\r\n", "microchip-announce", {"name": "BWGSPA", "mac": "00:15:27:e4:00:9d"}),
    (
        30303,
        b"TellStickNet:ACCA54000001:CODE:17",
        "microchip-announce",
        {"name": "TellStickNet", "mac": "ac:ca:54:00:00:01", "text": "CODE | 17"},
    ),
    (10022, b"<HELLO>SPA24:6f:28:ab:cd:ef|Tub</HELLO>", "gecko-hello", {"name": "Tub", "mac": MAC, "identifier": f"SPA{MAC}"}),
    (2362, addp.encode_reply(addp.AddpReply(mac=MAC, device="Digi Connect ME")), "addp", {"mac": MAC, "device": "Digi Connect ME"}),
    (2362, addp.encode_reply(addp.AddpReply(mac=MAC, real_port=771)), "addp", {"mac": MAC, "real_port": 771}),
    (3232, b"AUTH " + b"ab" * 32, "arduinoota", {"text": "AUTH", "nonce_bits": 256}),
    (8266, b"AUTH " + b"ab" * 16, "arduinoota", {"text": "AUTH", "nonce_bits": 128}),
    (2040, b"ERR: ERROR[5]: Bad Size Given\n", "arduinoota", {"text": "ERR: ERROR[5]: Bad Size Given"}),
    (3232, b"OK", "arduinoota", {"text": "OK"}),
    (3232, b"Authentication Failed", "arduinoota", {"text": "Authentication Failed"}),
    (1900, b"HTTP/1.1 200 OK\r\nSERVER: OpenBk\r\nST: upnp:rootdevice\r\n\r\n", "ssdp", {"server": "OpenBk", "st": "upnp:rootdevice"}),
    (1900, b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nUSN: u\r\n\r\n", "ssdp", {"usn": "u", "nts": "ssdp:byebye"}),
    (9999, b"\r\nhello\r\n", "unknown", {"text": "hello"}),
    (9999, b"\x1b[31mred", "unknown", {}),
    (9999, b"OK", "unknown", {"text": "OK"}),  # ArduinoOTA's words mean nothing elsewhere
    (30303, b"", "unknown", {}),
    (1900, b"M-SEARCH * HTTP/1.1\r\n\r\n", "unknown", {"text": "M-SEARCH * HTTP/1.1"}),
]


@pytest.mark.parametrize(("port", "payload", "protocol", "fields"), CASES)
def test_replies_are_understood(port: int, payload: bytes, protocol: str, fields: dict[str, Field]) -> None:
    assert replies.decode_udp(port, payload) == (protocol, fields)


def test_two_broadcasts_that_begin_alike_are_told_apart_by_their_port() -> None:
    light = wled.encode(wled.NodeInfo(ip="10.0.0.1", name="Shelf", type="ESP32", on=True, unit=1, build=2412100))
    node = espeasy.encode(espeasy.NodeInfo(mac=MAC, ip="10.0.0.2", unit=7, build=20801, name="Porch", type="ESP Easy 32"))
    assert replies.decode_udp(65506, light) == (
        "wled-sync",
        {"name": "Shelf", "ip": "10.0.0.1", "type": "ESP32", "unit": 1, "build": 2412100},
    )
    expected = {"name": "Porch", "mac": MAC, "ip": "10.0.0.2", "type": "ESP Easy 32", "unit": 7, "build": 20801}
    assert replies.decode_udp(8266, node) == ("espeasy", expected)
    assert replies.decode_udp(4000, light)[0] == replies.decode_udp(4000, node)[0] == "unknown"


@pytest.mark.parametrize("payload", [microchip.QUESTION, gecko.QUESTION, addp.QUESTION])
def test_our_own_questions_are_never_answers(payload: bytes) -> None:
    for port in (30303, 10022, 2362):
        assert replies.decode_udp(port, payload)[0] == "unknown"
