"""A message of an upload tool as lines: what it means, which hop it speaks of, its causes, and how to find out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from discover.atlas.explain_symptom import check_command, check_shows
from discover.atlas.symptom import HOPS, Cause, Found, Hit, Symptom
from tui.present import words
from tui.present.lines import BLANK, Line, line

_IN_FULL: Final = 2
"""So many messages are explained one after the other; of more, the first, and the others by name."""


def shown_text(hit: Hit) -> str:
    """Return the message for people: quoted where it is one, with the host it named, and an ellipsis for what differs from case to case."""
    text = hit.text.replace("{host}", hit.host or "…").replace("{}", "…")
    return text if hit.symptom.level == "seen" else f'"{text}"'


def found_lines(found: Found, *, full: bool = False, host: str = "") -> tuple[Line, ...]:
    """Return the answer: how well it was found, and the messages, the first ones in full.

    ``host`` is the device that is meant where the message names none: it goes into the commands.
    """
    found = replace(found, hits=tuple(hit if hit.host or not host else replace(hit, host=host) for hit in found.hits))
    lines = list(_how(found))
    several = len(found.hits) > 1
    shown = len(found.hits) if full else _IN_FULL if found.match in ("exact", "contains") else 1
    if not full and (found.match == "about" or (found.match == "part" and several)):
        return (
            *lines,
            *_names(found.hits, share=found.match != "about"),
            BLANK,
            line(("Give more of the message, or --full for all of them.", "dim")),
        )
    for hit in found.hits[:shown]:
        lines += [*([BLANK] if lines else []), *symptom_lines(hit, full=full)]
    if rest := found.hits[shown:]:
        headline = "As close" if found.match == "closest" else "Also in it"
        lines += [BLANK, line((f"{headline} (--full explains all)", "title")), *_names(rest)]
    return tuple(lines)


def _how(found: Found) -> Sequence[Line]:
    count = len(found.hits)
    if found.match == "closest":
        share = f"{found.hits[0].score:.0%}"
        which = "This is the closest" if count == 1 else f"These {count} are the closest"
        return (
            line((f"espied knows no such message. {which}; {share} of the words agree{'' if count == 1 else ' with the first'}.", "warn")),
        )
    if found.match == "about":
        which = "This one has" if count == 1 else f"These {count} have"
        return (line((f"espied knows no message with these words. {which} to do with them:", "warn")),)
    if found.match == "part":
        return (line((f"These words are a piece of {words.count(count, 'known message')}:", "accent")),)
    if found.match == "contains" and count > 1:
        return (line((f"{words.count(count, 'known message')} in what you gave:", "accent")),)
    return ()


def _names(hits: Sequence[Hit], *, share: bool = True) -> list[Line]:
    return [line(shown_text(hit), (f"  {hit.symptom.tool}", "dim"), _close(hit) if share else "", indent=2, hang=4) for hit in hits]


def _close(hit: Hit) -> tuple[str, str]:
    return (f"  ({hit.score:.0%} of the words)", "dim") if hit.score < 1 else ("", "")


def symptom_lines(hit: Hit, *, full: bool = False) -> tuple[Line, ...]:
    """Return one message: who says it, what it means, the hop, the causes, how to find out; sources with ``full``."""
    symptom = hit.symptom
    who = f"  {symptom.tool}" + (f" ({symptom.who})" if symptom.who else "")
    lines = [line((shown_text(hit), "title"), (who, "dim"), _close(hit), hang=2), line(symptom.means, indent=2)]
    lines.append(line(("Hop: ", "title"), (symptom.hop, "accent"), f", {HOPS[symptom.hop]}", indent=2, hang=4))
    lines += [BLANK, line(("Causes, the likeliest first" if len(symptom.cause) > 1 else "Cause", "title"))]
    for number, cause in enumerate(symptom.cause, 1):
        lines += _cause(number if len(symptom.cause) > 1 else 0, cause, symptom, full=full)
    lines += [BLANK, line(("Find out", "title")), line((check_command(hit), "code"), indent=2, hang=4, whole=True)]
    lines.append(line("shows ", check_shows(symptom), indent=2, hang=4))
    for page in symptom.links:
        lines.append(line((f"{page.title}: {page.url}", "dim"), indent=2, hang=4))
    if full:
        lines.append(line((f"source: {symptom.source}", "dim"), indent=2, hang=4))
    return tuple(lines)


def _cause(number: int, cause: Cause, symptom: Symptom, *, full: bool) -> list[Line]:
    mark = f"{number}. " if number else ""
    inner = 2 + len(mark)
    other = f"  [{cause.hop}]" if cause.hop and cause.hop != symptom.hop else ""
    lines = [
        line(mark, (cause.what, "title"), (other, "accent"), indent=2, hang=inner),
        line(cause.why, indent=inner),
        line(("do: ", "key"), cause.fix, indent=inner, hang=inner + 4),
    ]
    if full and cause.source:
        lines.append(line((f"source: {cause.source}", "dim"), indent=inner, hang=inner + 2))
    return lines
