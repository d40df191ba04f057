"""Results as a file and as a page."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.bench.report import BEGIN, END, replace_section, scenario_table, section
from tests.bench.results import Result, load, load_all, save
from tests.bench.rows import Row


def result(scenario: str = "clean") -> Result:
    rows = (
        Row(
            contestant="espied",
            seed=101,
            repetition=0,
            figures={"wall": 0.5, "services": 78, "services_there": 78, "last": 0.05},
            closed_at=(0.1,),
        ),
        Row(contestant="nmap -T5 r1", seed=101, repetition=0, figures={"wall": 0.7, "services": 78, "services_there": 78}, disturbed=True),
        Row(contestant="arp-scan", seed=101, repetition=0, figures={"wall": 1.8, "hosts": 61}, missed=("10.77.0.9 (spa)",)),
        Row(contestant="espied scan", seed=101, repetition=0, figures={"wall": math.inf}, trouble="killed"),
    )
    return Result(
        scenario=scenario,
        date="2026-11-21",
        machine="a machine",
        versions="nmap 7.93",
        seeds=(101, 202, 303),
        repetitions=3,
        commands={"espied": "python espied_sweep.py"},
        absent=("fping does not take part: fping is not installed here.",),
        rows=rows,
    )


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load(save(result(), tmp_path)) == result()
    assert load_all(tmp_path) == {"clean": result()}


def test_a_table_has_a_line_for_whoever_ran_and_says_what_failed() -> None:
    lines = scenario_table(result()).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["espied", "nmap -T5 r1", "espied scan (1 of 1 failed)", "arp-scan"]
    assert "78 of 78" in lines[2]
    assert "memory" not in lines[0]  # no run has that figure


def test_the_section_says_when_where_and_how() -> None:
    text = section({"clean": result()})
    for part in (
        "2026-11-21",
        "a machine",
        "nmap 7.93",
        "101, 202, 303",
        "fping is not installed here",
        "`python espied_sweep.py`",
        "1 of 4 runs",
    ):
        assert part in text
    assert "| 1 | clean    | wall time, espied" in text


def test_the_section_takes_the_place_of_the_one_before() -> None:
    new = section({"clean": result()})
    page = replace_section("# Benchmarks\n\nBefore.\n", new)
    assert page == f"# Benchmarks\n\nBefore.\n\n{new}"
    assert replace_section(page, new) == page
    after = replace_section(f"{page}\nAfter.\n", new)
    assert after.count(BEGIN) == after.count(END) == 1
    assert after.endswith("After.\n")


def test_without_results_there_is_no_section() -> None:
    with pytest.raises(ValueError, match="run the benchmarks"):
        section({})
