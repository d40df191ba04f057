"""The firmware samples: what they announce, what espied says of it, and that the sources say the same."""

from __future__ import annotations

import ast
import configparser
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
from discover.net.fake.hosts import FakeHost, answers
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from tests.ota.lan import agrees_with_ledger, listener

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "firmware_samples"
# images/ holds no firmware for a board but files for `espied firmware`, with a test of its own.
FOLDERS = sorted(path.parent for path in SAMPLES.glob("*/expected.toml") if path.parent.name != "images")
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
    device, says, ota = device_of(variant), variant["says"], variant.get("ota")
    assert (device.family.id, device.family.confidence) == (says["family"], says["confidence"])
    assert (device.name, device.hostname) == (says["name"], says["hostname"])
    assert (device.chip, device.model) == (says["chip"], says["model"])
    assert device.mac == says.get("mac", "")
    assert (device.firmware.name if device.firmware else "") == says.get("firmware", "")
    assert (device.firmware.version if device.firmware else "") == says.get("version", "")
    if ota is None:
        assert device.ota is None, "nothing on the LAN tells how it is updated"
    else:
        assert device.ota is not None
        assert (device.ota.kind, device.ota.port, device.ota.transport) == (ota["kind"], ota["port"], ota["transport"])
        assert device.ota.password == ota["password"]
    assert device.evidence


def simulated(folder: Path, variant: Table) -> tuple[FakeHost, ArduinoOtaDevice | None]:
    """The device of a variant as the check meets it: what listens on it, and nothing else."""
    ota, address = variant.get("ota"), variant["signal"][0]["peer"]
    tcp = {port: answers(b"") for port in variant.get("tcp", ())}
    if ota is not None and ota["kind"] == "arduino":
        core = Variant(variant["id"])
        device = ArduinoOtaDevice(core, password=define(folder, "OTA_PASSWORD"))
        return FakeHost(address=address, mac=MAC, udp={PORTS[core]: listener(device)}, tcp=tcp), device
    if ota is not None:
        tcp[ota["port"]] = answers(b"\x00\x02")
    return FakeHost(address=address, mac=MAC, tcp=tcp), None


@every_variant
async def test_the_check_ends_as_the_sample_promises(folder: Path, variant: Table) -> None:
    ota, says = variant.get("ota"), variant["says"]
    host, arduino = simulated(folder, variant)
    network = FakeNetwork(host)
    result = await check(network, host.address, device=device_of(variant))
    assert (result.verdict, result.level) == (says["verdict"], says["level"])
    if ota is None:
        assert result.negative
        assert {(one.transport, one.bytes_hex) for one in result.sent} <= {("udp", b"1".hex())}, "at most knocks, and no connection"
    else:
        assert (result.kind, result.port, result.transport, result.password) == (
            ota["kind"],
            ota["port"],
            ota["transport"],
            ota["password"],
        )
    assert agrees_with_ledger(network, result)
    if arduino is not None:
        assert arduino.callbacks == ()
        told = next(step.detail for step in result.steps if step.name == "handshake")
        assert ota is not None
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


@pytest.mark.parametrize("core", ["ESP32", "ESP8266", "ARDUINO_ARCH_RP2040"])
def test_the_sketch_is_sound_cpp_for_every_core(core: str, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("variant", expected(SAMPLES / "arduino-ota")["variant"], ids=lambda one: str(one["id"]))
def test_every_build_tool_knows_the_board(variant: Table) -> None:
    folder = SAMPLES / "arduino-ota"
    projects = configparser.ConfigParser(inline_comment_prefixes=None, comment_prefixes=(";",))
    projects.read_string(text(folder, "platformio.ini"))
    board = projects[f"env:{variant['id']}"]["board"]
    model = variant["says"]["model"]
    assert board in (model, f"{model}dev")
    over_the_air = projects[f"env:{variant['id']}-ota"]
    assert over_the_air["extends"] == f"env:{variant['id']}"
    assert over_the_air["upload_protocol"] == "espota"
    assert over_the_air["upload_port"] == variant["says"]["hostname"]
    assert f"--auth={define(folder, 'OTA_PASSWORD')}" in over_the_air["upload_flags"].split()
    profile = text(folder, "sketch.yaml").partition(f"\n  {variant['id']}:\n")[2]
    assert re.search(rf"^    fqbn: \w+:\w+:{re.escape(model)}\b", profile, re.MULTILINE)
    assert f"--profile {variant['id']}" in text(folder, "README.md")


def test_the_idf_project_says_what_is_expected_of_it() -> None:
    folder = SAMPLES / "esp-idf-mdns"
    (variant,) = expected(folder)["variant"]
    signal, source = variant["signal"][0]["fields"], text(folder, "main/main.c")
    menu, defaults = text(folder, "main/Kconfig.projbuild"), text(folder, "sdkconfig.defaults")
    assert f'default "{signal["host"].removesuffix(".local")}"' in menu
    assert f'mdns_instance_name_set("{signal["instance"]}")' in source
    assert f"HTTP_PORT = {signal['port']}" in source
    assert variant["tcp"] == [signal["port"]]
    assert 'mdns_service_add(NULL, "_http", "_tcp", HTTP_PORT' in source
    assert [item.partition("=")[0] for item in signal["txt"]] == re.findall(r'^      \{"(\w+)", ', source, re.MULTILINE)
    assert f'CONFIG_APP_PROJECT_VER="{dict(item.split("=") for item in signal["txt"])["version"]}"' in defaults
    assert set(re.findall(r"CONFIG_(ESPIED_\w+)", source)) == set(re.findall(r"config (ESPIED_\w+)", menu))
    required = re.search(r"PRIV_REQUIRES (.+)", text(folder, "main/CMakeLists.txt"))
    assert required is not None
    assert {"app_update", "esp_https_ota", "esp_http_server", "esp_wifi", "nvs_flash"} <= set(required[1].split())
    assert "espressif/mdns" in text(folder, "main/idf_component.yml")
    assert "CONFIG_PARTITION_TABLE_TWO_OTA=y" in defaults
    assert "esp_ota_mark_app_valid_cancel_rollback" in source
    assert "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y" in defaults


def test_the_idf_project_is_sound_c(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    source = SAMPLES / "esp-idf-mdns" / "main" / "main.c"
    for header in re.findall(r'^#include "(.+)"', source.read_text(), re.MULTILINE):
        (tmp_path / header).parent.mkdir(exist_ok=True)
        (tmp_path / header).write_text('#include "esp_idf.h"\n')
    options = re.findall(r"config (ESPIED_\w+)", text(source.parent, "Kconfig.projbuild"))
    (tmp_path / "sdkconfig.h").write_text("".join(f'#define CONFIG_{name} "x"\n' for name in ["IDF_TARGET", *options]))
    stubs = Path(__file__).with_name("esp_idf")
    command = [compiler, "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{stubs}", f"-I{tmp_path}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def constants(folder: Path, name: str) -> dict[str, object]:
    """The constants of a Python sample, without running it: its modules are the board's."""
    tree = ast.parse(text(folder, name))
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize(
    "path", sorted(path for folder in FOLDERS for path in folder.glob("*.py*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_python_sample_compiles_and_says_what_it_is_for(path: Path) -> None:
    tree = compile(path.read_text(), str(path), "exec", flags=ast.PyCF_ONLY_AST)
    assert isinstance(tree, ast.Module)
    assert ast.get_docstring(tree) or path.read_text().startswith("# Copy to ")


def test_the_micropython_files_say_what_is_expected_of_them() -> None:
    folder = SAMPLES / "micropython-webrepl"
    boot = text(folder, "boot.py")
    assert constants(folder, "boot.py")["HOSTNAME"] == "mpy-espied"
    assert "mpy-espied.local" in text(folder, "README.md")
    assert boot.index("network.hostname(HOSTNAME)") < boot.index("active(True)"), "its name is taken when the station starts"
    assert "webrepl.start()" in boot, "no port: 8266, webrepl.py's default"
    assert [variant["tcp"] for variant in expected(folder)["variant"]] == [[8266], [8266]]
    password = constants(folder, "webrepl_cfg.py.example")["PASS"]
    assert password == "change-me"
    assert 4 <= len(password) <= 9, "micropython extmod/modwebrepl.c keeps ten bytes"
    for used in re.findall(r"config\.([A-Z_]+)", boot):
        assert constants(folder, "config.py.example")[used]


def test_the_circuitpython_settings_say_what_is_expected_of_them() -> None:
    folder = SAMPLES / "circuitpython-web"
    settings = tomllib.loads(text(folder, "settings.toml.example"))
    (variant,) = expected(folder)["variant"]
    announced, told, seen = (signal["fields"] for signal in variant["signal"])
    assert settings["CIRCUITPY_WEB_API_PORT"] == announced["port"] == told["port"] == told["json.port"]
    assert settings["CIRCUITPY_WEB_API_PASSWORD"] == "change-me"
    assert {"CIRCUITPY_WIFI_SSID", "CIRCUITPY_WIFI_PASSWORD"} < set(settings)
    # web_workflow.c: the instance is the board's name, the host cpy- and the end of its MAC address.
    assert announced["instance"] == told["json.board_name"]
    assert announced["host"] == f"{told['json.hostname']}.local" == f"cpy-{seen['mac'].replace(':', '')[-6:]}.local"
    assert set(re.findall(r"CIRCUITPY_\w+", text(folder, "code.py"))) <= set(settings)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: str(one.name))
def test_the_readme_names_what_is_expected(folder: Path) -> None:
    readme = text(folder, "README.md")
    for variant in expected(folder)["variant"]:
        assert device_of(variant).family.title in readme
        assert variant["says"]["name"] in readme
        assert variant["says"]["verdict"] in readme
        for port in (*variant.get("tcp", ()), *([variant["ota"]["port"]] if "ota" in variant else ())):
            assert str(port) in readme
    assert f"({folder.name}/)" in text(SAMPLES, "README.md")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: str(one.name))
def test_every_file_is_there_and_no_secret_is(folder: Path) -> None:
    for name in expected(folder)["sample"]["files"]:
        assert (folder / name).is_file()
    ignored = text(folder, ".gitignore").split()
    for example in folder.glob("*.example"):
        assert example.name.removesuffix(".example") in ignored


def test_every_sample_folder_is_tested() -> None:
    assert [folder.name for folder in FOLDERS] == sorted(path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "images")
