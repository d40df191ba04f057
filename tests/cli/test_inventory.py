from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from discover.atlas.loader import load_catalogue
from discover.inventory.fold import fold
from discover.inventory.store import Store
from discover.model.recording import encode, encode_header
from discover.model.signal import Signal, Source
from tests.cli.conftest import Run

Espied = Callable[..., Run]


def announced(name: str, mac: str, address: str, when: float = 1000.0, version: str = "2026.6.5") -> Signal:
    return Signal(
        when=when,
        mono=0.0,
        source=Source.MDNS,
        interface="eth0",
        peer=address,
        kind="mdns.service",
        fields={
            "type": "_esphomelib._tcp",
            "instance": name,
            "host": f"{name}.local",
            "port": 6053,
            "addresses": (address,),
            "txt": (f"mac={mac}", f"version={version}", "platform=ESP32", "board=esp32dev"),
            "ttl": 4500,
        },
    )


KITCHEN = announced("kitchen", "246f28000001", "192.168.1.20")
HOSTILE = announced("\x1b[31m=cmd|'/c calc'!A0[/red]", "246f28000002", "192.168.1.21")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An inventory with two scans: kitchen alone, then both with a newer kitchen."""
    path = tmp_path / "inventory.db"
    catalogue = load_catalogue()
    with Store.open(path) as store:
        store.save(fold([KITCHEN], catalogue))
        store.save(fold([announced("kitchen", "246f28000001", "192.168.1.20", 2000.0, "2026.7.0"), HOSTILE], catalogue))
    return path


def test_what_is_known_is_listed_shown_and_filtered(espied: Espied, database: Path) -> None:
    listed = espied("--db", str(database), "inventory", "list")
    assert listed.code == 0
    assert b"kitchen" in listed.out
    assert b"\x1b" not in listed.out
    assert b"kitchen" not in espied("--db", str(database), "inventory", "list", "--", "-kitchen").out
    shown = espied("--db", str(database), "inventory", "show", "kitchen").out.decode()
    assert "ESPHome" in shown
    assert "Why we think so" in shown
    document = json.loads(espied("--db", str(database), "inventory", "show", "kitchen", "--format", "json").out)
    assert document["mac"] == "24:6f:28:00:00:01"


def test_label_note_and_tag_stay_and_reach_the_export(espied: Espied, database: Path) -> None:
    for arguments in (("name", "kitchen", "Over the stove"), ("note", "192.168.1.20", "new in May"), ("tag", "24:6f:28:00:00:01", "light")):
        assert espied("--db", str(database), "inventory", *arguments).code == 0
    exported = json.loads(espied("--db", str(database), "export").out)
    device = next(one for one in exported["devices"] if one["mac"] == "24:6f:28:00:00:01")
    assert (device["label"], device["notes"], device["tags"]) == ("Over the stove", ["new in May"], ["light"])
    assert espied("--db", str(database), "inventory", "forget", "Over the stove").code == 0
    assert len(json.loads(espied("--db", str(database), "export").out)["devices"]) == 1


def test_an_unknown_device_ends_with_2_and_a_hint(espied: Espied, database: Path) -> None:
    done = espied("--db", str(database), "inventory", "show", "attic")
    assert done.code == 2
    assert "attic" in done.err


@pytest.mark.parametrize("format_name", ["json", "ndjson", "csv", "markdown"])
def test_every_format_is_written_to_a_file_as_to_stdout_and_holds_no_control_byte(
    espied: Espied, database: Path, tmp_path: Path, format_name: str
) -> None:
    file = tmp_path / "out"
    assert espied("--db", str(database), "export", "--format", format_name, "--output", str(file)).code == 0
    data = file.read_bytes()
    assert b"\x1b" not in data
    assert b"kitchen" in data
    redacted = espied("--db", str(database), "export", "--format", format_name, "--redact").out
    assert b"kitchen" not in redacted


def test_an_export_can_be_imported_elsewhere(espied: Espied, database: Path, tmp_path: Path) -> None:
    exported = tmp_path / "lan.json"
    exported.write_bytes(espied("--db", str(database), "export").out)
    other = tmp_path / "other.db"
    assert espied("--db", str(other), "import", str(exported)).code == 0
    assert {one["mac"] for one in json.loads(espied("--db", str(other), "export").out)["devices"]} == {
        "24:6f:28:00:00:01",
        "24:6f:28:00:00:02",
    }
    exported.write_text("{")
    broken = espied("--db", str(other), "import", str(exported))
    assert broken.code == 2
    assert "Traceback" not in broken.err


def test_diff_says_what_changed_from_the_last_scan_but_one(espied: Espied, database: Path) -> None:
    lines = [json.loads(line) for line in espied("--db", str(database), "diff", "--format", "ndjson").out.splitlines()]
    assert {"appeared", "changed"} <= {line["kind"] for line in lines}
    assert any(field["after"].endswith("2026.7.0") for line in lines for field in line["fields"])
    assert espied("--db", str(database), "diff", "last", "last").out == b""
    assert len(espied("--db", str(database), "diff", "--list").out.splitlines()) == 2
    assert espied("--db", str(database), "diff", "9", "last").code == 2


def test_a_damaged_database_is_kept_aside_and_the_command_goes_on(espied: Espied, database: Path) -> None:
    database.write_bytes(b"this is no database" * 100)
    done = espied("--db", str(database), "inventory", "list")
    assert done.code == 0
    aside = [path for path in database.parent.iterdir() if "damaged" in path.name]
    assert [path.read_bytes()[:10] for path in aside] == [b"this is no"]
    assert aside[0].name in done.err


def test_a_file_of_another_kind_is_never_moved(espied: Espied, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("milk, eggs")
    done = espied("--db", str(notes), "inventory", "list")
    assert done.code == 3
    assert "notes.txt is no inventory" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert notes.read_text() == "milk, eggs"


def recording(path: Path, *signals: Signal) -> Path:
    path.write_text("\n".join([encode_header(), *(encode(signal) for signal in signals)]) + "\n", encoding="utf-8")
    return path


def test_a_recording_replays_to_the_same_bytes_each_time(espied: Espied, tmp_path: Path) -> None:
    file = recording(tmp_path / "lan.ndjson", KITCHEN, HOSTILE)
    first, second = (espied("replay", str(file), "--scan", "--format", "json").out for _ in range(2))
    assert first == second
    assert len(json.loads(first)["devices"]) == 2


@pytest.mark.parametrize(("text", "said"), [("", "line 1: this recording is empty"), ("{}", "line 1"), ("nonsense\n", "line 1")])
def test_a_broken_recording_names_the_line(espied: Espied, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broken.ndjson"
    file.write_text(text)
    done = espied("replay", str(file), "--scan")
    assert done.code == 2
    assert said in done.err.lower()
    assert "Traceback" not in done.err


def heard_by(source: Source, kind: str, address: str, when: float, **fields: str | int) -> Signal:
    return Signal(when=when, mono=0.0, source=source, interface="eth0", peer=address, kind=kind, fields=fields)


def test_a_look_that_asked_less_is_no_change_of_the_device(espied: Espied, tmp_path: Path) -> None:
    """A passive scan after a full one: what was known stays known, in the inventory and in the diff."""
    path = tmp_path / "inventory.db"
    mac = {"mac": "24:6f:28:00:00:01", "state": "reachable"}
    full = [KITCHEN, heard_by(Source.NEIGHBOUR, "neighbour.seen", "192.168.1.20", 1001.0, **mac)]
    passive = [heard_by(Source.NEIGHBOUR, "neighbour.seen", "fe80::1", 2000.0, **mac)]
    catalogue = load_catalogue()
    with Store.open(path) as store:
        store.save(fold(full, catalogue))
        store.save(fold(passive, catalogue))
    lines = [json.loads(line) for line in espied("--db", str(path), "diff", "--format", "ndjson").out.splitlines()]
    changed = {field["field"] for line in lines for field in line["fields"] if line["kind"] == "changed"}
    assert changed <= {"addresses"}
    device = json.loads(espied("--db", str(path), "export").out)["devices"][0]
    assert device["family"]["id"] == "esphome"
    assert set(device["addresses"]) == {"192.168.1.20", "fe80::1"}
