"""One signal, read once: what rules ask of it and what placeholders take from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from discover.atlas.vendors import vendor_of
from discover.model.signal import Signal
from discover.proto.mac import canonical_mac

# The names that are known to end in the device's MAC address: ArduinoOTA on the ESP32
# (espressif/arduino-esp32 libraries/ArduinoOTA/src/ArduinoOTA.cpp begin()) and Shelly
# (home-assistant-libs/aioshelly aioshelly/zeroconf.py). Twelve hex digits elsewhere may be any serial number.
_MAC_IN_NAME: Final = re.compile(r"(?:esp32|shelly[a-z0-9-]*)-([0-9a-f]{12})", re.IGNORECASE)

# Names of chips as firmware writes them, and as the makers do.
_ESP: Final = re.compile(r"esp32[-_ ]?([shcp][0-9]{1,2})", re.IGNORECASE)
_CHIP: Final = re.compile(r"(?:esp32|esp8266|esp8285|rp2040|rp2350|bk72[0-9]{2}[a-z]*|rtl87[0-9a-z]+|ln882[a-z]*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ToldMac:
    """A MAC address (canonical) that a signal carries; ``how`` is "txt", "reply", "name" or "neighbour"."""

    mac: str
    how: str


class Facts:
    """A signal with what is computed from it, each at most once. ``service`` is the mDNS type in lower case, "" for other kinds."""

    def __init__(self, signal: Signal) -> None:
        """Read the cheap parts; the rest waits until a rule asks."""
        self.signal: Final = signal
        self.announced: Final = signal.kind == "mdns.service"
        self.service: Final = service_type(signal.text("type")) if self.announced else ""

    @cached_property
    def host(self) -> str:
        """The mDNS host name without ".local"."""
        return bare_host(self.signal.text("host"))

    @cached_property
    def macs(self) -> tuple[ToldMac, ...]:
        """Every MAC address the signal carries, the surest telling first, each once."""
        signal = self.signal
        found: dict[str, ToldMac] = {}
        if signal.kind == "neighbour.seen":
            _add(found, signal.text("mac"), "neighbour")
        elif signal.kind in ("udp.reply", "tcp.reply"):
            _add(found, signal.text("mac"), "reply")
        elif self.announced:
            _add(found, signal.txt("mac") or "", "txt")
            for name in (self.host, signal.text("instance")):
                match = _MAC_IN_NAME.fullmatch(name)
                if match:
                    _add(found, match[1], "name")
        return tuple(found.values())

    @cached_property
    def vendors(self) -> tuple[str, ...]:
        """The vendors of :attr:`macs`, those that are known."""
        return tuple(vendor for told in self.macs if (vendor := vendor_of(told.mac)))

    def value(self, name: str) -> str:
        """Return what the placeholder ``{name}`` stands for, "" where the signal does not tell.

        ``txt.KEY`` is a TXT value, ``host`` has no ".local", ``mac`` and ``vendor`` are found in
        names and TXT records too; anything else is a field of the signal.
        """
        if name.startswith("txt."):
            return self.signal.txt(name[4:]) or ""
        if name == "host":
            return self.host
        if name == "mac":
            return self.macs[0].mac if self.macs else ""
        if name == "vendor":
            return self.vendors[0] if self.vendors else ""
        return field_text(self.signal, name)


def _add(found: dict[str, ToldMac], text: str, how: str) -> None:
    mac = canonical_mac(text)
    if mac and mac not in found:
        found[mac] = ToldMac(mac=mac, how=how)


def field_text(signal: Signal, name: str) -> str:
    """Return a field as text: booleans as "true" and "false", items joined by a comma and a space, "" where it is absent."""
    value = signal.fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def service_type(text: str) -> str:
    """Return an mDNS service type as rules write it: lower case, neither ".local" nor a trailing dot."""
    return text.lower().removesuffix(".").removesuffix(".local")


def bare_host(host: str) -> str:
    """Return a host name without trailing dot and ".local"."""
    name = host.removesuffix(".")
    return name[:-6] if name.lower().endswith(".local") else name


def canonical_chip(text: str) -> str:
    """Return a chip's name as its maker writes it ("esp32s3" -> "ESP32-S3"); what is not known stays as it was told."""
    text = text.strip()
    match = _ESP.fullmatch(text)
    if match:
        return f"ESP32-{match[1].upper()}"
    return text.upper() if _CHIP.fullmatch(text) else text
