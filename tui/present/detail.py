"""One device in five tabs: what it is, its ports in four layers, the evidence, the raw signals, what it was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from discover.atlas.port import Explanation
from discover.errors import EspiedError
from discover.model.device import Device, Evidence, Heard, Listener, Password, PortState
from discover.model.signal import Field, Signal
from discover.net.ledger import Tally
from tui.present import words
from tui.present.commands import HEADLINE, command_lines, commands_for
from tui.present.device import PRESENCE, family_cell, ota_cell
from tui.present.explanation import direction_words, layer_lines
from tui.present.ledger import device_sent_lines
from tui.present.lines import BLANK, Line, line

LABEL: Final = 13
"""Cells of the label column of "What it is"."""

STATE_WORDS: Final = {
    PortState.ANSWERED: ("answered", "good"),
    PortState.ANNOUNCED: ("announced", "accent"),
    PortState.LIKELY: ("likely", "accent"),
    PortState.NO_ANSWER: ("no answer", "warn"),
    PortState.CLOSED: ("closed", "dim"),
    PortState.NOT_PROBED: ("not probed", "dim"),
}
"""A listener's state in words and style; silence is never "open"."""

_SHUT: Final = {PortState.CLOSED: "Asked and refused", PortState.NOT_PROBED: "Not asked"}
"""Ports that need no explanation, and how they are summed up."""

_RAW_SHOWN: Final = 256
"""Raw bytes shown of one signal ..."""
_RAW_ROW: Final = 8
"""... and of one line: a line of 16 would not fit beside the table."""


class Explain(Protocol):
    """``discover.atlas.explain.explain``, or a stand-in."""

    def __call__(self, port: int, transport: str = "", *, device: Device | None = None) -> Explanation:
        """Return the port's four layers."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """What the tabs ask beyond the device itself: the port atlas, and the ledger for what a device was sent."""

    explain: Explain
    sent: Callable[[Device], Sequence[Tally]]


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the detail: its key, its title, and what makes its lines (device, now, sources).

    ``slow``: its lines take long enough not to be made at every update; ``threaded``: they read files, so a thread makes them.
    """

    key: str
    title: str
    lines: Callable[[Device, float, Sources], tuple[Line, ...]]
    slow: bool = False
    threaded: bool = False


def what_lines(device: Device, now: float, *, copies: bool = False) -> tuple[Line, ...]:
    """Return what the device is: family, identity, addresses, update, presence, upload commands (``copies``: a key copies them)."""
    family = family_cell(device)
    sure = device.family.confidence.value
    lines: list[Line] = [line((device.title, "title"))]
    if device.family.score:
        lines.append(line((device.family.title, family.style), (f"  {sure}, {device.family.score} of 100", "dim")))
    else:
        lines.append(line(("Unknown device", "dim"), ("  nothing it said matches a family", "dim")))
    if device.alternatives:
        others = ", ".join(f"{one.title} ({one.confidence.value}, {one.score})" for one in device.alternatives)
        lines.append(_pair("could be", others))
    lines.append(BLANK)
    firmware = f"{device.firmware.name} {device.firmware.version}".strip() if device.firmware else ""
    told = device.name if device.label and device.name != device.label else ""
    for label, text in (
        ("told name", told),
        ("kind", device.kind),
        ("model", device.model),
        ("chip", device.chip),
        ("firmware", firmware),
        ("host name", device.hostname),
        ("address", ", ".join(device.addresses)),
        ("MAC", f"{device.mac}  {device.vendor}".rstrip() if device.mac else ""),
        ("seen on", ", ".join(device.interfaces)),
        ("tags", ", ".join(device.tags)),
    ):
        if text:
            lines.append(_pair(label, text))
    lines += [_pair("note", note) for note in device.notes]
    lines += _update_lines(device, now)
    lines += _presence_lines(device, now)
    if commands := commands_for(device):
        lines += [BLANK, line((HEADLINE, "title"), ("  (y copies them, one after the other)" if copies else "", "dim"))]
        lines += command_lines(commands, indent=2)
    return tuple(lines)


def _pair(label: str, text: str, style: str = "") -> Line:
    return line((label.ljust(LABEL), "dim"), (text, style), hang=LABEL)


def _update_lines(device: Device, now: float) -> list[Line]:
    ota = device.ota
    if ota is None:
        return [BLANK, _pair("update (OTA)", "no way to update it over the air is known", "dim")]
    cell = ota_cell(ota)
    where = f" on {ota.port}/{ota.transport}" if ota.port else ""
    password = {Password.YES: "asks for a password", Password.NO: "asks for no password", Password.UNKNOWN: "password not known"}[
        ota.password
    ]
    lines = [BLANK, line(("update (OTA)".ljust(LABEL), "dim"), (cell.text, cell.style), f"  {ota.kind}{where}, {password}", hang=LABEL)]
    if ota.note:
        lines.append(line(ota.note, indent=LABEL))
    checked = f"checked {words.ago(now - ota.checked)}" if ota.checked is not None else "not checked yet, only what it announces"
    lines.append(line((checked, "dim"), indent=LABEL))
    return lines


def _presence_lines(device: Device, now: float) -> list[Line]:
    cell = PRESENCE[device.presence.state]
    first = words.moment(device.presence.first_seen)
    lines = [BLANK, line(("presence".ljust(LABEL), "dim"), (cell.text, cell.style), (f"  first seen {first}", "dim"), hang=LABEL)]
    return lines + [_heard_line(heard, now) for heard in device.presence.heard]


def _heard_line(heard: Heard, now: float) -> Line:
    if heard.expires > now:
        good = (f", good for {words.span(heard.expires - now)}", "dim")
    else:
        good = (f", ran out {words.ago(now - heard.expires)}", "warn")
    return line(f"{heard.source.value:<10}{words.ago(now - heard.last)}", good, indent=LABEL, hang=LABEL + 2)


def listener_line(listener: Listener) -> Line:
    """Return number, transport, direction, state and service of one listener."""
    word, style = STATE_WORDS[listener.state]
    service = f"  {listener.service}" if listener.service else ""
    return line(
        (f"{listener.port}/{listener.transport}", "title"),
        (f" {direction_words(listener.direction.value)}", "title"),
        service,
        "  ",
        (word, style),
        (f" ({listener.source.value})", "dim"),
        hang=2,
    )


def port_lines(device: Device, explain: Explain) -> tuple[Line, ...]:
    """Return every listener with the four layers of its port."""
    if not device.listeners:
        return (
            line("No port of this device is known."),
            line(("It announced none and none that was asked answered; others were not asked.", "dim")),
        )
    lines: list[Line] = []
    ordered = sorted(device.listeners, key=lambda one: (one.port, one.transport))
    for listener in (one for one in ordered if one.state not in _SHUT):
        if lines:
            lines.append(BLANK)
        lines.append(listener_line(listener))
        try:
            explanation = explain(listener.port, listener.transport, device=device)
        except EspiedError as error:
            lines.append(line((f"{error.message} {error.hint}".rstrip(), "warn"), indent=2))
            continue
        lines += [line(*one.spans, indent=2, hang=one.hang + 2) for one in layer_lines(explanation, brief=True)]
    for state, said in _SHUT.items():
        numbers = [f"{one.port}/{one.transport}" for one in ordered if one.state is state]
        if numbers:
            lines += [BLANK] if lines else []
            lines.append(line((f"{said}: ", "title"), (", ".join(numbers), "dim"), hang=2))
    return tuple(lines)


def evidence_lines(device: Device) -> tuple[Line, ...]:
    """Return why we say so: claims by weight, what contradicts marked, warnings first."""
    if not device.evidence:
        return (line("No evidence yet: the device was only noticed."),)
    lines: list[Line] = []
    claims = sorted({one.claim for one in device.evidence}, key=lambda claim: (_CLAIM_ORDER.get(claim, len(_CLAIM_ORDER)), claim))
    for claim in claims:
        ordered = sorted(
            (one for one in device.evidence if one.claim == claim), key=lambda one: (-one.weight, one.value, one.rule, one.when)
        )
        best = ordered[0].value
        # Several true family rules, identities or warnings may stand side by side; two names or chips may not.
        clash = claim not in _MANY and any(one.value.casefold() != best.casefold() for one in ordered)
        if lines:
            lines.append(BLANK)
        lines.append(line((claim, "title"), ("  sources disagree; the heaviest counts" if clash else "", "warn")))
        for one in ordered:
            lines += _evidence(one, against=clash and one.value.casefold() != best.casefold())
    return tuple(lines)


_CLAIM_ORDER: Final = {
    claim: rank for rank, claim in enumerate(("warning", "family", "kind", "name", "hostname", "mac", "identity", "vendor"))
}
_MANY: Final = frozenset({"warning", "identity", "family", "listener"})


def _evidence(one: Evidence, *, against: bool) -> list[Line]:
    mark = ("✗ ", "warn") if against else ("! ", "warn") if one.claim == "warning" else ("  ", "")
    return [
        line(mark, (f"{one.weight:>3} ", "accent"), (one.value, "title" if not against else "warn"), indent=0, hang=6),
        line(one.why, (f"  ({one.source.value}, rule {one.rule})", "dim"), indent=6),
    ]


def raw_lines(device: Device, now: float) -> tuple[Line, ...]:
    """Return the newest signal of each slot: fields as they came (cleaned), bytes in hexadecimal."""
    if not device.signals:
        return (line("No signal is kept for this device."),)
    lines: list[Line] = []
    for signal in sorted(device.signals, key=lambda one: (-one.when, one.kind, one.slot)):
        if lines:
            lines.append(BLANK)
        lines += signal_lines(signal, now)
    return tuple(lines)


def signal_lines(signal: Signal, now: float) -> tuple[Line, ...]:
    """Return one signal: when, from where, its fields and its raw bytes."""
    origin = f"  {signal.peer} on {signal.interface}, {words.ago(now - signal.when)}, {signal.mono:.3f} s into the scan"
    lines = [line((signal.kind, "title"), (origin, "dim"), hang=2)]
    for key, value in signal.fields.items():
        if isinstance(value, tuple):
            lines.append(line((f"{key}", "dim"), indent=2))
            lines += [line(item, indent=4) for item in value]
        else:
            lines.append(line((f"{key} ", "dim"), _field(value), indent=2, hang=4))
    for offset in range(0, min(len(signal.raw), _RAW_SHOWN), _RAW_ROW):
        chunk = signal.raw[offset : offset + _RAW_ROW]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in chunk)
        lines.append(line((f"{offset:04x}  ", "dim"), (f"{chunk.hex(' '):<{3 * _RAW_ROW}}", "code"), shown, indent=2))
    if len(signal.raw) > _RAW_SHOWN:
        lines.append(line((f"and {words.count(len(signal.raw) - _RAW_SHOWN, 'more byte')}", "dim"), indent=2))
    return tuple(lines)


def _field(value: Field) -> str:
    return "yes" if value is True else "no" if value is False else str(value)


TABS: Final = (
    Tab("what", "What it is", lambda device, now, _: what_lines(device, now, copies=True)),
    Tab("ports", "Ports", lambda device, _, sources: port_lines(device, sources.explain), slow=True, threaded=True),
    Tab("evidence", "Evidence", lambda device, _, __: evidence_lines(device)),
    Tab("raw", "Raw signals", lambda device, now, _: raw_lines(device, now)),
    Tab("sent", "Sent", lambda device, _, sources: device_sent_lines(sources.sent(device)), slow=True),
)
"""The tabs of a device's detail, in order."""
