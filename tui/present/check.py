"""An OTA check as lines: its steps, its verdict in a sentence, and what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from discover.model.check import OtaCheck, Sent, Step, StepState, Verdict
from discover.text import clean
from tui.present import words
from tui.present.commands import HEADLINE, LATER, command_lines
from tui.present.lines import BLANK, Line, line

MARKS: Final = {
    StepState.PASS: ("✓ pass", "good"),
    StepState.FAIL: ("✗ fail", "bad"),
    StepState.WARN: ("! warn", "warn"),
    StepState.SKIP: ("- skip", "dim"),
}
"""Mark, word and style of a step: never colour alone."""

VERDICT_STYLE: Final = {
    Verdict.READY: "good",
    Verdict.READY_NEEDS_PASSWORD: "good",
    Verdict.ANNOUNCED: "accent",
    Verdict.LIKELY: "accent",
    Verdict.NO_ANSWER: "warn",
    Verdict.CLOSED: "bad",
    Verdict.HOST_DOWN: "bad",
    Verdict.WRONG_SERVICE: "bad",
    Verdict.BLOCKED: "bad",
    Verdict.NOT_APPLICABLE: "dim",
}

LEVELS: Final = (
    "from announcements alone",
    "knock with a control port",
    "handshake that stops before any side effect",
    "the device is let call this machine",
)
"""What the levels of a check do (facts of the OTA protocols)."""
CONNECTION: Final = "a connection, closed at once"
"""What level 1 is over TCP, where nothing is knocked at."""

KINDS: Final = {"arduino": "ArduinoOTA", "esphome": "ESPHome OTA", "http": "update by web page", "pull": "updates it fetches itself"}


def target(check: OtaCheck) -> str:
    """Return what was checked, as "10.0.0.7:3232/udp"."""
    where = clean(check.address or check.host)
    if ":" in where:
        where = f"[{where}]"
    return f"{where}:{check.port}/{check.transport}" if check.port else where


def verdict_text(check: OtaCheck) -> str:
    """Return the verdict as one sentence; the bare word of a check that has none (one that was read from elsewhere)."""
    return clean(check.sentence, 2000) or f"{check.verdict.value.replace('-', ' ').capitalize()}."


def step_lines(step: Step, *, indent: int = 0) -> tuple[Line, ...]:
    """Return a step: mark and name, what was seen, and what to do next where there is something to do."""
    mark, style = MARKS[step.state]
    inner = indent + 8
    lines = [
        line(
            (mark, style),
            "  ",
            (f"{clean(step.name)}: " if step.detail else clean(step.name), "title"),
            clean(step.detail),
            indent=indent,
            hang=inner,
        )
    ]
    if step.fix:
        lines.append(line(("do: ", "key"), clean(step.fix), indent=inner, hang=inner + 4))
    return tuple(lines)


def sent_lines(sent: tuple[Sent, ...], *, indent: int = 0) -> tuple[Line, ...]:
    """Return the packets of a check, equal ones on one line; those to a device with their bytes in hexadecimal."""
    if not sent:
        return (line(("No packet was sent.", "dim"), indent=indent),)
    lines = []
    for one, count in Counter(sent).items():
        size = len(one.bytes_hex) // 2
        what = words.count(size, "byte") if size else "connection attempt"
        # Questions by mDNS are long, and go to nobody in particular; --format json has every byte.
        shown = "" if one.transport == "mdns" else one.bytes_hex if size <= 48 else one.bytes_hex[:96] + "…"
        often = f", {words.count(count, 'time')}" if count > 1 else ""
        lines.append(
            line(
                f"{one.to}/{one.transport}",
                "  ",
                (f"{what}{often}", "dim"),
                (f" {shown}" if shown else "", "code"),
                "  ",
                (clean(one.why), "dim"),
                indent=indent,
                hang=indent + 2,
            )
        )
    return tuple(lines)


def sent_sentence(check: OtaCheck) -> str:
    """Say in one sentence what was sent to the device, and what to find it."""
    address = check.address.partition("%")[0]
    mine = [one for one in check.sent if one.transport in ("udp", "tcp") and _host_of(one.to) == address]
    sizes = Counter(len(one.bytes_hex) // 2 for one in mine if one.transport == "udp")
    parts = [f"{words.count(number, 'datagram')} of {words.count(size, 'byte')}" for size, number in sizes.items()]
    connects = sum(1 for one in mine if one.transport == "tcp" and not one.bytes_hex)
    if connects:
        written = sum(len(one.bytes_hex) // 2 for one in mine if one.transport == "tcp")
        parts.append(words.count(connects, "connection") + (f" with {words.count(written, 'byte')}" if written else ""))
    pings = sum(1 for one in check.sent if one.transport == "icmp")
    if pings:
        parts.append(words.count(pings, "ping"))
    asked = sum(1 for one in check.sent if one.transport == "mdns")
    rest = len(check.sent) - len(mine) - asked - pings
    besides = [f"{words.count(asked, 'mDNS question')} to find it"] if asked else []
    besides += [f"{words.count(rest, 'packet')} to others"] if rest else []
    said = f"Sent to the device: {', '.join(parts)}." if parts else "Nothing was sent to the device."
    return said + (f" Besides: {' and '.join(besides)}." if besides else "")


def _host_of(where: str) -> str:
    return where.rpartition(":")[0].strip("[]").partition("%")[0]


def check_lines(check: OtaCheck) -> tuple[Line, ...]:
    """Return the whole check: the verdict and what was sent in a sentence each, the steps, what to do, commands, every packet."""
    does = CONNECTION if check.level == 1 and check.transport == "tcp" else dict(enumerate(LEVELS)).get(check.level, "")
    level = f"level {check.level}" + (f" ({does})" if does else "")
    lines: list[Line] = [
        verdict_line(check),
        line((sent_sentence(check), "dim")),
        BLANK,
        line(("OTA check of ", "title"), (clean(check.host), "title"), (f"  {target(check)}", "accent")),
        line((f"{KINDS.get(check.kind, 'update service not known yet')}, {level}", "dim")),
    ]
    for step in check.steps:
        # What is to be done about the hop that fails stands below, once.
        lines += step_lines(replace(step, fix="") if check.fix and step.fix == check.fix else step)
    if check.fix:
        lines += [BLANK, line(("What to do", "title")), line(clean(check.fix, 2000), indent=2)]
    if check.commands:
        lines += [BLANK, line((LATER if check.negative else HEADLINE, "title")), *command_lines(check.commands, indent=2)]
    lines += [BLANK, line((f"What was sent ({words.count(len(check.sent), 'packet')})", "title"))]
    lines += sent_lines(check.sent, indent=2)
    return tuple(lines)


def verdict_line(check: OtaCheck) -> Line:
    """Return the verdict word and its sentence."""
    return line((check.verdict.value, VERDICT_STYLE[check.verdict]), ": ", verdict_text(check), hang=2)


def summary_lines(checks: Sequence[OtaCheck]) -> tuple[Line, ...]:
    """Return a line for each of several checks, and what to do where there is something; the steps are left to single checks."""
    lines: list[Line] = []
    for check in checks:
        mark, style = ("✗", "bad") if check.negative else ("✓", "good")
        where = f"  {target(check)}" if check.address and check.address != check.host else ""
        lines.append(line((mark, style), " ", (clean(check.host), "title"), (where, "accent"), "  ", (check.verdict.value, style), hang=2))
        lines.append(line(verdict_text(check), indent=2))
        if check.fix and check.negative:
            lines.append(line(("do: ", "key"), clean(check.fix, 2000), indent=2, hang=6))
    return tuple(lines)
