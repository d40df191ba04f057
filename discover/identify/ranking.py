"""From evidence to families: which it is, how sure, and what else it might be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.atlas.family import Family
from discover.model.device import UNKNOWN_FAMILY, Confidence, Evidence, FamilyVerdict

CERTAIN: Final = 90
LIKELY: Final = 60
POSSIBLE: Final = 25
"""Combined weights from which the words hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The family that the evidence speaks for most, and the others it speaks for, best first."""

    family: FamilyVerdict
    alternatives: tuple[FamilyVerdict, ...]


def rank(evidence: Iterable[Evidence], catalogue: Catalogue) -> Ranking:
    """Weigh the claims "family". Their order does not matter; unknown stays unknown.

    Rules are taken as independent, so weights combine as 1-(1-a)(1-b); one rule that several
    signals satisfy counts once. A specific family that is at least likely beats a generic one, and a
    family that names another in ``also`` (WLED, which may carry ArduinoOTA) is the better answer of the two.
    """
    families = {family.id: family for family in catalogue.families}
    weights: dict[str, dict[str, int]] = {}
    for one in evidence:
        if one.claim == "family" and one.value in families:
            rules = weights.setdefault(one.value, {})
            rules[one.rule] = max(one.weight, rules.get(one.rule, 0))
    verdicts = [_verdict(families[name], list(rules.values())) for name, rules in weights.items()]
    ranked = sorted(
        (verdict for verdict in verdicts if verdict.confidence != Confidence.UNKNOWN), key=lambda verdict: _place(verdict, families)
    )
    if not ranked:
        return Ranking(family=UNKNOWN_FAMILY, alternatives=())
    best = _resting_on(ranked, families)
    also = families[best.id].also
    rest = (verdict for verdict in ranked if verdict is not best and not _idle(verdict, families[verdict.id], also))
    return Ranking(family=best, alternatives=tuple(rest))


def combine(weights: Iterable[int]) -> int:
    """Return the combined weight 0..99, or 100 where one of them is.

    Weak tells do not add up to certainty: without one rule that makes it likely by itself the result stays below certain.
    """
    # Sorted, because floating-point products depend on the order and the result must not.
    ordered = sorted(weights)
    if not ordered:
        return 0
    score = round(100 * (1 - prod(1 - weight / 100 for weight in ordered)))
    if ordered[-1] < LIKELY:
        score = min(score, CERTAIN - 1)
    return score if ordered[-1] >= 100 else min(score, 99)


def confidence_of(score: int) -> Confidence:
    """Return the word for a combined weight."""
    if score >= CERTAIN:
        return Confidence.CERTAIN
    if score >= LIKELY:
        return Confidence.LIKELY
    return Confidence.POSSIBLE if score >= POSSIBLE else Confidence.UNKNOWN


def _verdict(family: Family, weights: list[int]) -> FamilyVerdict:
    score = combine(weights)
    return FamilyVerdict(id=family.id, title=family.title, confidence=confidence_of(score), score=score)


def _place(verdict: FamilyVerdict, families: dict[str, Family]) -> tuple[bool, bool, int, str]:
    merely_possible = verdict.confidence == Confidence.POSSIBLE
    return (merely_possible, families[verdict.id].generic, -verdict.score, verdict.id)


def _resting_on(ranked: list[FamilyVerdict], families: dict[str, Family]) -> FamilyVerdict:
    """Return the best verdict, or the one that rests on it: at least likely, and naming it in ``also``."""
    best = ranked[0]
    passed = {best.id}
    while True:
        above = next(
            (
                verdict
                for verdict in ranked
                if verdict.id not in passed and verdict.confidence != Confidence.POSSIBLE and best.id in families[verdict.id].also
            ),
            None,
        )
        if above is None:
            return best
        passed.add(above.id)
        best = above


def _idle(verdict: FamilyVerdict, family: Family, also: tuple[str, ...]) -> bool:
    """Tell whether naming the family adds nothing: a generic one that is a guess, or that the winner contains anyway."""
    return family.generic and (verdict.confidence == Confidence.POSSIBLE or family.id in also)
