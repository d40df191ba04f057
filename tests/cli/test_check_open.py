"""``espied check --open``: the list, its formats, and that nothing is sent for it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from discover.export.open_updates import COLUMNS, render_open_csv, render_open_json
from discover.inventory.store import Store
from discover.model.device import OtaStatus, Password
from discover.model.snapshot import Snapshot
from discover.net import real
from tests.cli.conftest import Run
from tests.export.kit import BAD, FULL, NOW, SNAPSHOT
from tests.present.samples import SNAPSHOT as SAMPLES
from tests.present.samples import WORKBENCH
from tui.cli.check_open import merged, sent_words
from tui.present.lines import to_plain
from tui.present.openness import openness_lines

Espied = Callable[..., Run]
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "espied.open-updates-1.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes()))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An inventory of devices of all three groups."""
    path = tmp_path / "inventory.db"
    with Store.open(path) as store:
        store.save(SAMPLES)
    return path


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a network here fails the test."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a network was opened")

    monkeypatch.setattr(real, "RealNetwork", refuse)


def test_the_three_groups_and_how_old_the_words_are(espied: Espied, database: Path) -> None:
    done = espied("--db", str(database), "check", "--open")
    text = " ".join(done.out.decode().split())
    assert done.code == 1, "one says that it is open"
    for said in (
        "1 device says that it takes firmware without a password.",
        "Says that it has none (1): whoever is in the network can replace its firmware node-9 192.168.1.9",
        "auth_upload=no in its announcement",
        "Says that it has one (1) kitchen-light 192.168.1.23",
        "Does not say (",
        "From the stored inventory; nothing was sent.",
        "The words are as old as the announcements: the newest",
        "no way to update over the network is known",
    ):
        assert said in text
    assert "\x1b" not in text
    assert done.err == ""


def test_json_and_csv_say_the_same(espied: Espied, database: Path) -> None:
    document = json.loads(espied("--db", str(database), "check", "--open", "--format", "json").out)
    VALIDATOR.validate(document)
    assert (document["listened"], document["packets_sent"]) == (0.0, 0)
    says = {one["id"]: one["says"] for one in document["devices"]}
    assert says[WORKBENCH.id] == "open"
    assert document["counts"]["open"] == list(says.values()).count("open") == 1
    assert sum(document["counts"].values()) == len(SAMPLES.devices)
    rows = list(csv.DictReader(io.StringIO(espied("--db", str(database), "check", "--open", "-f", "csv").out.decode("utf-8-sig"))))
    assert {row["id"]: row["says"] for row in rows} == says


def test_without_an_inventory_it_says_so_and_makes_none(espied: Espied, tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    done = espied("--db", str(path), "check", "--open")
    assert done.code == 0
    assert b"No device is known" in done.out
    assert not path.exists()


@pytest.mark.parametrize("arguments", [("check", "--open", "kitchen"), ("check", "kitchen", "--format", "csv"), ("check",)])
def test_words_that_do_not_go_together_are_refused(espied: Espied, database: Path, arguments: tuple[str, ...]) -> None:
    done = espied("--db", str(database), *arguments)
    assert done.code == 2
    assert done.out == b""


def test_the_list_narrows_the_inventory_and_has_its_column(espied: Espied, database: Path) -> None:
    listed = espied("--db", str(database), "inventory", "list", "is:open").out.decode()
    assert "node-9" in listed
    assert "kitchen-light" not in listed
    assert "PASSWORD" in listed
    assert "none" in listed


def test_what_is_heard_takes_the_place_of_what_was_known() -> None:
    status = OtaStatus(kind="arduino", port=3232, transport="udp", password=Password.NO, verdict="announced", checked=None)
    heard = replace(FULL, name="new", label="", notes=(), tags=(), ota=status)
    both = merged(SNAPSHOT, replace(SNAPSHOT, devices=(heard, replace(BAD, id="other", hostname=""))), NOW + 9)
    by_id = {device.id: device for device in both.devices}
    assert by_id[FULL.id].ota == status
    assert (by_id[FULL.id].label, by_id[FULL.id].tags) == (FULL.label, FULL.tags)
    assert "other" in by_id
    assert both.generated == NOW + 9
    nameless = merged(SNAPSHOT, replace(SNAPSHOT, devices=(replace(heard, id="mdns:eth0/x", mac=""),)), NOW)
    assert [device.id for device in nameless.devices] == [device.id for device in SNAPSHOT.devices], "by host name and address"
    assert {device.id: device.ota for device in nameless.devices}[FULL.id] == status
    moved = replace(heard, id="mdns:eth0/x", addresses=("192.168.1.99",))
    assert len(merged(SNAPSHOT, replace(SNAPSHOT, devices=(moved,)), NOW).devices) == len(SNAPSHOT.devices) + 1
    silent = merged(SNAPSHOT, replace(SNAPSHOT, devices=(replace(FULL, ota=None),)), NOW)
    assert {device.id: device.ota for device in silent.devices}[FULL.id] == FULL.ota, "an address seen says nothing of updates"


def test_what_was_sent_is_said() -> None:
    assert "nothing was sent" in sent_words(0, 0)
    assert "5 s of listening: 1 question by mDNS went to the multicast group, nothing to a single device" in sent_words(5.0, 1)


def test_hostile_names_break_out_of_no_format() -> None:
    bad = Snapshot(generated=NOW, scan=SNAPSHOT.scan, devices=(replace(BAD, label="", ota=FULL.ota),))
    text = to_plain(openness_lines(bad, now=NOW, sent="")) + render_open_json(bad).decode() + render_open_csv(bad).decode()
    assert not {char for char in text if char < " " and char not in "\r\n"}
    assert "\x9b" not in text
    (row,) = list(csv.reader(io.StringIO(render_open_csv(bad).decode("utf-8-sig"))))[1:]
    assert len(row) == len(COLUMNS)
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
