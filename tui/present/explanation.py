"""A port's explanation as lines: the four layers, clearly apart, and how to check it here."""

from __future__ import annotations

import re
import sys
from typing import Final

from discover.atlas.port import Claim, Explanation, History, PortNote, Practice
from discover.errors import UsageError
from tui.present import words
from tui.present.lines import BLANK, Line, line

LAYERS: Final = ("The registry says", "Found in practice", "This device told us", "We conclude")
"""The headings of the four layers, which are never mixed."""

_DIRECTIONS: Final = {"listens": "listens", "dials-out": "dials out", "announces": "announces"}
_SURE_STYLE: Final = {
    "certain": "good",
    "confirmed": "good",
    "verified": "good",
    "likely": "accent",
    "reported": "accent",
    "possible": "warn",
    "unverified": "warn",
}
_VERDICT_STYLE: Final = {"confirmed": "good", "refuted": "bad", "imprecise": "warn", "unverifiable": "warn", "opinion": "dim"}
_SYSTEMS: Final = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
_BRIEF_PRACTICE: Final = 3


def this_system() -> str:
    """Return the key of this machine's system in a note's check commands."""
    return {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")


_LIKE_A_PORT: Final = re.compile(r"(?:[a-z]{1,8}/)?[-+]?\d+(?:/[a-z]*)?/?|[a-z]{1,8}/\d*")


def like_port(text: str) -> bool:
    """Tell whether the text is meant as a port, right or wrong; everything else is a message of some tool."""
    bare = text.strip().lower()
    return not bare or _LIKE_A_PORT.fullmatch(bare) is not None


def parse_port(text: str) -> tuple[int, str]:
    """Return the port and transport ("" for both) of "3232", "3232/udp" or "udp/3232". Raises UsageError."""
    match = re.fullmatch(r"(?:(tcp|udp)/)?(\d{1,5})(?:/(tcp|udp))?/?", text.strip().lower())
    if match is None or not 0 <= int(match[2]) <= 65535 or (match[1] and match[3]):
        raise UsageError(f"{text.strip()!r} is no port.", "Write a number from 0 to 65535, with /tcp or /udp if you know it: 3232/udp.")
    return int(match[2]), match[1] or match[3] or ""


def direction_words(direction: str) -> str:
    """Return a direction for people ("dials out")."""
    return _DIRECTIONS.get(direction, direction)


def port_title(explanation: Explanation) -> str:
    """Return number, transport and direction: "3232/udp listens"."""
    number = f"{explanation.port}/{explanation.transport}" if explanation.transport else f"{explanation.port}"
    return f"{number} {direction_words(explanation.direction)}".rstrip()


def registry_lines(explanation: Explanation, *, sources: bool = True) -> list[Line]:
    """Return layer 1."""
    registry = explanation.registry
    named = f"{registry.name}: " if registry.name else ""
    transports = f" ({'/'.join(registry.transports)})" if registry.transports else ""
    said = f"{named}{registry.description or registry.status}{transports}"
    lines = [line(said if registry.name or registry.description else registry.status or "nothing", indent=2)]
    if registry.name and registry.status:
        copied = re.search(r"\d{4}-\d{2}-\d{2}", registry.source)
        known = [f"status {registry.status}", registry.reference, f"registry copy of {copied[0]}" if copied and not sources else ""]
        lines.append(line((", ".join(one for one in known if one), "dim"), indent=2))
    if explanation.system_name:
        lines.append(
            line(("this system's own services list calls it ", "dim"), explanation.system_name, (", which is only a name", "dim"), indent=2)
        )
    if registry.source and sources:
        lines.append(_source(registry.source, 2))
    return lines


def practice_lines(practice: tuple[Practice, ...], *, limit: int = 0, sources: bool = True) -> list[Line]:
    """Return layer 2; ``limit`` 0 shows all."""
    if not practice:
        return [line(("nothing known of real use", "dim"), indent=2)]
    lines: list[Line] = []
    shown = practice[:limit] if limit else practice
    for one in shown:
        lines.append(
            line(
                (one.who, "title"),
                f": {one.what} ",
                (f"[{one.transport} {direction_words(one.direction)}] ", "accent"),
                (one.confidence, _SURE_STYLE.get(one.confidence, "dim")),
                indent=2,
                hang=4,
            )
        )
        if sources:
            lines.append(_source(one.source, 4))
    if len(shown) < len(practice):
        lines.append(line((f"and {words.count(len(practice) - len(shown), 'more use', 'more uses')}", "dim"), indent=2))
    return lines


def told_lines(explanation: Explanation) -> list[Line]:
    """Return layer 3."""
    if not explanation.told:
        return [line(("nothing: no device was asked or none said anything about it", "dim"), indent=2)]
    return [line(told.text, (f"  ({told.source})" if told.source else "", "dim"), indent=2, hang=4) for told in explanation.told]


def conclusion_lines(explanation: Explanation) -> list[Line]:
    """Return layer 4."""
    conclusion = explanation.conclusion
    return [line((conclusion.confidence, _SURE_STYLE.get(conclusion.confidence, "dim")), ": ", conclusion.text, indent=2, hang=4)]


def layer_lines(explanation: Explanation, *, brief: bool = False, sources: bool = True) -> tuple[Line, ...]:
    """Return the four layers with their headings; ``brief`` leaves out rarer uses, and sources as without ``sources``."""
    bodies = (
        registry_lines(explanation, sources=sources)[: 1 if brief else None],
        practice_lines(explanation.practice, limit=_BRIEF_PRACTICE if brief else 0, sources=sources and not brief),
        told_lines(explanation),
        conclusion_lines(explanation),
    )
    lines: list[Line] = []
    for heading, body in zip(LAYERS, bodies, strict=True):
        lines += [line((heading, "accent")), *body]
    return tuple(lines)


def explanation_lines(explanation: Explanation, *, system: str = "", full: bool = True, more: str = "With --full") -> tuple[Line, ...]:
    """Return the explanation; ``system`` "linux", "macos", "windows" or "" for this machine's; ``more`` is how to get all of it.

    Without ``full``: what one wants to know first. Layers and advice stay, of the claims only those that are
    not true, and sources, history, ranges and notes become one line that says how many there are.
    """
    name = explanation.title.partition(" - ")[2] or explanation.title
    head = line(("Port ", "title"), (port_title(explanation), "title"), (f": {name}" if name else "", "title"), hang=2)
    lines: list[Line] = [head, BLANK, *layer_lines(explanation, sources=full)]
    lines += _advice(explanation)
    if full:
        lines += _claims(explanation.claims)
        lines += _history(explanation.history)
        for number_range in explanation.ranges:
            lines += _range(number_range)
        if explanation.notes:
            lines += [BLANK, line(("Notes", "title")), *(line(f"- {note}", indent=2, hang=4) for note in explanation.notes)]
    else:
        lines += _claims(tuple(claim for claim in explanation.claims if claim.verdict == "refuted"), sources=False)
    lines += check_command_lines(explanation, system=system)
    if not full and (rest := _more(explanation)):
        lines += [BLANK, line((f"{more}: {rest}, and every source.", "dim"))]
    return tuple(lines)


def _more(explanation: Explanation) -> str:
    parts = (
        (len(explanation.claims), "claim checked", "claims checked"),
        (len(explanation.history), "event of its history", "events of its history"),
        (len(explanation.ranges), "range around it", "ranges around it"),
        (len(explanation.notes), "note", "notes"),
    )
    return ", ".join(words.count(number, one, many) for number, one, many in parts if number)


def _history(history: tuple[History, ...]) -> list[Line]:
    if not history:
        return []
    lines = [BLANK, line(("History", "title"))]
    for event in history:
        lines += [
            line((event.year, "title"), f"  {event.what} ", (event.confidence, _SURE_STYLE.get(event.confidence, "dim")), indent=2, hang=8),
            _source(event.source, 8),
        ]
    return lines


def _source(text: str, indent: int) -> Line:
    return line((f"source: {text}", "dim"), indent=indent, hang=indent + 2) if text else BLANK


def _advice(explanation: Explanation) -> list[Line]:
    pairs = (
        ("Risk", explanation.risk),
        ("Expected when", explanation.expected_when),
        ("If you did not expect it", explanation.if_unexpected),
    )
    told = [line((f"{heading}: ", "title"), text, hang=2) for heading, text in pairs if text]
    if explanation.families:
        told.append(line(("Devices: ", "title"), ", ".join(explanation.families), hang=2))
    return [BLANK, *told] if told else []


def _claims(claims: tuple[Claim, ...], *, sources: bool = True) -> list[Line]:
    if not claims:
        return []
    lines = [BLANK, line(("What people say about it", "title"))]
    for claim in claims:
        lines.append(line((claim.verdict, _VERDICT_STYLE.get(claim.verdict, "dim")), f': "{claim.text}"', indent=2, hang=4))
        if claim.correction:
            lines.append(line(claim.correction, indent=4))
        if sources:
            lines.append(_source(claim.source, 4))
    return lines


def _range(note: PortNote) -> list[Line]:
    span = f"{note.first}-{note.last}" if note.last != note.first else f"{note.first}"
    said = "; ".join(dict.fromkeys(note.titles.values())) or note.registry.description or note.registry.status
    lines = [BLANK, line((f"Part of {span}", "title"), f": {said}" if said else "", hang=2)]
    lines += practice_lines(note.practice) if note.practice or not note.history else []
    return lines + _history(note.history)[2:]


def check_command_lines(explanation: Explanation, *, system: str = "") -> tuple[Line, ...]:
    """Return the commands that show on ``system`` who uses the port, and from another machine; empty where none are known."""
    system = system or this_system()
    lines: list[Line] = []
    for way, commands in explanation.check_local.items():
        if explanation.transport and way in ("tcp", "udp") and way != explanation.transport:
            continue
        label = {"outbound": "dialling out"}.get(way, way)
        for where, said in ((system, f"{label}, on this machine"), ("remote", f"{label}, from another machine")):
            if where in commands:
                lines += [line((f"{said}:", "dim"), indent=2), line((commands[where], "code"), indent=4)]
    if not lines:
        return ()
    return (BLANK, line((f"Check it yourself ({_SYSTEMS.get(system, system)})", "title")), *lines)
