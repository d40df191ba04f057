from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import UsageError
from tests.cli.conftest import Run
from tui.present.explanation import parse_port

Espied = Callable[..., Run]


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


@pytest.mark.parametrize("port", ["65536", "-1", "80/sctp", "tcp/", ""])
def test_what_is_no_port_ends_with_2_and_an_example(espied: Espied, port: str) -> None:
    done = espied("explain", "--", port)
    assert done.code == 2
    assert "3232/udp" in done.err
