"""Proxy ARP: a router that answers for every address is told apart from hosts, and from hosts with many addresses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from discover.engine.proxy import LEAST, SHARE, ProxyWatch

ROUTER = "02:00:00:00:00:99"
HOST = "02:00:00:00:00:01"


def watch(planned: int) -> tuple[ProxyWatch, list[str]]:
    found: list[str] = []
    return ProxyWatch(planned, found.append), found


def see(made: ProxyWatch, mac: str, numbers: range) -> list[bool]:
    return [made.seen(f"10.0.{number // 256}.{number % 256}", mac) for number in numbers]


def test_a_router_that_answers_for_everybody_is_found_once_and_before_all_have_answered() -> None:
    made, found = watch(254)
    told = see(made, ROUTER, range(254))
    assert found == [ROUTER]
    assert told[0] is False
    assert told[-1] is True
    assert told.index(True) + 1 <= 254
    assert told == sorted(told)


def test_hosts_of_their_own_are_no_proxies_however_many() -> None:
    made, found = watch(254)
    assert not any(made.seen(f"10.0.0.{number}", f"02:00:00:00:01:{number:02x}") for number in range(254))
    assert not found
    assert made.ghosts(lambda _address: False) == 0


def test_a_host_with_many_addresses_is_none_either() -> None:
    made, found = watch(254)
    assert not any(see(made, HOST, range(LEAST - 1)))
    assert not any(see(made, HOST, range(int(254 * SHARE) - 1)))
    assert not found


def test_in_a_small_network_nobody_is_a_proxy() -> None:
    made, found = watch(14)
    assert not any(see(made, ROUTER, range(14)))
    assert not found


def test_the_same_address_again_and_again_is_one_address() -> None:
    made, found = watch(254)
    for _ in range(1000):
        assert not made.seen("10.0.0.7", HOST)
    assert not found
    assert list(made.behind(HOST)) == ["10.0.0.7"]


def test_a_host_beside_a_proxy_is_a_host() -> None:
    made, found = watch(254)
    see(made, ROUTER, range(254))
    assert not made.seen("10.0.0.7", HOST)
    assert found == [ROUTER]


def test_two_proxies_are_both_found() -> None:
    made, found = watch(100)
    see(made, ROUTER, range(100))
    see(made, HOST, range(100))
    assert found == [ROUTER, HOST]


def test_ghosts_are_those_behind_a_proxy_that_said_nothing_themselves() -> None:
    made, _ = watch(100)
    see(made, ROUTER, range(100))
    made.seen("10.0.0.200", HOST)
    spoke = {"10.0.0.1", "10.0.0.2", "10.0.0.200"}
    assert made.ghosts(spoke.__contains__) == 98
    assert made.ghosts(lambda _address: True) == 0


def test_nothing_is_known_of_a_mac_never_seen() -> None:
    made, _ = watch(100)
    assert list(made.behind(ROUTER)) == []


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from([ROUTER, HOST, "02:00:00:00:00:02"])), max_size=400),
)
def test_each_proxy_is_told_once_and_answers_for_as_many_as_it_takes(planned: int, rows: list[tuple[int, str]]) -> None:
    made, found = watch(planned)
    behind: dict[str, set[int]] = {}
    for number, mac in rows:
        behind.setdefault(mac, set()).add(number)
        proxied = made.seen(f"10.0.0.{number}", mac)
        assert proxied == (mac in found)
        assert proxied == (len(behind[mac]) >= max(LEAST, SHARE * planned))
    assert len(found) == len(set(found))
    assert made.ghosts(lambda _address: False) == sum(len(behind[mac]) for mac in found)
    for mac, numbers in behind.items():
        assert set(made.behind(mac)) == {f"10.0.0.{number}" for number in numbers}
