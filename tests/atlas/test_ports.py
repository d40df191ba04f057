"""The port atlas as data: nothing lost on the way from the fact base, every statement sourced, nobody named."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from discover.atlas.check_note import CONFIDENCES, DIRECTIONS, VERDICTS
from discover.atlas.loader import all_ports, load_port, load_ranges
from discover.atlas.port import PortNote
from discover.model.device import Direction

NOTES = all_ports()
RANGES = [note for note in NOTES if note.first != note.last]
CLAIMS = {claim.id: (note, claim) for note in NOTES for claim in note.claims}

# The fact base (facts/ports.md, ports.json): 97 entries, 168 rows of the registry, 70 checked claims.
ENTRIES = 97
REGISTRY_ROWS = 168
VERDICT_TOTALS = {"confirmed": 32, "refuted": 14, "imprecise": 7, "unverifiable": 11, "opinion": 6}
PAGES = {"A": (3197, 23), "B": (3237, 16), "C": (3155, 11), "D": (3297, 8), "E": (3232, 12)}


def name_of(note: PortNote) -> str:
    return f"{note.first}-{note.last}"


def test_every_entry_of_the_fact_base_is_there() -> None:
    assert len(NOTES) == ENTRIES
    assert {(note.first, note.last) for note in RANGES} == {(3127, 3198), (3224, 3324), (3230, 3235)}


def test_every_row_of_the_registry_was_kept() -> None:
    assert sum(len(note.registry.records) for note in NOTES) == REGISTRY_ROWS
    assert Counter(note.registry.status for note in NOTES) == {"assigned": 74, "unassigned": 14, "dynamic": 6, "range": 3}


def test_every_claim_has_the_verdict_of_the_fact_base() -> None:
    assert sum(VERDICT_TOTALS.values()) == 70
    assert len(CLAIMS) == 70
    assert Counter(claim.verdict for _, claim in CLAIMS.values()) == VERDICT_TOTALS


@pytest.mark.parametrize("page", PAGES)
def test_claims_stand_on_the_port_whose_page_made_them(page: str) -> None:
    port, count = PAGES[page]
    note = load_port(port)
    assert note is not None
    assert [claim.id for claim in note.claims] == [f"{page}{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("claim", "verdict", "truth"),
    [
        ("A6", "refuted", "Digi"),
        ("A14", "refuted", "400,000"),
        ("A16", "refuted", "registered for this very protocol"),
        ("A17", "refuted", "31970"),
        ("B1", "refuted", "Nothing technical"),
        ("B3", "refuted", "Jaalam"),
        ("B4", "refuted", "software"),
        ("B9", "refuted", "AppNeta"),
        ("B11", "refuted", "3230 to 3235"),
        ("B13", "refuted", "14,499"),
        ("D4", "refuted", "34297"),
        ("D5", "refuted", "2005"),
        ("E6", "refuted", "TCP"),
        ("E7", "refuted", "8266"),
        ("E8", "unverifiable", "no trace"),
        ("C6", "unverifiable", "TCP 3155"),
        ("B7", "imprecise", "3236"),
        ("E10", "imprecise", "your own computer"),
        ("A15", "confirmed", "dials out"),
    ],
)
def test_folklore_keeps_its_verdict_and_its_correction(claim: str, verdict: str, truth: str) -> None:
    _, checked = CLAIMS[claim]
    assert checked.verdict == verdict
    assert truth in checked.correction


@pytest.mark.parametrize("note", NOTES, ids=name_of)
def test_every_statement_has_a_source_and_a_known_word_for_how_sure_it_is(note: PortNote) -> None:
    assert note.registry.source
    for practice in note.practice:
        assert practice.source
        assert practice.confidence in CONFIDENCES
        assert practice.direction in DIRECTIONS
        assert practice.transport in note.transports
    for event in note.history:
        assert event.source
        assert event.confidence in CONFIDENCES
    for claim in note.claims:
        assert claim.source
        assert claim.verdict in VERDICTS
    assert note.expected_when
    assert note.titles


@pytest.mark.parametrize("note", NOTES, ids=name_of)
def test_registry_statements_are_dated(note: PortNote) -> None:
    assert "2026-02-13" in note.registry.source


@pytest.mark.parametrize("note", [note for note in NOTES if note.registry.status == "assigned"], ids=name_of)
def test_the_summary_of_the_registry_follows_from_its_rows(note: PortNote) -> None:
    registry = note.registry
    named = [record for record in registry.records if record.name]
    assert registry.name in {record.name for record in named}
    assert set(registry.transports) == {record.transport for record in named if record.transport}


def test_no_registry_contact_is_named() -> None:
    assignees = {record.assignee for note in NOTES for record in note.registry.records}
    organisations = {
        "IESG",
        "OASIS",
        "UPnP_Forum",
        "modbus.org",
        "Tarantool",
        "ESPeasy",
        "NVM_Express_Inc",
        "Connectivity_Standards_Alliance",
    }
    assert assignees <= {"", "individual contact (see registry)"} | organisations
    texts = " ".join(claim.correction + claim.source for _, claim in CLAIMS.values())
    assert not re.search(r"[\w.]+(@| at )\w+\.(com|org|net)", texts.replace("contact was at", ""))


def test_the_words_for_directions_are_those_of_the_model() -> None:
    assert tuple(Direction) == DIRECTIONS


@pytest.mark.parametrize("port", [3197, 3199])
def test_edp_ports_are_dialled_out_to_and_nothing_listens_on_them(port: int) -> None:
    note = load_port(port)
    assert note is not None
    assert {(one.transport, one.direction) for one in note.practice} == {("tcp", "dials-out")}


def test_both_ports_with_two_esp_families_keep_them_apart_by_transport() -> None:
    for port, udp, tcp in ((3232, "ArduinoOTA", "ESPHome"), (8266, "ArduinoOTA", "ESPHome"), (2040, "Pico", "ESPHome")):
        note = load_port(port)
        assert note is not None
        assert udp in note.titles["udp"]
        assert tcp in note.titles["tcp"]
        assert any(one.transport == "udp" and udp in f"{one.who} {one.what}" for one in note.practice)
        assert not any(one.transport == "tcp" and "ArduinoOTA library" in one.who for one in note.practice)


def test_slao_stays_an_unverified_story_of_the_past() -> None:
    told = [(note.first, event) for note in NOTES for event in note.history if "Slao" in event.what]
    assert [(port, event.confidence) for port, event in told] == [(3232, "unverified")]
    assert not any("Slao" in f"{one.who}{one.what}" for note in NOTES for one in note.practice)


def test_mydoom_is_history_and_never_practice() -> None:
    assert any("Mydoom" in event.what for note in RANGES for event in note.history)
    assert not any("mydoom" in f"{one.who}{one.what}".lower() for note in NOTES for one in note.practice)


@pytest.mark.parametrize("port", [502, 4257, 4403, 6668, 65280])
def test_ports_that_suffer_from_a_connection_say_so(port: int) -> None:
    note = load_port(port)
    assert note is not None
    assert note.hands_off


def test_ranges_are_found_by_any_number_inside_narrowest_first() -> None:
    assert [(note.first, note.last) for note in load_ranges(3232)] == [(3230, 3235), (3224, 3324)]
    assert [(note.first, note.last) for note in load_ranges(3197)] == [(3127, 3198)]
    assert [(note.first, note.last) for note in load_ranges(3198)] == [(3127, 3198)]
    assert load_ranges(3199) == ()
    assert load_ranges(80) == ()


def test_a_number_without_a_note_has_none() -> None:
    assert load_port(12345) is None
    assert load_port(3127) is None  # the range has a note, the number has not


@pytest.mark.parametrize("note", NOTES, ids=name_of)
def test_texts_are_clean_and_end_as_sentences(note: PortNote) -> None:
    sentences = [
        note.risk,
        note.if_unexpected,
        note.hands_off,
        *note.notes,
        *note.conclusion.values(),
        *(event.what for event in note.history),
    ]
    for text in filter(None, sentences):
        assert text.endswith((".", "?", ")")), text
        assert "  " not in text
        assert "\n" not in text
    for one in note.practice:
        assert not one.what.endswith(".")
