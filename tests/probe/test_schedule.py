"""One scheduler for all hosts, on plain numbers as time: fair, without a busy loop, and nobody is forgotten."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.net.policy import Policy
from discover.probe.ask import Decision
from discover.probe.limits import MOST_JUDGED
from discover.probe.ports import DEFAULT, PortQuestion, Transport, connect, knock
from discover.probe.schedule import Schedule, Send
from discover.probe.timing import Air

MOST_STEPS: Final = 30_000
MOST_IDLE: Final = 3


def schedule(questions: tuple[PortQuestion, ...] = DEFAULT, *, air: Air | None = None, policy: Policy | None = None) -> Schedule:
    return Schedule(questions, air=air or Air(), policy=policy or Policy())


def sends(made: Schedule, now: float, most: int = 10_000) -> list[Send]:
    """Send what is due, at most so many packets."""
    found: list[Send] = []
    for step in made.due(now):
        if isinstance(step, Send):
            found.append(step)
            made.sent(step, now)
            if len(found) >= most:
                break
    return found


# Fair.


@given(st.integers(1, 20), st.integers(1, 40))
def test_a_burst_goes_once_around_before_anybody_gets_a_second_packet(hosts: int, burst: int) -> None:
    made = schedule()
    for number in range(hosts):
        made.add(f"h{number}", 0.0)
    order: list[str] = []
    while part := sends(made, 0.0, burst):
        order += [one.host.address for one in part]
    assert len(order) == hosts * len(DEFAULT)
    for around in range(len(DEFAULT)):
        assert len(set(order[around * hosts : (around + 1) * hosts])) == hosts


@given(st.integers(2, 20), st.integers(1, 30), st.integers(0, 1 << 16))
def test_nor_where_quick_hosts_answer_in_between(hosts: int, burst: int, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a script, no secret
    made = schedule()
    for number in range(hosts):
        made.add(f"h{number}", 0.0)
    got: dict[str, int] = {}
    now = 0.0
    while len(got) < hosts:
        part = sends(made, now, burst)
        assert part
        for one in part:
            address = one.host.address
            got[address] = got.get(address, 0) + 1
            assert got[address] == 1 or len(got) == hosts, "somebody was asked again before everybody was asked"
        now += 0.001
        for one in part:
            if random.random() < 0.5:
                made.heard(one.host.address, one.question.transport, one.question.port, now, refused=one.question.transport == "udp")


def test_a_host_that_joins_late_does_not_wait_for_the_others_to_end() -> None:
    made = schedule()
    for number in range(10):
        made.add(f"h{number}", 0.0)
    sends(made, 0.0, 30)
    made.add("late", 0.001)
    assert "late" in {one.host.address for one in sends(made, 0.001, 11)}


def test_every_port_is_asked_once_before_any_is_asked_again() -> None:
    made = schedule(policy=Policy(host_probes=1))
    made.add("h", 0.0)
    seen: list[PortQuestion] = []
    now = 0.0
    while len(set(seen)) < len(DEFAULT):
        when = made.next_time()
        assert when is not None
        now = max(now, when)
        seen += [one.question for one in sends(made, now)]
    assert len(seen) == len(DEFAULT)


# Nobody is forgotten.


def run_out(made: Schedule, now: float) -> tuple[list[Send], list[Decision]]:
    """Run to the end without any answer."""
    sent: list[Send] = []
    decided: list[Decision] = []
    while (when := made.next_time()) is not None:
        now = max(now, when)
        for step in made.due(now):
            if isinstance(step, Send):
                sent.append(step)
                made.sent(step, now)
            else:
                decided.append(step)
    return sent, decided


def test_more_hosts_than_places_wait_their_turn() -> None:
    made = schedule(policy=Policy(active_hosts=3))
    for number in range(20):
        made.add(f"h{number}", 0.0)
    assert made.active == 20
    assert len({one.host.address for one in sends(made, 0.0)}) == 3
    _, decided = run_out(made, 0.0)
    assert {one.address for one in decided} == {f"h{number}" for number in range(20)}
    assert made.active == 0


def test_hosts_that_are_dropped_make_room_for_those_who_wait() -> None:
    made = schedule(policy=Policy(active_hosts=3))
    for number in range(5):
        made.add(f"h{number}", 0.0)
    for number in range(3):
        made.drop(f"h{number}", 0.0)
    _, decided = run_out(made, 0.0)
    assert {one.address for one in decided} == {"h3", "h4"}
    assert made.active == 0


def test_a_host_that_waits_may_be_dropped_and_come_again() -> None:
    made = schedule(policy=Policy(active_hosts=1))
    made.add("first", 0.0)
    for _ in range(3):
        made.add("second", 0.0)
        assert "second" in made
        made.drop("second", 0.0)
        assert "second" not in made
        assert made.is_done("second")
    made.add("second", 0.0)
    _, decided = run_out(made, 0.0)
    assert [one.address for one in decided].count("second") == len(DEFAULT)
    assert made.active == 0


def test_a_host_that_waits_and_turns_out_to_be_fragile_is_asked_as_one() -> None:
    made = schedule(policy=Policy(active_hosts=1))
    made.add("first", 0.0)
    made.add("second", 0.0)
    made.make_fragile("second")
    made.drop("first", 0.0)
    made.next_time()
    made.add("third", 0.0)
    (host,) = {one.host for one in sends(made, 0.0)}
    assert host.address == "second"
    assert host.fragile


def test_a_host_dropped_while_its_packet_leaves_is_asked_nothing_more() -> None:
    made = schedule()
    made.add("h", 0.0)
    count = 0
    for step in made.due(0.0):
        assert isinstance(step, Send)
        count += 1
        made.sent(step, 0.0)
        made.drop("h", 0.0)
    assert count == 1
    assert made.next_time() is None


def test_a_host_that_the_system_refused_for_good_leaves_its_place() -> None:
    air = Air()
    made = schedule((connect(80),), air=air)
    made.add("h", 0.0)
    now = 0.0
    again = True
    while again:
        when = made.next_time()
        assert when is not None
        now = max(now, when)
        for step in made.due(now):
            assert isinstance(step, Send)
            again = made.refused(step, now)
            break  # the caller's burst ends with this packet
    for _ in range(100):
        air.answered(0.004, measured=True)  # and the air turns out quick, so all times are worked out anew
    assert made.next_time() is None or list(made.due(now)) == []
    assert made.active == 0
    assert "h" not in made


def test_a_host_that_is_done_may_be_added_by_whoever_is_told_of_its_end() -> None:
    made = schedule((knock(3232),))
    made.add("h", 0.0)
    again = 0
    now = 0.0
    count = 0
    while (when := made.next_time()) is not None:
        now = max(now, when)
        for step in made.due(now):
            if isinstance(step, Send):
                made.sent(step, now)
                count += 1
            elif not again and made.is_done("h"):
                again = count
                made.add("h", now)
    assert count == 2 * again > 0
    assert made.active == 0


def test_a_schedule_without_questions_has_nothing_to_do() -> None:
    made = schedule(())
    made.add("h", 0.0)
    assert made.next_time() is None
    assert made.active == 0
    assert made.is_done("h")


# Whatever happens.


@dataclass(slots=True, kw_only=True)
class Weather:
    """What happens to packets and hosts: chances for each."""

    seed: int
    hosts: int
    loss: float
    talk: float
    delay: tuple[float, float]
    trouble: float
    drop: float
    pause: float
    active: int
    burst: int


weather = st.builds(
    Weather,
    seed=st.integers(0, 1 << 32),
    hosts=st.integers(1, 12),
    loss=st.sampled_from([0.0, 0.1, 0.5]),
    talk=st.sampled_from([0.0, 0.5, 1.0]),
    delay=st.sampled_from([(0.0, 0.0), (0.001, 0.01), (0.01, 0.4)]),
    trouble=st.sampled_from([0.0, 0.1, 0.5]),
    drop=st.sampled_from([0.0, 0.02]),
    pause=st.sampled_from([0.0, 0.02]),
    active=st.integers(1, 12),
    burst=st.sampled_from([1, 3, 32]),
)


class Storm:
    """Runs a schedule through bad weather and checks what always holds."""

    def __init__(self, drawn: Weather) -> None:
        self.weather = drawn
        self.random = Random(drawn.seed)  # noqa: S311 - a script, no secret
        self.made = schedule(policy=Policy(active_hosts=drawn.active))
        self.now = 500.0
        self.slept = 0.0
        self.ended: dict[tuple[str, str, int], str] = {}
        self.dropped: set[str] = set()
        self.packets = 0
        self.refusals = 0
        self._answers: list[tuple[float, int, str, Transport, int, bool]] = []
        self._count = itertools.count()

    def run(self) -> None:
        hosts = [f"h{number}" for number in range(self.weather.hosts)]
        for one in hosts:
            self.made.add(one, self.now, fragile=self.random.random() < 0.2)
        idle = steps = 0
        while (when := self.made.next_time()) is not None:
            steps += 1
            assert steps < MOST_STEPS
            before = self.packets, self.refusals, len(self.ended), len(self.dropped)
            late = when <= self.now
            self._arrive(max(self.now, when))
            self.now = max(self.now, when)
            self._disturb(hosts)
            self._serve()
            idle = idle + 1 if late and before == (self.packets, self.refusals, len(self.ended), len(self.dropped)) else 0
            assert idle <= MOST_IDLE * self.weather.hosts, "a busy loop: it says now again and again, and does nothing"
        assert self.made.active == 0
        for one in hosts:
            assert self.made.is_done(one)
            if one not in self.dropped:
                assert {(each.transport, each.port) for each in DEFAULT} == {key[1:] for key in self.ended if key[0] == one}
        assert self.now - 500.0 - self.slept < 60.0 * -(-self.weather.hosts // self.weather.active)
        assert self.packets <= len(hosts) * len(DEFAULT) * MOST_JUDGED * 2

    def _serve(self) -> None:
        room = self.weather.burst
        for step in self.made.due(self.now):
            if isinstance(step, Decision):
                self._end(step.address, step.question.transport, step.question.port, step.control)
                continue
            chance = self.random.random()
            self.refusals += chance < self.weather.trouble
            if chance < self.weather.trouble / 2:
                if not self.made.refused(step, self.now):
                    self._end(step.host.address, step.question.transport, step.question.port, "trouble")
            elif chance < self.weather.trouble:
                self.made.postpone(step, self.now + 0.01)
            else:
                self.packets += 1
                self.made.sent(step, self.now)
                self._reply(step)
            room -= 1
            if not room:
                return

    def _reply(self, send: Send) -> None:
        if self.random.random() < self.weather.talk and self.random.random() >= self.weather.loss:
            when = self.now + self.random.uniform(*self.weather.delay)
            question = send.question
            item = (when, next(self._count), send.host.address, question.transport, question.port, question.transport == "udp")
            heapq.heappush(self._answers, item)

    def _arrive(self, until: float) -> None:
        while self._answers and self._answers[0][0] <= until:
            when, _, address, transport, port, refused = heapq.heappop(self._answers)
            self.now = max(self.now, when)
            if self.made.heard(address, transport, port, when, refused=refused):
                self._end(address, transport, port, "answered")

    def _disturb(self, hosts: list[str]) -> None:
        if self.random.random() < self.weather.drop:
            one = self.random.choice(hosts)
            self.made.drop(one, self.now)
            self.dropped.add(one)
        if self.random.random() < self.weather.drop:
            self.made.make_fragile(self.random.choice(hosts))
        if self.random.random() < self.weather.pause:
            slept = self.random.uniform(0.3, 5.0)
            self.now += slept
            self.slept += slept
            self._arrive(self.now)
            self.made.shift(slept)

    def _end(self, address: str, transport: str, port: int, word: str) -> None:
        assert (address, transport, port) not in self.ended
        assert address not in self.dropped
        self.ended[address, transport, port] = word


@given(weather)
def test_all_hosts_end_whatever_the_weather(drawn: Weather) -> None:
    Storm(drawn).run()


@pytest.mark.parametrize("hosts", [0, 1, 50, 400])
def test_the_estimate_grows_with_what_is_left(hosts: int) -> None:
    made = schedule()
    for number in range(hosts):
        made.add(f"h{number}", 0.0)
    assert (made.estimate(0.0) > 0) == (hosts > 0)
    assert made.estimate(0.0) < 60
    run_out(made, 0.0)
    assert made.estimate(0.0) == 0.0
