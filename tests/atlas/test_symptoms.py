"""The messages of upload tools: every file loads, every example finds its symptom, and nothing is claimed that is not so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.atlas.check_symptom import check_symptoms
from discover.atlas.fold_symptom import fold, pieces_of
from discover.atlas.load_symptoms import load_symptoms, load_tool, load_tools
from discover.atlas.match_symptom import MAX_LINES, find_symptoms
from discover.atlas.symptom import HOPS, NETWORK_HOPS, Symptom
from discover.errors import CatalogueError
from discover.model.check import Hop
from tui.cli.main import COMMANDS

SYMPTOMS = load_symptoms()
EXAMPLES = [(symptom, example) for symptom in SYMPTOMS for example in symptom.example]
FILE = """
tool = "espota.py"
title = "espota.py"
about = "The uploader."

[[symptom]]
id = "espota/no-answer"
texts = ["No Answer"]
means = "Nothing came."
hop = "listener"
source = "tools/espota.py"

[[symptom.cause]]
what = "It sleeps."
why = "Sleepers do not answer."
fix = "Wake it."

[[symptom.example]]
said = "[ERROR]: No Answer"
"""


def ids(asked: str) -> list[str]:
    return [hit.symptom.id for hit in find_symptoms(asked, SYMPTOMS).hits]


def load(tmp_path: Path, text: str) -> Symptom:
    path = tmp_path / "espota.toml"
    path.write_text(text)
    return load_tool(path).symptom[0]


def test_every_example_finds_its_symptom_and_the_host_it_names() -> None:
    check_symptoms(SYMPTOMS)
    assert len(SYMPTOMS) > 100
    assert len({tool.tool for tool in load_tools()}) == len(load_tools())


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=[symptom.id for symptom in SYMPTOMS])
def test_every_text_finds_its_symptom(symptom: Symptom) -> None:
    for text in symptom.texts:
        said = text.replace("{host}", "192.0.2.7").replace("{}", "7")
        found = find_symptoms(said, SYMPTOMS)
        assert found.match == "exact"
        assert symptom.id in [hit.symptom.id for hit in found.hits]


def test_the_network_hops_are_those_of_the_check() -> None:
    assert tuple(hop.value for hop in Hop) == NETWORK_HOPS
    assert tuple(HOPS)[: len(NETWORK_HOPS)] == NETWORK_HOPS


@pytest.mark.parametrize("command", sorted({symptom.check for symptom in SYMPTOMS}))
def test_every_command_that_is_advised_exists(command: str) -> None:
    assert command.split()[1] in COMMANDS


def test_what_the_fixes_ask_espied_for_is_known() -> None:
    asked = [
        match
        for symptom in SYMPTOMS
        for cause in symptom.cause
        for match in re.findall(r'espied explain "([^"]+)"', f"{cause.why} {cause.fix}")
    ]
    assert len(asked) > 3
    assert {find_symptoms(one, SYMPTOMS).match for one in asked} == {"exact"}


@pytest.mark.parametrize(
    ("said", "match", "found"),
    [
        ("No response from device", "exact", ["espota/no-response-from-device"]),
        ("no RESPONSE   from\tdevice", "exact", ["espota/no-response-from-device"]),
        ("12:20:18 [ERROR]: No response from device", "contains", ["espota/no-response-from-device"]),
        ("\x1b[31mNo response from device\x1b[0m", "exact", ["espota/no-response-from-device"]),
        ("Error uploading: [Errno 32] Broken pipe", "contains", ["espota/error-uploading", "system/reset"]),
        ("Bad Answer: ERR: ERROR[4]: Not Enough Space", "exact", ["updater/not-enough-space", "espota/bad-answer"]),
        ("ERROR[4]", "part", ["arduino-ota/end-failed", "updater/not-enough-space"]),
        ("No responce from devise", "closest", ["espota/no-response-from-device"]),
        ("Uploading error: exit status 1", "part", ["arduino/failed-uploading"]),
        ("docker", "about", ["esphome/resolving"]),
        ("the grass is green", "none", []),
        ("No", "none", []),
        ("", "none", []),
        ("{}", "none", []),
    ],
)
def test_it_says_how_well_a_message_was_found(said: str, match: str, found: list[str]) -> None:
    answer = find_symptoms(said, SYMPTOMS)
    assert (answer.match, [hit.symptom.id for hit in answer.hits]) == (match, found)


def test_a_longer_message_leaves_nothing_to_a_shorter_one_within_it() -> None:
    assert ids("No Answer to our Authentication") == ["espota/no-answer-to-our-authentication"]
    assert ids("No response from device after upload completion") == ["espota/no-result"]


def test_a_message_is_not_found_within_other_words() -> None:
    assert "espota/no-answer" not in ids("casino answers")
    assert find_symptoms("no answered", SYMPTOMS).match == "closest"


def test_of_a_log_the_errors_come_before_progress_and_what_only_passes_them_on() -> None:
    log = """
12:20:07 [INFO]: Sending invitation to 192.168.1.20
12:20:08 [INFO]: Waiting for device...
12:20:18 [ERROR]: No response from device
*** [upload] Error 1
"""
    assert ids(log) == [
        "espota/no-response-from-device",
        "platformio/upload-error",
        "espota/sending-invitation",
        "espota/waiting-for-device",
    ]
    assert [hit.host for hit in find_symptoms(log, SYMPTOMS).hits] == ["", "", "192.168.1.20", ""]


def test_a_message_that_a_terminal_broke_over_lines_is_found() -> None:
    broken = "[ERROR]: No Answer to\n    our Authentication"
    assert ids(broken) == ["espota/no-answer-to-our-authentication"]
    assert "esphome/space-esp32" in ids("ERROR The OTA partition on the\n  ESP is too small. ESPHome needs to\n resize this partition")


def test_a_question_is_answered_with_what_speaks_of_it() -> None:
    found = find_symptoms("is it the firewall", SYMPTOMS)
    assert found.match == "about"
    assert "espota/no-response-from-device" in [hit.symptom.id for hit in found.hits]
    assert all(hit.score < 1 for hit in found.hits)
    assert find_symptoms("is it the", SYMPTOMS).match == "none"


def test_of_a_very_long_log_the_end_is_read() -> None:
    log = "No Answer\n" + "nothing\n" * MAX_LINES + "Listen Failed"
    assert ids(log) == ["espota/listen-failed"]


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("Host kitchen.local Not Found", "kitchen.local"),
        ("Host `kitchen; reboot` Not Found", "kitchen"),
        ("Connecting to fe80::1%eth0 port 3232 failed: timed out", "fe80::1%eth0"),
    ],
)
def test_the_host_is_one_word(said: str, host: str) -> None:
    assert find_symptoms(said, SYMPTOMS).hits[0].host == host


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120))
def test_whatever_is_asked_gets_an_answer(said: str) -> None:
    found = find_symptoms(said, SYMPTOMS)
    assert (found.match == "none") == (found.hits == ())
    assert all(0 < hit.score <= 1 for hit in found.hits)
    assert (found.match in ("closest", "about")) == any(hit.score < 1 for hit in found.hits[:1])
    assert "\x1b" not in found.asked


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(EXAMPLES), st.text(max_size=20), st.text(max_size=20))
def test_a_known_line_is_found_whatever_stands_around_it(pair: tuple[Symptom, object], before: str, after: str) -> None:
    symptom, example = pair
    said = f"{before} {getattr(example, 'said', '')} {after}".replace("\n", " ")
    assert symptom.id in ids(said)


def test_folding_makes_one_of_what_people_paste_differently() -> None:
    assert fold("It\u2019s  \u201chere\u201d\u2026") == 'it\'s "here"...'
    assert pieces_of("Host {host} Not Found") == ("host", "not found")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('hop = "listener"', 'hop = "router"', "'router' is none of"),
        ('hop = "listener"', 'hop = "flash"', "only hops of the check have words of their own"),
        ('texts = ["No Answer"]', 'texts = ["No"]', "too short"),
        ('texts = ["No Answer"]', 'texts = ["{} Answers"]', "begins with a placeholder"),
        ('texts = ["No Answer"]', 'texts = ["No Answer from {name}"]', "only {} and {host}"),
        ('fix = "Wake it."', 'fix = " "', "must not be empty"),
        ('source = "tools/espota.py"', 'source = ""', "must not be empty"),
        ('id = "espota/no-answer"', 'id = "pio/no-answer"', "does not begin with the file's name"),
        ('said = "[ERROR]: No Answer"', 'say = "x"', "unknown field 'symptom[0].example[0].say'"),
        ('hop = "listener"', 'hop = "listener"\ncheck = "ping HOST"', "is a command of espied"),
        ("[[symptom.example]]\n", "[[symptom.links]]\ntitle = 'x'\nurl = 'http://x'\n[[symptom.example]]\n", "no https address"),
    ],
)
def test_a_mistake_names_file_and_field(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert load(tmp_path, FILE).id == "espota/no-answer"
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path, FILE.replace(old, new))
    assert said in caught.value.message
    assert "espota.toml" in caught.value.message


def test_an_example_that_another_symptom_takes_away_is_a_mistake(tmp_path: Path) -> None:
    symptom = load(tmp_path, FILE.replace('said = "[ERROR]: No Answer"', 'said = "all is well"'))
    with pytest.raises(CatalogueError, match="is found only as 'none'"):
        check_symptoms([symptom])
    with pytest.raises(CatalogueError, match="two of this id"):
        check_symptoms([load(tmp_path, FILE), load(tmp_path, FILE)])
