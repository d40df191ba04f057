"""Decisions of the ladder that a scripted network does not come to by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from discover.model.check import Hop, Verdict
from discover.model.device import Password
from discover.ota.actions import (
    Action,
    AskNeighbours,
    Connect,
    Done,
    Event,
    Failed,
    Known,
    Listen,
    Report,
    Resolve,
    Route,
    Send,
    Silence,
    Unreachable,
    Use,
)
from discover.ota.ladder import Ladder
from discover.ota.target import Announcement, Host
from tests.ota.driving import Trace, play

HOST = Host(name="192.168.1.20", port=None, literal=True)
MAC = "24:6f:28:00:00:01"
FOUND = Announcement(kind="arduino", port=3232, transport="udp", password=Password.NO, heard=True)


def climb(neighbours: list[Event], *, heard: list[Event] | None = None, found: Announcement = FOUND, on_link: bool = True) -> Trace:
    """Play a host that keeps silent; the neighbour table answers in turn, the last word again and again."""
    rows: Iterator[Event] = iter(neighbours)
    last: list[Event] = [neighbours[-1]]
    ears = iter(heard or [])

    def answer(action: Action) -> Event:
        match action:
            case Use(addresses):
                return Route(addresses[0], "lan0", "192.168.1.2", on_link=on_link)
            case AskNeighbours():
                return next(rows, last[0])
            case Listen():
                return next(ears, Silence())
            case _:
                return Done()

    return play(Ladder(HOST, found).climb(), answer)


@pytest.mark.parametrize(
    ("rows", "verdict", "steps"),
    [
        # Still in the table from before, and given up while we knocked.
        ([Known(MAC, "stale"), Known("", "failed")], Verdict.HOST_DOWN, ["host up:fail"]),
        ([Known(MAC, "stale"), Known(MAC, "delay"), Known(MAC, "probe")], Verdict.NO_ANSWER, ["host up:warn", "knock:warn"]),
        ([Known(MAC, "reachable")], Verdict.NO_ANSWER, ["host up:pass", "knock:warn"]),
        ([Known("", "incomplete")], Verdict.HOST_DOWN, ["host up:fail"]),
        ([Known("", "")], Verdict.HOST_DOWN, ["host up:fail"]),
        ([Failed("no permission")], Verdict.NO_ANSWER, ["host up:warn", "knock:warn"]),
    ],
)
def test_what_the_neighbour_table_makes_of_silence(rows: list[Event], verdict: Verdict, steps: list[str]) -> None:
    trace = climb(rows)
    assert trace.result.verdict is verdict
    assert trace.steps[3 : 3 + len(steps)] == steps


def test_an_untouched_one_that_sleeps_is_in_doubt_at_the_host() -> None:
    old = Announcement(kind="esphome", port=3232, transport="tcp", version="2024.10.3", heard=True, said="It announces it.")
    trace = climb([Known(MAC, "stale"), Known(MAC, "delay")], found=old)
    assert (trace.result.verdict, trace.result.hop, trace.connects) == (Verdict.NO_ANSWER, Hop.HOST, [])


@pytest.mark.parametrize(
    ("row", "verdict"),
    [(Known("", ""), Verdict.BLOCKED), (Known("", "incomplete"), Verdict.HOST_DOWN), (Known("", "failed"), Verdict.HOST_DOWN)],
)
def test_a_connection_that_never_left_this_machine_is_no_sign_of_an_absent_host(row: Known, verdict: Verdict) -> None:
    def answer(action: Action) -> Event:
        match action:
            case Use(addresses):
                return Route(addresses[0], "lan0", "192.168.1.2", on_link=True)
            case AskNeighbours():
                return row
            case Connect():
                return Silence()
            case Send():
                return Failed("the firewall of this machine forbids it")
            case _:
                return Done()

    node = Announcement(kind="esphome", port=3232, transport="tcp", version="2026.6.5", heard=True)
    assert play(Ladder(HOST, node).climb(), answer).result.verdict is verdict


def test_beyond_a_router_the_neighbour_table_says_nothing() -> None:
    trace = climb([Known("", "failed")], on_link=False)
    assert trace.result.verdict is Verdict.NO_ANSWER
    assert not any(isinstance(one, AskNeighbours) for one in trace.actions)


def test_the_kernels_word_that_nobody_answers_ends_the_check() -> None:
    trace = climb([Known("", "incomplete")], heard=[Silence(), Unreachable("EHOSTUNREACH")])
    assert trace.result.verdict is Verdict.HOST_DOWN
    assert "EHOSTUNREACH" in next(step for step in _details(trace) if "nobody answers" in step)


def test_an_esphome_that_does_not_answer_and_is_in_no_table_is_down() -> None:
    found = Announcement(kind="esphome", port=3232, transport="tcp", version="2026.10.0", heard=True)

    def answer(action: Action) -> Event:
        match action:
            case Use(addresses):
                return Route(addresses[0], "lan0", "192.168.1.2", on_link=True)
            case AskNeighbours():
                return Known("", "failed")
            case Resolve():
                return Failed("no resolver")
            case _:
                return Silence()

    trace = play(Ladder(HOST, found).climb(), answer)
    assert (trace.result.verdict, trace.result.level) == (Verdict.HOST_DOWN, 1)


def _details(trace: Trace) -> list[str]:
    return [one.step.detail for one in trace.actions if isinstance(one, Report)]
