"""Results as Markdown: the goals with their verdicts, a table for each scenario, and how it was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.bench.goals import Verdict, judge_all
from tests.bench.results import Result, rows_of
from tests.bench.rows import Row, median_range, values
from tests.bench.scenarios import SCENARIOS

BEGIN: Final = "<!-- races: begin (written by `python -m tests.bench.publish`) -->"
END: Final = "<!-- races: end -->"

_FIGURES: Final[Mapping[str, str]] = {
    "last": "last true result after the first packet",
    "wall": "wall time",
    "services": "services found",
    "recall": "share of services found",
    "hosts": "hosts found",
    "host_recall": "share of hosts found",
    "open_false": "false open, worst run",
    "maybe_false": "false likely, worst run",
    "unanswered": "closed ports unanswered",
    "resolved_share": "share resolved, worst run",
    "all_resolved": "all resolved after",
    "found_share": "share found",
    "found": "found",
    "rss": "peak memory",
    "cpu": "CPU",
}
_Column = tuple[str, Callable[[Sequence[Row], str], str]]


def _figure(name: str, digits: int = 2, scale: float = 1.0) -> Callable[[Sequence[Row], str], str]:
    return lambda rows, contestant: median_range([scale * value for value in values(rows, contestant, name)], digits)


def _services(rows: Sequence[Row], contestant: str) -> str:
    there = values(rows, contestant, "services_there")
    return f"{median_range(values(rows, contestant, 'services'), 1)} of {there[0]:.0f}" if there else "-"


_COST: Final[tuple[_Column, ...]] = (
    ("wall s", _figure("wall")),
    ("CPU s", _figure("cpu")),
    ("memory MB", _figure("rss", 0)),
    ("packets out", _figure("tx", 0)),
    ("in", _figure("rx", 0)),
)
_SWEEP: Final[tuple[_Column, ...]] = (
    ("hosts", _figure("hosts", 1)),
    ("services", _services),
    ("false open", _figure("open_false", 1)),
    ("false likely", _figure("maybe_false", 1)),
    ("unanswered", _figure("unanswered", 1)),
    ("last result s", _figure("last", 3)),
    *_COST,
)
_MDNS: Final[tuple[_Column, ...]] = (
    ("found", _figure("found", 1)),
    ("resolved", _figure("resolved", 1)),
    ("first resolved s", _figure("first_resolved", 3)),
    ("all resolved s", _figure("all_resolved", 3)),
    *_COST,
)


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table whose columns stand below each other in a terminal, too."""
    widths = [max(len(line[at]) for line in (header, *lines)) for at in range(len(header))]
    rule = ["-" * width for width in widths]
    return "\n".join(_line(line, widths) for line in (header, rule, *lines))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"


def scenario_table(result: Result) -> str:
    """Lay out who took part in a scenario and how they fared: medians, and in brackets the least and the most."""
    scenario = SCENARIOS[result.scenario]
    columns = _SWEEP if scenario.fleet is None else _MDNS
    lines = []
    for name in scenario.contestants:
        runs = [row for row in result.rows if row.contestant == name]
        if runs:
            failed = sum(1 for row in runs if row.trouble)
            label = f"{name} ({failed} of {len(runs)} failed)" if failed else name
            lines.append([label, *(cell(result.rows, name) for _, cell in columns)])
    used = [at for at in range(len(columns) + 1) if at == 0 or any(line[at] != "-" for line in lines)]
    header = ["", *(title for title, _ in columns)]
    return table([header[at] for at in used], [[line[at] for at in used] for line in lines])


def goal_table(verdicts: Sequence[Verdict]) -> str:
    """Lay out the goals: in which scenario what is compared, espied's figure, the limit, and whether it holds."""
    lines = []
    for verdict in sorted(verdicts, key=lambda one: one.check.goal):
        check = verdict.check
        limit = check.limit_text
        if check.theirs and verdict.limit is not None:
            limit += f" = {_short(verdict.limit)}{check.unit}"
        what = f"{_FIGURES[check.figure]}, {check.ours}"
        if check.at_their_time:
            what += f", when {check.theirs} ended"
        word = {True: "yes", False: "**no**", None: "not measured"}[verdict.passed]
        lines.append(
            [str(check.goal), check.scenario, what, "-" if verdict.ours is None else f"{_short(verdict.ours)}{check.unit}", limit, word]
        )
    return table(["#", "scenario", "figure", "measured", "goal", "met"], lines)


def _short(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.3f}".rstrip("0").rstrip(".")


def section(results: Mapping[str, Result]) -> str:
    """Write the whole section of docs/benchmarks.md. Raises ValueError where there are no results."""
    if not results:
        msg = "no results: run the benchmarks first"
        raise ValueError(msg)
    ordered = [results[name] for name in SCENARIOS if name in results]
    first = ordered[0]
    days = sorted({result.date for result in ordered})
    parts = [
        BEGIN,
        f"## Beside other programs, {' and '.join(days)}",
        f"{first.machine}. {first.versions}.",
        _how(first),
        "### The goals",
        goal_table(judge_all(rows_of(results))),
    ]
    for result in ordered:
        title = SCENARIOS[result.scenario].title
        parts += [f"### {result.scenario}: {title}", scenario_table(result), *_notes(result, first)]
    parts += ["### Commands", _commands(ordered), END]
    return "\n\n".join(parts) + "\n"


def _how(first: Result) -> str:
    sentences = (
        f"Seeds {', '.join(map(str, first.seeds))}, {_turns(first.repetitions)} for each; every program once a turn, in an order",
        "that rotates, with empty neighbour tables. Figures are medians, in brackets the least and the most. Wall time and CPU include",
        "the start of the program. espied and the prototype run without any privilege, except in rows that say root; nmap, arp-scan and",
        "fping run as root. `espied` is its sweep on exactly the ports that nmap is told (tests/bench/espied_sweep.py); `espied scan`",
        "asks its own ports, of which those that count here are counted, and listens to mDNS. The prototype is a minimal asyncio sweep",
        "with fixed timers (tests/bench/prototype.py). Likely is espied's word where a control port is refused and this one silent;",
        "nmap's is open|filtered. Unanswered are really closed UDP ports that were not found closed.",
    )
    return "\n".join(sentences)


def _turns(repetitions: int) -> str:
    return "one turn" if repetitions == 1 else f"{repetitions} turns"


def _notes(result: Result, first: Result) -> list[str]:
    notes = list(result.absent)
    if (result.seeds, result.repetitions) != (first.seeds, first.repetitions):
        notes.append(f"Seeds {', '.join(map(str, result.seeds))}, {_turns(result.repetitions)} for each.")
    disturbed = sum(1 for row in result.rows if row.disturbed)
    if disturbed:
        notes.append(f"{disturbed} of {len(result.rows)} runs were made while something else used the machine.")
    return [" ".join(notes)] if notes else []


def _commands(results: Sequence[Result]) -> str:
    commands = {name: command for result in reversed(results) for name, command in result.commands.items()}
    return "\n".join(f"- {name}: `{command}`" for name, command in commands.items())


def replace_section(page: str, new: str) -> str:
    """Put the section in the place of the one before, or at the end of the page."""
    begin, end = page.find(BEGIN), page.find(END)
    if begin < 0 or end < 0:
        return page.rstrip("\n") + "\n\n" + new
    return page[:begin] + new + page[end + len(END) :].lstrip("\n")
