"""Whatever the mix of senders, no host and not the whole get more than the policy allows; the kernel's own packets included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from discover.net.api import TcpOutcome
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.net.policy import Policy

HOSTS = ("192.168.1.20", "192.168.1.21", "192.168.1.22")
POLICY = Policy(host_packets=9, fragile_packets=5, overall_rate=25.0, overall_burst=15.0, liveness_rate=40.0, liveness_burst=6.0, streams=5)
OPEN, SILENT, REFUSED = 1000, 2000, 3000
OPERATIONS = ("send", "try_send", "liveness", "open", "silent", "refused", "tcp", "abandon", "fragile")

plans = st.lists(
    st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(HOSTS), st.one_of(st.just(0.0), st.floats(min_value=0, max_value=0.8))),
    min_size=1,
    max_size=80,
)


class Scene:
    """A network, and a record of what left by way of the gate: (time, host, of the liveness phase)."""

    def __init__(self) -> None:
        ports = {**dict.fromkeys(range(OPEN, OPEN + 100), "open"), **dict.fromkeys(range(SILENT, SILENT + 100), "silent")}
        hosts = [FakeHost(address=address, tcp=ports, delay=(0.001, 0.3)) for address in HOSTS]  # type: ignore[arg-type]
        self.network = FakeNetwork(*hosts, policy=POLICY)
        self.face = self.network.interfaces()[0]
        self.end = self.network.udp(self.face)
        self.connector = self.network.connector(self.face, lambda *_: None)
        self.sent: list[tuple[float, str, bool]] = []
        self.fragile: dict[str, float] = {}
        self._watch()

    def _watch(self) -> None:
        gate, clock = self.network.gate, self.network.clock
        note, charge = gate.note, gate.charge

        def noted(*, address: str, liveness: bool = False, **rest: object) -> None:
            self.sent.append((clock.mono(), address, liveness))
            note(address=address, liveness=liveness, **rest)  # type: ignore[arg-type]

        def charged(address: str, packets: int) -> None:
            self.sent.extend([(clock.mono(), address, False)] * packets)
            charge(address, packets)

        gate.note, gate.charge = noted, charged  # type: ignore[method-assign]

    async def until_gone(self, attempt: Callable[[], float]) -> None:
        for _ in range(20_000):
            wait = attempt()
            if wait <= 0:
                return
            await self.network.clock.sleep(wait)
        raise AssertionError("it never leaves")

    async def do(self, operation: str, host: str, number: int) -> None:
        match operation:
            case "send":
                await self.end.send(b"1", host, 7, purpose="send")
            case "try_send" | "liveness":
                live = operation == "liveness"
                await self.until_gone(lambda: self.end.try_send(b"1", host, 7, purpose="try", liveness=live))
            case "tcp":
                _, stream = await self.network.tcp(self.face, host, OPEN, purpose="tcp", timeout=0.5)
                if stream is not None:
                    stream.close()
            case "abandon":
                for port in range(SILENT, SILENT + 100):
                    self.connector.abandon(host, port)
            case "fragile":
                self.network.gate.mark_fragile(host)
                self.fragile.setdefault(host, self.network.clock.mono())
            case _:
                port = {"open": OPEN, "silent": SILENT, "refused": REFUSED}[operation] + number
                await self.until_gone(lambda: self.connector.try_connect(host, port, purpose="connect"))

    async def play(self, plan: list[tuple[str, str, float]]) -> None:
        tasks = []
        for number, (operation, host, pause) in enumerate(plan):
            await self.network.clock.sleep(pause)
            tasks.append(asyncio.ensure_future(self.do(operation, host, number)))
        await asyncio.gather(*tasks)
        await self.network.clock.sleep(3)
        self.end.close()
        self.connector.close()


def most(times: list[float], seconds: float) -> int:
    """Return the most events in any closed window."""
    return max((sum(1 for one in times[start:] if one <= first + seconds) for start, first in enumerate(times)), default=0)


@settings(max_examples=80, deadline=None)
@given(plans)
def test_no_window_of_a_host_and_not_the_whole_hold_more_than_the_policy_says(plan: list[tuple[str, str, float]]) -> None:
    async def scenario() -> Scene:
        scene = Scene()
        await scene.play(plan)
        return scene

    scene = asyncio.run(scenario())
    for host in HOSTS:
        times = [when for when, to, _ in scene.sent if to == host]
        assert most(times, 1.0) <= POLICY.host_packets
        since = scene.fragile.get(host)
        if since is not None:
            # Connects that were under way may still be accepted, for less than a second.
            assert most([when for when in times if when > since + 1.0], 1.0) <= POLICY.fragile_packets
    for liveness, rate, burst in ((False, POLICY.overall_rate, POLICY.overall_burst), (True, POLICY.liveness_rate, POLICY.liveness_burst)):
        times = [when for when, _, share in scene.sent if share is liveness]
        for start, first in enumerate(times):
            for end in range(start, len(times)):
                assert end - start + 1 <= burst + rate * (times[end] - first) + 1e-6
    assert scene.network.open_count == 0
    # Nothing stays set aside: a second later the whole budget is there again.
    assert all(scene.network.gate.wait(host, room=POLICY.fragile_packets) == 0.0 for host in HOSTS)


async def test_a_connect_needs_room_for_what_the_kernel_sends_by_itself() -> None:
    network = FakeNetwork(FakeHost(address=HOSTS[0], tcp={80: "open"}, delay=0.1))
    face = network.interfaces()[0]
    told: list[TcpOutcome] = []
    connector = network.connector(face, lambda _address, _port, outcome: told.append(outcome))
    end = network.udp(face)
    for _ in range(36):
        assert end.try_send(b"1", HOSTS[0], 7, purpose="knock") == 0.0
    assert connector.try_connect(HOSTS[0], 80, purpose="connect") == 0.0
    assert end.try_send(b"1", HOSTS[0], 7, purpose="knock") > 0, "the ACK and the FIN have their place"
    assert connector.try_connect(HOSTS[0], 81, purpose="connect") > 0
    await network.clock.sleep(0.2)
    assert told == [TcpOutcome.OPEN]
    assert end.try_send(b"1", HOSTS[0], 7, purpose="knock") > 0.7
    assert network.ledger.count == 37
    end.close()
    connector.close()


async def test_a_refused_connect_gives_its_room_back() -> None:
    network = FakeNetwork(FakeHost(address=HOSTS[0], delay=0.1))
    connector = network.connector(network.interfaces()[0], lambda *_: None)
    for port in range(10):
        assert connector.try_connect(HOSTS[0], port, purpose="connect") == 0.0
    assert connector.try_connect(HOSTS[0], 10, purpose="connect") > 0, "ten open connects may become forty packets"
    await network.clock.sleep(0.2)
    for port in range(7):
        assert connector.try_connect(HOSTS[0], port, purpose="connect") == 0.0
    connector.close()


async def test_the_liveness_phase_has_a_budget_of_its_own() -> None:
    network = FakeNetwork(policy=Policy(overall_burst=5, liveness_burst=7))
    end = network.udp(network.interfaces()[0])
    alive = [end.try_send(b"1", f"192.168.1.{number}", 7, purpose="live", liveness=True) for number in range(10, 19)]
    others = [end.try_send(b"1", f"192.168.1.{number}", 7, purpose="knock") for number in range(20, 27)]
    assert [wait == 0 for wait in alive] == [True] * 7 + [False] * 2
    assert [wait == 0 for wait in others] == [True] * 5 + [False] * 2
    end.close()


async def test_who_waits_in_line_goes_before_who_asks_again_and_again() -> None:
    network = FakeNetwork(FakeHost(address=HOSTS[0]), policy=Policy(overall_rate=10, overall_burst=1))
    end = network.udp(network.interfaces()[0])
    order: list[str] = []

    async def patient() -> None:
        for _ in range(3):
            await end.send(b"1", HOSTS[0], 7, purpose="patient")
            order.append("patient")

    async def pushy() -> None:
        for _ in range(3):
            while (wait := end.try_send(b"1", HOSTS[1], 7, purpose="pushy")) > 0:
                await network.clock.sleep(wait / 50)
            order.append("pushy")

    await asyncio.gather(patient(), pushy())
    assert sorted(order[:3]) != ["pushy"] * 3
    assert order[0] == "patient"
    end.close()


async def test_a_fragile_host_gets_less_from_everybody() -> None:
    network = FakeNetwork(FakeHost(address=HOSTS[0], tcp={80: "open"}))
    end = network.udp(network.interfaces()[0])
    network.gate.mark_fragile(HOSTS[0])
    network.gate.mark_fragile(f"::ffff:{HOSTS[0]}")
    for _ in range(30):
        await end.send(b"1", HOSTS[0], 7, purpose="send")
    times = [packet.mono for packet in network.ledger.packets]
    assert times[15] == 0.0
    assert times[16] > 1.0
    for _ in range(40):
        assert end.try_send(b"1", HOSTS[1], 7, purpose="send") == 0.0
    end.close()


async def test_refused_connects_take_one_packet_each_from_the_whole() -> None:
    network = FakeNetwork(
        *(FakeHost(address=f"192.168.1.{number}", delay=0.001) for number in range(10, 90)),
        policy=Policy(overall_rate=20, overall_burst=10),
    )
    connector = network.connector(network.interfaces()[0], lambda *_: None)
    for number in range(10, 90):
        while (wait := connector.try_connect(f"192.168.1.{number}", 80, purpose="connect")) > 0:
            await network.clock.sleep(wait)
    times = [packet.mono for packet in network.ledger.packets]
    for start, first in enumerate(times):
        for end in range(start, len(times)):
            assert end - start + 1 <= 10 + 20 * (times[end] - first) + 1e-6
    assert times[-1] < 4.0
    connector.close()
