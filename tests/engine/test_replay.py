"""Replays: the same signals, in the same order, at the speed that was asked for."""

from __future__ import annotations

import asyncio

import pytest

from discover.engine import ReplayFeed, summary_of
from discover.errors import UsageError
from discover.model.network import Progress
from discover.model.recording import decode_lines, encode, encode_header
from discover.model.scan import ScanSummary
from discover.model.signal import Signal, Source
from discover.net.fake.network import FakeNetwork
from discover.net.virtual import VirtualClock
from tests.engine.scanning import gadget, scan, service


async def recorded() -> tuple[list[Signal], ScanSummary]:
    network = FakeNetwork(gadget(20, udp={3232: "silent"}), gadget(21, icmp=False))
    network.mdns(service(txt=b"\x06\xffa=\x1b[m"), at=0.4)
    found = await scan(network)
    assert found.summary is not None
    return found.signals, found.summary


async def test_a_recorded_scan_replays_to_the_same_signals_and_summary() -> None:
    signals, summary = await recorded()
    lines = [encode_header(), *map(encode, signals)]
    again: list[Signal] = []
    assert await ReplayFeed(decode_lines(lines)).run(again.append) == summary
    assert again == signals
    assert [encode(one) for one in again] == lines[1:]


async def test_at_once_no_time_passes() -> None:
    signals, _ = await recorded()
    clock = VirtualClock()
    await ReplayFeed(signals, clock=clock).run(lambda _signal: None)
    assert clock.mono() == 0.0


async def test_speed_divides_the_recorded_time() -> None:
    signals, _ = await recorded()
    clock = VirtualClock()
    heard: list[float] = []
    await ReplayFeed(signals, speed=10, clock=clock).run(lambda _signal: heard.append(clock.mono()))
    assert heard == pytest.approx([one.mono / 10 for one in signals])


async def test_a_night_of_silence_is_not_sat_through() -> None:
    clock = VirtualClock()
    signals = [Signal(when=0, mono=mono, source=Source.SCAN, interface="", peer="", kind="scan.started") for mono in (0.0, 3e4, 1e300, 5.0)]
    await ReplayFeed(signals, speed=1, clock=clock).run(lambda _signal: None)
    assert clock.mono() == pytest.approx(1200)


async def test_progress_ends_with_done() -> None:
    signals, _ = await recorded()
    steps: list[Progress] = []
    await ReplayFeed(signals, clock=VirtualClock()).run(lambda _signal: None, steps.append)
    assert (steps[-1].phase, steps[-1].tested, steps[-1].planned, steps[-1].hosts) == ("done", len(signals), len(signals), 2)


async def test_others_get_their_turn_during_a_long_replay() -> None:
    one = Signal(when=0, mono=0, source=Source.SCAN, interface="", peer="", kind="scan.started")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await ReplayFeed([one] * 5000).run(lambda _signal: None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert turns >= 20


async def test_a_replay_sends_nothing_and_checks_nothing() -> None:
    feed = ReplayFeed([])
    assert await feed.run(lambda _signal: None) == ScanSummary()
    assert (feed.ledger.count, feed.notices, feed.live) == (0, (), False)
    with pytest.raises(UsageError, match="recording"):
        await feed.check("192.168.1.20")


@pytest.mark.parametrize("speed", [-1.0, float("nan")])
def test_a_bad_speed_is_a_usage_error(speed: float) -> None:
    with pytest.raises(UsageError):
        ReplayFeed([], speed=speed)


def test_the_summary_is_that_of_the_last_scan_and_survives_odd_interface_texts() -> None:
    def of(kind: str, **fields: object) -> Signal:
        return Signal(when=0, mono=0, source=Source.SCAN, interface="", peer="", kind=kind, fields=fields)  # type: ignore[arg-type]

    summary = summary_of(
        [
            of("scan.started", interfaces=("eth0 10.0.0.2 10.0.0.0/24",)),
            of("scan.finished", seconds=51, planned=3, tested=2, packets_sent=9, complete=False),
            of("scan.started", interfaces=("Wi-Fi 2 192.168.1.2 192.168.1.0/24", "odd", ""), passive=True),
        ]
    )
    assert [(one.name, one.network) for one in summary.interfaces] == [("Wi-Fi 2", "192.168.1.0/24"), ("", "odd"), ("", "")]
    assert (summary.passive, summary.complete, summary.planned) == (True, False, 0)
