from __future__ import annotations

from dataclasses import replace

import pytest

from discover.model.check import OtaCheck, Verdict
from discover.model.device import Password
from tests.present.samples import CHECK, EXPLANATION
from tui.present import words
from tui.present.check import check_lines, verdict_text
from tui.present.explanation import LAYERS, check_command_lines, explanation_lines
from tui.present.lines import to_plain


def test_the_four_layers_stand_apart_and_in_order() -> None:
    text = to_plain(explanation_lines(EXPLANATION, system="linux"))
    places = [text.index(f"\n{layer}\n") for layer in LAYERS]
    assert places == sorted(places)
    assert text.startswith("Port 3232/udp listens: Update over the air of ESP32 boards\n")


def test_each_layer_holds_its_own() -> None:
    text = to_plain(explanation_lines(EXPLANATION, system="linux"))
    registry, practice, told, concluded = (text.split(f"\n{layer}\n")[1].split("\n\n")[0] for layer in LAYERS)
    assert "mdtp: MDT port" in registry
    assert "this system's own services list calls it mdtp, which is only a name" in registry
    assert "ESP32 with ArduinoOTA: waits for an upload invitation [udp listens] confirmed" in practice
    assert "It announces _arduino._tcp on 3232." in told
    assert "likely: This is the update port" in concluded


def test_a_refuted_claim_is_shown_as_refuted_with_its_correction() -> None:
    text = to_plain(explanation_lines(EXPLANATION, system="linux"))
    assert 'refuted: "3232 is assigned to ESP32 OTA"' in text
    assert "The registry assigns it to mdtp." in text


def test_check_commands_are_those_of_the_system_and_the_transport() -> None:
    text = to_plain(check_command_lines(EXPLANATION, system="linux"))
    assert "ss -H -lun" in text
    assert "sudo nmap -sU" in text
    assert "ss -H -ltn" not in text, "the explanation is of UDP"
    assert to_plain(check_command_lines(replace(EXPLANATION, transport=""), system="linux")).count("ss -H") == 2
    assert check_command_lines(replace(EXPLANATION, check_local={}), system="linux") == ()


def test_no_layer_is_left_out_when_nothing_is_known() -> None:
    bare = replace(EXPLANATION, told=(), practice=(), claims=(), system_name="")
    text = to_plain(explanation_lines(bare, system="linux"))
    assert "nothing known of real use" in text
    assert "nothing: no device was asked" in text


def test_a_check_shows_marks_words_fixes_and_packets() -> None:
    text = to_plain(check_lines(CHECK))
    for said in ("✓ pass  resolve", "! warn  announcement", "✗ fail  handshake", "- skip  knock"):
        assert said in text
    assert "do: Have the password of ota: at hand." in text
    assert "ready-needs-password: ESPHome OTA answers on 3232/tcp" in text
    assert "What was sent (2 packets)" in text
    assert "192.168.1.23:3232/tcp  5 bytes 6c26f75c45  the magic that asks for the version" in text
    assert "connection attempt" in text


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("password", list(Password))
def test_every_verdict_has_a_sentence(verdict: Verdict, password: Password) -> None:
    sentence = verdict_text(replace(CHECK, verdict=verdict, password=password))
    assert sentence.endswith(".")
    assert "{" not in sentence
    if verdict in (Verdict.NO_ANSWER, Verdict.LIKELY, Verdict.ANNOUNCED):
        assert "is open" not in sentence, "silence and announcements prove no open port"


def test_an_open_door_is_called_one() -> None:
    assert "anyone on this network can replace the firmware" in verdict_text(replace(CHECK, verdict=Verdict.READY, password=Password.NO))


def test_ready_claims_nothing_of_a_password_that_was_not_asked_for() -> None:
    said = verdict_text(replace(CHECK, verdict=Verdict.READY, password=Password.UNKNOWN))
    assert said == "ESPHome OTA answers on 3232/tcp; whether it wants a password was not asked."


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_check_of_several_ports_names_no_port_0(verdict: Verdict) -> None:
    several = replace(CHECK, port=0, transport="udp", kind="unknown", verdict=verdict)
    assert " 0/" not in to_plain(check_lines(several))
    assert verdict_text(several)[0].isupper()


def test_a_port_that_was_not_asked_is_not_said_to_keep_silent() -> None:
    said = verdict_text(replace(CHECK, verdict=Verdict.NO_ANSWER, level=0))
    assert said == "3232/tcp was not asked, and nothing announces it: whether it listens is not known."


def test_level_1_over_tcp_is_a_connection_and_no_knock() -> None:
    assert "level 1 (a connection, closed at once)" in to_plain(check_lines(replace(CHECK, level=1)))
    assert "level 1 (knock with a control port)" in to_plain(check_lines(replace(CHECK, level=1, transport="udp")))


def test_hostile_check_text_is_harmless() -> None:
    hostile = OtaCheck(
        host="x\x1b[2J{at}",
        address="",
        port=1,
        transport="tcp",
        kind="unknown",
        level=0,
        verdict=Verdict.HOST_DOWN,
        password=Password.UNKNOWN,
        steps=(replace(CHECK.steps[0], detail="\x9b31m\u202e"),),
        sent=(),
    )
    text = to_plain(check_lines(hostile))
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "{at}" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "now"), (0, "now"), (4, "3 s ago"), (59, "55 s ago"), (60, "1 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")],
)
def test_ago(seconds: float, said: str) -> None:
    assert words.ago(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.44, "0.4 s"), (12.9, "12 s"), (80, "1 min 20 s"), (120, "2 min"), (7500, "2 h 5 min"), (3600, "1 h")]
)
def test_duration(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_counts_and_lists() -> None:
    assert words.count(1, "device") == "1 device"
    assert words.count(2048, "address", "addresses") == "2,048 addresses"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert [words.span(seconds) for seconds in (-1, 40, 4500, 7300)] == ["0 s", "40 s", "75 min", "2 h"]
