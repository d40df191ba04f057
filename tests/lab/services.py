"""Service groups for avahi-daemon: what the lab's nodes announce."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape


def group(name: str, *services: tuple[str, int, Sequence[str]], host: str = "") -> str:
    """Return a service group: (type, port, TXT items) a service, on the announcer's own host or on another one."""
    body = ""
    for kind, port, txt in services:
        records = "".join(f"<txt-record>{escape(item)}</txt-record>" for item in txt)
        where = f"<host-name>{escape(host)}.local</host-name>" if host else ""
        body += f"<service><type>{escape(kind)}</type>{where}<port>{port}</port>{records}</service>"
    head = '<?xml version="1.0" standalone="no"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">'
    return f"{head}<service-group><name>{escape(name)}</name>{body}</service-group>"


def esphome(name: str, mac: str, *, version: str = "2026.6.5", platform: str = "ESP32", port: int = 6053) -> str:
    """Return what an ESPHome node announces (esphome mdns_component.cpp)."""
    txt = [
        f"friendly_name={name.replace('-', ' ').title()}",
        f"version={version}",
        f"mac={mac.replace(':', '')}",
        f"platform={platform}",
        "board=esp32dev",
        "network=wifi",
    ]
    return group(name, ("_esphomelib._tcp", port, txt))


def arduino(name: str, port: int = 3232, *, password: bool = True, board: str = "esp32") -> str:
    """Return what ArduinoOTA announces (ESPmDNS enableArduino)."""
    txt = [f"board={board}", "tcp_check=no", "ssh_upload=no", f"auth_upload={'yes' if password else 'no'}"]
    return group(name, ("_arduino._tcp", port, txt))
