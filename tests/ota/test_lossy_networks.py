"""A check's word stays right where one packet in twenty is lost and power save holds answers back for 300 ms, and within its time."""

from __future__ import annotations

import pytest

from discover.demo.arduino import ArduinoOtaDevice, State
from discover.model.check import Verdict
from discover.net.fake.hosts import Delay, FakeHost
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from tests.ota.lan import ADDRESS, MAC, arduino, listener

QUICK: Delay = 0.004
POWER_SAVE: Delay = (0.05, 0.3)
SEEDS = 60


async def sample(auth: str, *, delay: Delay, loss: float, seeds: int, closed: bool = False) -> list[tuple[Verdict, float, bool]]:
    """Check a simulated device on so many networks; return verdict, virtual seconds and whether it was left waiting."""
    found = []
    for seed in range(seeds):
        device = ArduinoOtaDevice(password="secret" if auth == "yes" else "")
        udp = {} if closed else {3232: listener(device)}
        network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp=udp, loss=loss, delay=delay), seed=seed)
        start = network.clock.mono()
        result = await check(network, ADDRESS, device=arduino(auth=auth))
        found.append((result.verdict, network.clock.mono() - start, device.state is State.WAITAUTH))
    return found


@pytest.mark.parametrize(
    ("auth", "verdict", "seconds"), [("yes", Verdict.READY_NEEDS_PASSWORD, 0.5), ("no", Verdict.LIKELY, 1.7)], ids=["password", "open"]
)
@pytest.mark.parametrize("delay", [QUICK, POWER_SAVE, 0.3], ids=["quick", "power-save", "slow"])
async def test_a_healthy_device_takes_its_time_and_no_more(auth: str, delay: Delay, verdict: Verdict, seconds: float) -> None:
    for found, took, waiting in await sample(auth, delay=delay, loss=0.0, seeds=10):
        assert (found, waiting) == (verdict, False)
        assert took <= seconds


@pytest.mark.parametrize(("auth", "verdict"), [("yes", Verdict.READY_NEEDS_PASSWORD), ("no", Verdict.LIKELY)], ids=["password", "open"])
@pytest.mark.parametrize("delay", [QUICK, POWER_SAVE], ids=["quick", "power-save"])
async def test_a_packet_in_twenty_lost_makes_no_word_wrong(auth: str, delay: Delay, verdict: Verdict) -> None:
    found = await sample(auth, delay=delay, loss=0.05, seeds=SEEDS)
    words = [one for one, _, _ in found]
    # Once in some thousand checks too much is lost; then the word is that nothing is known, never a wrong one.
    assert set(words) <= {verdict, Verdict.NO_ANSWER}
    assert words.count(verdict) >= SEEDS - 1
    assert not any(waiting for _, _, waiting in found)
    assert max(took for _, took, _ in found) <= 5.0


@pytest.mark.parametrize("auth", ["yes", "no"])
async def test_a_closed_port_is_closed_in_bad_air_too(auth: str) -> None:
    found = await sample(auth, delay=POWER_SAVE, loss=0.05, seeds=SEEDS, closed=True)
    assert {one for one, _, _ in found} == {Verdict.CLOSED}


@pytest.mark.parametrize("auth", ["yes", "no"])
async def test_an_absent_device_is_known_to_be_absent_in_time(auth: str) -> None:
    network = FakeNetwork()
    start = network.clock.mono()
    result = await check(network, ADDRESS, device=arduino(auth=auth))
    assert result.verdict is Verdict.HOST_DOWN
    assert network.clock.mono() - start <= 3.5


@pytest.mark.parametrize("auth", ["yes", "no"])
async def test_a_device_that_fell_asleep_with_its_row_in_the_table_takes_four_seconds_and_a_half(auth: str) -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, icmp=False, known=True))
    start = network.clock.mono()
    result = await check(network, ADDRESS, device=arduino(auth=auth))
    assert result.verdict is Verdict.NO_ANSWER
    assert network.clock.mono() - start <= 4.5
