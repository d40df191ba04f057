"""The system's clock, for those who compare times."""

from __future__ import annotations

import time

import pytest

from discover.net.clock import AHEAD, SystemClock


class Times:
    """A system whose two clocks are set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 1_760_000_000.0
        self.mono = 50.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.mono)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds


def test_wall_time_follows_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    clock = SystemClock()
    times.pass_by(12.5)
    assert clock.wall() == times.wall


def test_a_clock_that_is_set_back_does_not_take_ours_along(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    clock = SystemClock()
    times.pass_by(10.0)
    before = clock.wall()
    times.wall -= 3600.0
    times.pass_by(1.0)
    assert clock.wall() == before + 1.0


def test_a_machine_that_slept_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    clock = SystemClock()
    times.wall += 8 * 3600.0  # CLOCK_MONOTONIC stands still in a suspend
    assert clock.wall() == times.wall
    times.pass_by(2.0)
    assert clock.wall() == times.wall


def test_a_clock_that_is_disciplined_a_little_is_not_followed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    clock = SystemClock()
    times.wall += AHEAD / 2
    times.pass_by(1.0)
    assert clock.wall() == times.wall - AHEAD / 2
