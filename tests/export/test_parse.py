from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import UsageError
from discover.export import FORMATS, parse_inventory
from discover.model.snapshot import Snapshot
from discover.text import is_clean
from tests.export.kit import FULL, SNAPSHOT, snapshots

RENDER = FORMATS["json"].render


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(RENDER(Snapshot(generated=SNAPSHOT.generated, scan=SNAPSHOT.scan, devices=(FULL,))))
    return loaded


def test_what_was_exported_is_read_back() -> None:
    snapshot = parse_inventory(RENDER(SNAPSHOT))
    full = snapshot.device(FULL.id)
    assert full is not None
    assert (full.label, full.notes, full.listeners, full.firmware) == (FULL.label, FULL.notes, FULL.listeners, FULL.firmware)
    assert full.presence == FULL.presence
    assert snapshot.scan.interfaces == SNAPSHOT.scan.interfaces


def test_an_export_of_0_1_is_still_read() -> None:
    old = (Path(__file__).with_name("golden") / "full-0.1.json").read_bytes()
    assert b"unanswered" not in old
    assert parse_inventory(old) == parse_inventory(RENDER(SNAPSHOT))


def test_coverage_survives_export_and_import() -> None:
    scan = SNAPSHOT.scan._replace(tested=200, unanswered=150, strangers=3, proxied=40, complete=False)
    assert parse_inventory(RENDER(replace(SNAPSHOT, scan=scan))).scan == scan


@given(snapshots)
def test_reading_and_writing_again_changes_nothing(snapshot: Snapshot) -> None:
    data = RENDER(snapshot)
    written = json.loads(data)["devices"]
    if len({one["id"] for one in written}) < len(written):
        with pytest.raises(UsageError, match="stands at"):  # two ids that are the same once cleaned
            parse_inventory(data)
        return
    read = parse_inventory(data)
    again = parse_inventory(RENDER(read))
    assert again == read
    assert sorted(written, key=lambda one: one["id"]) == json.loads(RENDER(read))["devices"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["devices"][0].update(name=7), "`$.devices[0].name`"),
        (lambda d: d["devices"][0].pop("family"), "`$.devices[0]`"),
        (lambda d: d["devices"][0].update(id=""), "`$.devices[0].id`"),
        (lambda d: d["devices"][0].update(id=" "), "`$.devices[0].id`"),
        (lambda d: d["devices"].append(d["devices"][0]), "`$.devices[1].id`"),
        (lambda d: d["devices"][0].update(mac="24-6F-28-AA-BB-CC"), "`$.devices[0].mac`"),
        (lambda d: d["devices"][0]["listeners"][0].update(port=65536), "`$.devices[0].listeners[0].port`"),
        (lambda d: d["devices"][0]["presence"].update(state="dead"), "`$.devices[0].presence.state`"),
        (lambda d: d.update(generated="yesterday"), "`$.generated`"),
        (lambda d: d["devices"][0]["presence"].update(first_seen="2023-11-14T22:13:20"), "`$.devices[0].presence.first_seen`"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change: Any, place: str) -> None:
    broken = document()
    change(broken)
    with pytest.raises(UsageError) as caught:
        parse_inventory(json.dumps(broken).encode())
    assert place in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'"\xff\xfe"', "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"{}", "names no schema"),
        (b'{"schema": "espied.ota-check/1"}', "espied.ota-check/1"),
        (b'{"schema": "espied.inventory/9"}', "espied.inventory/9"),
    ],
)
def test_other_files_are_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_inventory(data)


def test_a_newer_schema_says_to_update() -> None:
    with pytest.raises(UsageError) as caught:
        parse_inventory(b'{"schema": "espied.inventory/2"}')
    assert "Update" in caught.value.hint


def test_keys_from_a_later_version_are_passed_over_and_a_byte_order_mark_too() -> None:
    later = document()
    later["devices"][0]["colour"] = "red"
    assert parse_inventory(b"\xef\xbb\xbf" + json.dumps(later).encode()).devices[0].name == FULL.name


def test_text_from_a_file_is_cleaned_like_text_from_a_peer() -> None:
    dirty = document()
    dirty["devices"][0].update(name="\x1b[31mred", notes=["a\nb\u202e"])
    dirty["devices"][0]["evidence"][0]["why"] = "\x9b2J"
    (device,) = parse_inventory(json.dumps(dirty).encode()).devices
    assert all(is_clean(text) for text in (device.name, *device.notes, device.evidence[0].why))


@given(st.binary(max_size=60))
def test_random_bytes_are_a_usage_error(data: bytes) -> None:
    with pytest.raises(UsageError):
        parse_inventory(data)
