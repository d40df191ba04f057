"""Recordings: the signals of a scan as NDJSON, one a line, exactly and in order.

The first line is a header, ``{"schema": "espied.recording/1", ...}``; every further line is one signal
with its raw bytes as hex. Replaying a recording reproduces the inventory byte for byte, because
everything right of :class:`~discover.model.signal.Signal` is a pure function of the sequence.

A recording may come from a stranger (a bug report): :class:`Signal` cleans its text again, and a line
that is no signal is a :class:`~discover.errors.RecordingError` that names the line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from discover import __version__
from discover.errors import RecordingError
from discover.model.signal import KINDS, MAX_RAW, Field, Signal, Source
from discover.text import clean

SCHEMA: Final = "espied.recording/1"
_FAMILY: Final = "espied.recording/"


def encode_header() -> str:
    """Return the first line of a recording, without a line end."""
    return _line({"schema": SCHEMA, "tool": {"name": "espied", "version": __version__}})


def encode(signal: Signal) -> str:
    """Return the signal as one line of JSON, without a line end; ``decode`` of it gives an equal signal."""
    out: dict[str, object] = {
        "when": signal.when,
        "mono": signal.mono,
        "source": signal.source.value,
        "interface": signal.interface,
        "peer": signal.peer,
        "kind": signal.kind,
        "fields": {key: list(value) if isinstance(value, tuple) else value for key, value in signal.fields.items()},
    }
    if signal.raw:
        out["raw"] = signal.raw.hex()
    return _line(out)


def decode_lines(lines: Iterable[str | bytes]) -> Iterator[Signal]:
    """Yield the signals of a recording, one a line; empty lines are passed over.

    Raises RecordingError, with the line's number and what to do, for a file without our header, a newer
    schema, and any line that is not a signal (also the torn last line of a recording that was cut short).
    """
    headed = False
    number = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        value = _object(line, number)
        if not headed:
            _check_header(value, number)
            headed = True
            continue
        yield _signal(value, number)
    if not headed:
        raise RecordingError(
            f"line {max(number, 1)}: this recording is empty",
            hint="A recording is made with `espied scan --record FILE`; its first line names its schema.",
        )


def decode(line: str | bytes, number: int = 1) -> Signal:
    """Return the signal of one line. Raises RecordingError, naming ``number`` as the line."""
    return _signal(_object(line, number), number)


def _line(value: dict[str, object]) -> str:
    # allow_nan=False: NaN and Infinity are not JSON, and no clock tells them.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _fail(number: int, what: str, hint: str = "") -> NoReturn:
    raise RecordingError(
        f"line {number} of the recording: {what}",
        hint=hint or f"Delete line {number} and replay what is left, or make the recording again.",
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(line: str | bytes, number: int) -> dict[str, object]:
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # ValueError also covers broken UTF-8 and absurdly long integers
        raise RecordingError(
            f"line {number} of the recording is not JSON ({clean(str(error), 120)})",
            hint=f"If the recording was cut short, delete line {number} and replay what is left.",
        ) from error
    if not isinstance(value, dict):
        _fail(number, "a JSON object is expected")
    return value


def _check_header(value: dict[str, object], number: int) -> None:
    schema = value.get("schema")
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith(_FAMILY):
        _fail(number, f"its schema is {clean(schema, 64)}, this espied reads {SCHEMA}", hint="Update espied, then replay it again.")
    _fail(
        number,
        f'it does not begin with the header {{"schema": "{SCHEMA}"}}',
        hint="This is not a recording of espied. One is made with `espied scan --record FILE`.",
    )


def _signal(value: dict[str, object], number: int) -> Signal:
    kind = _text(value, "kind", number)
    if kind not in KINDS:
        _fail(number, f"unknown kind of signal {clean(kind, 64)!r}")
    word = _text(value, "source", number)
    try:
        source = Source(word)
    except ValueError as error:
        raise RecordingError(
            f"line {number} of the recording: unknown source {clean(word, 64)!r}",
            hint=f"Delete line {number} and replay what is left, or make the recording again.",
        ) from error
    return Signal(
        when=_seconds(value, "when", number),
        mono=_seconds(value, "mono", number),
        source=source,
        interface=_text(value, "interface", number),
        peer=_text(value, "peer", number),
        kind=kind,
        fields=_fields(value.get("fields", {}), number),
        raw=_raw(value.get("raw", ""), number),
    )


def _text(value: dict[str, object], key: str, number: int) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        _fail(number, f'"{key}" must be text')
    return text


def _seconds(value: dict[str, object], key: str, number: int) -> float:
    seconds = value.get(key)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        _fail(number, f'"{key}" must be a number of seconds')
    try:
        out = float(seconds)
    except OverflowError:  # an integer beyond every float
        out = math.inf
    if not math.isfinite(out):  # 1e999 parses as infinity
        _fail(number, f'"{key}" must be a finite number of seconds')
    return out


def _fields(value: object, number: int) -> dict[str, Field]:
    if not isinstance(value, dict):
        _fail(number, '"fields" must be an object')
    fields: dict[str, Field] = {}
    for key, item in value.items():
        if isinstance(item, list):
            texts = tuple(text for text in item if isinstance(text, str))
            if len(texts) != len(item):
                _fail(number, f"the list {clean(key, 64)!r} must hold texts only")
            fields[key] = texts
        elif isinstance(item, str | int):  # bool is an int
            fields[key] = item
        else:
            _fail(number, f"the field {clean(key, 64)!r} must be text, an integer, true, false or a list of texts")
    return fields


def _raw(value: object, number: int) -> bytes:
    if not isinstance(value, str):
        _fail(number, '"raw" must be hexadecimal text')
    try:
        return bytes.fromhex(value[: MAX_RAW * 2])
    except ValueError as error:
        raise RecordingError(
            f'line {number} of the recording: "raw" is not hexadecimal',
            hint=f"Delete line {number} and replay what is left, or make the recording again.",
        ) from error
