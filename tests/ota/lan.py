"""A scripted LAN with the demo's simulated devices behind it, and devices as the inventory would know them."""

from __future__ import annotations

from collections.abc import Callable

from discover.demo.arduino import ArduinoOtaDevice
from discover.model.check import OtaCheck
from discover.model.device import Confidence, Device, FamilyVerdict, Firmware, OtaStatus, Password
from discover.model.signal import Field, Signal, Source
from discover.net.fake.network import FakeNetwork

ADDRESS = "192.168.1.20"
MAC = "24:6f:28:00:00:01"
US = ("192.168.1.2", 50_000)


def listener(device: ArduinoOtaDevice) -> Callable[[bytes], list[bytes]]:
    """The simulated device's own state machine as a scripted UDP port."""

    def received(payload: bytes) -> list[bytes]:
        before = len(device.log)
        device._received(payload, US)
        return [bytes.fromhex(line.removeprefix("sent ")) for line in device.log[before:] if line.startswith("sent ")]

    return received


def signal(kind: str, port: int, *txt: str, when: float = 1_760_000_000.0) -> Signal:
    fields: dict[str, Field] = {"type": kind, "instance": "kitchen", "host": "kitchen.local", "port": port, "txt": tuple(txt)}
    return Signal(when=when, mono=0.0, source=Source.MDNS, interface="lan0", peer=ADDRESS, kind="mdns.service", fields=fields)


def known(
    *signals: Signal, ota: OtaStatus | None = None, family: str = "x", title: str = "Some family", firmware: str = "", name: str = "kitchen"
) -> Device:
    return Device(
        id="mac:" + MAC,
        name=name,
        hostname="kitchen.local",
        addresses=(ADDRESS,),
        mac=MAC,
        family=FamilyVerdict(id=family, title=title, confidence=Confidence.CERTAIN, score=95),
        firmware=Firmware(name="ESPHome", version=firmware) if firmware else None,
        ota=ota,
        signals=signals,
    )


def arduino(port: int = 3232, *, auth: str = "yes", board: str = "esp32") -> Device:
    txt = signal("_arduino._tcp", port, "tcp_check=no", "ssh_upload=no", f"board={board}", f"auth_upload={auth}")
    return known(txt, title="ArduinoOTA on ESP32")


def esphome(version: str = "2026.10.0", *, platform: str = "ESP32", port: int = 3232, password: Password = Password.UNKNOWN) -> Device:
    txt = signal("_esphomelib._tcp", 6053, f"version={version}", f"platform={platform}", "mac=246f28000001")
    status = OtaStatus(kind="esphome", port=port, transport="tcp", password=password, verdict="announced", checked=None)
    return known(txt, ota=status, family="esphome", title="ESPHome")


def agrees_with_ledger(network: FakeNetwork, check: OtaCheck) -> bool:
    """Tell whether ``sent`` is exactly what the ledger holds, in order."""
    ledger = [(packet.to, packet.port, packet.transport, packet.payload.hex()) for packet in network.ledger.packets]
    told = []
    for sent in check.sent:
        host, _, port = sent.to.rpartition(":")
        told.append((host.strip("[]"), int(port), sent.transport, sent.bytes_hex))
    return told == ledger and all(sent.why for sent in check.sent)


def words(check: OtaCheck) -> list[str]:
    return [f"{step.name}: {step.state}" for step in check.steps]


def step(check: OtaCheck, name: str) -> str:
    """Detail and fix of the step with that name (the last one, where there are several)."""
    found = [one for one in check.steps if one.name == name]
    assert found, f"no step {name!r} in {words(check)}"
    return f"{found[-1].detail} || {found[-1].fix}"
