"""Issue 3's goals as data: which figure of whom must stand how to which limit."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.bench.rows import Row, unanswered_at, values


class Relation(StrEnum):
    """How a figure must stand to its limit."""

    AT_MOST = "<="
    AT_LEAST = ">="
    MORE = ">"
    """More, or as much as there is: see ``Check.most``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison: ``figure`` of ``ours`` against ``factor`` times the same of ``theirs``, plus ``offset``.

    Without ``theirs`` the limit is ``offset`` alone. Figures are medians over all runs, or the worst run where
    ``worst`` is set. ``most``: all there is, which is enough for "more". ``at_their_time``: the figure is what
    we had when the other program ended, run by run.
    """

    goal: int
    scenario: str
    ours: str
    figure: str
    relation: Relation
    theirs: str = ""
    factor: float = 1.0
    offset: float = 0.0
    most: float = float("inf")
    worst: bool = False
    at_their_time: bool = False
    unit: str = ""

    @property
    def limit_text(self) -> str:
        """Write the limit in words."""
        if not self.theirs:
            return f"{self.relation} {self.offset:g}{self.unit}"
        times = "" if self.factor == 1 else f"{self.factor:g} x "
        plus = "" if not self.offset else f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}"
        return f"{self.relation} {times}{self.theirs}{plus}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a check came out. ``passed`` is None where a figure is missing."""

    check: Check
    ours: float | None
    limit: float | None
    passed: bool | None


ARP_RETRIES: Final = 2.0
"""Seconds until the kernel has repeated a lost ARP request twice: net.ipv4.neigh.default.retrans_time_ms is 1000."""
_LE, _GE, _GT = Relation.AT_MOST, Relation.AT_LEAST, Relation.MORE

CHECKS: Final = (
    Check(goal=1, scenario="clean", ours="espied", figure="last", relation=_LE, offset=0.1, unit=" s"),
    Check(goal=1, scenario="clean", ours="espied", figure="wall", relation=_LE, theirs="nmap -T5 r1", unit=" s"),
    Check(goal=1, scenario="clean", ours="espied", figure="services", relation=_GE, theirs="nmap -T5 r1"),
    Check(goal=2, scenario="lossy", ours="espied", figure="recall", relation=_GE, offset=0.98),
    Check(goal=2, scenario="lossy", ours="espied", figure="services", relation=_GE, theirs="nmap -T5 r3"),
    Check(goal=2, scenario="lossy", ours="espied", figure="wall", relation=_LE, theirs="nmap -T5 r3", factor=1.1, unit=" s"),
    Check(goal=3, scenario="lossy", ours="espied", figure="wall", relation=_LE, theirs="nmap -T4", factor=0.125, unit=" s"),
    Check(goal=3, scenario="lossy", ours="espied", figure="services", relation=_GE, theirs="nmap -T4", offset=-1),
    Check(goal=4, scenario="lossy", ours="espied, hosts", figure="hosts", relation=_GE, theirs="arp-scan"),
    Check(goal=4, scenario="lossy", ours="espied, hosts", figure="wall", relation=_LE, offset=1.3 * ARP_RETRIES, unit=" s"),
    Check(goal=4, scenario="lossy", ours="espied", figure="hosts", relation=_GE, theirs="arp-scan"),
    *(
        check
        for name in ("espied, UDP", "espied, UDP, root")
        for check in (
            Check(goal=5, scenario="large", ours=name, figure="host_recall", relation=_GE, offset=1.0),
            Check(goal=5, scenario="large", ours=name, figure="wall", relation=_LE, theirs="nmap -sU -T5 r1", factor=0.6, unit=" s"),
        )
    ),
    Check(goal=6, scenario="icmp", ours="espied", figure="open_false", relation=_LE, worst=True),
    Check(goal=6, scenario="icmp", ours="espied", figure="maybe_false", relation=_LE, worst=True),
    *(
        Check(goal=6, scenario="icmp", ours="espied", figure="unanswered", relation=_LE, theirs=name, at_their_time=True)
        for name in ("nmap -T5 r1", "nmap -T5 r3")
    ),
    Check(goal=7, scenario="mdns200", ours="espied browse", figure="resolved_share", relation=_GE, offset=1.0, worst=True),
    Check(
        goal=7,
        scenario="mdns200",
        ours="espied browse",
        figure="all_resolved",
        relation=_LE,
        theirs="python-zeroconf",
        factor=1.2,
        unit=" s",
    ),
    Check(goal=7, scenario="mdns-one", ours="espied browse", figure="resolved_share", relation=_GE, offset=1.0, worst=True),
    Check(goal=7, scenario="mdns-one", ours="espied browse", figure="all_resolved", relation=_LE, offset=4.0, unit=" s"),
    *(
        check
        for scenario in ("mdns1000", "mdns-burst")
        for check in (
            Check(goal=8, scenario=scenario, ours="espied browse", figure="found_share", relation=_GE, offset=0.99),
            *(
                Check(goal=8, scenario=scenario, ours="espied browse", figure="found", relation=_GT, theirs=name, most=1000)
                for name in ("python-zeroconf", "avahi-browse -t", "avahi-browse")
            ),
        )
    ),
    *(
        Check(goal=9, scenario=name, ours="espied", figure="rss", relation=_LE, offset=80, unit=" MB")
        for name in ("clean", "lossy", "large", "icmp")
    ),
    *(
        Check(goal=9, scenario=scenario, ours="espied", figure="cpu", relation=_LE, theirs=theirs, factor=1.5, unit=" s")
        for scenario, theirs in (("clean", "prototype"), ("lossy", "prototype, patient"), ("large", "prototype"), ("icmp", "prototype"))
    ),
    *(
        check
        for name in ("mdns200", "mdns-one", "mdns1000", "mdns-burst")
        for check in (
            Check(goal=9, scenario=name, ours="espied browse", figure="rss", relation=_LE, offset=80, unit=" MB"),
            Check(goal=9, scenario=name, ours="espied browse", figure="cpu", relation=_LE, theirs="python-zeroconf", factor=1.5, unit=" s"),
        )
    ),
)


def judge(check: Check, rows: Sequence[Row]) -> Verdict:
    """Judge one check by the rows of its scenario."""
    mine = values(rows, check.ours, check.figure)
    if check.at_their_time:
        mine = _at_their_time(check, rows)
    theirs = values(rows, check.theirs, check.figure) if check.theirs else []
    limit = check.offset if not check.theirs else check.factor * statistics.median(theirs) + check.offset if theirs else None
    ours = None
    if mine:
        ours = (max(mine) if check.relation is _LE else min(mine)) if check.worst else statistics.median(mine)
    if ours is None or limit is None:
        return Verdict(check=check, ours=ours, limit=limit, passed=None)
    passed = ours <= limit if check.relation is _LE else ours >= limit if check.relation is _GE else ours > limit or ours >= check.most
    return Verdict(check=check, ours=ours, limit=limit, passed=passed)


def judge_all(results: Mapping[str, Sequence[Row]], goals: Sequence[int] = ()) -> list[Verdict]:
    """Judge every check whose scenario was run, those of ``goals`` alone where any is given."""
    return [judge(check, results[check.scenario]) for check in CHECKS if check.scenario in results and (not goals or check.goal in goals)]


def _at_their_time(check: Check, rows: Sequence[Row]) -> list[float]:
    """Take our figure at the moment at which the other program ended in the same turn."""
    ended = {(row.seed, row.repetition): row.figures["wall"] for row in rows if row.contestant == check.theirs and not row.trouble}
    found = []
    for row in rows:
        end = ended.get((row.seed, row.repetition))
        if row.contestant == check.ours and not row.trouble and end is not None:
            at = unanswered_at(row, end)
            if at is not None:
                found.append(at)
    return found


def scenarios_of(goal: int) -> tuple[str, ...]:
    """Return the scenarios that a goal is judged by."""
    return tuple(dict.fromkeys(check.scenario for check in CHECKS if check.goal == goal))


def contestants_of(goal: int, scenario: str) -> tuple[str, ...]:
    """Return who must run for a goal's checks in a scenario."""
    names = [name for check in CHECKS if check.goal == goal and check.scenario == scenario for name in (check.ours, check.theirs) if name]
    return tuple(dict.fromkeys(names))
