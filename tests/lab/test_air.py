"""The sweep on a LAN of 61 hosts whose air loses frames, whose devices sleep, and whose ICMP errors are rationed; and as user nobody.

How fast is for tests/bench to say; what must hold everywhere is here. Limits leave room for the luck of a lossy air.
"""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.airlab.lan import INTERFACE, Air, Lan
from tests.bench.airlab.namespaces import why_not
from tests.bench.airlab.truth import Truth, draw
from tests.bench.contestants import CONTESTANTS, Work
from tests.bench.findings import Findings
from tests.bench.measure import Run, alone, measure
from tests.bench.race import add_fleet
from tests.bench.rows import mdns_figures, misses, sweep_figures
from tests.bench.scenarios import LARGE, LOSSY, RATIONED, SCENARIOS, SMALL

REASON = why_not()
pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@contextmanager
def lan_of(truth: Truth, air: Air | None = None) -> Iterator[Lan]:
    if REASON:
        pytest.skip(REASON)
    # Not beside a benchmark: the kernel's neighbour table is one for all namespaces, and a /22 fills it.
    with alone(), Lan(truth, air=air) as lan:
        yield lan


def run(lan: Lan, name: str, *more: str) -> tuple[Run, Findings]:
    one = CONTESTANTS[name]
    done = measure(lan, [*one.argv(Work(truth=lan.truth)), *more], root=one.root, timeout=60)
    assert done.status == 0, done.stderr
    return done, one.parse(done.stdout)


@contextmanager
def wire(lan: Lan, file: Path) -> Iterator[list[tuple[float, str]]]:
    """Collect when each IPv4 packet left, and to whom; the list is filled when the block ends."""
    sent: list[tuple[float, str]] = []
    file.touch(mode=0o666)
    argv = ("tcpdump", "-i", INTERFACE, "-Q", "out", "-tt", "-nn", "-q", "-l", "-B", "16384", "ip")
    process = lan.scanner.start("sh", "-c", 'echo ready; f="$1"; shift; exec "$@" > "$f"', "tcpdump", str(file), *argv)
    time.sleep(1.0)  # it says that it listens on stderr, which the lab keeps for itself
    yield sent
    time.sleep(0.5)
    lan.scanner.stop(process)
    found = re.findall(r"^(\d+\.\d+) IP \S+ > (\d+\.\d+\.\d+\.\d+)[.:]", file.read_text(encoding="ascii"), re.MULTILINE)
    sent.extend((float(when), to) for when, to in found)


def most_in(times: list[float], seconds: float) -> int:
    """Return the most events in any window of so many seconds."""
    times = sorted(times)
    return max((bisect_left(times, start + seconds) - at for at, start in enumerate(times)), default=0)


@pytest.mark.parametrize("air", [None, LOSSY], ids=["clean", "lossy"])
def test_the_budgets_hold_on_the_wire(air: Air | None, tmp_path: Path) -> None:
    truth = draw(SMALL, 8)
    with lan_of(truth, air) as lan, wire(lan, tmp_path / "wire") as sent:
        run(lan, "espied")
    assert len(sent) > 500, "the capture saw nothing"
    by_host: dict[str, list[float]] = {}
    for when, to in sent:
        by_host.setdefault(to, []).append(when)
    busiest = max((most_in(by_host.get(address, []), 1.0), address) for address in truth.addresses)
    assert busiest[0] <= 40, busiest  # what the kernel sends for a connect (ACK, FIN) counts, too
    everything = [when for when, _ in sent]
    for seconds in (0.1, 0.5, 1.0, 2.0):
        # A bucket of 1000 that fills by 1000 a second; the liveness phase (one datagram a live host on the wire) has its own.
        assert most_in(everything, seconds) <= 1000 + 1000 * seconds + len(truth.addresses)


def test_nothing_but_a_rare_loss_is_missed_on_a_lossy_air() -> None:
    truth = draw(SMALL, 7)
    with lan_of(truth, LOSSY) as lan:
        _, found = run(lan, "espied")
    figures = sweep_figures(found, truth, asks=CONTESTANTS["espied"].asks)
    what = misses(found, truth, asks=CONTESTANTS["espied"].asks)
    assert figures["hosts"] >= 59, what
    assert figures["recall"] >= 0.95, what
    assert figures["hosts_false"] == figures["open_false"] == 0, what


def test_silence_is_not_called_open_where_icmp_errors_are_rationed() -> None:
    truth = draw(SMALL, 7)
    with lan_of(truth, RATIONED) as lan:
        _, found = run(lan, "espied")
    figures = sweep_figures(found, truth, asks=CONTESTANTS["espied"].asks)
    what = misses(found, truth, asks=CONTESTANTS["espied"].asks)
    assert figures["hosts"] == 61, what
    assert figures["open_false"] == figures["maybe_false"] == 0, what


def test_all_hosts_of_a_large_network_are_found_without_privileges() -> None:
    truth = draw(LARGE, 7)
    with lan_of(truth) as lan:
        done, _ = run(lan, "espied scan -s 0")
    scan = json.loads(done.stdout)
    found = {address for device in scan["devices"] for address in device["addresses"]}
    assert truth.addresses <= found
    assert not found - truth.addresses - {truth.scanner}
    assert scan["scan"]["complete"] is True
    assert scan["scan"]["addresses"]["tested"] == scan["scan"]["addresses"]["planned"] == 1021


def test_a_router_that_answers_arp_for_every_address_is_named() -> None:
    truth = draw(SMALL, 7, {})
    with lan_of(truth) as lan:
        lan.devices.command("ip", "route", "add", "local", str(truth.network), "dev", "lo")
        one = CONTESTANTS["espied scan -s 0"]
        argv = [word for word in one.argv(Work(truth=truth)) if word != "--quiet"]
        done = measure(lan, argv, root=False, timeout=60)
    assert done.status in {0, 3}, done.stderr
    assert "Traceback" not in done.stderr
    assert "proxy" in done.stderr.lower(), done.stderr


def test_no_device_of_a_thousand_that_answer_at_once_is_lost() -> None:
    fleet = SCENARIOS["mdns-burst"].fleet
    assert fleet is not None
    truth = draw(LARGE, 7, {})
    with lan_of(truth) as lan:
        add_fleet(lan, fleet)
        one = CONTESTANTS["espied browse"]
        done = measure(lan, one.argv(Work(truth=truth, fleet=fleet)), root=False, timeout=60)
        assert done.status == 0, done.stderr
    figures = mdns_figures(one.parse(done.stdout), fleet.count)
    assert figures["found_share"] >= 0.99
    assert figures["resolved_share"] >= 0.99
