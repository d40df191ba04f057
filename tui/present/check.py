"""An OTA check as lines: its steps, its verdict in a sentence, and what was sent."""

from __future__ import annotations

from typing import Final

from discover.model.check import OtaCheck, Sent, Step, StepState, Verdict
from discover.model.device import Password
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

LEVELS: Final = ("from announcements alone", "knock with a control port", "handshake that stops before any side effect")
"""What the levels 0, 1 and 2 of a check do (facts of the OTA protocols)."""
CONNECTION: Final = "a connection, closed at once"
"""What level 1 is over TCP, where nothing is knocked at."""

KINDS: Final = {"arduino": "ArduinoOTA", "esphome": "ESPHome OTA", "http": "update by web page", "pull": "updates it fetches itself"}


def target(check: OtaCheck) -> str:
    """Return what was checked, as "10.0.0.7:3232/udp"."""
    where = clean(check.address or check.host)
    if ":" in where:
        where = f"[{where}]"
    return f"{where}:{check.port}/{check.transport}" if check.port else where


_SENTENCES: Final = {
    Verdict.READY: "{name} answers on {at}.",
    Verdict.READY_NEEDS_PASSWORD: "{name} answers on {at} and asks for its password before it takes an update.",
    Verdict.ANNOUNCED: "The device advertises {name} on {at}{says}; nothing was asked of the port itself.",
    Verdict.LIKELY: "Another port refused and {at} stayed silent, as {name} does; silence alone proves nothing.",
    Verdict.NO_ANSWER: "Nothing came from {at}: it may be off, asleep, filtered, or listening without a word.",
    Verdict.CLOSED: "The device is there and refuses {at}.",
    Verdict.HOST_DOWN: "Nobody there: {where} does not answer on this network at all.",
    Verdict.WRONG_SERVICE: "Something else listens on {at}: what answered does not speak the update protocol.",
    Verdict.BLOCKED: "{at} cannot be reached from this machine.",
    Verdict.NOT_APPLICABLE: "Nothing to check: no update over the air is known for this device.",
}
_READY_UNTOLD: Final = "{name} answers on {at}; whether it wants a password was not asked."
_READY_OPEN: Final = "{name} answers on {at} and asks for no password, so anyone on this network can replace the firmware."
_UNASKED: Final = "{at} was not asked, and nothing announces it: whether it listens is not known."
_NOT_APPLICABLE: Final = {
    "pull": "Nothing to check: the device fetches its updates itself.",
    "http": "Nothing to check without risk: the device is updated through its web page.",
}
_SAYS: Final = {
    Password.YES: " and says that it wants a password",
    Password.NO: " and says that it wants no password",
    Password.UNKNOWN: "",
}


def verdict_text(check: OtaCheck) -> str:
    """Return the verdict as one sentence that claims no more than is known."""
    sentence = _SENTENCES[check.verdict]
    if check.verdict is Verdict.READY and check.password is Password.NO:
        sentence = _READY_OPEN
    elif check.verdict is Verdict.READY and check.password is Password.UNKNOWN:
        sentence = _READY_UNTOLD
    elif check.verdict is Verdict.NO_ANSWER and check.level == 0:
        sentence = _UNASKED
    elif check.verdict is Verdict.NOT_APPLICABLE:
        sentence = _NOT_APPLICABLE.get(check.kind, sentence)
    said = sentence.format(
        name=KINDS.get(check.kind, "an update service"),
        at=f"{check.port}/{check.transport}" if check.port else "every port that was tried",
        says=_SAYS[check.password],
        where=clean(check.address or check.host),
    )
    return said[:1].upper() + said[1:]


def step_lines(step: Step, *, indent: int = 0) -> tuple[Line, ...]:
    """Return a step: mark and name, what was seen, and what to do next where there is something to do."""
    mark, style = MARKS[step.state]
    inner = indent + 8
    lines = [line((mark, style), "  ", (clean(step.name), "title"), indent=indent, hang=inner)]
    if step.detail:
        lines.append(line(clean(step.detail), indent=inner))
    if step.fix:
        lines.append(line(("do: ", "key"), clean(step.fix), indent=inner, hang=inner + 4))
    return tuple(lines)


def sent_lines(sent: tuple[Sent, ...], *, indent: int = 0) -> tuple[Line, ...]:
    """Return every packet of a check, with its bytes in hexadecimal."""
    if not sent:
        return (line(("No packet was sent.", "dim"), indent=indent),)
    lines = []
    for one in sent:
        size = len(one.bytes_hex) // 2
        shown = one.bytes_hex if size <= 24 else one.bytes_hex[:48] + "…"
        what = f"{words.count(size, 'byte')} " if size else "connection attempt"
        lines.append(
            line(
                f"{one.to}/{one.transport}",
                "  ",
                (what, "dim"),
                (shown, "code"),
                "  ",
                (clean(one.why), "dim"),
                indent=indent,
                hang=indent + 2,
            )
        )
    return tuple(lines)


def check_lines(check: OtaCheck) -> tuple[Line, ...]:
    """Return the whole check: head, steps, verdict, what was sent."""
    does = CONNECTION if check.level == 1 and check.transport == "tcp" else dict(enumerate(LEVELS)).get(check.level, "")
    level = f"level {check.level}" + (f" ({does})" if does else "")
    lines: list[Line] = [
        line(("OTA check of ", "title"), (clean(check.host), "title"), (f"  {target(check)}", "accent")),
        line((f"{KINDS.get(check.kind, 'update service not known yet')}, {level}", "dim")),
        BLANK,
    ]
    for step in check.steps:
        lines += step_lines(step)
    lines += [BLANK, verdict_line(check)]
    if check.commands:
        lines += [BLANK, line((LATER if check.negative else HEADLINE, "title")), *command_lines(check.commands, indent=2)]
    lines += [BLANK, line((f"What was sent ({words.count(len(check.sent), 'packet')})", "title"))]
    lines += sent_lines(check.sent, indent=2)
    return tuple(lines)


def verdict_line(check: OtaCheck) -> Line:
    """Return the verdict word and its sentence."""
    return line((check.verdict.value, VERDICT_STYLE[check.verdict]), ": ", verdict_text(check), hang=2)
