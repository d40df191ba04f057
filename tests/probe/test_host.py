"""One host's port phase on plain numbers as time: whatever comes in between, each question ends once, and soon enough."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from random import Random
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from discover.net.policy import Policy
from discover.probe.ask import Decision
from discover.probe.host import HostAsking
from discover.probe.limits import CONTROL_WINDOW, GIVE_UP, MOST_JUDGED, NAP
from discover.probe.ports import CONTROLS, DEFAULT, PortQuestion, connect, control_ports, knock
from discover.probe.schedule import BACK_OFF
from discover.probe.tempo import LEAST_GAP
from discover.probe.timing import SAMPLES_ENOUGH, Air

ADDRESS: Final = "192.168.1.20"
JOINED: Final = 1000.0
MOST_PACKETS: Final = len(DEFAULT) * MOST_JUDGED * 2
"""Every question as often as the most patient one, and a control behind each."""
MOST_SECONDS: Final = 60.0
MOST_STEPS: Final = 20_000
MOST_IDLE: Final = 3
"""Steps in a row in which nothing happens at all."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet that left: when, where to, as which question's try; when its refusal is there, None for never."""

    sent: float
    question: PortQuestion
    control: bool
    refused_at: float | None


@dataclass(slots=True, kw_only=True)
class World:
    """What the host and the system do, drawn from a seed. ``open``: UDP ports that listen; those in ``talks`` answer."""

    seed: int
    open: frozenset[int] = frozenset()
    talks: frozenset[int] = frozenset()
    silent_tcp: bool = False
    icmp: bool = True
    loss: float = 0.0
    delay: tuple[float, float] = (0.001, 0.01)
    postponed: float = 0.0
    """The chance that the budget does not allow a packet just now."""
    system: float = 0.0
    """The chance that the system refuses to send."""
    pause: float = 0.0
    """The chance that the machine sleeps for a while before a step."""
    noise: float = 0.0
    """The chance that an answer comes from a port that nobody asked, before a step."""
    fragile: bool = False
    turns_fragile: bool = False
    asked: bool = False
    policy: Policy = field(default_factory=Policy)


class Run:
    """Asks one host in a world until nothing is left, and checks at every step what always holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(world.seed)  # noqa: S311 - a script, no secret
        self.air = Air()
        before = JOINED - 0.05
        self.host = HostAsking(
            ADDRESS,
            DEFAULT,
            air=self.air,
            policy=world.policy,
            joined=JOINED,
            fragile=world.fragile,
            asked={3232: before} if world.asked else {},
        )
        self.packets: list[Packet] = []
        self.ended: dict[tuple[str, int], str] = {}
        self.now = JOINED
        self.slept = 0.0
        self._answers: list[tuple[float, int, str, int, bool]] = []
        self._count = itertools.count()
        self._idle = 0
        if world.asked:
            self._out(before, DEFAULT[0], control=False)

    def run(self) -> Run:
        """Run to the end."""
        for step in range(MOST_STEPS):
            when = self.host.next_time()
            if when is None:
                break
            self._happen(until=max(self.now, when))
            if self.host.done:
                break
            self.now = max(self.now, when)
            if step == 10 and self.world.turns_fragile:
                self.host.fragile = True
            self._disturb()
            before = len(self.packets), len(self.ended), self.now
            for _ in range(100):
                if not self._step():
                    break
            else:
                raise AssertionError("a hundred packets at one moment")
            self._check_idle(before)
        assert self.host.done, f"not done after {self.now - JOINED:.1f} s and {len(self.packets)} packets"
        assert self.host.next_time() is None
        assert self.host.wants(self.now + 100) is None
        assert list(self.host.expire(self.now + 100)) == []
        assert set(self.ended) == {(one.transport, one.port) for one in DEFAULT}
        assert len(self.packets) <= MOST_PACKETS
        assert self.now - JOINED - self.slept <= MOST_SECONDS
        return self

    def _check_idle(self, before: tuple[int, int, float]) -> None:
        moved = (len(self.packets), len(self.ended)) != before[:2] or self.now > self._last
        self._idle = 0 if moved else self._idle + 1
        self._last = self.now
        assert self._idle <= MOST_IDLE, "a busy loop: nothing happens, and time stands still"

    _last = JOINED

    def _step(self) -> bool:
        host, now = self.host, self.now
        for decision in host.expire(now):
            self._decided(decision.question, decision.tries, decision.control)
        wanted = host.wants(now)
        if wanted is None:
            return False
        ask, question = wanted
        if self.random.random() < self.world.postponed:
            host.postpone(now + self.random.choice([1e-4, 0.01, 0.3]))
        elif self.random.random() < self.world.system:
            if not host.refuse(ask, now, BACK_OFF):
                self._end(question, "trouble")
        else:
            self._out(now, question, control=ask is None)
            host.sent(ask, now)
            flying = sum(1 for one in host._asks.values() if one.pending)
            most = self.world.policy.fragile_probes if self.world.fragile else self.world.policy.host_probes
            assert flying <= max(most, 1)
        return True

    def _out(self, now: float, question: PortQuestion, *, control: bool) -> None:
        world, random = self.world, self.random
        answer = "" if random.random() < world.loss else self._answer(question, control=control)
        refused_at: float | None = None
        if answer:
            when = max(now, self.now) + random.uniform(*world.delay)
            refused = answer == "refused"
            refused_at = when if refused and question.transport == "udp" else None
            heapq.heappush(self._answers, (when, next(self._count), question.transport, question.port, refused))
        self.packets.append(Packet(now, question, control, refused_at))

    def _answer(self, question: PortQuestion, *, control: bool) -> str:
        world = self.world
        if question.transport == "tcp":
            return "" if world.silent_tcp else "outcome"
        if not control and question.port in world.talks:
            return "reply"
        if not control and question.port in world.open:
            return ""
        return "refused" if world.icmp else ""

    def _happen(self, until: float) -> None:
        """Let answers arrive, also those that come while the machine was busy."""
        while self._answers and self._answers[0][0] <= until and not self.host.done:
            when, _, transport, port, refused = heapq.heappop(self._answers)
            self.now = max(self.now, when)
            if self.host.heard(transport, port, when, refused=refused):
                self._ended(transport, port, "answered")

    def _disturb(self) -> None:
        random = self.random
        if random.random() < self.world.pause:
            slept = random.uniform(0.3, 20.0)
            self.now += slept
            self.slept += slept
            self._happen(until=self.now)
            self.host.shift(slept)
        if random.random() < self.world.noise:
            port = random.choice([1, 3232, 8266, 80, 30303, *control_ports(ADDRESS)])
            transport = random.choice(["udp", "udp", "tcp"])
            if self.host.heard(transport, port, self.now, refused=random.random() < 0.5):
                self._ended(transport, port, "noise")

    def _decided(self, question: PortQuestion, tries: int, control: str) -> None:
        sent = [one for one in self.packets if one.question == question and not one.control]
        assert tries == len(sent)
        if control == "refused":
            assert question.judged
            if not self.world.noise:
                assert self._supported(sent) >= self.air.confirmations()
        else:
            assert control == ("none" if question.transport == "udp" and not question.judged else "silent")
        self._end(question, control)

    def _supported(self, sent: list[Packet]) -> int:
        """Return how many tries were followed, soon enough, by a datagram that we know was refused."""
        count = 0
        for number, one in enumerate(self.packets):
            if one in sent:
                later = self.packets[number + 1 :]
                known = (each for each in later if each.refused_at is not None and each.refused_at <= self.now)
                count += any(each.sent - one.sent <= CONTROL_WINDOW + 1e-9 for each in known)
        return count

    def _end(self, question: PortQuestion, word: str) -> None:
        self._ended(question.transport, question.port, word)

    def _ended(self, transport: str, port: int, word: str) -> None:
        assert (transport, port) not in self.ended, "a question that ended has ended again"
        self.ended[transport, port] = word


UDP: Final = tuple(one.port for one in DEFAULT if one.transport == "udp")
ports = st.frozensets(st.sampled_from(UDP), max_size=4)
chances = st.sampled_from([0.0, 0.0, 0.05, 0.3])
worlds = st.builds(
    World,
    seed=st.integers(0, 1 << 32),
    open=ports,
    talks=ports,
    silent_tcp=st.booleans(),
    icmp=st.booleans(),
    loss=st.sampled_from([0.0, 0.05, 0.3, 0.9]),
    delay=st.sampled_from([(0.0, 0.0), (0.001, 0.01), (0.01, 0.3), (0.3, 1.5)]),
    postponed=chances,
    system=chances,
    fragile=st.booleans(),
    asked=st.booleans(),
)


@given(worlds)
def test_every_question_ends_once_and_the_host_within_bounds(world: World) -> None:
    Run(world).run()


@given(worlds, chances, chances, st.booleans())
def test_also_where_the_machine_sleeps_and_strange_answers_come(world: World, pause: float, noise: float, turns: bool) -> None:  # noqa: FBT001
    world.pause, world.noise, world.turns_fragile = pause / 3, noise, turns
    Run(world).run()


@given(worlds, st.integers(1, 12))
def test_never_more_questions_wait_than_the_policy_says(world: World, most: int) -> None:
    world.policy = Policy(host_probes=most, fragile_probes=min(most, 3))
    Run(world).run()


@given(worlds)
def test_a_fragile_device_has_time_between_two_questions(world: World) -> None:
    world.fragile = True
    spacing = world.policy.fragile_spacing
    run = Run(world).run()
    asked = [one for one in run.packets if one.sent >= JOINED]
    questions = [one.sent for one in asked if not one.control]
    assert all(after - before >= spacing - 1e-9 for before, after in itertools.pairwise(questions))
    assert all(after.sent - before.sent >= LEAST_GAP - 1e-9 for before, after in itertools.pairwise(asked))
    controls = [one.sent for one in asked if one.control]
    assert all(after - before >= spacing - 1e-9 for before, after in itertools.pairwise(controls))


@given(worlds)
def test_a_host_that_says_nothing_at_all_takes_two_waits(world: World) -> None:
    world.icmp, world.silent_tcp, world.talks, world.postponed, world.system = False, True, frozenset(), 0.0, 0.0
    world.fragile = False
    run = Run(world).run()
    assert run.now - JOINED < 5.0
    assert not set(run.ended.values()) & {"refused", "answered"}


@given(worlds)
def test_where_all_answers_come_in_time_nothing_is_asked_twice(world: World) -> None:
    world.loss, world.delay, world.icmp, world.silent_tcp = 0.0, (0.001, 0.01), True, False
    world.open, world.talks, world.system, world.asked = frozenset(), frozenset(), 0.0, False
    run = Run(world).run()
    assert len(run.packets) == len(DEFAULT)
    assert set(run.ended.values()) == {"answered"}


@given(worlds)
def test_without_loss_who_listens_is_told_and_nobody_else(world: World) -> None:
    world.loss, world.delay, world.icmp, world.system = 0.0, (0.001, 0.01), True, 0.0
    world.talks = frozenset()
    judged = {one.port for one in DEFAULT if one.judged}
    run = Run(world).run()
    likely = {port for (_, port), word in run.ended.items() if word == "refused"}
    assert likely <= set(world.open)
    # A control that has to wait for the budget comes too late to speak for the knock before it.
    if judged - world.open and not world.postponed and run.now - JOINED < GIVE_UP:
        assert likely == judged & world.open


@given(st.lists(st.tuples(st.sampled_from(["udp", "tcp"]), st.integers(0, 65535), st.booleans()), max_size=50))
def test_answers_that_nobody_asked_for_harm_nothing(answers: list[tuple[str, int, bool]]) -> None:
    host = HostAsking(ADDRESS, DEFAULT, air=Air(), policy=Policy(), joined=JOINED)
    for transport, port, refused in answers:
        host.heard(transport, port, JOINED, refused=refused)
    when = host.next_time()
    assert (when is None) == host.done


def test_an_answer_before_the_question_is_no_round_trip() -> None:
    air = Air()
    host = HostAsking(ADDRESS, DEFAULT, air=air, policy=Policy(), joined=0.0)
    assert host.heard("udp", 30303, 5.0, refused=False)
    assert air.trips.count == 0


def test_the_control_ports_are_sixteen_at_the_most() -> None:
    run = Run(World(seed=1, open=frozenset(UDP), loss=0.3)).run()
    assert len(set(run.host.controls)) <= CONTROLS
    assert set(run.host.controls) <= control_ports(ADDRESS)


def test_a_host_without_questions_is_done() -> None:
    host = HostAsking(ADDRESS, (), air=Air(), policy=Policy(), joined=JOINED)
    assert host.done
    assert host.next_time() is None
    assert host.estimate(JOINED) == 0.0


@given(worlds)
def test_the_estimate_is_a_time(world: World) -> None:
    run = Run(world)
    assert 0.0 <= run.host.estimate(JOINED) < 30.0
    run.run()
    assert run.host.estimate(run.now) == 0.0


def test_a_control_that_comes_late_still_speaks_for_its_knock() -> None:
    # A fragile device's control follows 20 ms behind the knock, later than the shortest wait for an answer ends;
    # and a busy machine is late itself.
    air = Air()
    air.tick(0.0)
    for _ in range(200):
        air.answered(0.0005, measured=True)
    air.tick(1.0)
    host = HostAsking("192.168.1.20", (knock(3232), knock(8266)), air=air, policy=Policy(), joined=1.0, fragile=True)
    decided: list[Decision] = []
    now = 1.0
    while not host.done and now < 3.0:
        now = max(now, host.next_time() or now) + 0.0015
        decided.extend(host.expire(now))
        wanted = host.wants(now)
        if wanted is not None:
            ask, question = wanted
            host.sent(ask, now)
            if question.port != 3232:
                host.heard("udp", question.port, now + 0.0005, refused=True)
    (one,) = decided
    assert (one.question.port, one.control) == (3232, "refused")
    assert one.tries <= air.confirmations() + 1


def _quick_air() -> Air:
    air = Air()
    air.tick(0.0)
    for _ in range(SAMPLES_ENOUGH):
        air.answered(0.001, measured=True)
    air.tick(1.0)
    return air


def _asked_twice_at(host: HostAsking, port: int, *, until: float) -> float | None:
    """Serve the host, and return when a UDP port was asked for the second time."""
    now = JOINED
    while (when := host.next_time()) is not None and when <= until:
        now = max(now, when)
        list(host.expire(now))
        while (wanted := host.wants(now)) is not None:
            ask, question = wanted
            host.sent(ask, now)
            if ask is not None and question.port == port and ask.tries > 1:
                return now
        now += 1e-4
    return None


def test_a_host_that_speaks_tcp_alone_gets_the_time_of_a_nap_for_its_datagrams() -> None:
    # A firewall drops them, most likely; nothing is gained by asking again at once, and the budget is missing elsewhere.
    questions = (knock(3232), connect(80))
    quiet = HostAsking(ADDRESS, questions, air=_quick_air(), policy=Policy(), joined=JOINED)
    assert _asked_twice_at(quiet, 3232, until=JOINED + 0.001) is None
    quiet.heard("tcp", 80, JOINED + 0.002, refused=False)
    again = _asked_twice_at(quiet, 3232, until=JOINED + 1.0)
    assert again is not None
    assert again - JOINED >= NAP


def test_a_host_that_sends_icmp_errors_is_asked_again_as_soon_as_the_air_allows() -> None:
    questions = (knock(3232), knock(3231))
    host = HostAsking(ADDRESS, questions, air=_quick_air(), policy=Policy(), joined=JOINED)
    assert _asked_twice_at(host, 3232, until=JOINED + 0.001) is None
    host.heard("udp", 3231, JOINED + 0.002, refused=True)
    again = _asked_twice_at(host, 3232, until=JOINED + 1.0)
    assert again is not None
    assert again - JOINED < 0.05


def _packets(host: HostAsking, *, hears: dict[float, tuple[str, int, bool]]) -> list[int]:
    """Serve the host to its end, telling it what it hears and when, and return the UDP ports asked."""
    asked: list[int] = []
    news = sorted(hears.items())
    now = JOINED
    while (when := host.next_time()) is not None:
        while news and news[0][0] <= when:
            now, (transport, port, refused) = news.pop(0)
            host.heard(transport, port, now, refused=refused)
            when = host.next_time() or now
        now = max(now, when)
        list(host.expire(now))
        while (wanted := host.wants(now)) is not None:
            ask, question = wanted
            host.sent(ask, now)
            if ask is not None and question.transport == "udp":
                asked.append(question.port)
    return asked


def test_who_sends_no_icmp_error_is_not_knocked_at_twice() -> None:
    questions = (*map(knock, (3232, 8266, 2040, 3231)), connect(80))
    host = HostAsking(ADDRESS, questions, air=_quick_air(), policy=Policy(), joined=JOINED)
    asked = _packets(host, hears={JOINED + 0.002: ("tcp", 80, False)})
    assert sorted(asked) == [2040, 3231, 3232, 8266]


def test_a_host_that_says_nothing_may_nap_and_is_knocked_at_twice() -> None:
    questions = (*map(knock, (3232, 8266, 2040, 3231)), connect(80))
    host = HostAsking(ADDRESS, questions, air=_quick_air(), policy=Policy(), joined=JOINED)
    assert sorted(_packets(host, hears={})) == sorted([2040, 3231, 3232, 8266] * 2)
