"""Signals for the tests of identify, in one line each."""

from __future__ import annotations

from collections.abc import Mapping

from discover.model.signal import Field, Signal, Source


def signal_of(kind: str, fields: Mapping[str, Field], when: float = 100.0) -> Signal:
    source = Source(kind.partition(".")[0])
    return Signal(when=when, mono=0.0, source=source, interface="lan0", peer="192.168.1.9", kind=kind, fields=fields)


def signal(kind: str, *, when: float = 100.0, **fields: Field) -> Signal:
    return signal_of(kind, fields, when)


def service(kind: str, instance: str, port: int, *txt: str, host: str = "", when: float = 100.0) -> Signal:
    name = host or f"{instance.lower().replace(' ', '-')}.local"
    return signal("mdns.service", when=when, type=kind, instance=instance, host=name, port=port, txt=txt, ttl=4500)


def esphome(platform: str = "ESP32", *more: str, when: float = 100.0) -> Signal:
    txt = ["mac=a4cf12345678", "version=2026.6.5", "board=esp32dev", *more]
    if platform:
        txt.append(f"platform={platform}")
    return service("_esphomelib._tcp", "kitchen", 6053, *txt, when=when)


def arduino(
    port: int = 3232, auth: str = "no", *, instance: str = "esp32-246f28a1b2c3", board: str = "esp32", when: float = 100.0
) -> Signal:
    return service("_arduino._tcp", instance, port, f"board={board}", f"auth_upload={auth}", "tcp_check=no", when=when)
