"""The truth, the figures that are compared with it, and the arithmetic of the goals. No namespace is built here."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.bench.airlab.lan import Air
from tests.bench.airlab.truth import TCP, UDP, Host, Truth, draw
from tests.bench.contestants import CONTESTANTS
from tests.bench.findings import Findings
from tests.bench.goals import CHECKS, Check, Relation, contestants_of, judge, scenarios_of
from tests.bench.rows import Row, closed_times, mdns_figures, median_range, misses, sweep_figures, unanswered_at
from tests.bench.scenarios import LARGE, LOSSY, SCENARIOS, SMALL

ALL = UDP | TCP
SPA = Host(address="10.77.0.9", kind="spa", services=(("udp", 30303, "echo"),))
LAN = Truth(network=draw(SMALL, 1, {}).network, hosts=(Host(address="10.77.0.1", kind="router"), SPA), seed=1)


def row(contestant: str, repetition: int = 0, trouble: str = "", closed_at: tuple[float, ...] = (), **figures: float) -> Row:
    return Row(contestant=contestant, seed=1, repetition=repetition, figures=figures, trouble=trouble, closed_at=closed_at)


def test_the_mix_is_the_one_of_the_goals() -> None:
    truth = draw(SMALL, 101)
    assert len(truth.hosts) == 61
    assert len(truth.services) == 78
    assert sum(1 for host in truth.hosts if host.kind == "silent") == 12
    assert len(truth.closed_udp) == 61 * 7 - sum(1 for key in truth.services if key.startswith("udp"))


def test_a_seed_draws_the_same_lan_again_and_another_seed_another() -> None:
    assert draw(LARGE, 5) == draw(LARGE, 5)
    assert draw(LARGE, 5).addresses != draw(LARGE, 6).addresses


def test_nobody_lives_at_our_address_or_at_the_edges() -> None:
    for seed in range(20):
        truth = draw(SMALL, seed)
        assert not truth.addresses & {"10.77.0.0", "10.77.0.2", "10.77.0.255"}


def test_air_that_does_nothing_has_no_options() -> None:
    assert Air().arguments() == []
    assert LOSSY.arguments() == ["--delay-ms", "1", "8", "--loss", "5", "--ps-frac", "50", "--ps-ms", "0", "300"]
    assert SCENARIOS["icmp"].air == Air(icmp_burst=6, icmp_rate=1)


def test_likely_services_count_as_found_and_false_ones_are_told_apart() -> None:
    found = Findings(
        hosts=frozenset({"10.77.0.1", "10.77.0.2", "10.77.0.77"}),
        open=frozenset({"tcp/80/10.77.0.1"}),
        maybe=frozenset({"udp/30303/10.77.0.9", "udp/3232/10.77.0.9", "udp/1900/10.77.0.9"}),
    )
    figures = sweep_figures(found, LAN, asks=ALL)
    assert figures["hosts"] == 1
    assert figures["hosts_false"] == 1
    assert figures["services"] == 1
    assert figures["recall"] == 1.0
    assert figures["open_false"] == 1
    assert figures["maybe_false"] == 1
    missed, false = misses(found, LAN, asks=ALL)
    assert missed == ("10.77.0.9 (spa)",)
    assert false == ("10.77.0.77", "tcp/80/10.77.0.1 open", "udp/3232/10.77.0.9 maybe")


def test_ports_that_a_program_does_not_ask_do_not_count_against_it() -> None:
    truth = replace(LAN, hosts=(*LAN.hosts, Host(address="10.77.0.10", kind="web", services=(("tcp", 80, "http"),))))
    assert sweep_figures(Findings(open=frozenset({"udp/30303/10.77.0.9"})), truth, asks=UDP)["recall"] == 1.0
    assert "services" not in sweep_figures(Findings(), truth, asks=frozenset())


def test_the_last_result_is_the_last_true_one() -> None:
    events = (
        (0.01, "host", "10.77.0.9"),
        (0.05, "open", "udp/30303/10.77.0.9"),
        (0.4, "closed", "udp/3232/10.77.0.9"),
        (0.9, "maybe", "udp/3232/10.77.0.9"),
    )
    figures = sweep_figures(Findings(events=events, first_packet=5.0), LAN, asks=ALL)
    assert figures["last"] == 0.05
    assert figures["last_host"] == 0.01


def test_closed_ports_are_counted_by_the_time_since_the_program_started() -> None:
    events = ((0.5, "closed", "udp/3232/10.77.0.9"), (0.6, "closed", "udp/3232/10.77.0.9"), (0.7, "closed", "udp/30303/10.77.0.9"))
    found = Findings(events=events, first_packet=10.2, closed=frozenset({"udp/3232/10.77.0.9"}))
    times = closed_times(found, LAN, start=10.0)
    assert [round(one, 6) for one in times] == [0.7]  # told twice, and a service is not a closed port
    one = replace(row("espied", closed_at=times), figures=sweep_figures(found, LAN, asks=ALL))
    assert unanswered_at(one, 0.69) == 13
    assert unanswered_at(one, 0.71) == 12 == one.figures["unanswered"]


def test_mdns_is_complete_only_with_the_last_one() -> None:
    found = Findings(found=frozenset("ab"), resolved=frozenset("ab"), resolved_at=(0.1, 0.3))
    assert mdns_figures(found, 2)["all_resolved"] == 0.3
    assert mdns_figures(found, 3)["all_resolved"] == math.inf
    assert mdns_figures(found, 4)["found_share"] == 0.5


RATIO = Check(goal=1, scenario="clean", ours="espied", figure="wall", relation=Relation.AT_MOST, theirs="nmap -T5 r1", factor=1.1)


def test_a_ratio_compares_medians_and_leaves_failed_runs_out() -> None:
    rows = [
        row("espied", wall=1.0),
        row("espied", 1, wall=9.0, trouble="killed"),
        row("nmap -T5 r1", wall=1.0),
        row("nmap -T5 r1", 1, wall=3.0),
        row("nmap -T5 r1", 2, wall=0.9),
    ]
    verdict = judge(RATIO, rows)
    assert verdict.passed is True
    assert verdict.limit == 1.1


def test_without_a_figure_there_is_no_verdict() -> None:
    assert judge(RATIO, [row("espied", wall=1.0)]).passed is None
    assert judge(RATIO, [row("nmap -T5 r1", wall=1.0)]).passed is None


def test_the_worst_run_counts_where_none_may_be_wrong() -> None:
    check = Check(goal=6, scenario="icmp", ours="espied", figure="open_false", relation=Relation.AT_MOST, worst=True)
    assert judge(check, [row("espied", open_false=0), row("espied", 1, open_false=0), row("espied", 2, open_false=1)]).passed is False


def test_more_is_more_unless_there_is_no_more() -> None:
    check = Check(
        goal=8, scenario="mdns1000", ours="espied browse", figure="found", relation=Relation.MORE, theirs="python-zeroconf", most=1000
    )
    assert judge(check, [row("espied browse", found=990), row("python-zeroconf", found=990)]).passed is False
    assert judge(check, [row("espied browse", found=1000), row("python-zeroconf", found=1000)]).passed is True


def test_at_equal_time_each_turn_is_compared_with_its_own() -> None:
    check = Check(
        goal=6, scenario="icmp", ours="espied", figure="unanswered", relation=Relation.AT_MOST, theirs="nmap -T5 r1", at_their_time=True
    )
    rows = [
        row("espied", 0, closed_at=(0.2, 0.4, 2.0), unanswered=1),
        row("espied", 1, closed_at=(0.2, 0.4, 2.0), unanswered=1),
        row("nmap -T5 r1", 0, wall=0.5, unanswered=2),
        row("nmap -T5 r1", 1, wall=0.5, unanswered=2),
    ]
    verdict = judge(check, rows)
    assert verdict.ours == 2
    assert verdict.passed is True


def test_every_check_names_who_takes_part() -> None:
    for check in CHECKS:
        scenario = SCENARIOS[check.scenario]
        assert {check.ours, check.theirs} - {""} <= set(scenario.contestants), check
    for scenario in SCENARIOS.values():
        assert set(scenario.contestants) <= set(CONTESTANTS)


def test_every_goal_has_a_scenario() -> None:
    assert all(scenarios_of(goal) for goal in range(1, 10))
    assert contestants_of(3, "lossy") == ("espied", "nmap -T4")


def test_figures_are_written_as_people_do() -> None:
    assert median_range([]) == "-"
    assert median_range([78, 78, 78]) == "78"
    assert median_range([0, 0, 1], 1) == "0 (0-1)"
    assert median_range([0.5, 0.72, 0.61]) == "0.61 (0.50-0.72)"
    assert median_range([math.inf, 0.5, math.inf]) == "never (0.50-never)"
