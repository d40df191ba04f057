"""Finding a message among the symptoms, and saying honestly how well it was found.

First the message as it is known (with what differs from case to case left open), whole or within a line of a log; then
what was given as a piece of a known message; and only then the closest one by its words, which is called that.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from discover.atlas.symptom import Found, Hit, Symptom
from discover.text import clean

MAX_LINES: Final = 5000
"""Lines of a log that are read, the last ones: the error is at the end."""
MAX_LINE: Final = 2000
"""Code points of a line that are read."""
CLOSE_ENOUGH: Final = 0.5
"""Share of the words (weighted by how rare they are) that must agree before a message is called close ..."""
AS_CLOSE: Final = 0.12
"""... and how much less may agree with another one that is then listed beside it."""
MAX_CLOSE: Final = 5
_ALL_OF_THEM: Final = 0.5
"""What it counts at least that every word that was given stands in a message, in whatever order."""
LEAST_PART: Final = 5
"""Letters that a piece of a message must have to be looked for: "no" is in everything."""
_MAX_OVERLAP_LINES: Final = 50
_GAP: Final = " \0 "
"""Stands for a placeholder where a piece of a text is looked for: no cleaned line holds it."""

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PLACEHOLDER: Final = re.compile(r"\{(host|)\}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]+|[0-9]+")
_QUOTES: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "`": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})
_RANK: Final = {"error": 0, "seen": 0, "system": 1, "wrapper": 2, "progress": 3}


def find_symptoms(asked: str, symptoms: Sequence[Symptom]) -> Found:
    """Return the symptoms that ``asked`` (a message, or several lines of a log) is about, best first; never raises.

    "exact": it is a known message. "contains": known messages stand in it. "part": it is a piece of known messages.
    "closest": none is known, these have the most words in common. "none": nothing comes close.
    """
    lines = [folded for raw in asked.splitlines()[-MAX_LINES:] if (folded := fold(raw))]
    said = clean(" ".join(asked.split()), 200)
    if inside := _contained(lines, symptoms):
        if len(lines) == 1 and any(_whole(hit.text, lines[0]) for hit in inside):
            return Found(asked=said, match="exact", hits=_ranked(inside))
        return Found(asked=said, match="contains", hits=(*_ranked(inside), *_better(lines, inside, symptoms)))
    if parts := list(_parts(lines, symptoms)):
        return Found(asked=said, match="part", hits=_ranked(parts))
    closest = _closest(lines[-_MAX_OVERLAP_LINES:], symptoms)
    return Found(asked=said, match="closest" if closest else "none", hits=closest)


def fold(text: str) -> str:
    """Return a line as messages are compared: clean, one space between words, no case, plain quotes, no colours."""
    bare = clean(_ESCAPES.sub("", text[: MAX_LINE * 2]), MAX_LINE)
    return " ".join(bare.translate(_QUOTES).casefold().split())


@functools.lru_cache(maxsize=1024)
def pieces_of(text: str) -> tuple[str, ...]:
    """Return the folded literal pieces of a text, in order; between two of them stands a placeholder, and after a last empty one."""
    parts = _PLACEHOLDER.split(text)[::2]
    return tuple(" ".join(part.translate(_QUOTES).casefold().split()) for part in parts)


@functools.lru_cache(maxsize=1024)
def _host_at(text: str) -> int:
    """Return which placeholder of the text is the host, -1 where none is."""
    names = _PLACEHOLDER.findall(text)
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
            if f" {wanted}" in " " + _GAP.join(pieces_of(text)):
                yield Hit(symptom=symptom, text=text, line=lines[0])
                break


def _better(lines: Sequence[str], inside: Sequence[Hit], symptoms: Sequence[Symptom]) -> tuple[Hit, ...]:
    """Return messages that agree with more of a single line than the short ones which stand in it word by word."""
    if len(lines) != 1 or any(2 * len(_literal(hit.text)) > len(lines[0]) for hit in inside):
        return ()
    known = {hit.symptom.id for hit in inside}
    return tuple(hit for hit in _closest(lines, symptoms) if hit.symptom.id not in known)


def _ranked(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: _RANK.get(hit.symptom.level, 0)))


def _closest(lines: Sequence[str], symptoms: Sequence[Symptom]) -> tuple[Hit, ...]:
    texts = [(symptom, text, frozenset(_WORD.findall(" ".join(pieces_of(text))))) for symptom in symptoms for text in symptom.texts]
    counts = Counter(word for _, _, known in texts for word in known)
    weights = {word: math.log(1 + len(texts) / count) for word, count in counts.items()}
    rare = math.log(1 + len(texts))
    best: dict[str, Hit] = {}
    for line in lines:
        words = frozenset(_corrected(word, weights) for word in _WORD.findall(line))
        total = sum(weights.get(word, rare) for word in words)
        for symptom, text, known in texts:
            common = sum(weights[word] for word in words & known)
            both = total + sum(weights[word] for word in known)
            score = 2 * common / both if both else 0.0
            if len(words) > 1 and words <= known:  # a few words of a long message, all of them in it
                score = max(score, _ALL_OF_THEM + (1 - _ALL_OF_THEM) * score)
            if score >= CLOSE_ENOUGH and len(words & known) > 1 and (symptom.id not in best or score > best[symptom.id].score):
                best[symptom.id] = Hit(symptom=symptom, text=text, line=line, score=round(score, 2))
    ordered = sorted(best.values(), key=lambda hit: (-hit.score, _RANK.get(hit.symptom.level, 0), hit.symptom.id))
    return tuple(hit for hit in ordered if hit.score >= ordered[0].score - AS_CLOSE)[:MAX_CLOSE]


def _corrected(word: str, known: dict[str, float]) -> str:
    """Return the known word that a mistyped one means, else the word itself."""
    if word in known or len(word) < 5 or word.isdigit():
        return word
    import difflib  # noqa: PLC0415 - most messages are pasted, not typed

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.8)), word)
