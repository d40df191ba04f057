"""One datagram that came back, and the codec that understands it: the fields of a "udp.reply" signal.

Each codec is loaded when the first datagram is tried with it: a sweep meets few of them, and is to begin soon.
"""

from __future__ import annotations

from typing import Final

from discover.model.signal import Field
from discover.proto import wellknown
from discover.proto.malformed import Malformed

ARDUINO_PORTS: Final = (3232, 3231, 8266, 2040)
"""UDP ports on which ArduinoOTA listens or is set to listen (facts: ports of the cores; 3231 by users only)."""

_MAX_TEXT: Final = 400


def decode_udp(port: int, payload: bytes) -> tuple[str, dict[str, Field]]:
    """Return the protocol's name and what the reply told, by the *device's* port first, then by its form.

    Names: "microchip-announce", "gecko-hello", "addp", "arduinoota", "ssdp", "wled-sync", "espeasy",
    "unknown" (with ``text`` where the payload is printable). Never raises; empty values are left out.
    """
    for decode in _ORDER.get(port, _ANYWHERE):
        told = decode(payload)
        if told is not None:
            name, fields = told
            return name, {key: value for key, value in fields.items() if value != ""}
    return "unknown", _printable(payload)


def _microchip(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import microchip  # noqa: PLC0415 - when the first datagram is tried with it

    announce = microchip.decode_announce(payload)
    if isinstance(announce, Malformed):
        return None
    return "microchip-announce", {"name": announce.name, "mac": announce.mac, "text": " | ".join(announce.extra)}


def _gecko(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import gecko  # noqa: PLC0415 - likewise

    hello = gecko.decode_hello(payload)
    if isinstance(hello, Malformed):
        return None
    return "gecko-hello", {"name": hello.name, "mac": hello.mac, "identifier": hello.identifier}


def _addp(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import addp  # noqa: PLC0415 - likewise

    reply = addp.decode(payload)
    if isinstance(reply, Malformed):
        return None
    fields: dict[str, Field] = {"name": reply.name, "mac": reply.mac, "device": reply.device, "firmware": reply.firmware, "ip": reply.ip}
    if reply.real_port:
        fields["real_port"] = reply.real_port
    return "addp", fields


def _arduino(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import arduinoota  # noqa: PLC0415 - likewise

    reply = arduinoota.decode_reply(payload)
    match reply:
        case arduinoota.ReplyAuth():
            return "arduinoota", {"text": "AUTH", "nonce_bits": reply.bits}
        case arduinoota.ReplyError():
            return "arduinoota", {"text": f"ERR: {reply.text}"}
        case arduinoota.ReplyOk():
            return "arduinoota", {"text": "OK"}
        case arduinoota.ReplyAuthFailed():
            return "arduinoota", {"text": "Authentication Failed"}
        case Malformed():
            return None


def _ssdp(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import ssdp  # noqa: PLC0415 - likewise

    message = ssdp.decode(payload)
    if isinstance(message, Malformed) or message.method == "M-SEARCH":
        return None
    fields: dict[str, Field] = {"server": message.server, "st": message.st, "usn": message.usn, "location": message.location}
    if message.nts:
        fields["nts"] = message.nts
    return "ssdp", fields


def _wled(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import wled  # noqa: PLC0415 - likewise

    info = wled.decode(payload)
    if isinstance(info, Malformed):
        return None
    return "wled-sync", {"name": info.name, "ip": info.ip, "type": info.type, "unit": info.unit, "build": info.build}


def _espeasy(payload: bytes) -> tuple[str, dict[str, Field]] | None:
    from discover.proto import espeasy  # noqa: PLC0415 - likewise

    info = espeasy.decode(payload)
    if isinstance(info, Malformed):
        return None
    return "espeasy", {"name": info.name, "mac": info.mac, "ip": info.ip, "type": info.type, "unit": info.unit, "build": info.build}


def _printable(payload: bytes) -> dict[str, Field]:
    try:
        text = payload[:_MAX_TEXT].decode("ascii").strip("\r\n\0 ")
    except UnicodeDecodeError:
        return {}
    return {"text": text} if text and all(char.isprintable() or char in "\t\r\n" for char in text) else {}


# Codecs that a reply is tried with, by the device's port: its own first. The two that share "FF 01"
# and ArduinoOTA's bare words are believed on their own ports only.
_ANYWHERE: Final = (_gecko, _addp, _microchip, _ssdp)
_ORDER: Final = {
    **dict.fromkeys(ARDUINO_PORTS, (_arduino, *_ANYWHERE)),
    wellknown.ESPEASY_PORT: (_espeasy, _arduino, *_ANYWHERE),
    wellknown.WLED_PORT: (_wled, *_ANYWHERE),
    wellknown.MICROCHIP_PORT: (_microchip, *_ANYWHERE),
}
