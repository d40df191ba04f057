"""Run scenarios: seed by seed, every contestant once a turn, in an order that rotates."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from tests.bench.airlab.avahi import avahi
from tests.bench.airlab.fleet import FIRST
from tests.bench.airlab.lan import Lan
from tests.bench.airlab.truth import draw
from tests.bench.contestants import CONTESTANTS, HERE, Contestant, Work
from tests.bench.findings import UnreadableError
from tests.bench.measure import Run, alone, measure, wait_for_quiet
from tests.bench.rows import Row, closed_times, figures_of, mdns_figures, misses, sweep_figures
from tests.bench.scenarios import Fleet, Scenario

AGAIN: Final = 2
"""Times that a disturbed run is made anew before it counts as it is."""
OnRow = Callable[[Row], None]


def race(scenario: Scenario, seeds: Sequence[int], repetitions: int, *, only: Sequence[str] = (), on_row: OnRow | None = None) -> list[Row]:
    """Run a scenario and return all rows, in the order of the runs; ``on_row`` is told each as it comes."""
    rows: list[Row] = []
    chosen = [CONTESTANTS[name] for name in scenario.contestants if not only or name in only]
    taking_part = [one for one in chosen if not one.missing()]
    for seed in seeds:
        work = Work(truth=draw(scenario.network, seed, scenario.mix), fleet=scenario.fleet)
        with Lan(work.truth, air=scenario.air) as lan:
            if work.fleet is not None:
                add_fleet(lan, work.fleet)
            for repetition in range(repetitions):
                for one in _rotated(taking_part, seed + repetition):
                    if one.slow and repetition:
                        continue
                    row = _one_run(lan, work, one, repetition)
                    rows.append(row)
                    if on_row is not None:
                        on_row(row)
    return rows


def add_fleet(lan: Lan, fleet: Fleet) -> None:
    """Start the mDNS devices and let the device side answer for their addresses."""
    network = lan.truth.network
    lan.add_addresses([str(network[FIRST + index]) for index in range(fleet.count)])
    script = "one_responder.py" if fleet.one_process else "fleet.py"
    argv = [sys.executable, str(HERE / "airlab" / script), lan.truth.router, str(network), str(fleet.count)]
    if not fleet.one_process:
        argv += ["--delay-ms", *map(str, fleet.delay_ms), "--seed", str(lan.truth.seed), *([] if fleet.additional else ["--no-additional"])]
    lan.devices.start(*argv)


def absent(scenario: Scenario) -> Iterator[str]:
    """Say in a sentence each who cannot take part, and why."""
    for name in scenario.contestants:
        if missing := CONTESTANTS[name].missing():
            yield f"{name} does not take part: {missing} is not installed here."


def _rotated(contestants: Sequence[Contestant], by: int) -> list[Contestant]:
    at = by % len(contestants) if contestants else 0
    return [*contestants[at:], *contestants[:at]]


def _one_run(lan: Lan, work: Work, one: Contestant, repetition: int) -> Row:
    row = None
    for _ in range(1 + AGAIN):
        with contextlib.ExitStack() as stack:
            stack.enter_context(alone())
            env = stack.enter_context(avahi(lan)) if one.bus else None
            lan.flush()
            quiet = wait_for_quiet()
            lan.forget()
            run = measure(lan, one.argv(work), root=one.root, timeout=one.timeout, env=env)
            lan.forget()  # its entries count in the kernel's one table, whoever runs next
        row = row_of(one, run, work, repetition=repetition, disturbed=run.disturbed or not quiet)
        if not row.disturbed or row.trouble:
            break
    assert row is not None
    return row


def row_of(one: Contestant, run: Run, work: Work, *, repetition: int, disturbed: bool) -> Row:
    """Make a row of a run."""
    truth = work.truth
    row = Row(contestant=one.name, seed=truth.seed, repetition=repetition, figures=figures_of(run), disturbed=disturbed)
    try:
        found = one.parse(run.stdout)
    except UnreadableError as error:
        return replace(row, trouble=f"{error}; {run.stderr.strip()[-300:]}")
    if work.fleet is not None:
        return replace(row, figures=row.figures | mdns_figures(found, work.fleet.count))
    missed, false = misses(found, truth, asks=one.asks)
    figures = row.figures | sweep_figures(found, truth, asks=one.asks)
    return replace(row, figures=figures, missed=missed, false=false, closed_at=closed_times(found, truth, run.start))
