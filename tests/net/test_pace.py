"""Budgets hold for every order of requests and every clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.net.pace import Bucket, Pace, Window
from discover.net.policy import Policy

steps = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.one_of(st.just(0.0), st.floats(min_value=0, max_value=0.7))), min_size=1, max_size=400
)


def run(pace: Pace, plan: list[tuple[str, float]]) -> list[tuple[float, str]]:
    """Send as the gate does: wait until both budgets say 0.0, then spend."""
    now = 100.0
    sent = []
    for host, pause in plan:
        now += pause
        while (wait := max(pace.host_wait(host, now), pace.overall_wait(now))) > 0:
            now += wait
        pace.spend(host, now)
        sent.append((now, host))
    return sent


@settings(max_examples=60, deadline=None)
@given(steps)
def test_no_window_of_a_second_holds_more_than_the_hosts_limit(plan: list[tuple[str, float]]) -> None:
    sent = run(Pace(Policy(host_packets=7)), plan)
    for host in "abc":
        times = [when for when, to in sent if to == host]
        assert all(later - first > 1.0 for first, later in zip(times, times[7:], strict=False))


@settings(max_examples=60, deadline=None)
@given(steps)
def test_no_window_holds_more_than_burst_and_rate_allow(plan: list[tuple[str, float]]) -> None:
    times = [when for when, _ in run(Pace(Policy(host_packets=1000, overall_rate=20, overall_burst=10)), plan)]
    for start in range(len(times)):
        for end in range(start, min(len(times), start + 60)):
            assert end - start + 1 <= 10 + 20 * (times[end] - times[start]) + 1e-6


@given(st.floats(min_value=0.1, max_value=1e4), st.floats(min_value=1, max_value=1e4))
def test_waiting_as_long_as_told_is_enough(rate: float, burst: float) -> None:
    bucket = Bucket(rate, burst)
    now = 5.0
    for _ in range(int(min(burst, 200)) + 2):
        now += bucket.wait(now)
        now += bucket.wait(now)  # the rounding of a float may leave one shortest wait
        assert bucket.wait(now) == 0.0
        bucket.spend(now)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    bucket = Bucket(rate=1.0, burst=1.0)
    bucket.spend(10.0)
    assert bucket.wait(3.0) == 1.0
    assert bucket.wait(10.0) == 1.0
    assert bucket.wait(11.0) == 0.0


def test_idle_hosts_are_forgotten_and_busy_ones_are_not() -> None:
    pace = Pace(Policy(overall_rate=1e9, overall_burst=1e9, host_packets=1))
    for number in range(5000):
        pace.spend(f"host{number}", 0.0 if number < 4000 else 10.0)
    assert pace.host_wait("host4999", 10.0) > 0
    assert pace.host_wait("host4001", 10.0) > 0
    assert pace.host_wait("host3", 10.0) == 0.0
    assert len(pace._hosts) < 4200


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "four", "back", "open", "fragile"]),
            st.one_of(st.just(0.0), st.floats(min_value=0, max_value=0.6)),
        ),
        max_size=200,
    )
)
def test_a_window_holds_its_limit_whatever_is_set_aside_and_when_the_limit_falls(plan: list[tuple[str, float]]) -> None:
    window, now, held = Window(12, 1.0), 50.0, 0
    sent: list[float] = []
    small_since, held_then = float("inf"), 0
    for step, pause in plan:
        now += pause
        room = 4 if step == "four" else 1
        if step in {"one", "four"} and window.wait(now, room) == 0.0:
            window.spend(now)
            window.hold(room - 1)
            held += room - 1
            sent.append(now)
        elif step in {"back", "open"} and held:
            window.hold(-3)
            held -= 3
            if step == "open":
                window.spend(now, 3)
                sent.extend([now] * 3)
        elif step == "fragile" and window.limit == 12:
            window.limit = 5
            small_since, held_then = now, held
    for start, first in enumerate(sent):
        inside = sum(1 for one in sent[start:] if one <= first + 1.0)
        assert inside <= 12
        if first > small_since:
            assert inside <= max(5, held_then), "what was set aside before the limit fell may still come"


def test_fragile_hosts_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.net.pace._FRAGILE_MOST", 10)
    pace = Pace(Policy(fragile_packets=1))
    for number in range(15):
        pace.mark_fragile(f"host{number}")
        pace.mark_fragile("host0")
    assert len(pace._fragile) == 10
    for host in ("host0", "host1", "host14"):
        pace.spend(host, 1.0)
    assert pace.host_wait("host0", 1.0) > 0, "marked again and again, and so not the oldest"
    assert pace.host_wait("host1", 1.0) == 0.0
    assert pace.host_wait("host14", 1.0) > 0
