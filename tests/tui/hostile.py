"""Devices with hostile text in every field, and the app on them as a program of its own (for a real terminal)."""

from __future__ import annotations

import sys
from dataclasses import replace

from discover.model.device import Device, Evidence, Firmware
from discover.model.signal import Signal, Source
from tests.present.samples import KITCHEN, NOW
from tests.tui.fakes import FakeFeed, FakeInventory
from tests.tui.kit import make_app

NAMES = (
    "\x1b]0;owned\x07\x1b[666m\x1b[2J\x9b666m\x9d0;owned\x9c\x1bP+q\x1b\\\x00\x08\x0e\u202egnp\u200b.exe\ufeff",
    "[/red][@click=app.bell]link[/][link=http://evil]x[/link] {braces} \\[esc",
    "x" * 10_000,
    "line\r\nbreaks\tand\x0bother\x85space\u2028ends",
)
"""Bytes that retitle, recolour, clear and reprogram terminals; Textual markup; length; line ends."""


def hostile_device(number: int, text: str) -> Device:
    """Put a text into every field, through the gate that all peer text goes through: the Signal."""
    signal = Signal(
        when=NOW,
        mono=0.1,
        source=Source.MDNS,
        interface="eth0",
        peer="192.168.1.66",
        kind="mdns.service",
        fields={"type": "_http._tcp", "instance": text, "txt": (text, f"a={text}"), text: text},
        raw=text.encode("utf-8", "surrogatepass"),
    )
    said = signal.text("instance")
    evidence = Evidence(claim="name", value=said, weight=50, rule="families/x#0", source=Source.MDNS, when=NOW, why=f"It is called {said}.")
    return replace(
        KITCHEN,
        id=f"mac:66:66:66:66:66:{number:02x}",
        addresses=(f"192.168.1.{number}",),
        name=said,
        hostname=said,
        model=said,
        kind=said,
        vendor=said,
        firmware=Firmware(name=said, version=said),
        evidence=(evidence,),
        signals=(signal,),
    )


def hostile_devices(names: tuple[str, ...] = NAMES) -> tuple[Device, ...]:
    return tuple(hostile_device(number, name) for number, name in enumerate(names, 1))


def program() -> None:
    devices = hostile_devices()
    make_app(FakeFeed(len(devices), forever="forever" in sys.argv), lambda: FakeInventory(devices)).run()


if __name__ == "__main__":
    program()
