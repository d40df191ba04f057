"""docs/adding-a-device.md is what contributors copy: its examples must load, match and be explained."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from discover.atlas.check_family import CLAIMS, OTA_KINDS
from discover.atlas.check_note import CATEGORIES, CONFIDENCES, DIRECTIONS, VERDICTS
from discover.atlas.check_symptom import LEVELS, check_symptoms
from discover.atlas.load_symptoms import load_tool
from discover.atlas.loader import load_catalogue, load_note
from discover.atlas.symptom import HOPS
from discover.errors import CatalogueError
from discover.identify import evidence_for, identify, signal_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "adding-a-device.md").read_text(encoding="utf-8")
FAMILY, NOTE, SYMPTOM, *_ = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_family_of_the_page_loads_and_its_examples_come_true(tmp_path: Path) -> None:
    (tmp_path / "opengarage.toml").write_text(FAMILY)
    catalogue = load_catalogue(tmp_path)
    family = catalogue.families[0]
    assert {example.hits for example in family.example} == set(range(len(family.match)))
    for example in family.example:
        signal = signal_of(example.signal)
        assert f"families/opengarage#{example.hits}" in {one.rule for one in evidence_for(signal, catalogue)}
        found = identify([signal], catalogue)
        assert (found.family.id, found.family.confidence.value) == ("opengarage", example.confidence)
        told = {"mac": found.mac, "name": found.name, "chip": found.chip}
        assert {claim: told[claim] for claim in example.sets} == dict(example.sets)
    for other in family.not_:
        assert identify([signal_of(other.signal)], catalogue).family.id == "unknown"


def test_the_port_of_the_page_loads(tmp_path: Path) -> None:
    path = tmp_path / f"{tomllib.loads(NOTE)['port']}.toml"
    path.write_text(NOTE)
    assert load_note(path).practice[0].direction == "announces"


def test_the_symptom_of_the_page_loads_and_its_example_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "espota.toml"
    path.write_text(f'tool = "espota.py"\ntitle = "espota.py"\nabout = "The uploader."\n{SYMPTOM}')
    tool = load_tool(path)
    check_symptoms(tool.symptom)
    assert tool.symptom[0].cause[0].hop == "host"


def test_the_error_of_the_page_is_the_one_that_is_raised(tmp_path: Path) -> None:
    folder = tmp_path / "families"
    folder.mkdir()
    (folder / "opengarage.toml").write_text(FAMILY.replace("weight = 55", "wieght = 55"))
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder)
    assert caught.value.message in PAGE


@pytest.mark.parametrize("word", [*CLAIMS, *OTA_KINDS, *CATEGORIES, *CONFIDENCES, *DIRECTIONS, *VERDICTS, *HOPS, *LEVELS])
def test_every_word_of_a_vocabulary_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE
