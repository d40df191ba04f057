"""The roll call on plain numbers as time: everybody is asked, nobody is called absent who was not, and it ends."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.probe.roll import ARP_GIVES_UP, ARP_RETRY, LIMIT, TRIES, Means, Roll, Window
from discover.probe.timing import Air

KERNEL_GIVES_UP: Final = 3.07
MOST_STEPS: Final = 20_000
MOST_IDLE: Final = 3


def names(count: int) -> list[str]:
    return [f"a{number}" for number in range(count)]


def roll(count: int, means: Means = Means.KERNEL, *, air: Air | None = None, window: Window | None = None) -> Roll:
    return Roll(names(count), count, means=means, air=air or Air(), window=window or Window(900))


def ask_all(made: Roll, now: float) -> list[str]:
    """Ask everybody who is to be asked now."""
    asked = []
    while (address := made.wants(now)) is not None:
        made.asked(address, now)
        asked.append(address)
    return asked


def clean_air() -> Air:
    air = Air()
    for _ in range(200):
        air.answered(0.004, measured=True)
    return air


# The window.


def test_a_window_gives_out_as_many_places_as_it_has() -> None:
    window = Window(3)
    for left in (2, 1, 0):
        window.take()
        assert window.free(0.0) == left
    window.give()
    assert window.free(0.0) == 1
    assert window.next_time() is None


def test_places_that_linger_come_back_at_their_time() -> None:
    window = Window(10)
    for _ in range(10):
        window.take()
    window.linger(5.0, 4)
    window.linger(3.0, 6)
    assert window.next_time() == 3.0
    assert window.free(2.9) == 0
    assert window.free(3.0) == 6
    assert window.next_time() == 5.0
    assert window.free(100.0) == 10
    assert window.next_time() is None


@given(st.integers(0, 50), st.lists(st.tuples(st.sampled_from(["take", "give", "linger", "wait"]), st.integers(0, 5)), max_size=80))
def test_no_place_is_lost_or_made_up(limit: int, steps: list[tuple[str, int]]) -> None:
    window, taken, now = Window(limit), 0, 0.0
    for what, number in steps:
        if what == "take" and window.free(now) > 0:
            window.take()
            taken += 1
        elif what == "give" and taken:
            window.give()
            taken -= 1
        elif what == "linger" and taken >= number:
            window.linger(now + 3.2, number)
            taken -= number
        elif what == "wait":
            now += number
        assert 0 <= window.free(now) <= limit - taken
    assert window.free(now + 10.0) == limit - taken


# One by one.


def test_addresses_are_asked_in_order_and_once_each_by_the_kernels_means() -> None:
    made = roll(300)
    assert ask_all(made, 0.0) == names(300)
    assert made.wants(0.1) is None
    assert not made.finished
    assert made.tested == 0


def test_nobody_answered_is_all_unanswered_and_only_after_the_kernels_last_try() -> None:
    made = roll(100)
    ask_all(made, 0.0)
    made.step(3.0)
    assert made.tested == 0
    made.step(ARP_GIVES_UP)
    assert made.finished
    assert (made.tested, made.unanswered) == (100, 100)
    assert made.next_time(ARP_GIVES_UP) is None


def test_a_late_answer_corrects_the_count() -> None:
    made = roll(10)
    ask_all(made, 0.0)
    made.step(5.0)
    assert (made.tested, made.unanswered) == (10, 10)
    made.alive("a3", 6.0)
    made.alive("a3", 7.0)
    assert (made.tested, made.unanswered) == (10, 9)


def test_who_speaks_unasked_is_no_more_than_one_of_those_planned() -> None:
    made = roll(10)
    made.alive("a3", 0.0)
    made.alive("elsewhere", 0.0)
    assert (made.tested, made.unanswered) == (0, 0)
    ask_all(made, 0.0)
    assert (made.tested, made.unanswered) == (1, 0)
    made.step(5.0)
    assert (made.tested, made.unanswered) == (10, 9)


def test_a_failure_that_the_table_remembers_from_before_is_not_about_us() -> None:
    made = roll(3)
    made.failed("a0", 5.0)  # never asked
    ask_all(made, 5.0)
    made.failed("a0", 5.1)  # before the kernel could have given up
    assert made.tested == 0
    made.failed("a0", 5.0 + ARP_RETRY + 0.1)
    assert (made.tested, made.unanswered) == (1, 1)
    made.alive("a0", 9.0)  # it was only slow
    assert made.unanswered == 0


def test_an_address_that_the_system_refuses_stays_untested() -> None:
    made = roll(3)
    for address in names(3):
        assert made.wants(0.0) == address
        made.skip(address)
    assert made.finished
    assert (made.tested, made.unanswered) == (0, 0)


def test_a_full_window_holds_the_rest_back_until_places_come_back() -> None:
    window = Window(10)
    made = roll(25, window=window)
    assert len(ask_all(made, 0.0)) == 10
    assert made.wants(1.0) is None
    made.alive("a0", 1.0)
    assert ask_all(made, 1.0) == ["a10"]
    made.step(ARP_GIVES_UP)
    assert len(ask_all(made, ARP_GIVES_UP)) == 9


def test_addresses_no_longer_waited_for_still_fill_the_kernels_table() -> None:
    window = Window(100)
    made = roll(150, air=clean_air(), window=window)
    asked = ask_all(made, 0.0)
    for address in asked[:40]:
        made.alive(address, 0.005)
    ask_all(made, 0.005)
    made.step(1.0)
    assert made.tested > 100, "on clean air nobody else is to be expected"
    assert window.free(1.0) < 100
    assert window.free(KERNEL_GIVES_UP) <= 100
    assert window.free(0.005 + ARP_GIVES_UP) == 100


def test_on_clean_air_it_ends_soon_after_the_last_answer_but_not_at_once() -> None:
    made = roll(250, air=clean_air())
    ask_all(made, 0.0)
    for number in range(60):
        made.alive(f"a{number * 4}", 0.004)
    made.step(0.05)
    assert not made.finished, "a device in power save has not woken yet"
    made.step(0.5)
    assert made.finished


def test_on_lossy_air_it_waits_for_the_kernels_next_try() -> None:
    air = clean_air()
    for _ in range(30):
        air.lost()
    made = roll(250, air=air)
    ask_all(made, 0.0)
    for number in range(60):
        made.alive(f"a{number * 4}", 0.004)
    made.step(0.9)
    assert not made.finished
    made.step(ARP_GIVES_UP)
    assert made.finished


@pytest.mark.parametrize("means", [Means.RAW, Means.ROUTED])
def test_an_address_that_answers_while_the_system_refuses_to_ask_it_again_costs_no_other_its_turn(means: Means) -> None:
    made = Roll(names(3), 3, means=means, air=Air(), window=Window(900))
    for _ in range(2):
        made.asked(made.wants(0.0) or "", 0.0)
    made.step(1.2)
    again = made.wants(1.2)
    assert again in {"a0", "a1"}
    made.alive(again, 1.3)  # while the sweep backs off
    made.asked(again, 1.4)
    other = made.wants(1.4)
    assert other in {"a0", "a1"}
    made.alive(other, 1.5)
    made.skip(other)
    assert made.wants(1.5) == "a2"
    made.asked("a2", 1.5)
    for when in (2.6, 4.0, 6.0):
        made.step(when)
        ask_all(made, when)
    assert made.finished
    assert (made.tested, made.unanswered) == (3, 1)


def test_an_address_that_answers_while_the_system_refuses_to_ask_it_is_no_absent_one() -> None:
    made = roll(2)
    address = made.wants(0.0) or ""
    made.alive(address, 0.1)
    made.asked(address, 0.2)
    ask_all(made, 0.2)
    made.step(5.0)
    assert (made.tested, made.unanswered) == (2, 1)


def test_addresses_that_an_aborted_sweep_left_waiting_give_their_places_back() -> None:
    window = Window(10)
    made = roll(10, window=window)
    ask_all(made, 0.0)
    made.alive("a0", 0.5)
    made.abandon()
    assert made.finished
    assert (made.tested, made.unanswered) == (1, 0)
    assert window.free(1.0) == 1, "the kernel still asks for the others"
    made.alive("a1", 1.0)  # its answer was under way
    made.alive("a0", 1.0)
    assert (made.tested, made.unanswered) == (2, 0)
    assert window.free(ARP_GIVES_UP) == 10


# Whatever happens.


@dataclass(slots=True, kw_only=True)
class Call:
    """A roll call and what happens in it: chances, counts, seconds."""

    seed: int
    means: Means
    count: int
    live: float
    loss: float
    delay: tuple[float, float]
    refused: float
    wait: float
    noise: float
    fails: bool
    limit: int
    burst: int


calls = st.builds(
    Call,
    seed=st.integers(0, 1 << 32),
    means=st.sampled_from(Means),
    count=st.integers(0, 120),
    live=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    loss=st.sampled_from([0.0, 0.1, 0.5]),
    delay=st.sampled_from([(0.001, 0.005), (0.01, 0.3), (0.5, 4.0)]),
    refused=st.sampled_from([0.0, 0.0, 0.1]),
    wait=st.sampled_from([0.0, 0.2]),
    noise=st.sampled_from([0.0, 0.05]),
    fails=st.booleans(),
    limit=st.sampled_from([1, 7, 50, 900]),
    burst=st.sampled_from([1, 5, 48]),
)


class Calling:
    """Runs a roll and checks after every step what always holds."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.random = Random(call.seed)  # noqa: S311 - a script, no secret
        self.air = Air()
        self.window = Window(call.limit)
        self.names = names(call.count)
        self.roll = Roll(iter(self.names), call.count, means=call.means, air=self.air, window=self.window)
        self.live = {one for one in self.names if self.random.random() < call.live}
        self.now = 100.0
        self.asked: dict[str, list[float]] = {}
        self.alive: set[str] = set()
        self.skipped: set[str] = set()
        self.given_up: set[str] = set()
        self.last_first = self.now
        self._events: list[tuple[float, int, str, str]] = []
        self._count = itertools.count()

    def run(self) -> None:
        made = self.roll
        idle = 0
        for _ in range(MOST_STEPS):
            made.step(self.now)
            self.check()
            if made.finished:
                break
            before = sum(map(len, self.asked.values())), made.tested, len(self.skipped), self.now
            waits = self._ask()
            self.check()
            when = made.next_time(self.now)
            if when is None:
                break
            self._pass(self.now + waits if waits is not None else max(self.now, when))
            idle = idle + 1 if before == (sum(map(len, self.asked.values())), made.tested, len(self.skipped), self.now) else 0
            assert idle <= MOST_IDLE, "a busy loop: it says now again and again, and does nothing"
        assert made.finished
        assert made.next_time(self.now) is None
        assert set(self.asked) | self.skipped == set(self.names)
        assert made.tested == made.planned - len(self.skipped - set(self.asked))
        if not self.call.refused:
            assert self.now - self.last_first <= LIMIT[self.call.means] + 0.01
        while self._events:  # late answers correct the count
            self._pass(self._events[0][0])
        self.check()
        assert made.unanswered == len(set(self.asked) - self.alive)
        assert self.window.free(self.now + 10.0) == self.call.limit

    def check(self) -> None:
        made, call = self.roll, self.call
        assert 0 <= made.unanswered <= made.tested <= len(self.asked) <= made.planned == call.count
        assert made.unanswered <= len(set(self.asked) - self.alive), "one that answered is called unanswered"
        assert made.estimate(self.now) >= 0.0
        most = TRIES[call.means] if call.means is not Means.KERNEL else 1
        assert all(len(times) <= most for times in self.asked.values())
        if call.means is Means.KERNEL:
            unresolved = [
                one
                for one, times in self.asked.items()
                if one not in self.alive and one not in self.given_up and times[0] + KERNEL_GIVES_UP > self.now
            ]
            assert len(unresolved) <= call.limit

    def _ask(self) -> float | None:
        made, random = self.roll, self.random
        for _ in range(self.call.burst):
            address = made.wants(self.now)
            if address is None:
                return None
            if random.random() < self.call.wait:
                return 0.01
            if random.random() < self.call.refused:
                self._pass(self.now + 0.7)  # the sweep backs off, and answers go on coming in
                if random.random() < 0.5:
                    made.skip(address)
                    self.skipped.add(address)
                    continue
            if address not in self.asked:
                self.last_first = self.now
            self.asked.setdefault(address, []).append(self.now)
            made.asked(address, self.now)
            self._answer(address)
        return 0.0

    def _answer(self, address: str) -> None:
        random, call = self.random, self.call
        tries = TRIES[Means.KERNEL] if call.means is Means.KERNEL else 1
        if address in self.live:
            for number in range(tries):
                if random.random() >= call.loss:
                    self._later(number * 1.03 + random.uniform(*call.delay), "alive", address)
                    return
        if call.fails and call.means is Means.KERNEL:
            self._later(KERNEL_GIVES_UP, "failed", address)

    def _later(self, seconds: float, what: str, address: str) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._count), what, address))

    def _pass(self, until: float) -> None:
        """Let time pass, and what it brings happen."""
        if self.names and self.random.random() < self.call.noise:
            self._later(self.random.random(), self.random.choice(["alive", "failed"]), self.random.choice([*self.names, "elsewhere"]))
        while self._events and self._events[0][0] <= until:
            when, _, what, address = heapq.heappop(self._events)
            self.now = max(self.now, when)
            if what == "alive":
                self.alive.add(address)
                self.roll.alive(address, self.now)
            else:
                if address in self.asked and self.now - self.asked[address][0] >= ARP_RETRY:
                    self.given_up.add(address)
                self.roll.failed(address, self.now)
            self.check()
        self.now = max(self.now, until)


@given(calls)
def test_the_roll_is_complete_and_honest_whatever_happens(call: Call) -> None:
    Calling(call).run()


@settings(max_examples=30)
@given(calls)
def test_two_rolls_share_one_window(call: Call) -> None:
    call.means, call.refused = Means.KERNEL, 0.0
    one, other = Calling(call), Calling(call)
    other.window = other.roll._window = one.window
    one.run()
    other.now = one.now
    other.last_first = one.now
    other.run()
