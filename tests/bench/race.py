"""Run scenarios: seed by seed, every contestant once a turn, in an order that rotates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.bench.airlab.lan import Lan
from tests.bench.airlab.truth import draw
from tests.bench.contestants import CONTESTANTS, Contestant
from tests.bench.findings import UnreadableError
from tests.bench.measure import Run, measure, wait_for_quiet
from tests.bench.rows import Row, closed_times, figures_of, misses, sweep_figures
from tests.bench.scenarios import Scenario

AGAIN: Final = 2
"""Times that a disturbed run is made anew before it counts as it is."""
OnRow = Callable[[Row], None]


def race(scenario: Scenario, seeds: Sequence[int], repetitions: int, *, only: Sequence[str] = (), on_row: OnRow | None = None) -> list[Row]:
    """Run a scenario and return all rows, in the order of the runs; ``on_row`` is told each as it comes."""
    rows: list[Row] = []
    chosen = [CONTESTANTS[name] for name in scenario.contestants if not only or name in only]
    taking_part = [one for one in chosen if not one.missing()]
    for seed in seeds:
        with Lan(draw(scenario.network, seed, scenario.mix), air=scenario.air) as lan:
            for repetition in range(repetitions):
                for one in _rotated(taking_part, seed + repetition):
                    if one.slow and repetition:
                        continue
                    row = _one_run(lan, one, seed, repetition)
                    rows.append(row)
                    if on_row is not None:
                        on_row(row)
    return rows


def absent(scenario: Scenario) -> Iterator[str]:
    """Say in a sentence each who cannot take part, and why."""
    for name in scenario.contestants:
        if missing := CONTESTANTS[name].missing():
            yield f"{name} does not take part: {missing} is not installed here."


def _rotated(contestants: Sequence[Contestant], by: int) -> list[Contestant]:
    at = by % len(contestants) if contestants else 0
    return [*contestants[at:], *contestants[:at]]


def _one_run(lan: Lan, one: Contestant, seed: int, repetition: int) -> Row:
    row = None
    for _ in range(1 + AGAIN):
        quiet = wait_for_quiet()
        lan.flush()
        run = measure(lan, one.argv(lan.truth), root=one.root, timeout=one.timeout)
        row = row_of(one, run, lan, seed, repetition)
        if (quiet and not run.disturbed) or row.trouble:
            break
    assert row is not None
    return row


def row_of(one: Contestant, run: Run, lan: Lan, seed: int, repetition: int) -> Row:
    """Make a row of a run."""
    truth = lan.truth
    try:
        found = one.parse(run.stdout)
    except UnreadableError as error:
        trouble = f"{error}; {run.stderr.strip()[-300:]}"
        return Row(contestant=one.name, seed=seed, repetition=repetition, figures=figures_of(run), disturbed=run.disturbed, trouble=trouble)
    missed, false = misses(found, truth, services=one.services)
    return Row(
        contestant=one.name,
        seed=seed,
        repetition=repetition,
        figures=figures_of(run) | sweep_figures(found, truth, services=one.services),
        disturbed=run.disturbed,
        missed=missed,
        false=false,
        closed_at=closed_times(found, truth, run.start),
    )
