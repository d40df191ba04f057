"""Whom a check is about: the words a user names a host by, and what the device announced of its updates."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from discover.atlas.family import Family, OtaPage
from discover.errors import UsageError
from discover.model.device import Confidence, Device, Password
from discover.model.signal import Signal
from discover.text import clean

ARDUINO_PORTS: Final = (3232, 8266, 2040)
"""Where ArduinoOTA listens by default: ESP32, ESP8266, RP2040/RP2350 (``_port`` in each core's ArduinoOTA.cpp)."""

ESPHOME_PORT: Final = 3232
"""ESPHome's default on the ESP32 (esphome/components/esphome/ota/__init__.py); other platforms' come from the family's file."""

TCP_UPLOADER_PORT: Final = 65280
"""JAndrassy/ArduinoOTA src/ArduinoOTA.h: an HTTP-like server on 0xff00/tcp."""

NAMED: Final = {
    "web_server": "esphome-web",
    "wled": "wled",
    "tasmota": "tasmota",
    "elegantota": "elegantota",
    "webrepl": "micropython-webrepl",
}
"""Kinds that a user may name by their firmware, and the families whose files tell how those are updated."""
KINDS: Final = ("arduino", "esphome", *NAMED, "http", "pull", "none", "unknown")

FITS: Final = {
    3232: "ArduinoOTA on the ESP32 (over UDP) and ESPHome on the ESP32 (over TCP)",
    8266: "ArduinoOTA on the ESP8266 (over UDP), ESPHome on the ESP8266 and MicroPython's WebREPL (both over TCP)",
    2040: "ArduinoOTA on the Pico W (over UDP) and ESPHome on the RP2040 (over TCP)",
}
"""What uses a number by default, where it is more than one service."""
WEB_PORTS: Final = frozenset({80, 443, 8080})
_WEB: Final = ("web_server", "wled", "tasmota", "elegantota")

_ARDUINO: Final = "_arduino._tcp"
_ESPHOME: Final = "_esphomelib._tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host as the user wrote it: a name or an address (with zone), and the port where one was given."""

    name: str
    port: int | None
    literal: bool
    device: bool = False
    """True where the name is the inventory's for a device, not a host name: ``hostname`` is what the device told, if anything."""
    hostname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """How the device says, or its family is known, to be updated.

    ``kind``: "arduino", "esphome", "http", "pull", "none" or "unknown"; ``password`` as announced;
    ``version`` ESPHome's; ``heard`` is True where an mDNS record stands behind it; ``said`` is one sentence.
    """

    kind: str = "unknown"
    port: int = 0
    transport: str = ""
    password: Password = Password.UNKNOWN
    version: str = ""
    heard: bool = False
    said: str = ""
    note: str = ""
    title: str = ""
    page: OtaPage | None = None
    """The one page that tells of a device which takes updates by its web server."""


def parse_host(text: str, port: int | None = None) -> Host:
    """Read "name", "name:port", an address, "v4:port", "[v6%zone]:port" or a bare IPv6 address.

    Raises UsageError for anything else, for a group's address, for a port outside 1..65535 and for two ports that differ.
    """
    text = text.strip()
    name, written = _split(text)
    port = _one_port(text, written, port)
    if not name or clean(name, 256) != name or any(char in name for char in " /@?#[]"):
        raise UsageError(
            f"{clean(text, 80) or 'An empty text'} is no host.", "Give a name, an address, or either with a port: kitchen.local:3232"
        )
    if is_group(name):
        raise UsageError(f"{name} is not the address of one device.", "A check asks one device; `espied scan` finds them all.")
    return Host(name=name, port=port, literal=is_address(name))


def find_host(text: str, port: int | None, device: Device | None) -> Host:
    """Return the host that ``text`` means: the device's own name, label or id (with or without port) first. Raises UsageError."""
    if device is None:
        return parse_host(text, port)
    if not text:
        if not device.addresses:
            raise UsageError(f"No address of {device.title} is known.", "Scan again, or give a name or an address.")
        return parse_host(f"[{device.addresses[0]}]" if ":" in device.addresses[0] else device.addresses[0], port)
    names = {one.casefold() for one in (device.name, device.label, device.id) if one}
    hostname = device.hostname.removesuffix(".")
    head, _, tail = text.strip().rpartition(":")
    for name, written in ((text.strip(), None), (head, tail)):
        if name.casefold() in names and name.casefold().removesuffix(".local") != hostname.casefold().removesuffix(".local"):
            number = _one_port(text, None if written is None else _number(written), port)
            return Host(name=name, port=number, literal=False, device=True, hostname=hostname)
    return parse_host(text, port)


def _one_port(text: str, written: int | None, given: int | None) -> int | None:
    if written is not None and given is not None and written != given:
        raise UsageError(f"{clean(text, 80)} names port {written}, and the port given besides is {given}.", "Give one of them.")
    port = given if written is None else written
    if port is not None and not 1 <= port <= 65535:
        raise UsageError(f"{port} is no port.", "Ports are 1 to 65535.")
    return port


def is_address(text: str) -> bool:
    """Tell whether the text is an IPv4 or IPv6 address (with or without zone)."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_group(text: str) -> bool:
    """Tell whether the text is an address of many or of nobody: multicast, the limited broadcast, 0.0.0.0 and the like."""
    if not is_address(text):
        return False
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    one = mapped or address
    return one.is_multicast or one.is_unspecified or str(one) == "255.255.255.255"


def _split(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        if not bracket or not is_address(name) or (rest and not rest.startswith(":")):
            return "", None
        return name, _number(rest[1:]) if rest else None
    if text.count(":") == 1:
        name, _, rest = text.partition(":")
        return name, _number(rest)
    if ":" in text and not is_address(text):
        return "", None
    return text, None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise UsageError(f"{clean(text, 40) or 'Nothing'} is no port.", "Ports are 1 to 65535.")
    return int(text)


def family_way(kind: str, device: Device | None) -> tuple[str, Family | None]:
    """Return the kind of update in the catalogue's words, and the family that the user named or the device is of."""
    family = NAMED.get(kind, "esphome" if kind == "esphome" else "")
    if not family and device is not None and device.family.confidence in (Confidence.CERTAIN, Confidence.LIKELY):
        family = device.family.id
    if not family or kind == "arduino":
        return kind, None
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - read only where a family is known

    found = next((one for one in load_catalogue().families if one.id == family), None)
    return found.ota.kind if kind in NAMED and found is not None and found.ota is not None else kind, found


def announced(device: Device | None, *, kind: str = "", port: int | None = None, family: Family | None = None) -> Announcement:
    """Return what is known of the device's updates before anything is sent. ``kind`` and ``port`` are the user's and win.

    ``family`` is the device's, or the one that the user named, where it is known.

    An mDNS record speaks first (``_arduino._tcp``, ``_esphomelib._tcp``), then what the inventory concluded
    from the family, then the port's number, where it belongs to one service alone.
    """
    if device is None:
        return _by_family(_by_number(kind, port), family, port)
    wanted = kind or (device.ota.kind if device.ota is not None else "")
    known = device.ota if device.ota is not None and device.ota.kind == wanted else None
    for signal in _records(device):
        found = _record(signal, wanted, port)
        if found is not None:
            theirs = found.port or (known.port if known is not None else _default_port(signal, family))
            merged = found.password if found.password is not Password.UNKNOWN or known is None else known.password
            said = found.said.replace("{port}", str(theirs))
            note = known.note if known else ""
            return replace(found, port=port or theirs, password=merged, said=said, title=device.family.title, note=note)
    if known is not None:
        version = device.firmware.version if wanted == "esphome" and device.firmware is not None else ""
        return Announcement(
            kind=wanted,
            port=port or known.port,
            transport=known.transport,
            password=known.password,
            version=version,
            said=f"The inventory knows it as {device.family.title}, updated by {wanted} on {known.port}/{known.transport}.",
            note=known.note,
            title=device.family.title,
            page=family.ota.page if family is not None and family.ota is not None and family.ota.kind == wanted else None,
        )
    found = _by_family(_by_number(wanted, port), family, port)
    return replace(found, title=found.title or device.family.title)


def _default_port(signal: Signal, family: Family | None) -> int:
    """Return ESPHome's default for the platform that its announcement names."""
    if family is None or family.ota is None or family.ota.kind != "esphome":
        return ESPHOME_PORT
    from discover.identify.updates import port_of  # noqa: PLC0415 - brings the rules along: only here

    return port_of(family.ota, signal)


def _by_family(found: Announcement, family: Family | None, port: int | None) -> Announcement:
    """Add what the catalogue knows, where it is about the same way of updating."""
    way = family.ota if family is not None else None
    if family is None or way is None or found.kind not in ("unknown", way.kind) or way.kind in ("arduino", "esphome"):
        return found
    return replace(found, kind=way.kind, port=port or way.port, transport=way.transport, note=way.note, page=way.page, title=family.title)


def _records(device: Device) -> Iterator[Signal]:
    """Newest first, so that a record after a re-flash beats the one before."""
    for signal in sorted(device.signals, key=lambda one: one.when, reverse=True):
        if signal.kind == "mdns.service" and signal.text("type") in (_ARDUINO, _ESPHOME):
            yield signal


def _record(signal: Signal, wanted: str, port: int | None) -> Announcement | None:
    number = signal.number("port") or 0
    if signal.text("type") == _ARDUINO and wanted in ("", "arduino", "unknown"):
        if port is not None and number != port:
            return None
        word = (signal.txt("auth_upload") or "").lower()
        password = {"yes": Password.YES, "no": Password.NO}.get(word, Password.UNKNOWN)
        transport = "tcp" if number == TCP_UPLOADER_PORT else "udp"
        name = signal.txt("board")
        board = f", board {name}" if name else ""
        return Announcement(
            kind="arduino",
            port=number,
            transport=transport,
            password=password,
            heard=True,
            said=f"It announces {_ARDUINO} on {number}/{transport}{board}, password {password.value} (auth_upload={word or 'absent'}).",
        )
    if signal.text("type") == _ESPHOME and wanted in ("", "esphome", "unknown"):
        platform = signal.txt("platform")
        version = signal.txt("version") or ""
        return Announcement(
            kind="esphome",
            transport="tcp",
            version=version,
            heard=True,
            said=(
                f"It announces {_ESPHOME}, ESPHome {version or 'of unknown version'} on {platform or 'an unnamed platform'}. Its update "
                "port is not announced; {port}/tcp is the default there."
            ),
        )
    return None


def _by_number(kind: str, port: int | None) -> Announcement:
    """Without a word from the device: the user's kind and port, and what the number alone tells."""
    if kind in ("", "unknown"):
        return _by_port(port or 0)
    if kind == "arduino":
        return Announcement(kind=kind, port=port or 0, transport="tcp" if port == TCP_UPLOADER_PORT else "udp")
    if kind == "esphome":
        return Announcement(kind=kind, port=port or ESPHOME_PORT, transport="tcp")
    return Announcement(kind=kind, port=port or 0)


def _by_port(port: int) -> Announcement:
    if port in (8892, 8820, 8082):  # ESPHome's alone; nothing of ArduinoOTA is there by default
        return Announcement(kind="esphome", port=port, transport="tcp")
    if port == TCP_UPLOADER_PORT:
        return Announcement(kind="arduino", port=port, transport="tcp")
    if port in WEB_PORTS:
        return Announcement(kind="http", port=port, transport="tcp", note=f"Say whose web server it is: `--kind` {', '.join(_WEB)}.")
    return Announcement(kind="unknown", port=port, transport="udp")
