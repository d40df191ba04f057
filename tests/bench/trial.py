"""Run a goal's benchmark while working on the engine: ``python -m tests.bench.trial --help``."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.bench.airlab.namespaces import why_not
from tests.bench.contestants import CONTESTANTS
from tests.bench.goals import Verdict, contestants_of, judge_all, scenarios_of
from tests.bench.measure import compile_ours
from tests.bench.race import absent, race
from tests.bench.rows import Row
from tests.bench.scenarios import SCENARIOS

_FIGURES = (
    ("wall", "{:6.3f} s"),
    ("cpu", "cpu {:.3f}"),
    ("rss", "{:.0f} MB"),
    ("tx", "tx {:.0f}"),
    ("rx", "rx {:.0f}"),
    ("hosts", "hosts {:.0f}"),
    ("services", "services {:.0f}"),
    ("open", "open {:.0f}"),
    ("hosts_false", "FALSE hosts {:.0f}"),
    ("open_false", "FALSE open {:.0f}"),
    ("maybe_false", "false maybe {:.0f}"),
    ("unanswered", "unanswered {:.0f}"),
    ("last", "last {:.3f} s"),
    ("last_host", "last host {:.3f} s"),
    ("found", "found {:.0f}"),
    ("resolved", "resolved {:.0f}"),
    ("first_resolved", "first resolved {:.3f} s"),
    ("last_resolved", "last resolved {:.3f} s"),
)
_QUIET_AT_ZERO = {"hosts_false", "open_false", "maybe_false"}


def line_of(row: Row) -> str:
    """Write a row in one line."""
    figures = [
        text.format(row.figures[name])
        for name, text in _FIGURES
        if name in row.figures and (row.figures[name] or name not in _QUIET_AT_ZERO)
    ]
    noise = (
        f"  (disturbed: {row.figures['others']:.2f} s of other work{', a crowded neighbour table' if row.figures.get('crowded') else ''})"
        if row.disturbed
        else ""
    )
    trouble = f"  FAILED: {row.trouble}" if row.trouble else ""
    return f"{row.contestant:<20} seed {row.seed:<4} {'  '.join(figures)}{noise}{trouble}"


def verdict_line(verdict: Verdict) -> str:
    """Write a verdict in one line."""
    check = verdict.check
    word = {True: "pass", False: "FAIL", None: "?"}[verdict.passed]
    ours = "-" if verdict.ours is None else f"{verdict.ours:.3f}".rstrip("0").rstrip(".")
    limit = "" if verdict.limit is None or not check.theirs else f" = {verdict.limit:.3f}".rstrip("0").rstrip(".")
    when = f" when {check.theirs} ended" if check.at_their_time else ""
    return (
        f"goal {check.goal}  {word:<4}  {check.scenario}: {check.ours}: {check.figure}{when} {ours}{check.unit} ({check.limit_text}{limit})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trial", description="Run benchmarks and print one line a run. Needs root.")
    parser.add_argument("what", help=f"a goal (1-9) or a scenario ({', '.join(SCENARIOS)})")
    parser.add_argument("--seed", type=int, action="append", help="1-9 are for tuning; repeat it for several (default 1)")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each contestant for each seed")
    parser.add_argument("--only", help=f"contestants, separated by semicolons: {'; '.join(CONTESTANTS)}; 'espied' is the driver alone")
    parser.add_argument("--missed", action="store_true", help="name what was missed and what was found wrongly")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that the lab is removed
    if reason := why_not():
        print(reason, file=sys.stderr)
        return 3
    goal = int(arguments.what) if arguments.what.isdecimal() else None
    names = scenarios_of(goal) if goal is not None else (arguments.what,)
    if not names or any(name not in SCENARIOS for name in names):
        parser.error(f"no goal and no scenario: {arguments.what}")
    only = tuple(part.strip() for part in arguments.only.split(";")) if arguments.only else ()
    if unknown := [name for name in only if name not in CONTESTANTS]:
        parser.error(f"no contestant: {', '.join(unknown)}")

    def show(row: Row) -> None:
        print(line_of(row), flush=True)
        if arguments.missed:
            for word, keys in (("missed", row.missed), ("false", row.false)):
                if keys:
                    print(f"    {word}: {', '.join(keys)}")

    compile_ours()
    results = {}
    for name in names:
        scenario = SCENARIOS[name]
        print(f"-- {scenario.title}")
        print("".join(f"{sentence}\n" for sentence in absent(scenario)), end="")
        chosen = only or (contestants_of(goal, name) if goal is not None else ())
        results[name] = race(scenario, arguments.seed or [1], arguments.repeat, only=chosen, on_row=show)
    for verdict in judge_all(results, (goal,) if goal is not None else ()):
        if verdict.passed is not None:
            print(verdict_line(verdict))
    return 0


if __name__ == "__main__":
    sys.exit(main())
