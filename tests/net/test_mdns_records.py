"""Records within bounds: what is newest, what ran out, and what a flood of made-up names does."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.net.mdns.records import MAX_ADDRESSES, Records

FOUR = ipaddress.ip_address("10.0.0.5").packed
OTHER = ipaddress.ip_address("10.0.0.6").packed
SIX = ipaddress.ip_address("fe80::5").packed


def test_the_newest_counts_and_only_a_difference_is_news() -> None:
    records = Records()
    assert records.take_service("Lamp._http._tcp.local.", "host.local.", 80, 120, 0.0)
    assert not records.take_service("LAMP._http._tcp.local.", "host.local.", 80, 120, 1.0)
    assert records.take_service("lamp._http._tcp.local.", "host.local.", 81, 120, 1.0)
    assert records.service("Lamp._HTTP._tcp.local") == ("host.local.", 81)
    assert records.take_text("Lamp._http._tcp.local.", b"\x01a", 4500, 0.0)
    assert not records.take_text("Lamp._http._tcp.local.", b"\x01a", 4500, 1.0)
    assert records.text("lamp._http._tcp.local.") == b"\x01a"
    assert records.take_text("Lamp._http._tcp.local.", b"\x01a", 0, 2.0)
    assert records.text("lamp._http._tcp.local.") is None
    assert records.take_service("Lamp._http._tcp.local.", "host.local.", 81, 0, 2.0)
    assert len(records) == 0


def test_addresses_are_in_order_and_flushed_a_second_after_a_newer_one() -> None:
    records = Records()
    assert records.take_address("host.local.", SIX, 120, 0.0, flush=True)
    assert records.take_address("host.local.", OTHER, 120, 0.0, flush=True)
    assert records.take_address("host.local.", FOUR, 120, 0.5, flush=True)  # in the same second: another interface of the host
    assert records.addresses("HOST.local") == ("10.0.0.5", "10.0.0.6", "fe80::5")
    assert records.expire(3.0) == []
    assert not records.take_address("host.local.", FOUR, 120, 3.0, flush=True)
    assert records.addresses("host.local") == ("10.0.0.5", "10.0.0.6", "fe80::5")
    assert records.next_end() == 4.0
    assert records.expire(4.0) == ["host.local"]
    assert records.addresses("host.local") == ("10.0.0.5", "fe80::5")
    assert not records.take_address("host.local.", b"\1\2\3", 120, 5.0, flush=False)
    assert records.take_address("host.local.", SIX, 0, 5.0, flush=False)
    assert records.addresses("host.local") == ("10.0.0.5",)
    for number in range(100):
        records.take_address("host.local.", bytes((10, 1, 0, number)), 120, 6.0, flush=False)
    assert len(records.addresses("host.local")) == MAX_ADDRESSES


def test_what_runs_out_is_told_by_name() -> None:
    records = Records()
    records.want("a")
    records.take_service("a", "h", 1, 120, 0.0)
    records.take_text("b", b"x", 60, 0.0)
    assert records.next_end() == 60.0
    assert records.expire(59.9) == []
    assert records.expire(60.0) == ["b"]
    assert records.next_end() == 120.0
    assert records.expire(200.0) == ["a"]
    assert records.next_end() is None
    assert records.service("a") is None


def test_a_short_ttl_does_not_make_looking_a_habit() -> None:
    records = Records()
    records.take_text("a", b"x", 1, 0.0)
    assert records.expire(1.0) == ["a"]
    records.take_text("a", b"x", 0.001, 1.0)
    assert records.expire(1.5) == []
    assert records.next_end() == 2.0
    assert records.expire(2.0) == ["a"]


def test_names_that_nobody_points_to_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.net.mdns.records.MAX_STRAYS", 10)
    records = Records()
    records.take_text("wanted", b"x", 4500, 0.0)
    records.want("wanted")
    for number in range(100):
        records.take_text(f"made up {number}", b"xx", 4500, 0.0)
    assert len(records) == 11
    assert records.text("wanted") == b"x"
    assert records.text("made up 99") == b"xx"
    assert records.text("made up 89") is None
    records.release("wanted")
    assert len(records) == 10
    assert records.text("wanted") == b"x"  # until there is no room


def test_all_text_together_is_bounded_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.net.mdns.records.MAX_TEXT", 1000)
    records = Records()
    for number in range(30):
        records.want(f"n{number}")
        records.take_text(f"n{number}", bytes(100), 4500, 0.0)
    assert records.refused == 20
    assert records.text("n10") is None
    assert records.take_text("n0", b"", 4500, 1.0)
    assert records.take_text("n10", bytes(50), 4500, 1.0)


STEP = st.tuples(
    st.sampled_from(["service", "text", "address", "want", "release", "expire"]),
    st.sampled_from(["a", "B.", "b", "c.local."]),
    st.sampled_from([0, 1, 120]),
    st.binary(max_size=20),
    st.booleans(),
)


@given(st.lists(STEP, max_size=80))
def test_the_count_of_bytes_is_right_and_news_is_a_difference(steps: list[tuple[str, str, int, bytes, bool]]) -> None:
    records = Records()
    now = 0.0
    for what, name, ttl, data, flag in steps:
        now += 0.4
        before = (records.service(name), records.text(name), records.addresses(name))
        news = None
        match what:
            case "service":
                news = records.take_service(name, data.hex(), ttl, ttl, now)
            case "text":
                news = records.take_text(name, data, ttl, now)
            case "address":
                news = records.take_address(name, data[:4].rjust(4, b"\0"), ttl, now, flush=flag)
            case "want":
                records.want(name)
            case "release":
                records.release(name)
            case _:
                records.expire(now)
        after = (records.service(name), records.text(name), records.addresses(name))
        if news is not None:
            assert news == (before != after)
        kept = [*records._wanted.values(), *records._strays.values()]
        assert records._text_bytes == sum(len(entry.text or b"") for entry in kept)
        assert not any(entry.empty for entry in records._strays.values())
        assert not set(records._wanted) & set(records._strays)
    now += 200
    records.expire(now)
    assert all(entry.empty for entry in records._wanted.values())
    assert records.next_end() is None
