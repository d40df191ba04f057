"""The ready-made upload commands: exact lines, and no name that could break out of one."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.model.check import Command
from discover.model.device import Confidence, Device, FamilyVerdict, Password
from discover.ota import wayback
from discover.ota.commands import HOST_PORT, platform_of, upload_commands, url

NO, YES, UNKNOWN = Password.NO, Password.YES, Password.UNKNOWN


def device(family: str, *, chip: str = "", hostname: str = "kitchen.local", addresses: tuple[str, ...] = ("192.168.1.23",)) -> Device:
    verdict = FamilyVerdict(id=family, title=family, confidence=Confidence.CERTAIN, score=90)
    return Device(id="x", name="Kitchen", hostname=hostname, addresses=addresses, chip=chip, family=verdict)


ESP32 = device("arduino-ota-esp32", chip="ESP32")
ESP8266 = device("arduino-ota-esp8266", chip="ESP8266EX")
PICO = device("arduino-ota-pico")
NODE = device("esphome", chip="ESP32-S3")


def lines(found: Device | None, kind: str, port: int, transport: str, password: Password, **more: object) -> dict[str, list[str]]:
    address = str(more.pop("address", "192.168.1.23"))
    commands = upload_commands(
        found,
        kind=kind,
        address=address,
        port=port,
        transport=transport,
        password=password,
        **more,  # type: ignore[arg-type]
    )
    told: dict[str, list[str]] = {}
    for one in commands:
        told.setdefault(one.tool, []).append(one.line)
    return told


def test_arduinoota_with_a_password() -> None:
    assert lines(ESP32, "arduino", 3232, "udp", YES, host_port=41234) == {
        "espota.py": ["python3 espota.py -i 192.168.1.23 -p 3232 -P 41234 -a PASSWORD -f FIRMWARE.bin"],
        "arduino-cli": [
            "arduino-cli upload --fqbn esp32:esp32:BOARD --port 192.168.1.23 --protocol network --upload-field password=PASSWORD SKETCH"
        ],
        "PlatformIO": [
            'PLATFORMIO_UPLOAD_FLAGS="--port=3232, --host_port=41234, --auth=PASSWORD" pio run -t upload --upload-port 192.168.1.23'
        ],
        "esptool": ["esptool --port PORT --chip esp32 write-flash 0x10000 FIRMWARE.bin"],
    }


def test_arduinoota_without_a_password_and_with_an_image() -> None:
    assert lines(ESP8266, "arduino", 8266, "udp", NO, image="my sketch.bin") == {
        "espota.py": [f"python3 espota.py -i 192.168.1.23 -p 8266 -P {HOST_PORT} -f 'my sketch.bin'"],
        "arduino-cli": [
            "arduino-cli upload --fqbn esp8266:esp8266:BOARD --port 192.168.1.23 --protocol network --upload-field password= {file}".format(
                file="--input-file 'my sketch.bin'"
            )
        ],
        "PlatformIO": [f'PLATFORMIO_UPLOAD_FLAGS="--port=8266, --host_port={HOST_PORT}" pio run -t upload --upload-port 192.168.1.23'],
        "esptool": ["esptool --port PORT --chip esp8266 write-flash 0x0 'my sketch.bin'"],
    }


@pytest.mark.parametrize(
    ("known", "model", "board"),
    [
        (ESP32, "esp32c3", "esp32:esp32:esp32c3"),
        (ESP32, "doitESP32devkitV1", "esp32:esp32:BOARD"),
        (ESP8266, "nodemcuv2", "esp8266:esp8266:nodemcuv2"),
        (ESP8266, "ESP8266_NODEMCU", "esp8266:esp8266:BOARD"),
        (ESP8266, "x; reboot", "esp8266:esp8266:BOARD"),
        (PICO, "rpipicow", "rp2040:rp2040:BOARD"),
    ],
)
def test_the_board_is_named_where_its_announcement_is_one_of_the_core(known: Device, model: str, board: str) -> None:
    (line,) = lines(replace(known, model=model), "arduino", 3232, "udp", NO)["arduino-cli"]
    assert f"--fqbn {board} " in line


def test_where_nobody_knows_of_a_password_the_note_says_so() -> None:
    commands = upload_commands(PICO, kind="arduino", address="192.168.1.23", port=2040, transport="udp", password=UNKNOWN)
    assert [one.tool for one in commands] == ["espota.py", "arduino-cli", "PlatformIO"], "esptool writes no Pico"
    assert "-a PASSWORD" in commands[0].line
    assert "where it has none" in commands[0].note
    assert "rp2040:rp2040:BOARD" in commands[1].line


def test_the_tcp_variant_has_a_tool_of_its_own_and_no_way_back() -> None:
    told = lines(None, "arduino", 65280, "tcp", YES)
    assert told == {
        "arduinoOTA": [
            "arduinoOTA -address 192.168.1.23 -port 65280 -username arduino -password PASSWORD -sketch FIRMWARE.bin -upload /sketch -b"
        ]
    }


def test_esphome() -> None:
    assert lines(NODE, "esphome", 3232, "tcp", UNKNOWN) == {
        "esphome": ["esphome run kitchen.yaml --device 192.168.1.23", "esphome upload kitchen.yaml --device 192.168.1.23"],
        "esptool": ["esptool --port PORT --chip esp32s3 write-flash 0x10000 FIRMWARE.bin"],
    }
    assert lines(None, "esphome", 8892, "tcp", UNKNOWN) == {
        "esphome": ["esphome run NODE.yaml --device 192.168.1.23", "esphome upload NODE.yaml --device 192.168.1.23"]
    }
    other = upload_commands(NODE, kind="esphome", address="192.168.1.23", port=3300, transport="tcp", password=UNKNOWN)
    assert "port: 3300" in other[0].note
    given_file = upload_commands(NODE, kind="esphome", address="192.168.1.23", port=3232, transport="tcp", password=UNKNOWN, image="a.bin")
    assert given_file[1].line.endswith(" --file a.bin")


@pytest.mark.parametrize(
    ("family", "port", "page"),
    [
        ("wled", 80, "http://192.168.1.23/update"),
        ("tasmota", 80, "http://192.168.1.23/up"),
        ("tasmota", 8080, "http://192.168.1.23:8080/up"),
        ("openhasp", 0, "http://192.168.1.23/"),
        ("elegantota", 80, "http://192.168.1.23/update"),
        ("shelly-gen1", 80, "http://192.168.1.23/"),
    ],
)
def test_what_is_updated_by_web_page_names_the_page_and_sends_nothing(family: str, port: int, page: str) -> None:
    for kind in ("http", "pull"):
        assert lines(device(family), kind, port, "tcp", UNKNOWN) == {"browser": [page]}


def test_an_esphome_node_with_a_web_server() -> None:
    assert (
        "esphome upload kitchen.yaml --device 192.168.1.23 --ota-platform web_server" in lines(NODE, "http", 80, "tcp", UNKNOWN)["esphome"]
    )


def test_the_family_that_the_user_named_wins() -> None:
    assert lines(ESP32, "http", 80, "tcp", UNKNOWN, family="elegantota")["browser"] == ["http://192.168.1.23/update"]
    assert "--ota-platform web_server" in lines(None, "http", 80, "tcp", UNKNOWN, family="esphome-web")["esphome"][0]


def test_webrepl_copies_files() -> None:
    board = device("micropython-webrepl")
    assert lines(board, "none", 8266, "tcp", UNKNOWN) == {"webrepl_cli.py": ["webrepl_cli.py -p PASSWORD main.py 192.168.1.23:/main.py"]}


@pytest.mark.parametrize("kind", ["none", "unknown", "", "arduino"])
def test_where_no_way_or_no_port_is_known_there_is_no_command(kind: str) -> None:
    assert lines(ESP32, kind, 0, "udp", NO) == {}


def test_espota_speaks_ipv4_only() -> None:
    six = device("arduino-ota-esp32", addresses=("fe80::1", "10.0.0.9"))
    assert "-i 10.0.0.9 " in lines(six, "arduino", 3232, "udp", NO, address="fe80::1")["espota.py"][0]
    only = device("arduino-ota-esp32", chip="ESP32", addresses=("fe80::1",))
    assert list(lines(only, "arduino", 3232, "udp", NO, address="fe80::1%eth0")) == ["esptool"]
    assert lines(only, "http", 80, "tcp", NO, address="fe80::1")["browser"] == ["'http://[fe80::1]/'"]


def test_the_default_port_is_the_one_that_the_check_advises() -> None:
    assert HOST_PORT == wayback.PIN


@pytest.mark.parametrize(
    ("family", "chip", "port", "platform"),
    [("arduino-ota", "", 8266, "esp8266"), ("esphome", "RP2040", 0, "rp2040"), ("wled", "esp32", 80, "esp32"), ("digi", "", 80, "")],
)
def test_the_platform_follows_from_family_chip_or_port(family: str, chip: str, port: int, platform: str) -> None:
    assert platform_of(device(family, chip=chip), port) == platform


HOSTILE = st.text(min_size=1, max_size=30) | st.sampled_from(["$(reboot)", "`id`", "a; rm -rf ~", "-oProxy", "x\ny", "'\"", "--help"])


@settings(max_examples=80)
@given(
    HOSTILE,
    HOSTILE,
    HOSTILE,
    st.sampled_from([("arduino", "udp"), ("arduino", "tcp"), ("esphome", "tcp"), ("http", "tcp"), ("pull", "tcp")]),
)
def test_no_name_breaks_out_of_its_line(address: str, hostname: str, image: str, way: tuple[str, str]) -> None:
    def told(one: Device, where: str, file: str) -> tuple[Command, ...]:
        return upload_commands(one, kind=way[0], address=where, port=3232, transport=way[1], password=YES, image=file)

    plain = told(device("esphome", chip="ESP32"), "host", "image")
    for command, harmless in zip(told(device("esphome", chip="ESP32", hostname=hostname), address, image), plain, strict=False):
        assert "\n" not in command.line
        assert "\x1b" not in command.line
        assert len(shlex.split(command.line)) == len(shlex.split(harmless.line)), "each name stays one word"
        assert not {"-oProxy", "--help"} & set(shlex.split(command.line)), "and none becomes an option"


@given(HOSTILE)
def test_a_page_is_one_word(host: str) -> None:
    assert len(shlex.split(url(host, 80, "/update"))) == 1
