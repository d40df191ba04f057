"""The firmware samples: what they announce, what espied says of it, and that the sources say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from discover.atlas.loader import load_catalogue
from discover.demo.arduino import PORTS, ArduinoOtaDevice, Variant
from discover.identify import signal_of
from discover.inventory.fold import fold
from discover.model.device import Device
from discover.net.fake import FakeNetwork
from discover.net.fake_hosts import FakeHost, answers
from discover.ota import check
from tests.ota.lan import agrees_with_ledger, listener

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "firmware_samples"
FOLDERS = sorted(path.parent for path in SAMPLES.glob("*/expected.toml"))
MAC = "24:6f:28:a1:b2:c3"

Table = Mapping[str, Any]


def expected(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "expected.toml").read_text())


def variants() -> Iterator[Any]:
    for folder in FOLDERS:
        for variant in expected(folder)["variant"]:
            yield pytest.param(folder, variant, id=f"{folder.name}-{variant['id']}")


every_variant = pytest.mark.parametrize(("folder", "variant"), list(variants()))


def device_of(variant: Table) -> Device:
    snapshot = fold([signal_of(signal, when=1_760_000_000.0) for signal in variant["signal"]], load_catalogue())
    (device,) = snapshot.devices
    return device


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text()


@every_variant
def test_espied_says_of_its_signals_what_the_sample_promises(folder: Path, variant: Table) -> None:
    del folder
    device, says, ota = device_of(variant), variant["says"], variant["ota"]
    assert (device.family.id, device.family.confidence) == (says["family"], says["confidence"])
    assert (device.name, device.hostname) == (says["name"], says["hostname"])
    assert (device.chip, device.model) == (says["chip"], says["model"])
    assert device.mac == says.get("mac", "")
    assert (device.firmware.name if device.firmware else "") == says.get("firmware", "")
    assert (device.firmware.version if device.firmware else "") == says.get("version", "")
    assert device.ota is not None
    assert (device.ota.kind, device.ota.port, device.ota.transport) == (ota["kind"], ota["port"], ota["transport"])
    assert device.ota.password == ota["password"]
    assert device.evidence


@every_variant
async def test_the_check_ends_as_the_sample_promises(folder: Path, variant: Table) -> None:
    ota, says, address = variant["ota"], variant["says"], variant["signal"][0]["peer"]
    if ota["kind"] == "arduino":
        core = {"esp32": Variant.ESP32, "esp8266": Variant.ESP8266}[variant["id"]]
        simulated = ArduinoOtaDevice(core, password=define(folder, "OTA_PASSWORD"))
        host = FakeHost(address=address, mac=MAC, udp={PORTS[core]: listener(simulated)})
    else:
        simulated = None
        host = FakeHost(address=address, mac=MAC, tcp={ota["port"]: answers(b"\x00\x02")})
    network = FakeNetwork(host)
    result = await check(network, address, device=device_of(variant))
    assert (result.verdict, result.level) == (says["verdict"], says["level"])
    assert (result.kind, result.port, result.transport, result.password) == (ota["kind"], ota["port"], ota["transport"], ota["password"])
    assert agrees_with_ledger(network, result)
    if simulated is not None:
        assert simulated.callbacks == ()
        told = next(step.detail for step in result.steps if step.name == "handshake")
        assert f"{ota['nonce_bits'] // 4} hex digits" in told


def define(folder: Path, name: str) -> str:
    found = re.search(rf'^#define {name} "(.+)"$', text(folder, "secrets.h.example"), re.MULTILINE)
    assert found, f"secrets.h.example does not define {name}"
    return found[1]


@pytest.mark.parametrize("variant", expected(SAMPLES / "arduino-ota")["variant"], ids=lambda one: str(one["id"]))
def test_the_sketch_says_what_is_expected_of_it(variant: Table) -> None:
    folder = SAMPLES / "arduino-ota"
    sketch = text(folder, "arduino-ota.ino")
    signal = variant["signal"][0]["fields"]
    name = re.search(r'HOSTNAME\[\] = "(.+)";', sketch)
    assert name is not None
    assert (signal["instance"], signal["host"]) == (name[1], f"{name[1]}.local")
    # No setPort: the port is the core's default, which the simulated device has from the cores' sources.
    assert "setPort" not in sketch
    assert signal["port"] == variant["ota"]["port"] == PORTS[Variant(variant["id"])]
    assert "ArduinoOTA.setPassword(OTA_PASSWORD);" in sketch
    assert sketch.index("setPassword") < sketch.index("ArduinoOTA.begin()")
    assert ("auth_upload=yes" in signal["txt"], variant["ota"]["password"]) == (True, "yes")
    assert define(folder, "OTA_PASSWORD") == "change-me"


def test_the_sketch_does_nothing_on_an_error_that_a_question_could_abuse() -> None:
    sketch = text(SAMPLES / "arduino-ota", "arduino-ota.ino")
    assert "restart()" not in sketch
    assert "ArduinoOTA.handle();" in sketch.split("void loop()")[1]


@pytest.mark.parametrize("core", ["ESP32", "ESP8266"])
def test_the_sketch_is_sound_cpp_for_both_cores(core: str, tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler here")
    folder = SAMPLES / "arduino-ota"
    (tmp_path / "secrets.h").write_text(text(folder, "secrets.h.example"))
    (tmp_path / "sketch.cpp").write_text("#include <Arduino.h>\n" + text(folder, "arduino-ota.ino"))
    stubs = Path(__file__).with_name("arduino_core")
    command = [compiler, "-std=gnu++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-D{core}", f"-I{stubs}", f"-I{tmp_path}"]
    done = subprocess.run([*command, str(tmp_path / "sketch.cpp")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def yaml_value(folder: Path, name: str, key: str) -> str:
    """The first ``key: value`` of a YAML file, whatever its depth; enough for files that we wrote ourselves."""
    found = re.search(rf"^\s*{key}: *\"?([^\"\n#]+?)\"?\s*$", text(folder, name), re.MULTILINE)
    assert found, f"{name} has no {key}"
    return found[1]


@pytest.mark.parametrize("variant", expected(SAMPLES / "esphome-node")["variant"], ids=lambda one: str(one["id"]))
def test_the_yaml_says_what_is_expected_of_it(variant: Table) -> None:
    folder = SAMPLES / "esphome-node"
    signal, says = variant["signal"][0]["fields"], variant["says"]
    txt = dict(item.partition("=")[::2] for item in signal["txt"])
    assert signal["instance"] == yaml_value(folder, "common.yaml", "name")
    assert txt["friendly_name"] == says["name"] == yaml_value(folder, "common.yaml", "friendly_name")
    assert signal["port"] == int(yaml_value(folder, "common.yaml", "api_port"))
    assert variant["ota"]["port"] == int(yaml_value(folder, variant["built_from"], "ota_port"))
    assert yaml_value(folder, "common.yaml", "ota_password") == "change-me"
    common = text(folder, "common.yaml")
    assert "port: ${ota_port}" in common
    assert "password: ${ota_password}" in common
    if variant["id"] == "host":
        assert yaml_value(folder, "host.yaml", "mac_address") == says["mac"]
        assert "platform" not in txt
    else:
        assert txt["board"] == yaml_value(folder, "device.yaml", "board")
        for key in ("wifi_ssid", "wifi_password"):
            assert f"!secret {key}" in text(folder, "device.yaml")
            assert yaml_value(folder, "secrets.yaml.example", key)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: str(one.name))
def test_the_readme_names_what_is_expected(folder: Path) -> None:
    readme = text(folder, "README.md")
    for variant in expected(folder)["variant"]:
        assert device_of(variant).family.title in readme
        assert variant["says"]["name"] in readme
        assert variant["says"]["verdict"] in readme
        assert str(variant["ota"]["port"]) in readme
    assert f"({folder.name}/)" in text(SAMPLES, "README.md")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: str(one.name))
def test_every_file_is_there_and_no_secret_is(folder: Path) -> None:
    for name in expected(folder)["sample"]["files"]:
        assert (folder / name).is_file()
    ignored = text(folder, ".gitignore").split()
    for example in folder.glob("secrets.*.example"):
        assert example.name.removesuffix(".example") in ignored


def test_every_sample_folder_is_tested() -> None:
    assert [folder.name for folder in FOLDERS] == sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
