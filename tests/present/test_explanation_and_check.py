from __future__ import annotations

from dataclasses import replace

import pytest

from discover.model.check import OtaCheck, Sent, Verdict
from discover.model.device import Password
from tests.present.samples import CHECK, EXPLANATION
from tui.present import words
from tui.present.check import check_lines, sent_sentence, summary_lines, verdict_text
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
    assert "do: Look whether mdns: is switched off in its YAML." in text
    assert "What was sent (2 packets)" in text
    assert "192.168.1.23:3232/tcp  5 bytes 6c26f75c45  the magic that asks for the version" in text
    assert "connection attempt" in text


def test_the_verdict_comes_first_and_what_to_do_stands_once() -> None:
    lines = to_plain(check_lines(CHECK)).splitlines()
    assert lines[0] == "ready-needs-password: It is ready for an upload: ESPHome OTA answers on 3232/tcp and wants its password."
    assert lines[1] == "Sent to the device: 1 connection with 5 bytes."
    assert lines.count("What to do") == 1
    assert sum("Have the password of ota: at hand." in one for one in lines) == 1


def test_what_was_sent_is_one_sentence() -> None:
    def sent(transport: str, to: str, *sizes: int) -> tuple[Sent, ...]:
        return tuple(Sent(to=to, transport=transport, bytes_hex="31" * size, why="x") for size in sizes)

    packets = (*sent("mdns", "224.0.0.251:5353", 40, 40), *sent("udp", "192.168.1.23:3232", 1, 1, 47, 1), *sent("udp", "10.0.0.1:9", 1))
    assert sent_sentence(replace(CHECK, sent=packets)) == (
        "Sent to the device: 3 datagrams of 1 byte, 1 datagram of 47 bytes. Besides: 2 mDNS questions to find it and 1 packet to others."
    )
    assert sent_sentence(replace(CHECK, sent=())) == "Nothing was sent to the device."
    six = replace(CHECK, address="fe80::1%eth0", sent=sent("udp", "[fe80::1%eth0]:3232", 1))
    assert sent_sentence(six) == "Sent to the device: 1 datagram of 1 byte."


def test_a_check_without_a_sentence_shows_its_word() -> None:
    assert verdict_text(replace(CHECK, sentence="", verdict=Verdict.HOST_DOWN)) == "Host down."


def test_several_checks_are_a_line_each_with_what_to_do() -> None:
    failed = replace(CHECK, host="shed.local", verdict=Verdict.CLOSED, sentence="It fails at the listener: refused.", fix="Restart it.")
    lines = to_plain(summary_lines([CHECK, failed])).splitlines()
    assert lines[0] == "✓ kitchen-light.local  192.168.1.23:3232/tcp  ready-needs-password"
    assert "✗ shed.local  192.168.1.23:3232/tcp  closed" in lines
    assert lines[-2:] == ["  It fails at the listener: refused.", "  do: Restart it."]


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
