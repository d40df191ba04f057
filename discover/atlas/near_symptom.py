"""What comes nearest to a message that is not known: by the words of the messages, then by what is known of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from discover.atlas.fold_symptom import fold, pieces_of
from discover.atlas.symptom import RANK, Hit, Symptom

CLOSE_ENOUGH: Final = 0.5
"""Share of the words (weighted by how rare they are) that must agree before a message is called close ..."""
AS_CLOSE: Final = 0.12
"""... and how much less may agree with another one that is then listed beside it."""
MAX_CLOSE: Final = 5
ALL_OF_THEM: Final = 0.5
"""What it counts at least that every word that was given stands in a message, in whatever order."""
SPEAKS_OF: Final = 0.75
"""Share of the words that must stand in what is known of a message before it is said to speak of them."""
MAX_WORDS: Final = 8
"""More words than these are a message and no question."""

_WORD: Final = re.compile(r"[a-z][a-z0-9_]+|[0-9]+")
_EMPTY: Final = frozenset(
    (
        "the",
        "an",
        "is",
        "are",
        "was",
        "to",
        "of",
        "in",
        "on",
        "at",
        "for",
        "and",
        "or",
        "not",
        "no",
        "it",
        "my",
        "do",
        "does",
        "with",
        "from",
        "by",
        "all",
        "well",
        "what",
        "how",
        "why",
        "when",
        "this",
        "that",
        "there",
        "have",
        "has",
        "get",
        "got",
    )
)
"""Words that tell nothing by themselves."""


def closest(lines: Sequence[str], symptoms: Sequence[Symptom]) -> tuple[Hit, ...]:
    """Return the messages that have the most words in common with one of the folded lines, best first; empty where none is close."""
    texts = [(symptom, text, frozenset(_WORD.findall(" ".join(pieces_of(text))))) for symptom in symptoms for text in symptom.texts]
    weights = _weights([known for _, _, known in texts])
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
                score = max(score, ALL_OF_THEM + (1 - ALL_OF_THEM) * score)
            if score >= CLOSE_ENOUGH and len(words & known) > 1 and (symptom.id not in best or score > best[symptom.id].score):
                best[symptom.id] = Hit(symptom=symptom, text=text, line=line, score=round(score, 2))
    return _best(best, AS_CLOSE)


def speak_of(line: str, symptoms: Sequence[Symptom]) -> tuple[Hit, ...]:
    """Return the messages of which what is known (meaning, causes, fixes) has the words of a short folded line, best first."""
    asked = [word for word in _WORD.findall(line) if word not in _EMPTY]
    if not asked or len(asked) > MAX_WORDS:
        return ()
    pages = [(symptom, frozenset(_WORD.findall(_all_of(symptom)))) for symptom in symptoms if symptom.level in ("error", "seen")]
    weights = _weights([page for _, page in pages])
    rare = math.log(1 + len(pages))
    words = frozenset(_corrected(word, weights) for word in asked)
    total = sum(weights.get(word, rare) for word in words)
    best: dict[str, Hit] = {}
    for symptom, page in pages:
        score = sum(weights[word] for word in words & page) / total
        if score >= SPEAKS_OF:
            # Where the likeliest cause has the words, it is more to the point than where a fix mentions them.
            first = frozenset(_WORD.findall(fold(f"{' '.join(symptom.texts)} {symptom.means} {symptom.cause[0].what}")))
            near = sum(weights[word] for word in words & first) / total
            best[symptom.id] = Hit(symptom=symptom, text=symptom.texts[0], line=line, score=round(min(0.99, 0.5 * score + 0.5 * near), 2))
    return _best(best, 1.0)


def _all_of(symptom: Symptom) -> str:
    causes = " ".join(f"{cause.what} {cause.why} {cause.fix}" for cause in symptom.cause)
    return fold(f"{' '.join(symptom.texts)} {symptom.tool} {symptom.who} {symptom.means} {causes}")


def _weights(texts: Sequence[Collection[str]]) -> Mapping[str, float]:
    """Return for each word how much it tells: the more the rarer it is."""
    counts = Counter(word for text in texts for word in text)
    return {word: math.log(1 + len(texts) / count) for word, count in counts.items()}


def _best(found: Mapping[str, Hit], within: float) -> tuple[Hit, ...]:
    ordered = sorted(found.values(), key=lambda hit: (-hit.score, RANK[hit.symptom.level], hit.symptom.id))
    return tuple(hit for hit in ordered if hit.score >= ordered[0].score - within)[:MAX_CLOSE]


def _corrected(word: str, known: Mapping[str, float]) -> str:
    """Return the known word that a mistyped one means, else the word itself."""
    if word in known or len(word) < 5 or word.isdigit():
        return word
    import difflib  # noqa: PLC0415 - most messages are pasted, not typed

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.8)), word)
