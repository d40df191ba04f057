"""Bookkeeping of service instances, without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.mdns_book import AGAIN_SECONDS, MAX_TYPES, PAUSES, Book, type_of
from discover.net.mdns_query import AAAA, SRV, TXT, A, encode_queries, host_labels, labels

TYPE = "_http._tcp.local."
LAMP = "Lamp v1.2._http._tcp.local."


@dataclass
class Records:
    """Records as a dictionary; names without case and trailing dot."""

    services: dict[str, tuple[str, int]] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def service(self, name: str) -> tuple[str, int] | None:
        return self.services.get(name.lower().rstrip("."))

    def text(self, name: str) -> bytes | None:
        return self.texts.get(name.lower().rstrip("."))

    def addresses(self, host: str) -> tuple[str, ...]:
        return self.hosts.get(host.lower().rstrip("."), ())

    def fill(self, name: str = LAMP, host: str = "Lamp_1.local.", text: bytes = b"\x03a=1") -> None:
        key = name.lower().rstrip(".")
        self.services[key] = (host, 80)
        self.texts[key] = text
        self.hosts[host.lower().rstrip(".")] = ("10.0.0.5", "fe80::5")


def short(events: list[MdnsEvent]) -> list[tuple[str, str, str, int, tuple[str, ...], bytes]]:
    return [(event.kind.value, event.instance, event.host, event.port, event.addresses, event.txt) for event in events]


RESOLVED = ("resolved", "Lamp v1.2", "Lamp_1.local", 80, ("10.0.0.5", "fe80::5"), b"\x03a=1")


def test_all_at_once_is_resolved_at_once() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    events = list(book.pointer(TYPE, LAMP, 4500, 1.0))
    assert short(events) == [RESOLVED]
    assert (events[0].interface, events[0].type, events[0].ttl) == ("lan0", "_http._tcp", 4500)
    assert book.next_due() is None


def test_records_out_of_order_and_in_other_case() -> None:
    records = Records()
    book = Book("lan0", records)
    records.hosts["lamp_1.local"] = ("10.0.0.5", "fe80::5")
    assert list(book.changed(["LAMP_1.local."], 0.5)) == []
    assert list(book.pointer("_HTTP._TCP.local.", LAMP, 120, 1.0)) == []
    records.texts[LAMP.lower().rstrip(".")] = b"\x03a=1"
    assert list(book.changed([LAMP.upper()], 1.1)) == []
    records.services[LAMP.lower().rstrip(".")] = ("Lamp_1.local.", 80)
    assert short(list(book.changed([LAMP.upper()], 1.2))) == [RESOLVED]


def test_the_same_again_is_told_for_presence_but_not_in_a_burst() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    assert len(list(book.pointer(TYPE, LAMP, 4500, 1.0))) == 1
    assert list(book.pointer(TYPE, LAMP.upper(), 4500, 2.0)) == []
    assert list(book.changed([LAMP, "lamp_1.local"], 3.0)) == []
    assert short(list(book.pointer(TYPE, LAMP, 4500, 1.0 + AGAIN_SECONDS))) == [RESOLVED]
    assert list(book.pointer(TYPE, LAMP, 4500, 2.0 + AGAIN_SECONDS)) == []


def test_changes_are_told_and_what_ran_out_is_kept() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    list(book.pointer(TYPE, LAMP, 4500, 1.0))
    records.fill(text=b"\x03a=2")
    assert [event.txt for event in book.changed([LAMP], 2.0)] == [b"\x03a=2"]
    records.hosts["lamp_1.local"] = ("10.0.0.6",)
    assert [event.addresses for event in book.changed(["Lamp_1.local."], 3.0)] == [("10.0.0.6",)]
    records.hosts.clear()
    records.services.clear()
    assert list(book.changed(["Lamp_1.local.", LAMP], 130.0)) == []
    assert [(event.host, event.port, event.addresses) for event in book.pointer(TYPE, LAMP, 4500, 140.0)] == [
        ("Lamp_1.local", 80, ("10.0.0.6",))
    ]
    records.fill(host="other.local.")
    records.hosts["other.local"] = ()
    assert [(event.host, event.addresses) for event in book.changed([LAMP], 141.0)] == [("other.local", ())]
    records.hosts["other.local"] = ("10.0.0.9",)
    assert [event.addresses for event in book.changed(["other.local"], 142.0)] == [("10.0.0.9",)]
    assert list(book.changed(["lamp_1.local"], 143.0)) == []


def test_goodbye_and_expiry_are_told_once_and_a_return_is_news() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    for kind in (MdnsEventKind.GOODBYE, MdnsEventKind.EXPIRED):
        assert len(list(book.pointer(TYPE, LAMP, 4500, 1.0))) == 1
        assert [(event.kind, event.instance, event.type) for event in book.gone(LAMP.upper(), kind)] == [(kind, "Lamp v1.2", "_http._tcp")]
        assert list(book.gone(LAMP, kind)) == []
        assert list(book.changed([LAMP, "lamp_1.local"], 1.5)) == []


def test_resolving_is_retried_with_growing_pauses_and_comes_to_an_end() -> None:
    book = Book("lan0", Records())
    list(book.pointer(TYPE, LAMP, 4500, 0.0))
    name = labels("Lamp v1.2", "_http._tcp")
    assert name == (b"Lamp v1.2", b"_http", b"_tcp", b"local")
    times: list[float] = []
    while (when := book.next_due()) is not None:
        assert book.due(when - 0.001) == ([], [], [])
        first, again, events = book.due(when)
        assert (first or again) == [(name, SRV), (name, TXT)]
        assert bool(first) == (not times)
        assert events == []
        times.append(when)
    assert len(times) == len(PAUSES)
    assert [round(later - earlier, 6) for earlier, later in zip([0.0, *times], times, strict=False)] == list(PAUSES)
    list(book.pointer(TYPE, LAMP, 4500, 1000.0))  # heard again: hope again
    assert book.next_due() == 1000.0 + PAUSES[0]


def test_only_what_is_missing_is_asked_for_and_a_lazy_responder_is_told_in_part() -> None:
    records = Records()
    book = Book("lan0", records)
    records.services[LAMP.lower().rstrip(".")] = ("Lamp_1.local.", 80)
    assert list(book.pointer(TYPE, LAMP, 4500, 0.0)) == []
    name, host = labels("Lamp v1.2", "_http._tcp"), host_labels("Lamp_1.local.")
    assert book.due(0.2)[0] == [(name, TXT), (host, A), (host, AAAA)]
    records.hosts["lamp_1.local"] = ("10.0.0.5",)
    assert list(book.changed(["lamp_1.local"], 0.3)) == []
    assert book.due(1.3) == ([], [(name, TXT)], [])
    assert [(event.port, event.addresses, event.txt) for event in book.due(4.0)[2]] == [(80, ("10.0.0.5",), b"")]
    records.texts[LAMP.lower().rstrip(".")] = b"\0"
    assert [(event.txt, event.port) for event in book.changed([LAMP], 5.0)] == [(b"\0", 80)]
    assert book.next_due() is None


def test_a_name_that_dns_cannot_say_is_not_asked_for() -> None:
    book = Book("lan0", Records())
    list(book.pointer(TYPE, "\N{REPLACEMENT CHARACTER}" * 60 + "._http._tcp.local.", 4500, 0.0))
    assert book.due(1.0) == ([], [], [])
    assert book.next_due() is None


@pytest.mark.parametrize(
    ("pointer", "full"),
    [
        ("5.1.168.192.in-addr.arpa.", "host.local."),
        ("_printer._sub._http._tcp.local.", "X._http._tcp.local."),
        (TYPE, "X._ipp._tcp.local."),
        (TYPE, "._http._tcp.local."),
        (TYPE, "_http._tcp.local."),
        ("_services._dns-sd._udp.local.", "_http._tcp.local."),
        ("_ev il._tcp.local.", "X._ev il._tcp.local."),
        ("", ""),
    ],
)
def test_pointers_that_are_no_instances_are_left_alone(pointer: str, full: str) -> None:
    book = Book("lan0", Records())
    assert list(book.pointer(pointer, full, 4500, 0.0)) == []
    assert book.next_due() is None


def test_types_are_learnt_once_valid_and_bounded() -> None:
    book = Book("lan0", Records())
    assert book.learn_type("_WLED._tcp.local.") == "_wled._tcp"
    assert book.learn_type("_wled._tcp.local.") is None
    for bad in (
        "_a b._tcp.local.",
        "http._tcp.local.",
        "_x._sctp.local.",
        "_x._tcp.example.",
        "_\x1b[31m._tcp.local.",
        "",
        "_" + "a" * 80 + "._tcp.local.",
    ):
        assert book.learn_type(bad) is None
    learnt = [book.learn_type(f"_t{number}._udp.local.") for number in range(MAX_TYPES + 50)]
    assert len([one for one in learnt if one]) == MAX_TYPES - 1


def test_the_book_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.net.mdns_book.MAX_INSTANCES", 10)
    book = Book("lan0", Records())
    for number in range(100):
        list(book.pointer(TYPE, f"made up {number}._http._tcp.local.", 4500, 0.0))
    assert len(book._instances) == 10


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_name_makes_the_book_fail(pointer: str, full: str) -> None:
    records = Records()
    book = Book("lan0", records)
    for name in (full, f"{full}.{pointer}", f"{full}._http._tcp.local."):
        records.fill(name, host=full or "x")
        for one in (pointer, TYPE):
            list(book.pointer(one, name, 1, 0.0))
        list(book.changed([name, full], 1.0))
        first, again, _ = book.due(9.0)
        assert all(len(packet) <= 1500 for packet in encode_queries([*first, *again]))
        list(book.gone(name, MdnsEventKind.GOODBYE))
    type_of(pointer)


@given(st.lists(st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=3), max_size=60))
def test_questions_fit_into_packets_and_none_is_lost(names: list[list[bytes]]) -> None:
    packets = list(encode_queries([(tuple(name), SRV) for name in names], unicast=True))
    assert sum(int.from_bytes(packet[4:6], "big") for packet in packets) == len(names)
    assert all(len(packet) <= 1400 for packet in packets)
    assert all(packet[:4] == b"\0\0\0\0" for packet in packets)  # a question: QR is 0


def test_a_question_on_the_wire() -> None:
    assert list(encode_queries([((b"x", b"local"), A)])) == [b"\0\0\0\0\0\1\0\0\0\0\0\0\1x\5local\0\0\1\0\1"]
    assert list(encode_queries([((b"x", b"local"), AAAA)], unicast=True)) == [b"\0\0\0\0\0\1\0\0\0\0\0\0\1x\5local\0\0\x1c\x80\1"]
    assert list(encode_queries([])) == []


def test_a_responder_that_changes_its_host_name_for_ever_fills_no_memory() -> None:
    records = Records()
    book = Book("lan0", records)
    for number in range(50):
        records.fill(host=f"made-up-{number}.local.")
        list(book.pointer(TYPE, LAMP, 4500, float(number)))
        list(book.changed([LAMP], float(number)))
    assert list(book._by_host) == ["made-up-49.local"]
    list(book.gone(LAMP, MdnsEventKind.GOODBYE))
    assert not book._by_host
