"""Finding a message among the symptoms, and saying honestly how well it was found.

First the message as it is known (with what differs from case to case left open), whole or within a line of a log; then
what was given as a piece of a known message; and only then the closest one by its words, which is called that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from discover.atlas.fold_symptom import PLACEHOLDER, fold, pieces_of
from discover.atlas.near_symptom import closest, speak_of
from discover.atlas.symptom import RANK, Found, Hit, Symptom
from discover.text import clean

MAX_LINES: Final = 2000
"""Lines of a log that are read, the last ones: the error is at the end."""
FEW_LINES: Final = 6
"""So many lines may be one message that a terminal broke."""
LEAST_PART: Final = 5
"""Letters that a piece of a message must have to be looked for: "no" is in everything."""
_MAX_OVERLAP_LINES: Final = 50
_GAP: Final = " \0 "
"""Stands for a placeholder where a piece of a text is looked for: no cleaned line holds it."""


def find_symptoms(asked: str, symptoms: Sequence[Symptom]) -> Found:
    """Return the symptoms that ``asked`` (a message, or several lines of a log) is about, best first; never raises.

    "exact": it is a known message. "contains": known messages stand in it. "part": it is a piece of known messages.
    "closest": none is known, these have the most words in common. "about": no message has these words, but what is known of
    these speaks of them. "none": nothing comes close.
    """
    lines = [folded for raw in asked.splitlines()[-MAX_LINES:] if (folded := fold(raw))]
    said = clean(" ".join(asked.split()), 200)
    if inside := _contained(lines, symptoms) if len(lines) > FEW_LINES else _in_few(lines, symptoms):
        if len(lines) == 1 and any(_whole(hit.text, lines[0]) for hit in inside):
            return Found(asked=said, match="exact", hits=_ranked(inside))
        return Found(asked=said, match="contains", hits=(*_ranked(inside), *_better(lines, inside, symptoms)))
    if parts := list(_parts(lines, symptoms)):
        return Found(asked=said, match="part", hits=_ranked(parts))
    if near := closest(lines[-_MAX_OVERLAP_LINES:], symptoms):
        return Found(asked=said, match="closest", hits=near)
    about = speak_of(lines[0], symptoms) if len(lines) == 1 else ()
    return Found(asked=said, match="about" if about else "none", hits=about)


@functools.lru_cache(maxsize=1024)
def _host_at(text: str) -> int:
    """Return which placeholder of the text is the host, -1 where none is."""
    names = PLACEHOLDER.findall(text)
    return names.index("host") if "host" in names else -1


class _Place(NamedTuple):
    """Where a message stands in a line."""

    start: int
    end: int
    hit: Hit


def _contained(lines: Iterable[str], symptoms: Sequence[Symptom]) -> list[Hit]:
    """Return the messages that stand in the lines, in the order of the lines; of a line, the longest first."""
    found: dict[str, Hit] = {}
    for line in lines:
        here = [
            _Place(span[0], span[1], Hit(symptom=symptom, text=text, line=line, host=span[2]))
            for symptom in symptoms
            for text in symptom.texts
            if (span := _span(text, line)) is not None
        ]
        here.sort(key=lambda place: -len(_literal(place.hit.text)))
        for place in here:
            if not any(_swallows(other, place) for other in here):
                found.setdefault(place.hit.symptom.id, place.hit)
    return list(found.values())


def _in_few(lines: Sequence[str], symptoms: Sequence[Symptom]) -> list[Hit]:
    """Return what stands in a few lines; a terminal may have broken a message over them, which is found where they are put together."""
    inside = _contained(lines, symptoms)
    if len(lines) < 2:
        return inside
    whole = _contained([" ".join(lines)], symptoms)
    longest = max((len(_literal(hit.text)) for hit in inside), default=0)
    return whole if any(len(_literal(hit.text)) > longest for hit in whole) else inside


def _swallows(other: _Place, one: _Place) -> bool:
    """Tell whether a longer message at the same place makes a shorter one mean nothing of its own ("No Answer" in "No Answer to ...")."""
    within = other.start <= one.start and one.end <= other.end
    longer, shorter = _literal(other.hit.text), _literal(one.hit.text)
    return within and len(longer) > len(shorter) and shorter in longer


def _literal(text: str) -> str:
    return " ".join(pieces_of(text)).strip()


def _span(text: str, line: str) -> tuple[int, int, str] | None:
    """Return where the message stands in the line, and the host it names; None where it does not."""
    pieces = pieces_of(text)
    start = _find(line, pieces[0], 0, end=len(pieces) == 1)
    if start < 0:
        return None
    position, host, host_at = start + len(pieces[0]), "", _host_at(text)
    for index, piece in enumerate(pieces[1:]):
        last = index == len(pieces) - 2
        if not piece:
            at = len(line)
        else:
            at = _find(line, piece, position + 1, end=last)
            if at < 0:
                return None
        value = line[position:at].strip()
        if not value:
            return None
        if index == host_at:
            host = _bare_host(value)
        position = at + len(piece)
    return start, position, host


def _whole(text: str, line: str) -> bool:
    """Tell whether the message is all of the line."""
    span = _span(text, line)
    return span is not None and span[:2] == (0, len(line))


def _find(line: str, piece: str, since: int, *, end: bool) -> int:
    """Return where the piece stands with no letter or digit glued to it."""
    at = line.find(piece, since)
    while at >= 0:
        before = line[at - 1] if at else " "
        after = line[at + len(piece)] if at + len(piece) < len(line) else " "
        glued = (since == 0 and before.isalnum() and piece[0].isalnum()) or (end and after.isalnum() and piece[-1].isalnum())
        if not glued:
            return at
        at = line.find(piece, at + 1)
    return -1


def _bare_host(value: str) -> str:
    """Return the first word of what stands in the host's place, without what closes a sentence."""
    words = value.split()
    return words[0].strip("'\",;()[]").rstrip(".:") if words else ""


def _parts(lines: Sequence[str], symptoms: Sequence[Symptom]) -> Iterator[Hit]:
    if len(lines) != 1 or sum(char.isalnum() for char in lines[0]) < LEAST_PART:
        return
    wanted = lines[0].strip(" .:!")
    for symptom in symptoms:
        for text in symptom.texts:
            if f" {wanted}" in " " + _GAP.join(pieces_of(text)) or _within(wanted.split(), PLACEHOLDER.sub("\0", text).casefold().split()):
                yield Hit(symptom=symptom, text=text, line=lines[0])
                break


def _within(words: Sequence[str], known: Sequence[str]) -> bool:
    """Tell whether the words stand in a message one after the other, a word of theirs for a placeholder; at least two are its own."""
    for start in range(len(known) - len(words) + 1):
        pairs = list(zip(words, known[start:], strict=False))
        own = sum(word == one for word, one in pairs)
        if own > 1 and all(word == one or ("\0" in one and _fills(word, one)) for word, one in pairs):
            return True
    return False


def _fills(word: str, one: str) -> bool:
    before, _, after = one.partition("\0")
    return len(word) > len(before) + len(after) and word.startswith(before) and word.endswith(after)


def _better(lines: Sequence[str], inside: Sequence[Hit], symptoms: Sequence[Symptom]) -> tuple[Hit, ...]:
    """Return messages that agree with more of a single line than the short ones which stand in it word by word."""
    if len(lines) != 1 or any(2 * len(_literal(hit.text)) > len(lines[0]) for hit in inside):
        return ()
    known = {hit.symptom.id for hit in inside}
    return tuple(hit for hit in closest(lines, symptoms) if hit.symptom.id not in known)


def _ranked(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: RANK[hit.symptom.level]))
