"""The ledger: exact for ever, and small."""

from __future__ import annotations

import ipaddress
import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from discover.model.network import Packet
from discover.net.api import Ledger
from discover.net.gate import Gate
from discover.net.ledger import MemoryLedger, Tally
from discover.net.policy import Policy
from discover.net.virtual import VirtualClock


def packet(number: int, *, to: str = "192.168.1.20", port: int = 3232, purpose: str = "knock", payload: bytes = b"1") -> Packet:
    return Packet(mono=float(number), interface="lan0", to=to, port=port, transport="udp", purpose=purpose, payload=payload)


packets = st.lists(
    st.builds(
        packet,
        st.integers(min_value=0, max_value=9),
        to=st.sampled_from(["a", "b", "c"]),
        port=st.sampled_from([1, 2]),
        purpose=st.sampled_from(["x", "y"]),
        payload=st.binary(max_size=3),
    ),
    max_size=60,
)


@given(packets, st.integers(min_value=0, max_value=12))
def test_tallies_are_exact_however_few_packets_are_kept(sent: list[Packet], kept: int) -> None:
    ledger = MemoryLedger(kept)
    for one in sent:
        ledger.record(one)
    assert ledger.count == len(sent)
    assert list(ledger.packets) == sent[max(0, len(sent) - kept) :]
    keys = dict.fromkeys((one.to, one.transport, one.port, one.purpose) for one in sent)
    expected = []
    for to, transport, port, purpose in keys:
        mine = [one for one in sent if (one.to, one.transport, one.port, one.purpose) == (to, transport, port, purpose)]
        expected.append(
            Tally(
                to=to,
                transport=transport,
                port=port,
                purpose=purpose,
                packets=len(mine),
                size=sum(len(one.payload) for one in mine),
                first=mine[0].mono,
                last=mine[-1].mono,
            )
        )
    assert ledger.tallies() == tuple(expected)
    assert [tally for found in ledger.by_device().values() for tally in found] == sorted(
        expected, key=lambda tally: list(ledger.by_device()).index(tally.to)
    )
    assert ledger.by_purpose() == Counter(one.purpose for one in sent)


@given(packets, st.integers(min_value=0, max_value=70))
def test_since_tells_what_came_after_as_far_as_it_is_kept(sent: list[Packet], before: int) -> None:
    whole, short = MemoryLedger(None), MemoryLedger(10)
    for one in sent:
        whole.record(one)
        short.record(one)
    assert list(whole.since(before)) == sent[before:]
    assert list(short.since(before)) == sent[before:][-10:]


def test_who_writes_all_packets_down_can_have_them_all() -> None:
    ledger = MemoryLedger(kept=3)
    for number in range(3):
        ledger.record(packet(number))
    ledger.keep_all()
    for number in range(3, 9):
        ledger.record(packet(number))
    assert [one.mono for one in ledger.packets] == [float(number) for number in range(9)]
    assert ledger.to("192.168.1.20") == ledger.packets


def test_a_reader_does_not_see_it_grow() -> None:
    ledger = MemoryLedger()
    ledger.record(packet(0))
    seen, told = ledger.packets, ledger.tallies()
    ledger.record(packet(1))
    assert (len(seen), told[0].packets) == (1, 1)


def test_it_is_a_ledger() -> None:
    checked: Ledger = MemoryLedger()
    assert (checked.count, checked.packets, checked.tallies(), checked.since(0)) == (0, (), (), ())


def test_the_liveness_packets_of_a_whole_16_fit_into_25_mb() -> None:
    """A quarter of it, for the test's time; the whole takes 17.2 MB (measured)."""
    clock, ledger = VirtualClock(), MemoryLedger(5_000)
    gate = Gate(clock, ledger, [ipaddress.ip_network("10.0.0.0/16")], Policy(liveness_rate=1e9))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(16_384):
            address = f"10.0.{number >> 8}.{number & 255}"
            clock._now += 0.0005
            assert gate.wait(address, liveness=True) == 0.0
            gate.note(interface="lan0", address=address, port=3232, transport="udp", purpose="knock", payload=b"1", liveness=True)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ledger.count == 16_384
    assert after - before < 25_000_000 / 4


def test_a_watch_of_days_does_not_grow() -> None:
    ledger = MemoryLedger(kept=1000)
    for number in range(5000):
        ledger.record(packet(number, to=f"192.168.1.{number % 50}"))
    assert len(ledger.packets) == 1000
    assert len(ledger.tallies()) == 50
    assert sum(tally.packets for tally in ledger.tallies()) == ledger.count == 5000
