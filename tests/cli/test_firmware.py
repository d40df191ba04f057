"""``espied firmware`` as a shell sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from discover.model.firmware import FileKind, Trouble
from tests.boards.images import EXPECTED, FOLDER
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schema" / "espied.firmware-1.json").read_text())
Espied = Callable[..., Run]


def sample(name: str) -> str:
    return str(FOLDER / name)


@pytest.mark.parametrize("table", EXPECTED, ids=[one["file"] for one in EXPECTED])
def test_every_sample_is_shown_and_judged(espied: Espied, table: dict[str, str]) -> None:
    done = espied("firmware", sample(table["file"]))
    assert done.code == (1 if "troubles" in table else 0)
    assert done.err == ""
    text = done.out.decode()
    assert ("✗" in text) == ("troubles" in table)
    assert ("nothing is wrong" in text) == ("troubles" not in table and table["kind"] != "foreign")
    assert "\x1b" not in text


def test_several_files_are_shown_in_order_and_the_worst_counts(espied: Espied) -> None:
    done = espied("firmware", sample("esp32-app.bin"), sample("damaged/bad-hash.bin"), sample("esp8266-arduino.bin"))
    text = done.out.decode()
    assert done.code == 1
    assert text.index("esp32-app.bin") < text.index("bad-hash.bin") < text.index("esp8266-arduino.bin")


def test_a_file_that_cannot_be_read_does_not_keep_the_others_back(espied: Espied, tmp_path: Path) -> None:
    done = espied("firmware", str(tmp_path / "none.bin"), str(tmp_path), sample("esp32-app.bin"))
    assert done.code == 2
    assert "app for the ESP32" in done.out.decode()
    assert "none.bin: there is no such file" in done.err
    assert "it is a folder, not a file" in done.err
    assert "→ Name the .bin that your build made." in done.err


def test_the_json_is_the_contract(espied: Espied, tmp_path: Path) -> None:
    names = [sample(one["file"]) for one in EXPECTED]
    done = espied("firmware", "--format", "json", *names, str(tmp_path / "none.bin"))
    document = json.loads(done.out)
    jsonschema.validate(document, SCHEMA)
    assert done.code == 2
    assert "none.bin: there is no such file\n  → Name the .bin" in done.err
    files = {Path(one["file"]).name: one for one in document["files"]}
    assert [one["file"] for one in document["files"]] == [*names, str(tmp_path / "none.bin")]
    assert files["esp32-esphome.bin"]["hints"][0] == {
        "firmware": "ESPHome",
        "version": "2026.11.0",
        "why": "the log message of its start is in the file at 0x12e",
    }
    assert files["none.bin"]["problems"][0]["trouble"] == "missing"
    assert files["esp32-merged.bin"]["table"]["partitions"][2]["subtype"] == "ota_0"
    assert files["esp8266-arduino.bin.gz"]["inner"]["images"][1]["crc32"]["valid"]


def test_standard_input_is_read_as_a_file() -> None:
    command = [sys.executable, "-c", "from tui.cli.main import main; main()", "firmware", "-"]
    done = subprocess.run(command, input=(FOLDER / "esp32-app.bin").read_bytes(), capture_output=True, check=False, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("standard input  app for the ESP32, 464 bytes")
    assert done.stderr == b""


def test_the_page_shows_what_the_command_prints(espied: Espied, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "firmware.md").read_text(encoding="utf-8")
    shown = page.split("```text\n$ espied firmware ", 1)[1].split("```", 1)[0]
    name, _, printed = shown.partition("\n")
    monkeypatch.chdir(ROOT)
    assert espied("firmware", name).out.decode() == printed


def test_every_kind_and_every_trouble_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "firmware.md").read_text(encoding="utf-8")
    assert {one for one in (*Trouble, *FileKind) if f"`{one}`" not in page} == set()


def test_without_a_file_the_usage_is_said(espied: Espied) -> None:
    done = espied("firmware")
    assert done.code == 2
    assert "FILE" in done.err


@pytest.mark.parametrize("arguments", [["firmware", "--help"], ["check", "--help"], ["--help"]])
def test_help_does_not_load_esptool(arguments: list[str]) -> None:
    code = (
        "import sys, contextlib\nfrom tui.cli.main import main\n"
        f"sys.argv = ['espied', *{arguments!r}]\n"
        "with contextlib.suppress(SystemExit):\n    main()\n"
        "assert not {'esptool', 'serial', 'msgspec.json', 'cryptography'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_esptool_does_not_get_a_word_in(espied: Espied, tmp_path: Path) -> None:
    odd = tmp_path / "odd.bin"
    odd.write_bytes(b"\xe9\x01\x00\x00" + bytes(4) + b"\x00\x80\xfe\x3f\x10\x00\x00\x00" + bytes(range(16)) + bytes(24))
    done = espied("firmware", str(odd))
    assert done.err == ""
    assert done.out.decode().startswith(str(odd))
