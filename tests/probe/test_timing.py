"""What the air is like: waits that follow what was measured, and never leave their bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.probe.timing import (
    LEAST_TIMEOUT,
    LOSS_PRIOR,
    MOST_CONFIRMATIONS,
    MOST_TIMEOUT,
    SAMPLES_NEEDED,
    SLOW_GRAIN,
    UNKNOWN_TIMEOUT,
    Air,
    Distribution,
)

BUCKET = 1.12
"""Each bucket is 12 % wider than the one before: a quantile is true to that."""
LEAST = 1e-4 * BUCKET
"""The first bucket's upper edge: what is quicker is not told apart."""

seconds = st.one_of(st.floats(0, 5), st.floats(0, 0.05), st.sampled_from([0.0, 1e-4, 0.001, 0.35, 5.0]))
shares = st.floats(0.01, 1.0)


def distribution(times: list[float]) -> Distribution:
    made = Distribution()
    for one in times:
        made.add(one)
    return made


@given(st.lists(seconds, min_size=1, max_size=200), shares)
def test_a_quantile_is_the_sorted_lists_to_one_bucket(times: list[float], share: float) -> None:
    ranked = sorted(times)
    found = distribution(times).quantile(share)
    low = ranked[max(0, math.ceil(share * len(ranked) - 1e-6) - 1)]
    high = ranked[min(len(ranked) - 1, math.ceil(share * len(ranked) + 1e-6) - 1)]
    assert low * (1 - 1e-9) <= found <= max(high * BUCKET, LEAST) * (1 + 1e-9)
    assert found <= ranked[-1]


@given(st.lists(seconds, min_size=1, max_size=100), shares, shares)
def test_a_larger_share_takes_no_less_time(times: list[float], one: float, other: float) -> None:
    made = distribution(times)
    assert made.quantile(min(one, other)) <= made.quantile(max(one, other))


@given(st.lists(seconds, max_size=100), st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_the_longer_the_fewer_survive(times: list[float], moments: list[float]) -> None:
    made = distribution(times)
    shown = [made.survival(one) for one in sorted(moments)]
    assert all(0.0 <= one <= 1.0 for one in shown)
    assert all(before >= after for before, after in pairwise(shown))


@given(st.lists(seconds, min_size=1, max_size=200), seconds)
def test_survival_is_the_share_that_took_longer_to_one_bucket(times: list[float], moment: float) -> None:
    shown = distribution(times).survival(moment)
    at_most = sum(one * BUCKET * (1 + 1e-9) >= moment for one in times)
    at_least = sum(one > max(moment * BUCKET, LEAST) * (1 + 1e-9) for one in times)
    assert (at_least + 0.0) / (len(times) + 1) <= shown <= (at_most + 0.5) / (len(times) + 1)


def test_of_nothing_measured_nothing_is_known() -> None:
    assert Distribution().quantile(0.5) == 0.0
    assert Distribution().survival(1.0) == 1.0


def test_beyond_the_longest_time_there_may_be_more() -> None:
    made = distribution([0.01] * 99)
    assert 0.0 < made.survival(1.0) < made.survival(0.02) < 0.01


def test_times_beyond_all_buckets_are_counted() -> None:
    made = distribution([100.0, 1000.0])
    assert made.count == 2
    assert made.longest == 1000.0
    assert made.quantile(1.0) > 5.0


# The air.


def air(*, good: int = 0, lost: int = 0, trip: float = 0.004) -> Air:
    made = Air()
    for _ in range(good):
        made.answered(trip, measured=True)
    for _ in range(lost):
        made.lost()
    return made


steps = st.lists(
    st.one_of(
        st.tuples(st.just("answered"), st.floats(0, 60), st.booleans()),
        st.tuples(st.just("late"), st.floats(0, 60), st.booleans()),
        st.tuples(st.just("lost"), st.just(0.0), st.booleans()),
        st.tuples(st.just("suspect"), st.sampled_from([-1.0, 1.0]), st.booleans()),
        st.tuples(st.just("wait"), st.floats(0, 3), st.booleans()),
    ),
    max_size=150,
)


@given(steps)
def test_waits_and_loss_keep_their_bounds_whatever_comes(happened: list[tuple[str, float, bool]]) -> None:
    made = Air()
    now = 1000.0
    for what, number, measured in happened:
        match what:
            case "answered":
                made.answered(number, measured=measured)
            case "late":
                made.late(number)
            case "lost":
                made.lost()
            case "suspect":
                made.suspect(int(number))
            case _:
                now += number
                made.tick(now)
        assert LEAST_TIMEOUT <= made.timeout <= MOST_TIMEOUT
        assert 0.0 < made.loss <= 0.6
        assert 2 <= made.tries(0.003, least=2, most=4) <= 4
        assert (
            2
            <= made.confirmations()
            <= made.confirmations(0.03)
            <= made.confirmations(0.5)
            <= made.confirmations(1.0)
            <= MOST_CONFIRMATIONS
        )


def test_while_nothing_is_known_power_save_is_expected() -> None:
    assert air().timeout == UNKNOWN_TIMEOUT
    assert air(good=SAMPLES_NEEDED - 1).timeout == UNKNOWN_TIMEOUT
    assert air().loss == pytest.approx(LOSS_PRIOR)


def test_the_more_quick_answers_the_shorter_the_wait() -> None:
    made, waits = Air(), []
    for number in range(300):
        made.tick(number / 100)
        made.answered(0.004, measured=True)
        waits.append(made.timeout)
    assert all(before >= after for before, after in pairwise(waits))
    assert waits[0] == UNKNOWN_TIMEOUT
    assert waits[-1] <= 0.05


@pytest.mark.parametrize("slow", [0.05, 0.1, 0.3])
def test_no_answer_that_is_usual_comes_too_late(slow: float) -> None:
    made = Air()
    for number in range(200):
        made.tick(number / 50)
        made.answered(slow if number % 10 == 0 else 0.005, measured=True)
    assert slow < made.timeout <= MOST_TIMEOUT


def test_slow_air_makes_waits_longer_again() -> None:
    made = air(good=100, trip=0.003)
    made.tick(0.0)
    quick = made.timeout
    for number in range(200):
        made.tick(number / 50)
        made.late(0.2)
    assert made.timeout > max(quick, 0.2)


@pytest.mark.parametrize("slow", [0.0, 0.0001, 0.004, 0.01])
@pytest.mark.parametrize("good", [SAMPLES_NEEDED, 30, 200])
def test_on_a_clean_lan_answers_are_read_at_once(slow: float, good: int) -> None:
    made = air(good=good, trip=slow)
    assert made.timeout > 0
    assert made.rest == 0.0


@pytest.mark.parametrize("slow", [0.02, 0.1, 0.3, 0.8])
def test_on_slow_air_answers_may_wait_to_be_read_for_a_part_of_what_they_took(slow: float) -> None:
    made = Air()
    for number in range(200):
        made.tick(number / 20)
        made.answered(slow if number % 10 == 0 else 0.005, measured=True)
    timeout = made.timeout
    assert 0.0 < made.rest <= made.grain <= max(timeout / 8, SLOW_GRAIN)
    assert slow + made.rest < timeout, "an answer that is usual is read before it is given up"


def test_while_little_is_known_of_the_air_answers_are_read_at_once() -> None:
    made = air(good=SAMPLES_NEEDED - 1, trip=0.3)
    assert made.timeout == UNKNOWN_TIMEOUT
    assert made.rest == 0.0


@given(st.integers(0, 300), st.integers(0, 100))
def test_more_loss_means_no_fewer_tries(good: int, lost: int) -> None:
    less, more = air(good=good, lost=lost), air(good=good, lost=lost + 1)
    assert less.loss <= more.loss
    for most in (4, 9):
        assert less.tries(0.003, least=2, most=most) <= more.tries(0.003, least=2, most=most)
    for renewed in (0.0, 0.03, 0.3):
        assert less.confirmations(renewed) <= more.confirmations(renewed)


@given(st.integers(0, 300), st.integers(0, 30), st.floats(1e-4, 0.1))
def test_a_smaller_chance_to_miss_takes_no_fewer_tries(good: int, lost: int, miss: float) -> None:
    made = air(good=good, lost=lost)
    assert made.tries(miss, least=1, most=9) <= made.tries(miss / 10, least=1, most=9)


@given(st.integers(0, 300), st.integers(0, 30), st.integers(0, 500))
def test_the_more_closed_ports_were_silent_the_more_is_asked_of_a_silence(good: int, lost: int, closed: int) -> None:
    made = air(good=good, lost=lost)
    made.closed += closed
    before = made.confirmations()
    made.doubt(+1)
    doubtful = made.confirmations()
    made.doubt(-1)
    assert made.confirmations() == before <= doubtful
    for _ in range(closed // 2):
        made.mistaken()
    assert made.confirmations() >= before
    if closed > 100:
        assert made.confirmations() >= 6


def test_a_question_that_is_not_answered_in_time_counts_as_lost_until_it_is() -> None:
    made = air(good=20)
    before = made.loss
    made.suspect(+1)
    assert made.loss > before
    made.suspect(-1)
    assert made.loss == before


def test_errors_that_are_rationed_say_nothing_about_loss() -> None:
    made = air(good=5, lost=5)
    before = made.loss
    for _ in range(100):
        made.answered(0.004, measured=False)
    assert made.loss == before
