"""The rhythm of browsing: RFC 6762 section 5.2."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from discover.net.mdns.schedule import LONGEST, SECOND, Schedule


def low(least: float, _most: float) -> float:
    return least


def times(schedule: Schedule, until: float) -> list[tuple[float, list[str], list[str]]]:
    found = []
    while (when := schedule.next_due()) is not None and when <= until:
        assert schedule.take(when - 0.001) == ([], [])
        found.append((round(when, 3), *schedule.take(when)))
    return found


def test_the_first_question_after_a_moment_the_second_after_a_second_then_ever_less_often() -> None:
    schedule = Schedule(low)
    assert schedule.next_due() is None
    schedule.add(["a", "b"], 0.0)
    asked = times(schedule, 10.0)
    assert asked[0] == (0.02, ["a", "b"], [])
    assert [when for when, _, _ in asked] == [0.02, 1.12, 3.32, 7.72]
    assert all(again == ["a", "b"] and not first for _, first, again in asked[1:])
    later = [when for when, _, _ in times(schedule, 100_000.0)]
    assert later[-1] - later[-2] == LONGEST
    assert all(one >= 1.0 for one in (SECOND, asked[1][0] - asked[0][0]))


def test_types_that_turn_up_together_are_asked_for_together() -> None:
    schedule = Schedule(low)
    schedule.add(["a"], 0.0)
    schedule.take(0.02)
    schedule.add(["b"], 0.5)
    schedule.add(["c", "a"], 0.51)
    assert schedule.take(0.52) == (["b", "c"], [])
    assert schedule.next_due() == 0.02 + SECOND


def test_a_refresh_is_one_question_more_but_not_within_a_second() -> None:
    schedule = Schedule(low)
    schedule.add(["a"], 0.0)
    schedule.take(0.02)
    schedule.refresh(["a", "unknown"], 0.1)
    assert schedule.next_due() == 0.02 + SECOND
    schedule.take(0.02 + SECOND)
    schedule.refresh(["a"], 3600.0)
    assert schedule.take(3600.05) == ([], ["a"])


@given(st.lists(st.tuples(st.sampled_from(["add", "refresh", "take"]), st.sampled_from("abc"), st.floats(0, 5)), max_size=60))
def test_no_type_is_asked_for_twice_within_a_second(steps: list[tuple[str, str, float]]) -> None:
    schedule = Schedule(low)
    now = 0.0
    last: dict[str, float] = {}
    for step, name, pause in steps:
        now += pause
        match step:
            case "add":
                schedule.add([name], now)
            case "refresh":
                schedule.refresh([name], now)
            case _:
                first, again = schedule.take(now)
                assert not set(first) & set(last)
                assert set(again) <= set(last)
                for one in (*first, *again):
                    assert now - last.get(one, -10.0) >= 1.0
                    last[one] = now
