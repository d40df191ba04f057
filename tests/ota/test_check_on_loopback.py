"""Checks through real sockets on loopback, against the demo's devices: what the scripted network promises, the real one keeps."""

from __future__ import annotations

import asyncio

import pytest

from discover.demo.arduino import ArduinoOtaDevice, State, Variant
from discover.demo.esphome_ota import EsphomeOtaDevice
from discover.model.check import Hop, OtaCheck, StepState, Verdict
from discover.model.device import Device, OtaStatus, Password
from discover.net.real import RealNetwork
from discover.ota import callback, check, knocking
from discover.ota.arduino import INVITATION
from tests.ota.lan import known, signal

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback an answer is there in microseconds; a quarter of a second stays for a busy machine."""
    monkeypatch.setattr(knocking, "KNOCK_SECONDS", 0.25)
    monkeypatch.setattr(knocking, "SPACING", 0.0)


async def examine(
    device: Device, *, level: int | None = None, consent: bool = False, port: int | None = None, password: str | None = None
) -> OtaCheck:
    network = RealNetwork()
    result = await check(network, HERE, device=device, level=level, consent=consent, port=port, password=password)
    ledger = [(f"{one.to}:{one.port}", one.transport, one.payload.hex()) for one in network.ledger.packets]
    assert ledger == [(one.to, one.transport, one.bytes_hex) for one in result.sent]
    return result


def announcing(port: int, auth: str) -> Device:
    return known(signal("_arduino._tcp", port, f"auth_upload={auth}"))


def esphome(port: int, version: str = "2026.10.0", password: Password = Password.UNKNOWN) -> Device:
    status = OtaStatus(kind="esphome", port=port, transport="tcp", password=password, verdict="announced", checked=None)
    return known(signal("_esphomelib._tcp", 6053, f"version={version}", "platform=ESP32"), ota=status)


@pytest.mark.parametrize(("variant", "digits"), [(Variant.ESP32, 64), (Variant.ESP32_MD5, 32), (Variant.ESP8266, 32), (Variant.PICO, 32)])
async def test_arduino_with_a_password(variant: Variant, digits: int) -> None:
    async with ArduinoOtaDevice(variant, password="secret", port=0) as device:
        result = await examine(announcing(device.port, "yes"))
        assert (result.verdict, result.password, result.level) == (Verdict.READY_NEEDS_PASSWORD, Password.YES, 2)
        assert f"{digits} hex digits" in next(step.detail for step in result.steps if step.name == "handshake")
        for _ in range(400):  # the last datagram is on its way; nobody answers it
            if device.state is State.IDLE and len(device.received) == 4:
                break
            await asyncio.sleep(0.005)
        # The reset came from the socket that invited: a device answers nobody else.
        assert device.received == (INVITATION, b"1", b"1", b"1")
        assert device.log[-3] == "state idle"
        assert device.callbacks == ()


async def test_arduino_without_a_password_is_only_knocked_at() -> None:
    async with ArduinoOtaDevice(port=0) as device:
        result = await examine(announcing(device.port, "no"))
        assert (result.verdict, result.level) == (Verdict.LIKELY, 1)
        assert set(device.received) == {b"1"}
        assert device.callbacks == ()


async def test_arduino_that_has_gone_is_closed() -> None:
    async with ArduinoOtaDevice(port=0) as device:
        port = device.port
    assert (await examine(announcing(port, "yes"))).verdict is Verdict.CLOSED


@pytest.mark.parametrize("word", ["", "secret"])
async def test_a_new_esphome_with_and_without_password(word: str) -> None:
    async with EsphomeOtaDevice(password=word, port=0) as device:
        result = await examine(esphome(device.port))
        assert (result.verdict, result.password) == (Verdict.READY, Password.UNKNOWN)
        assert device.received in (b"", bytes.fromhex("6c26f75c45"))
        assert device.callbacks == ()
        assert device.flash_operations == ()


async def test_an_old_esphome_is_left_alone() -> None:
    async with EsphomeOtaDevice(old=True, port=0) as device:
        result = await examine(esphome(device.port, "2024.10.3"))
        assert (result.verdict, result.level) == (Verdict.ANNOUNCED, 0)
        assert device.log == []


async def test_an_esphome_that_has_gone_is_closed() -> None:
    async with EsphomeOtaDevice(port=0) as device:
        port = device.port
    assert (await examine(esphome(port))).verdict is Verdict.CLOSED


@pytest.mark.parametrize("variant", Variant)
async def test_the_right_password_is_found_right_and_nothing_begins(variant: Variant) -> None:
    async with ArduinoOtaDevice(variant, password="secret", port=0) as device:
        result = await examine(announcing(device.port, "yes"), password="secret", consent=True)
        assert (result.verdict, result.hop, result.level) == (Verdict.READY_NEEDS_PASSWORD, None, 2)
        assert device.callbacks == ("onError(BEGIN)",)
        assert device.state is State.IDLE
        assert device.flash_operations == ()


@pytest.mark.parametrize("variant", Variant)
async def test_a_wrong_password_is_the_hop_that_fails(variant: Variant) -> None:
    async with ArduinoOtaDevice(variant, password="secret", port=0) as device:
        result = await examine(announcing(device.port, "yes"), password="Secret", consent=True)
        assert (result.verdict, result.hop) == (Verdict.BLOCKED, Hop.PASSWORD)
        assert device.callbacks == ("onError(AUTH)",)
        assert device.state is State.IDLE


@pytest.mark.parametrize("password", [None, "secret"])
@pytest.mark.parametrize("variant", Variant)
async def test_a_device_that_is_let_call_back_is_hung_up_on(variant: Variant, password: str | None) -> None:
    async with ArduinoOtaDevice(variant, password=password or "", port=0) as device:
        result = await examine(announcing(device.port, "yes" if password else "no"), level=3, password=password, consent=True)
        expected = Verdict.READY_NEEDS_PASSWORD if password else Verdict.READY
        assert (result.verdict, result.hop, result.level) == (expected, None, 3)
        await device.updated()
        assert device.callbacks[0] == "onStart"
        assert device.callbacks[-1] == "onError(END)"
        assert device.image == b""
        assert device.flash_operations == ()
        assert device.state is State.IDLE


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(("word", "verdict"), [("secret", Verdict.READY_NEEDS_PASSWORD), ("Secret", Verdict.BLOCKED)])
async def test_esphomes_password(word: str, verdict: Verdict, *, old: bool) -> None:
    async with EsphomeOtaDevice(password="secret", port=0, old=old) as device:
        version = "2024.10.3" if old else "2026.10.0"
        result = await examine(esphome(device.port, version), password=word, consent=True)
        assert (result.verdict, result.password) == (verdict, Password.YES)
        assert result.hop is (None if verdict is Verdict.READY_NEEDS_PASSWORD else Hop.PASSWORD)
        assert device.flash_operations == ()


@pytest.mark.parametrize("forgiving", [False, True])
@pytest.mark.parametrize("word", ["", "secret"])
async def test_what_an_esphome_runs_where_nothing_stands_between_us_and_its_image(word: str, *, forgiving: bool) -> None:
    async with EsphomeOtaDevice(password=word, port=0, forgiving=forgiving) as device:
        result = await examine(esphome(device.port), password="secret", consent=True)
        assert (result.verdict, result.password) == ((Verdict.READY_NEEDS_PASSWORD, Password.YES) if word else (Verdict.READY, Password.NO))
        for _ in range(400):  # it learns a little later that we have left
            if "callback on_error" in device.log or "Client left after the handshake" in device.log:
                break
            await asyncio.sleep(0.005)
        assert device.callbacks == (() if forgiving else ("on_error",))
        assert device.flash_operations == ()


async def test_without_consent_no_password_is_tried() -> None:
    async with ArduinoOtaDevice(password="secret", port=0) as device:
        result = await examine(announcing(device.port, "yes"), password="wrong")
        assert result.verdict is Verdict.READY_NEEDS_PASSWORD
        assert "onError" in next(step.detail for step in result.steps if step.name == "password check")
        assert device.callbacks == ()


@pytest.mark.parametrize(("variant", "hop"), [(Variant.ESP8266, Hop.LISTENER), (Variant.PICO, Hop.LISTENER), (Variant.ESP32, Hop.WAY_BACK)])
@pytest.mark.parametrize("password", [None, "secret"])
async def test_a_device_without_room_for_an_app_does_not_call(
    variant: Variant, password: str | None, hop: Hop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "CALL_SECONDS", 0.2)
    async with ArduinoOtaDevice(variant, password=password or "", port=0, space=0) as device:
        result = await examine(announcing(device.port, "yes" if password else "no"), level=3, password=password, consent=True)
        # The ESP32 says OK before it looks for room, so to us it is one that does not call.
        assert (result.verdict, result.hop) == (Verdict.BLOCKED, hop)
        told = next(step for step in result.steps if step.state is StepState.FAIL)
        assert ("Not Enough Space" in told.detail) == (hop is Hop.LISTENER)
        assert "second app" in f"{told.detail} {told.fix}"
        assert result.fix
        assert device.callbacks == ("onError(BEGIN)",)
