from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import UsageError
from tests.cli.conftest import Run
from tui.present.explanation import parse_port

Espied = Callable[..., Run]
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "espied.symptom-1.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes()))


@pytest.mark.parametrize(
    ("text", "port"),
    [("3232", (3232, "")), ("3232/udp", (3232, "udp")), ("UDP/3232", (3232, "udp")), (" 80/TCP ", (80, "tcp"))],
)
def test_ports_are_read_as_people_write_them(text: str, port: tuple[int, str]) -> None:
    assert parse_port(text) == port


@given(st.text(max_size=20))
def test_anything_else_is_a_usage_error(text: str) -> None:
    number, transport = -1, ""
    with contextlib.suppress(UsageError):
        number, transport = parse_port(text)
    assert -1 <= number <= 65535
    assert transport in {"", "tcp", "udp"}


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("3232/udp", ["ArduinoOTA", "mdtp", "listens"]),
        ("3232/tcp", ["ESPHome"]),
        ("3197", ["dials out", "Digi", "refuted"]),
        ("3237", ["apparenet", "refuted"]),
        ("3155", ["jpegmpeg"]),
        ("3297", ["cytel"]),
        ("49999", ["dynamic"]),
    ],
)
def test_the_four_layers_are_there(espied: Espied, port: str, said: list[str]) -> None:
    done = espied("explain", port)
    assert done.code == 0
    text = " ".join(done.out.decode().split()).lower()
    for layer in ("the registry says", "found in practice", "this device told us", "we conclude"):
        assert layer in text
    for word in said:
        assert word.lower() in text, word
    assert "\x1b" not in text


def test_by_default_the_answer_is_short_and_says_what_else_there_is(espied: Espied) -> None:
    short, full = (espied("explain", "3197", *flags).out.decode() for flags in ((), ("--full",)))
    assert len(short) < len(full) / 2
    assert "With --full:" in short
    assert "source:" not in short
    assert full.count("source:") > 20


def test_the_two_transports_of_one_number_have_different_answers(espied: Espied) -> None:
    assert espied("explain", "8266/udp").out != espied("explain", "8266/tcp").out


def test_json_holds_the_same_layers(espied: Espied) -> None:
    document = json.loads(espied("explain", "3197/tcp", "--format", "json").out)
    assert document["schema"] == "espied.port/1"
    assert document["registry"]["name"] == "embrace-dp-s"
    assert {"registry", "practice", "told", "conclusion"} <= set(document)


def test_a_message_is_explained_with_its_hop_its_causes_and_the_check(espied: Espied) -> None:
    done = espied("explain", "Host esp32-a1b2c3.local Not Found")
    assert done.code == 0
    text = done.out.decode()
    assert '"Host esp32-a1b2c3.local Not Found"' in text
    for said in ("Hop: name", "Causes, the likeliest first", "1. ", "do: ", "\n  espied check esp32-a1b2c3.local\n", "espota.py"):
        assert said in text, said
    assert "source:" not in text
    assert "source:" in espied("explain", "--full", "No response from device").out.decode()


def test_the_words_of_a_message_need_no_quotes(espied: Espied) -> None:
    assert espied("explain", "No", "response", "from", "device").out == espied("explain", "No response from device").out


def test_json_of_a_message(espied: Espied) -> None:
    document = json.loads(espied("explain", "No response from device", "--format", "json").out)
    VALIDATOR.validate(document)
    assert document["match"] == "exact"
    (hit,) = document["hits"]
    assert (hit["id"], hit["hop"], hit["network"]) == ("espota/no-response-from-device", "way-back", True)
    assert hit["check"]["command"] == "espied check HOST"
    assert hit["causes"][3]["hop"] == "flash"
    assert all({"what", "why", "fix", "hop", "source"} == set(cause) for cause in hit["causes"])
    nothing = espied("explain", "all is well", "--format", "json")
    assert nothing.code == 1
    VALIDATOR.validate(json.loads(nothing.out))
    assert json.loads(nothing.out)["match"] == "none"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("No responce from devise", "espied knows no such message. This is the closest; "),
        ("ERROR[4]", "These words are a piece of 2 known messages:"),
        ("[ERROR]: Bad Answer: ERR: ERROR[4]: Not Enough Space", "2 known messages in what you gave:"),
    ],
)
def test_it_says_how_well_the_message_is_known(espied: Espied, asked: str, said: str) -> None:
    done = espied("explain", asked)
    assert done.code == 0
    assert said in " ".join(done.out.decode().split())


def test_a_message_that_nothing_comes_close_to_ends_with_1_and_a_hint(espied: Espied) -> None:
    done = espied("explain", "\x1b[31mall is well\x07")
    assert done.code == 1
    assert done.out == b""
    assert "knows no message like" in done.err
    assert "docs/symptoms.md" in done.err
    assert "\x1b" not in done.err


def test_a_log_is_read_from_standard_input(espied: Espied, monkeypatch: pytest.MonkeyPatch) -> None:
    log = b"12:20:08 [INFO]: Waiting for device...\n12:20:18 [ERROR]: No response from device\n*** [upload] Error 1\n\xff\xfe"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log)))
    text = espied("explain", "-").out.decode()
    assert text.index("3 known messages") < text.index("No response from device") < text.index("Waiting for device...")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b" \n")))
    assert espied("explain", "-").code == 2


def test_a_hostile_host_is_quoted_in_the_command(espied: Espied) -> None:
    text = espied("explain", "Host $(reboot) Not Found").out.decode()
    assert "espied check '$(reboot'" in text


@pytest.mark.parametrize("port", ["65536", "-1", "80/sctp", "tcp/", ""])
def test_what_is_no_port_ends_with_2_and_an_example(espied: Espied, port: str) -> None:
    done = espied("explain", "--", port)
    assert done.code == 2
    assert "3232/udp" in done.err
