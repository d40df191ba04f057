"""Golden files: run `ESPIED_GOLDEN=write pytest tests/export` to write them anew, then read the difference."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from discover.errors import UsageError
from discover.export import FORMATS
from discover.export.csv import COLUMNS, cell
from discover.export.formats import format_named
from discover.export.json import render_json_with_ledger
from discover.export.markdown import escape, render_markdown_with_ledger
from discover.export.schema import inventory_schema
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally
from tests.export.kit import BAD, CUT, EMPTY, FULL, HOSTILE, SNAPSHOT, TALLIES, snapshots, tallies, texts

GOLDEN = Path(__file__).with_name("golden")
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "espied.inventory-1.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(inventory_schema()), format_checker=jsonschema.FormatChecker())
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("title", "snapshot"), [("full", SNAPSHOT), ("empty", EMPTY)])
def test_every_format_writes_its_golden_bytes(name: str, title: str, snapshot: Snapshot) -> None:
    golden = GOLDEN / f"{title}.{FORMATS[name].suffix}"
    # The version of the tool changes with every release, the format does not.
    data = re.sub(rb'("name": "espied",\s+"version": )"[^"]*"', rb'\1"0"', FORMATS[name].render(snapshot))
    if os.environ.get("ESPIED_GOLDEN") == "write":
        golden.write_bytes(data)
    assert data == golden.read_bytes()


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.render_with_ledger])
def test_formats_with_a_place_for_the_ledger_write_their_golden_bytes(name: str) -> None:
    golden = GOLDEN / f"ledger.{FORMATS[name].suffix}"
    render = FORMATS[name].render_with_ledger
    assert render is not None
    data = re.sub(rb'("name": "espied",\s+"version": )"[^"]*"', rb'\1"0"', render(replace(SNAPSHOT, scan=CUT), TALLIES))
    if os.environ.get("ESPIED_GOLDEN") == "write":
        golden.write_bytes(data)
    assert data == golden.read_bytes()


@settings(max_examples=100)
@given(snapshots, tallies)
def test_the_ledger_adds_a_key_to_the_json_and_breaks_out_of_no_table(snapshot: Snapshot, some: list[Tally]) -> None:
    data = render_json_with_ledger(snapshot, some)
    document = json.loads(data)
    VALIDATOR.validate(document)
    ledger = document.pop("ledger")
    assert document == json.loads(FORMATS["json"].render(snapshot))
    assert ledger["packets"] == sum(one.packets for one in some) == sum(one["packets"] for row in ledger["devices"] for one in row["sent"])
    text = render_markdown_with_ledger(snapshot, some).decode()
    assert text.startswith(FORMATS["markdown"].render(snapshot).decode())
    rows = [line for line in text.split("## What was sent")[1].split("\n") if line.startswith("|")]
    assert {row.count("|") for row in rows} <= {6}
    assert not controls(data.decode() + text, "\n")


def test_the_committed_schema_is_fresh() -> None:
    assert SCHEMA.read_bytes() == inventory_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(inventory_schema()))


def test_the_document_has_the_keys_of_the_contract_in_its_order() -> None:
    document = json.loads(FORMATS["json"].render(SNAPSHOT))
    assert list(document) == ["schema", "generated", "tool", "scan", "devices"]
    assert list(document["scan"]) == ["interfaces", "seconds", "addresses", "packets_sent", "complete", "strangers", "proxied"]
    assert list(document["scan"]["addresses"]) == ["planned", "tested", "unanswered", "untested"]
    device = next(one for one in document["devices"] if one["id"] == FULL.id)
    assert " ".join(device) == (
        "id name label notes tags hostname addresses mac vendor family alternatives kind model chip "
        "firmware listeners ota presence evidence"
    )
    assert list(device["listeners"][0]) == ["port", "transport", "direction", "state", "service", "source"]
    assert list(device["ota"]) == ["kind", "port", "transport", "password", "verdict", "checked"]
    assert list(device["presence"]) == ["state", "first_seen", "last_seen", "heard"]
    assert list(device["evidence"][0]) == ["claim", "value", "source", "weight", "why"]
    assert document["generated"] == "2023-11-14T22:13:20Z"


def test_a_format_that_does_not_exist_names_those_that_do() -> None:
    assert format_named("csv") is FORMATS["csv"]
    with pytest.raises(UsageError, match="xml") as caught:
        format_named("xml")
    assert "markdown" in caught.value.hint


def controls(text: str, allowed: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in allowed}


@settings(max_examples=150)
@given(snapshots)
def test_no_control_character_gets_through_and_json_keeps_to_its_schema(snapshot: Snapshot) -> None:
    for name, allowed in {"json": "\n", "ndjson": "\n", "csv": "\r\n", "markdown": "\n"}.items():
        data = FORMATS[name].render(snapshot).decode("utf-8-sig" if name == "csv" else "utf-8")
        assert not controls(data, allowed)
    document = json.loads(FORMATS["json"].render(snapshot))
    VALIDATOR.validate(document)
    lines = FORMATS["ndjson"].render(snapshot).decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == document["devices"]


@settings(max_examples=150)
@given(snapshots)
def test_csv_has_one_row_a_device_and_no_cell_that_is_a_formula(snapshot: Snapshot) -> None:
    data = FORMATS["csv"].render(snapshot)
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 1 + len(snapshot.devices)
    for row in rows[1:]:
        assert len(row) == len(COLUMNS)
        for value in row:
            # whatever a spreadsheet splits at, it must not find a formula behind it
            assert not any(FORMULA.match(part) for part in re.split(r"[;,|\t\r\n]", value))


@given(texts)
def test_a_cell_is_escaped_and_nothing_else_is_changed(text: str) -> None:
    assert cell(text).replace("'", "") == cell(cell(text)).replace("'", "")


def test_plain_cells_stay_as_they_are() -> None:
    for text in ("Kitchen", "24:6f:28:aa:bb:cc", "fe80::1", "a-b", "1.2.3", "x = y"):
        assert cell(text) == text
    assert cell("=1+1") == "'=1+1"
    assert cell("\uff20SUM") == "'\uff20SUM"
    assert cell("a; =1") == "a; '=1"


def test_csv_needs_no_byte_order_mark_while_it_is_ascii() -> None:
    assert FORMATS["csv"].render(EMPTY).startswith(b"id,")
    assert FORMATS["csv"].render(SNAPSHOT).startswith(b"\xef\xbb\xbfid,")


@settings(max_examples=150)
@given(snapshots)
def test_markdown_has_one_row_a_device_and_no_cell_breaks_out(snapshot: Snapshot) -> None:
    lines = FORMATS["markdown"].render(snapshot).decode().split("\n")
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == (2 + len(snapshot.devices) if snapshot.devices else 0)
    assert {row.count("|") for row in rows} <= {12}
    for row in rows[2:]:
        words = row.replace("<!-- -->", "")
        assert not re.search(r"[\\`*_\[\]<>!~@\"]|&(?!#\d+;)|#(?!\d+;)", words.replace("|", ""))
        assert not re.search(r"://|www\.", words, re.IGNORECASE)


@given(texts)
def test_escaped_text_reads_as_the_text_itself(text: str) -> None:
    import html  # noqa: PLC0415 - only here

    from discover.inventory.document import text as cleaned  # noqa: PLC0415 - only here

    assert html.unescape(escape(text).replace("<!-- -->", "")) == cleaned(text)


def test_a_hostile_name_is_readable_and_harmless_everywhere() -> None:
    for name, export in FORMATS.items():
        data = export.render(Snapshot(generated=0, scan=SNAPSHOT.scan, devices=(BAD,)))
        assert b"\x1b" not in data, name
        assert b"\xc2\x9b" not in data, name
        assert "\u202e".encode() not in data, name
        assert b"calc" in data, name
    assert HOSTILE not in FORMATS["markdown"].render(SNAPSHOT).decode()
