"""A whole sweep on a modelled LAN: nothing is made up, and nearly nothing is missed. Fixed seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache

import pytest

from discover.net.policy import Policy
from discover.probe.limits import MOST_JUDGED
from discover.probe.ports import DEFAULT
from tests.probe.lan import Lan, Place, Result

LINUX = (6, 1.0)
SEEDS = range(100, 106)
LOSSES = (0.0, 0.05, 0.1, 0.15)


@cache
def results(place: Place, seeds: Iterable[int] = SEEDS) -> list[Result]:
    return [Lan(place, seed).run() for seed in seeds]


def place(loss: float, ration: tuple[int, float] | None = None, **changes: object) -> Place:
    return Place(**{"addresses": 40, "hosts": 20, "loss": loss, "ration": ration, **changes})  # type: ignore[arg-type]


def share(found: Sequence[AbstractSet[object]], there: Sequence[AbstractSet[object]]) -> float:
    """Return how much of what is there was found, over all seeds."""
    return sum(len(one & all_) for one, all_ in zip(found, there, strict=True)) / sum(map(len, there))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("ration", [None, LINUX, (1, 1.0)])
def test_no_closed_port_is_called_likely(loss: float, ration: tuple[int, float] | None) -> None:
    assert [one.false_likely for one in results(place(loss, ration))] == [set()] * len(SEEDS)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("ration", [None, LINUX])
def test_no_host_gets_more_than_its_budget_and_the_sweep_ends(loss: float, ration: tuple[int, float] | None) -> None:
    for one in results(place(loss, ration)):
        assert one.most_at_once <= Policy().host_packets
        assert one.packets <= len(one.hosts) * len(DEFAULT) * MOST_JUDGED
        assert one.seconds < 15.0


def test_on_clean_air_all_is_found() -> None:
    for ration in (None, LINUX):
        for one in results(place(0.0, ration)):
            assert one.alive == one.hosts
            assert one.found == one.open
    made = results(place(0.0))
    assert share([one.likely for one in made], [one.listeners for one in made]) >= 0.97


def test_a_wired_lan_shows_all_listeners_even_where_hosts_ration_their_errors() -> None:
    for ration in (None, LINUX):
        for one in results(place(0.0, ration, sleepers=0.0)):
            assert one.likely == one.listeners


def test_with_five_per_cent_loss_each_way_nearly_all_is_found() -> None:
    made = results(place(0.05))
    assert share([one.alive for one in made], [one.hosts for one in made]) >= 0.98
    assert share([one.found for one in made], [one.open for one in made]) >= 0.98
    assert share([one.likely for one in made], [one.listeners for one in made]) >= 0.95


def test_rationed_errors_cost_no_port_that_answers() -> None:
    made = results(place(0.05, LINUX))
    assert share([one.found for one in made], [one.open for one in made]) >= 0.98


def test_hosts_that_send_no_errors_have_no_listener_that_can_be_told() -> None:
    for one in results(place(0.05, icmp=False)):
        assert not one.likely
        assert one.seconds < 8.0


def test_hosts_that_answer_nothing_but_arp_are_found() -> None:
    for one in results(place(0.0, deaf=1.0)):
        assert one.alive == one.hosts
        assert not one.found
        assert not one.likely


def test_a_sweep_ends_soon_after_the_last_answer_where_the_air_is_clean() -> None:
    for one in results(place(0.0, sleepers=0.0, hosts=35)):
        assert one.seconds < 1.5


def test_the_worse_the_air_the_longer_it_listens() -> None:
    clean = results(place(0.0, sleepers=0.0, hosts=35))
    lossy = results(place(0.1, sleepers=0.0, hosts=35))
    assert sum(one.seconds for one in lossy) > sum(one.seconds for one in clean)


def test_the_same_seed_is_the_same_sweep() -> None:
    assert Lan(place(0.1, LINUX), 7).run() == Lan(place(0.1, LINUX), 7).run()
