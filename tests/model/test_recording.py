"""Recordings: what is written is what is read, and a bad line is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.errors import RecordingError
from discover.model.recording import SCHEMA, decode, decode_lines, encode, encode_header
from discover.model.signal import KINDS, Field, Signal, Source
from discover.text import is_clean

TIMES = st.floats(min_value=0, max_value=4e9, allow_nan=False)
FIELDS: st.SearchStrategy[Field] = st.one_of(
    st.text(max_size=40), st.integers(), st.booleans(), st.lists(st.text(max_size=20), max_size=4).map(tuple)
)
SIGNALS = st.builds(
    Signal,
    when=TIMES,
    mono=TIMES,
    source=st.sampled_from(Source),
    interface=st.text(max_size=16),
    peer=st.text(max_size=40),
    kind=st.sampled_from(sorted(KINDS)),
    fields=st.dictionaries(st.text(max_size=12), FIELDS, max_size=5),
    raw=st.binary(max_size=64),
)


def signal(**changes: Field) -> Signal:
    return Signal(
        when=1700000000.25,
        mono=0.125,
        source=Source.UDP,
        interface="eth0",
        peer="192.168.1.20",
        kind="udp.reply",
        fields={"port": 30303, "protocol": "microchip-announce", "known": True, "txt": ("a=1", "a=2", "flag"), **changes},
        raw=b"BWGSPA\r\n\x00\xff",
    )


@settings(max_examples=150)
@given(SIGNALS)
def test_a_signal_comes_back_equal(one: Signal) -> None:
    line = encode(one)
    assert "\n" not in line
    assert decode(line) == one
    # Booleans and integers stay what they are, which equality alone does not tell (True == 1).
    assert [type(value) for value in decode(line).fields.values()] == [type(value) for value in one.fields.values()]


def test_a_recording_keeps_number_and_order_of_its_signals() -> None:
    signals = [signal(port=port) for port in (3232, 3231, 3232)]
    lines = [encode_header(), *(encode(one) for one in signals)]
    assert list(decode_lines(lines)) == signals
    assert list(decode_lines(f"{line}\r\n".encode() for line in lines)) == signals


def test_the_header_names_schema_and_tool() -> None:
    header = json.loads(encode_header())
    assert header["schema"] == SCHEMA
    assert header["tool"]["name"] == "espied"


def test_empty_lines_are_passed_over() -> None:
    assert list(decode_lines(["", encode_header(), "  ", encode(signal()), ""])) == [signal()]


def test_a_strangers_recording_is_cleaned() -> None:
    line = encode(signal()).replace("microchip-announce", "\\u001b[31mred\\u202e").replace("eth0", "eth0\\u0007")
    one = decode(line)
    assert all(is_clean(text) for text in (one.interface, one.peer, one.text("protocol")))
    assert "\x1b" not in one.text("protocol")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"when": NaN}', "not JSON"),
        ("9" * 5000, "not JSON"),
        ("[]", "object"),
        ("{}", '"kind"'),
        (encode(signal()).replace("udp.reply", "udp.shout"), "unknown kind"),
        (encode(signal()).replace('"source":"udp"', '"source":"rumour"'), "unknown source"),
        (encode(signal()).replace('"source":"udp"', '"source":7'), '"source"'),
        (encode(signal()).replace("1700000000.25", '"noon"'), '"when"'),
        (encode(signal()).replace("1700000000.25", "true"), '"when"'),
        (encode(signal()).replace("1700000000.25", "1e999"), "finite"),
        (encode(signal()).replace("1700000000.25", "1" + "0" * 400), "finite"),
        (encode(signal()).replace("30303", "3.5"), "'port'"),
        (encode(signal()).replace("30303", "null"), "'port'"),
        (encode(signal()).replace("30303", '{"a": 1}'), "'port'"),
        (encode(signal()).replace('"flag"', "1"), "'txt'"),
        (encode(signal()).replace('"raw":"', '"raw":"xy'), "hexadecimal"),
        (encode(signal()).replace('"raw":"', '"raw":["').replace('"}', '"]}'), "hexadecimal"),
        (encode(signal())[:-20], "not JSON"),
    ],
)
def test_a_bad_line_is_named_with_what_to_do(line: str, says: str) -> None:
    with pytest.raises(RecordingError, match="line 3") as caught:
        list(decode_lines([encode_header(), encode(signal()), line]))
    assert says in caught.value.message
    assert caught.value.hint
    assert is_clean(caught.value.message)


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_no_line_raises_anything_else(line: str | bytes) -> None:
    message = ""
    try:
        list(decode_lines([encode_header(), line]))
    except RecordingError as error:
        message = error.message
    assert not message or "line 2" in message


def test_what_is_no_recording_is_said_so() -> None:
    with pytest.raises(RecordingError, match="line 1") as caught:
        list(decode_lines([encode(signal())]))
    assert "espied scan --record" in caught.value.hint
    with pytest.raises(RecordingError, match="empty"):
        list(decode_lines([]))


def test_a_newer_schema_asks_for_an_update() -> None:
    with pytest.raises(RecordingError, match="recording/2") as caught:
        list(decode_lines(['{"schema": "espied.recording/2"}']))
    assert "Update" in caught.value.hint
