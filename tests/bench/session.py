"""What the benchmark tests share: which seeds, how often, and printing and keeping what came out."""

from __future__ import annotations

import os
import sys
from typing import Final

from tests.bench.airlab.namespaces import ROOT
from tests.bench.airlab.truth import draw
from tests.bench.contestants import CONTESTANTS, Work
from tests.bench.goals import judge_all
from tests.bench.measure import compile_ours
from tests.bench.race import absent, race
from tests.bench.report import goal_table, scenario_table
from tests.bench.results import Result, machine, save, today, versions
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.trial import line_of

SEEDS: Final = (101, 202, 303)
"""Of the published run; no engine was tuned on them."""
REPETITIONS: Final = 3


def plan() -> tuple[tuple[int, ...], int]:
    """Return seeds and repetitions.

    ESPIED_BENCH_QUICK makes it one turn on a seed for tuning; ESPIED_BENCH_SEEDS ("4,5") and ESPIED_BENCH_REPEAT set them.
    """
    if os.environ.get("ESPIED_BENCH_QUICK"):
        return (1,), 1
    seeds = tuple(int(part) for part in os.environ.get("ESPIED_BENCH_SEEDS", "").split(",") if part.strip())
    return seeds or SEEDS, int(os.environ.get("ESPIED_BENCH_REPEAT", REPETITIONS))


def run_scenario(name: str) -> Result:
    """Run a scenario, print its table and its goals, and keep the result."""
    scenario = SCENARIOS[name]
    seeds, repetitions = plan()
    compile_ours()
    sentences = tuple(absent(scenario))
    print(f"\n\n{scenario.title}; seeds {', '.join(map(str, seeds))}, {repetitions} of each")
    print("".join(f"{sentence}\n" for sentence in sentences), end="")
    rows = race(scenario, seeds, repetitions, on_row=lambda row: print(f"  {line_of(row)}", flush=True))
    result = Result(
        scenario=name,
        date=today(),
        machine=machine(),
        versions=versions(),
        seeds=seeds,
        repetitions=repetitions,
        commands=commands(scenario),
        absent=sentences,
        rows=tuple(rows),
    )
    path = save(result)
    print(f"\n{scenario_table(result)}\n\n{goal_table(judge_all({name: rows}))}\n\nkept in {path}")
    return result


def commands(scenario: Scenario) -> dict[str, str]:
    """Return the command line of every contestant, with this machine's paths left out."""
    work = Work(truth=draw(scenario.network, 0, scenario.mix), fleet=scenario.fleet)
    lines = {}
    for name in scenario.contestants:
        argv = ["python" if word == sys.executable else word.removeprefix(f"{ROOT}/") for word in CONTESTANTS[name].argv(work)]
        lines[name] = " ".join(argv)
    return lines
