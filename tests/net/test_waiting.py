"""The bell and the mailbox's listener: called back at the right time, once, and never from inside who puts something in."""

from __future__ import annotations

import pytest

from discover.net.mailbox import Mailbox
from discover.net.virtual import VirtualClock
from discover.net.waiting import Bell


class Struck:
    """A bell on a virtual clock, and when it struck."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.times: list[float] = []
        self.late: list[float] = []
        self.bell = Bell(self.clock, self._strike)

    def _strike(self, late: float) -> None:
        self.times.append(self.clock.mono())
        self.late.append(late)


async def test_a_bell_strikes_once_at_its_time() -> None:
    struck = Struck()
    struck.bell.set(0.5)
    await struck.clock.sleep(2.0)
    assert struck.times == [0.5]
    assert struck.late == [0.0]


async def test_the_time_set_last_is_the_one_that_counts() -> None:
    struck = Struck()
    for when in (0.5, 0.2, 0.2, 0.7):
        struck.bell.set(when)
    await struck.clock.sleep(2.0)
    assert struck.times == [0.7]


async def test_a_bell_that_is_rung_strikes_now_whatever_is_set_then() -> None:
    struck = Struck()
    struck.bell.set(0.5)
    struck.bell.ring()
    struck.bell.ring()
    struck.bell.set(0.7)
    await struck.clock.sleep(2.0)
    assert struck.times == [0.0]
    assert struck.late == [0.0]


async def test_a_time_that_has_passed_is_now_and_no_oversleeping() -> None:
    struck = Struck()
    await struck.clock.sleep(1.0)
    struck.bell.set(0.2)
    await struck.clock.sleep(1.0)
    assert struck.times == [1.0]
    assert struck.late == [0.0]


@pytest.mark.parametrize("how", ["none", "cancel"])
async def test_a_bell_can_be_called_off(how: str) -> None:
    struck = Struck()
    struck.bell.set(0.5)
    if how == "none":
        struck.bell.set(None)
    else:
        struck.bell.cancel()
        struck.bell.cancel()
    await struck.clock.sleep(2.0)
    assert not struck.times
    struck.bell.set(2.5)
    await struck.clock.sleep(1.0)
    assert struck.times == [2.5], "it can be set again"


class Heard:
    """A mailbox with a listener, and what it took at each call."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.box: Mailbox[int] = Mailbox(self.clock.call_later)
        self.calls: list[list[int]] = []
        self.box.listen(self._hear)

    def _hear(self) -> None:
        taken = []
        while (event := self.box.take()) is not None:
            taken.append(event)
        self.calls.append(taken)


async def test_a_listener_gets_what_came_together_in_one_call_and_not_from_inside() -> None:
    heard = Heard()
    heard.box.put(1)
    heard.box.put(2)
    assert not heard.calls
    await heard.clock.sleep(0.1)
    heard.box.put(3)
    await heard.clock.sleep(0.1)
    assert heard.calls == [[1, 2], [3]]


async def test_who_reads_a_batch_hands_it_over_at_its_end() -> None:
    heard = Heard()
    heard.box.holding = True
    heard.box.put(1)
    heard.box.put(2)
    heard.box.holding = False
    heard.box.flush()
    heard.box.flush()
    await heard.clock.sleep(0.1)
    assert heard.calls == [[1, 2]]


async def test_a_listener_that_comes_late_gets_what_is_there_and_one_that_left_nothing() -> None:
    heard = Heard()
    heard.box.listen(None)
    heard.box.put(1)
    await heard.clock.sleep(0.1)
    assert not heard.calls
    heard.box.listen(heard._hear)
    await heard.clock.sleep(0.1)
    assert heard.calls == [[1]]


async def test_who_waits_for_an_event_comes_first() -> None:
    heard = Heard()
    heard.clock.script(0.5, lambda: heard.box.put(7))
    assert await heard.box.get(1.0) == 7
    assert not heard.calls


async def test_a_time_can_be_brought_forward_and_not_put_off() -> None:
    struck = Struck()
    for when in (0.5, 0.7, 0.3, None, 0.4):
        struck.bell.set_no_later(when)
    await struck.clock.sleep(2.0)
    assert struck.times == [0.3]
