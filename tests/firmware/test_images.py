"""The firmware images of firmware_samples: what espied says of each is what expected.toml promises."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from discover.boards.firmware import inspect
from discover.boards.suit import sent_image, suit
from discover.model.device import Device, Firmware
from discover.model.firmware import FirmwareFile, revision_text

FOLDER = Path(__file__).parents[2] / "firmware_samples" / "images"
EXPECTED = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))

Table = Mapping[str, Any]


@cache
def said_of(name: str) -> FirmwareFile:
    return inspect(name, (FOLDER / name).read_bytes())


def made() -> dict[str, bytes]:
    spec = importlib.util.spec_from_file_location("make_images", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images: dict[str, bytes] = module.images()
    return images


def images() -> Iterator[Any]:
    for table in EXPECTED["image"]:
        yield pytest.param(table, id=table["file"])


def suits() -> Iterator[Any]:
    for table in EXPECTED["suit"]:
        yield pytest.param(table, id=f"{table['file']} on {table['device']['name']}")


def test_the_files_are_those_that_the_script_makes_byte_for_byte() -> None:
    files = {str(path.relative_to(FOLDER)): path for path in FOLDER.rglob("*") if path.is_file()}
    texts = {"make.py", "expected.toml", "README.md"}
    wanted = made()
    assert {name for name in files if "__pycache__" not in name} - texts == set(wanted)
    assert {name for name, data in wanted.items() if files[name].read_bytes() != data} == set()


def test_they_are_small() -> None:
    assert sum(len(data) for data in made().values()) < 200_000


def test_every_image_has_its_expectation_and_no_expectation_is_without_an_image() -> None:
    assert sorted(table["file"] for table in EXPECTED["image"]) == sorted(made())


@pytest.mark.parametrize("table", list(images()))
def test_espied_says_of_an_image_what_is_expected(table: Table) -> None:
    file = said_of(table["file"])
    assert (file.kind, file.chip) == (table["kind"], table.get("chip", ""))
    assert [one.trouble for one in file.problems] == table.get("troubles", [])
    assert file.sound == ("troubles" not in table)
    app = sent_image(file) or next(iter(file.images), None)
    told = (app.app or app.bootloader) if app else None
    for field in ("project", "version", "idf", "built"):
        if field in table:
            assert getattr(told, field) == table[field]
    if "flash" in table:
        assert app is not None
        assert f"{app.flash_size} {app.flash_mode} {app.flash_frequency}" == table["flash"]
    if "needs" in table:
        assert app is not None
        assert revision_text(app.min_revision) == table["needs"]
    if "firmware" in table:
        hint = file.hints[0]
        assert f"{hint.firmware} {hint.version}".strip() == table["firmware"]
    if "detail" in table:
        assert file.detail == table["detail"]
    slots = [one.size for one in file.table.partitions if one.takes_updates] if file.table else []
    assert slots == table.get("slots", [])


@pytest.mark.parametrize("table", list(suits()))
def test_espied_says_whether_an_image_suits_a_device(table: Table) -> None:
    told = dict(table["device"])
    name, _, version = told.pop("firmware", "").partition(" ")
    firmware = Firmware(name=name, version=version) if name else None
    judged = suit(said_of(table["file"]), Device(id="x", firmware=firmware, **told), kind=table["kind"])
    assert judged.answer == table["answer"]
    assert judged.negative == (table["answer"] == "no")
    deciding = next(step for step in judged.steps if step.name == table["because"])
    assert deciding.state == {"yes": "pass", "no": "fail", "unknown": "warn"}[table["answer"]]
    assert judged.steps[-1].name == "image"
    assert table["says"].lower() in judged.sentence.lower()
    if table["because"] != "image":
        assert table["says"] in deciding.detail
        assert table["because"] in judged.steps[-1].detail
