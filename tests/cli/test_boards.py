"""``espied boards`` as people and scripts run it: fake chips behind sockets and ptys, fake USB ports, a real inventory."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from discover.atlas.loader import load_catalogue
from discover.boards.board import Port, Usb
from discover.inventory.fold import fold
from discover.inventory.store import Store
from tests.boards.fake_rom import Rom, esp32, on_pty, on_socket, silence
from tests.cli.conftest import Run
from tests.cli.test_inventory import announced

Espied = Callable[..., Run]

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "espied.boards-1.json"
C3 = Usb(vid=0x303A, pid=0x1001, serial="24:6F:28:00:00:01", product="USB JTAG/serial debug unit", location="1-1")
PICO = Usb(vid=0x2E8A, pid=0x000A, product="Pico", location="1-2")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An inventory with one device that has the MAC of the board C3."""
    path = tmp_path / "inventory.db"
    with Store.open(path) as store:
        store.save(fold([announced("kitchen", "246f28000001", "192.168.1.20")], load_catalogue()))
    return path


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plug USB ports into this machine; the rest of the machine's are gone."""

    def plug(*ports: Port) -> None:
        monkeypatch.setattr("discover.boards.esptool_api.serial_ports", lambda: ports)
        monkeypatch.setattr("discover.boards.usb.portless.__defaults__", (Path("/nonexistent"),))

    plug()
    return plug


def test_no_board_helps_on(espied: Espied, plugged: Callable[..., None], tmp_path: Path) -> None:
    plugged(Port(device="/dev/ttyS0"))
    done = espied("--db", str(tmp_path / "none.db"), "boards")
    text = done.out.decode()
    assert done.code == 0
    for word in ("cable", "driver", "BOOT", "container", "1 serial port is not on USB"):
        assert word in text


def test_a_board_is_shown_with_its_network_twin_and_none_is_touched(
    espied: Espied, plugged: Callable[..., None], database: Path, tmp_path: Path
) -> None:
    port = tmp_path / "ttyACM0"
    port.touch()
    plugged(Port(device=str(port), usb=C3), Port(device=str(tmp_path / "ttyACM1"), usb=PICO))
    text = " ".join(espied("--db", str(database), "boards").out.decode().split())
    assert "24:6f:28:00:00:01 (its USB serial number)" in text
    assert "on the network: kitchen at 192.168.1.20" in text
    assert "certain: the same MAC address, its Wi-Fi station" in text
    assert "Nothing was opened" in text
    assert "espied boards --identify" in text


def test_json_fits_the_schema(espied: Espied, plugged: Callable[..., None], database: Path, tmp_path: Path) -> None:
    plugged(Port(device=str(tmp_path / "ttyACM0"), usb=C3))
    data = json.loads(espied("--db", str(database), "boards", "--format", "json").out)
    jsonschema.validate(data, json.loads(SCHEMA.read_text()))
    (board,) = data["boards"]
    assert (board["mac_source"], board["access"]["state"], board["twins"][0]["name"]) == ("usb-serial-number", "gone", "kitchen")


@pytest.mark.usefixtures("plugged")
def test_a_chip_in_the_network_is_asked_and_its_twin_shown(espied: Espied, tmp_path: Path) -> None:
    database = tmp_path / "inventory.db"
    with Store.open(database) as store:
        store.save(fold([announced("attic", "246f28123451", "192.168.1.30")], load_catalogue()))
    with on_socket(Rom(esp32()).feed) as url:
        done = espied("--db", str(database), "boards", "--identify", "--yes", url)
    text = " ".join(done.out.decode().split())
    assert done.code == 0
    assert "ESP32-D0WD-V3 (revision v3.0)" in text
    assert "24:6f:28:12:34:50 (told by the chip)" in text
    assert "attic at 192.168.1.30" in text
    assert "24:6f:28:12:34:51 is its Wi-Fi access point (softAP): base address + 1" in text
    assert "press RESET" in text


def test_a_port_that_is_not_on_usb_can_be_named(espied: Espied, plugged: Callable[..., None], tmp_path: Path) -> None:
    with on_pty(Rom(esp32()).feed) as port:
        plugged(Port(device=port))
        listed = espied("--db", str(tmp_path / "none.db"), "boards", port)
        assert (listed.code, listed.out.decode().split()[:3]) == (0, [port, "serial", "port"])
        asked = espied("--db", str(tmp_path / "none.db"), "boards", "--identify", "--yes", port, "-f", "json")
    assert json.loads(asked.out)["boards"][0]["chip"]["name"] == "ESP32"


def test_a_port_may_be_named_in_short(espied: Espied, plugged: Callable[..., None], tmp_path: Path) -> None:
    plugged(Port(device="/dev/null", usb=C3))  # any character device will do: it is only listed
    done = espied("--db", str(tmp_path / "none.db"), "boards", "null", "/dev/null", "-f", "json")
    assert [board["port"] for board in json.loads(done.out)["boards"]] == ["/dev/null"], "and is one board, however often it is named"


def test_asking_all_leaves_other_makers_boards_alone(espied: Espied, plugged: Callable[..., None], tmp_path: Path) -> None:
    rom = Rom(esp32())
    with on_pty(rom.feed) as one, on_pty(silence) as other:
        plugged(Port(device=one, usb=Usb(vid=0x10C4, pid=0xEA60)), Port(device=other, usb=PICO))
        done = espied("--db", str(tmp_path / "none.db"), "boards", "--identify", "--yes", "-f", "json")
    chips = {board["port"]: board["chip"] and board["chip"]["name"] for board in json.loads(done.out)["boards"]}
    assert chips == {one: "ESP32", other: None}
    assert f"{other} is not asked: Raspberry Pi" in " ".join(done.err.split())
    assert done.code == 0


def test_one_board_that_does_not_answer_spoils_no_other(espied: Espied, plugged: Callable[..., None], tmp_path: Path) -> None:
    bridge = Usb(vid=0x10C4, pid=0xEA60)
    with on_pty(silence) as one, on_pty(Rom(esp32()).feed) as other:
        plugged(Port(device=one, usb=bridge), Port(device=other, usb=bridge))
        done = espied("--db", str(tmp_path / "none.db"), "boards", "--identify", "--yes", "--seconds", "1")
    text = " ".join(done.out.decode().split())
    assert done.code == 1
    assert f"{one}: no Espressif chip answered" in text
    assert "do: Hold BOOT" in text
    assert "ESP32-D0WD-V3" in text


def test_nobody_restarts_a_board_unasked(espied: Espied, plugged: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    rom = Rom(esp32())
    with on_pty(rom.feed) as port:
        plugged(Port(device=port, usb=Usb(vid=0x10C4, pid=0xEA60)))
        alone = espied("boards", "--identify")
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("click.confirm", lambda *_, **__: False)
        refused = espied("boards", "--identify")
    assert (alone.code, refused.code, rom.asked) == (2, 2, [])
    assert "--yes" in alone.err
    assert "restarts each board twice" in " ".join(refused.err.split())


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--identify", "--yes", "socket://8.8.8.8:23"], 2, "private network"),
        (["--identify", "--yes", "spy:///dev/null"], 2, "socket or rfc2217"),
        (["--identify", "--yes", "/dev/ttyNONE"], 3, "There is no port"),
        (["--identify", "--yes", "/etc/passwd"], 2, "it is a file"),
        (["--identify", "--yes", ""], 2, "no port"),
        (["/dev/ttyNONE"], 2, "There is no port"),
        (["socket://127.0.0.1:1"], 2, "--identify"),
        (["--seconds", "0"], 2, "--seconds"),
    ],
)
def test_what_cannot_be_asked_is_said_and_nothing_is_touched(espied: Espied, arguments: list[str], code: int, said: str) -> None:
    done = espied("boards", *arguments)
    assert (done.code, done.out) == (code, b"")
    assert said in done.err


def test_a_broken_inventory_does_not_hide_the_boards(espied: Espied, plugged: Callable[..., None], tmp_path: Path) -> None:
    plugged(Port(device=str(tmp_path / "ttyACM0"), usb=C3))
    path = tmp_path / "newer.db"
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 9999")  # of an espied that is yet to come
    done = espied("--db", str(path), "boards")
    assert b"24:6f:28:00:00:01" in done.out
    assert "inventory is left aside" in done.err


def test_tab_offers_the_ports(espied: Espied, plugged: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(Port(device="/dev/ttyACM0", usb=C3), Port(device="/dev/ttyS0"))
    for name, value in (("_ESPIED_COMPLETE", "bash_complete"), ("COMP_WORDS", "espied boards /dev/ttyA"), ("COMP_CWORD", "2")):
        monkeypatch.setenv(name, value)
    assert espied().out.split() == [b"plain,/dev/ttyACM0"]
