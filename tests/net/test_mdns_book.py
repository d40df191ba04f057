"""Bookkeeping of service instances, without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.mdns.book import AGAIN_SECONDS, HOPE_SECONDS, MAX_KNOWN, MAX_TYPES, MIN_TTL, PAUSES, PLAIN_AFTER, Book
from discover.net.mdns.instance import CHANGES, META, REFRESHES, type_of
from discover.net.mdns.query import AAAA, SRV, TXT, A, host_labels, labels
from tests.net.mdns_packets import Question, questions_of

TYPE = "_http._tcp.local."
LAMP = "Lamp v1.2._http._tcp.local."


@dataclass
class Records:
    """Records as a dictionary; names without case and trailing dot."""

    services: dict[str, tuple[str, int]] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)

    def service(self, name: str) -> tuple[str, int] | None:
        return self.services.get(name.lower().rstrip("."))

    def text(self, name: str) -> bytes | None:
        return self.texts.get(name.lower().rstrip("."))

    def addresses(self, host: str) -> tuple[str, ...]:
        return self.hosts.get(host.lower().rstrip("."), ())

    def want(self, name: str) -> None:
        self.wanted.add(name.lower().rstrip("."))

    def release(self, name: str) -> None:
        self.wanted.discard(name.lower().rstrip("."))

    def fill(self, name: str = LAMP, host: str = "Lamp_1.local.", text: bytes = b"\x03a=1") -> None:
        key = name.lower().rstrip(".")
        self.services[key] = (host, 80)
        self.texts[key] = text
        self.hosts[host.lower().rstrip(".")] = ("10.0.0.5", "fe80::5")


def short(events: list[MdnsEvent]) -> list[tuple[str, str, str, int, tuple[str, ...], bytes]]:
    return [(event.kind.value, event.instance, event.host, event.port, event.addresses, event.txt) for event in events]


def asked(packet: bytes) -> list[Question]:
    return questions_of(packet)


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
    for now, kind in ((1.0, MdnsEventKind.GOODBYE), (100.0, MdnsEventKind.EXPIRED)):
        assert len(list(book.pointer(TYPE, LAMP, 4500, now))) == 1
        assert records.wanted == {LAMP.lower().rstrip("."), "lamp_1.local"}
        gone = list(book.gone(LAMP.upper(), kind, now))
        assert [(event.kind, event.instance, event.type) for event in gone] == [(kind, "Lamp v1.2", "_http._tcp")]
        assert list(book.gone(LAMP, kind, now)) == []
        assert list(book.changed([LAMP, "lamp_1.local"], now + 0.5)) == []
        assert not records.wanted


def test_resolving_is_retried_with_growing_pauses_and_comes_to_an_end() -> None:
    book = Book("lan0", Records())
    list(book.pointer(TYPE, LAMP, 4500, 0.0))
    name = labels("Lamp v1.2", "_http._tcp")
    assert name == (b"Lamp v1.2", b"_http", b"_tcp", b"local")
    times: list[float] = []
    while (when := book.next_due()) is not None:
        assert not book.waiting(when - 0.001)
        assert book.ask(when - 0.001, unicast=True) == (b"", [])
        assert book.waiting(when)
        packet, events = book.ask(when, unicast=True)
        # The first question asks for a unicast answer (RFC 6762 section 5.4); those that follow, everyone.
        assert asked(packet) == [(name, SRV, not times), (name, TXT, not times)]
        assert (b"\xc0" in packet) == (len(times) < PLAIN_AFTER)
        assert events == []
        times.append(when)
    assert len(times) == len(PAUSES)
    assert [round(later - earlier, 6) for earlier, later in zip([0.0, *times], times, strict=False)] == list(PAUSES)
    list(book.pointer(TYPE, LAMP, 4500, times[-1] + HOPE_SECONDS - 1))
    assert book.next_due() is None
    list(book.pointer(TYPE, LAMP, 4500, times[-1] + HOPE_SECONDS))  # heard again: hope again
    assert book.next_due() == times[-1] + HOPE_SECONDS + PAUSES[0]


def test_who_says_goodbye_and_comes_back_is_asked_for_again_but_not_within_a_second() -> None:
    book = Book("lan0", Records())
    list(book.pointer(TYPE, LAMP, 4500, 0.0))
    assert book.ask(1.0, unicast=True)[0]
    list(book.gone(LAMP, MdnsEventKind.GOODBYE, 1.1))
    list(book.pointer(TYPE, LAMP, 4500, 1.2))
    assert book.ask(1.9, unicast=True)[0] == b""
    assert book.ask(2.0, unicast=True)[0]


def test_only_what_is_missing_is_asked_for_and_a_lazy_responder_is_told_in_part() -> None:
    records = Records()
    book = Book("lan0", records)
    records.services[LAMP.lower().rstrip(".")] = ("Lamp_1.local.", 80)
    assert list(book.pointer(TYPE, LAMP, 4500, 0.0)) == []
    name, host = labels("Lamp v1.2", "_http._tcp"), host_labels("Lamp_1.local.")
    assert asked(book.ask(0.2, unicast=True)[0]) == [(name, TXT, True), (host, A, True), (host, AAAA, True)]
    records.hosts["lamp_1.local"] = ("10.0.0.5",)
    assert list(book.changed(["lamp_1.local"], 0.3)) == []
    assert asked(book.ask(1.3, unicast=True)[0]) == [(name, TXT, False)]
    assert [(event.port, event.addresses, event.txt) for event in book.ask(4.0, unicast=True)[1]] == [(80, ("10.0.0.5",), b"")]
    records.texts[LAMP.lower().rstrip(".")] = b"\0"
    assert [(event.txt, event.port) for event in book.changed([LAMP], 5.0)] == [(b"\0", 80)]
    assert book.next_due() is None


def test_a_name_that_dns_cannot_say_is_not_asked_for() -> None:
    book = Book("lan0", Records())
    list(book.pointer(TYPE, "\N{REPLACEMENT CHARACTER}" * 60 + "._http._tcp.local.", 4500, 0.0))
    assert book.ask(1.0, unicast=True) == (b"", [])
    assert book.next_due() is None


def test_a_thousand_instances_are_asked_for_in_a_score_of_packets_and_what_is_new_goes_first() -> None:
    book = Book("lan0", Records())
    for number in range(1000):
        list(book.pointer(TYPE, f"device {number:04}._http._tcp.local.", 4500, 0.0))
    packets = []
    while packet := book.ask(0.1, unicast=True)[0]:
        packets.append(packet)
    assert len(packets) <= 20
    assert len({one for packet in packets for one in asked(packet)}) == 2000
    list(book.pointer(TYPE, LAMP, 4500, 5.0))
    assert asked(book.ask(6.0, unicast=True)[0]) == [(labels("Lamp v1.2", "_http._tcp"), kind, True) for kind in (SRV, TXT)]
    assert len(asked(book.ask(6.0, unicast=True)[0])) > 50


def test_a_liar_is_told_once_a_second_with_the_newest_state_in_the_end() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    events = list(book.pointer(TYPE, LAMP, 4500, 0.0))
    for step in range(5000):  # a thousand times a second
        now = step / 1000
        records.fill(text=b"\x05n=%03d" % (step % 1000))
        events += book.changed([LAMP], now)
        if (due := book.next_due()) is not None and due <= now:
            events += book.late(now)
    assert len(events) <= CHANGES + 5
    events += book.late(6.0)
    assert events[-1].txt == b"\x05n=999"
    assert 4900 < book.held_back < 5000
    assert book.busiest == "Lamp v1.2"
    assert book.late(7.0) == []
    assert book.next_due() is None


def test_who_comes_and_goes_a_thousand_times_a_second_is_told_once_a_second() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    events: list[MdnsEvent] = []
    for step in range(3000):
        now = step / 1000
        events += book.pointer(TYPE, LAMP, 4500, now) if step % 2 == 0 else book.gone(LAMP, MdnsEventKind.GOODBYE, now)
        if (due := book.next_due()) is not None and due <= now:
            events += book.late(now)
    assert len(events) <= CHANGES + 4
    for later in (4.0, 5.0, 6.0, 7.0, 8.0):
        events += book.late(later)
    assert events[-1].kind is MdnsEventKind.GOODBYE
    assert book.next_due() is None
    assert not book._instances
    assert not book._by_type
    assert not records.wanted


def test_a_goodbye_that_was_taken_back_before_it_was_told_is_no_news() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    told = list(book.pointer(TYPE, LAMP, 4500, 0.0))
    for number in range(CHANGES - 1):
        records.fill(text=b"\x03a=%d" % number)
        told += book.changed([LAMP], 0.1)
    assert len(told) == CHANGES
    assert list(book.gone(LAMP, MdnsEventKind.GOODBYE, 0.2)) == []
    assert list(book.pointer(TYPE, LAMP, 4500, 0.3)) == []
    assert book.late(5.0) == []
    assert book.next_due() is None


def test_types_are_asked_for_again_before_their_pointers_run_out() -> None:
    records = Records()
    book = Book("lan0", records)
    records.fill()
    list(book.pointer(TYPE, LAMP, 4500, 0.0))
    stale = []
    events: list[MdnsEvent] = []
    while (when := book.next_look()) is not None:
        assert book.look(when - 0.5) == ([], set())
        events, types = book.look(when)
        if events:
            break
        stale.append((when / 4500, types))
    assert stale == [(part, {"_http._tcp"}) for part in REFRESHES]
    assert [(event.kind, event.instance) for event in events] == [(MdnsEventKind.EXPIRED, "Lamp v1.2")]
    list(book.pointer(TYPE, LAMP, 10, 5000.0))  # a quarter of an hour at least
    assert book.look(5000.0 + MIN_TTL - 1)[0] == []
    assert len(book.look(5000.0 + MIN_TTL)[0]) == 1


def test_known_answers_have_more_than_half_of_their_time_left() -> None:
    records = Records()
    book = Book("lan0", records)
    for name in (LAMP, "Other._http._tcp.local."):
        records.fill(name)
        list(book.pointer(TYPE, name, 4500, 0.0))
    list(book.gone("Other._http._tcp.local.", MdnsEventKind.GOODBYE, 1.0))
    assert book.known("_http._tcp", 10.0) == [(labels("Lamp v1.2", "_http._tcp"), 4490)]
    assert book.known("_http._tcp", 2250.0) == []
    assert book.known("_ipp._tcp", 10.0) == []
    for number in range(MAX_KNOWN + 10):
        records.fill(f"{number}._tivo._tcp.local.")
        list(book.pointer("_tivo._tcp.local.", f"{number}._tivo._tcp.local.", 4500, 0.0))
    assert len(book.known("_tivo._tcp", 1.0)) == MAX_KNOWN
    book.learn_type("_ipp._tcp.local.")  # nobody has said so
    book.learn_type("_wled._tcp.local.", 4500, 0.0)
    assert book.known(META, 10.0) == [((b"_wled", b"_tcp", b"local"), 4490)]


def test_who_waits_to_be_resolved_is_heard_once_more() -> None:
    book = Book("lan0", Records())
    list(book.pointer(TYPE, LAMP, 4500, 0.0))
    for now in (0.1, 1.5, 4.0):
        assert book.known("_http._tcp", now) == []
        assert book.ask(now, unicast=True)[0]
    assert len(book.known("_http._tcp", 5.0)) == 1  # it has nothing more to say


def test_the_same_name_on_two_interfaces_is_two_things() -> None:
    records = Records()
    records.fill()
    books = {face: Book(face, records) for face in ("lan0", "lan1")}
    for book in books.values():
        (event,) = book.pointer(TYPE, LAMP, 4500, 0.0)
        assert event.interface == book._interface
    (gone,) = books["lan0"].gone(LAMP, MdnsEventKind.GOODBYE, 1.0)
    assert gone.interface == "lan0"
    assert books["lan1"].known("_http._tcp", 1.0)


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


def test_the_book_does_not_grow_without_end_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.net.mdns.book.MAX_INSTANCES", 10)
    book = Book("lan0", Records())
    for number in range(100):
        list(book.pointer(TYPE, f"made up {number}._http._tcp.local.", 4500, 0.0))
    assert len(book._instances) == 10
    assert book.refused == 90


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_name_makes_the_book_fail(pointer: str, full: str) -> None:
    records = Records()
    book = Book("lan0", records)
    for name in (full, f"{full}.{pointer}", f"{full}._http._tcp.local."):
        records.fill(name, host=full or "x")
        for one in (pointer, TYPE):
            list(book.pointer(one, name, 1, 0.0))
        list(book.changed([name, full], 1.0))
        book.known("_http._tcp", 1.0)
        assert len(book.ask(9.0, unicast=True)[0]) <= 1500
        list(book.gone(name, MdnsEventKind.GOODBYE, 10.0))
        book.late(20.0)
    assert book.next_due() is None
    type_of(pointer)


@given(st.lists(st.tuples(st.sampled_from(["up", "down", "change", "wait", "ask"]), st.integers(0, 2)), max_size=60))
def test_what_was_told_last_is_what_is_so_whatever_happened(steps: list[tuple[str, int]]) -> None:
    records = Records()
    book = Book("lan0", records)
    now = 0.0
    alive: dict[str, bytes] = {}
    told: dict[str, bytes] = {}
    events: list[MdnsEvent] = []
    for count, (step, number) in enumerate([*steps, *[("wait", 0)] * 4]):
        name = f"n{number}"
        full = f"{name}._http._tcp.local."
        now += 0.01
        match step:
            case "up":
                if name not in alive:
                    records.fill(full, host=f"h{number}.local.", text=b"\x03n=%d" % (count % 10))
                    alive[name] = b"\x03n=%d" % (count % 10)
                events += book.pointer(TYPE, full, 4500, now)
            case "down":
                alive.pop(name, None)
                events += book.gone(full, MdnsEventKind.GOODBYE, now)
            case "change" if name in alive:
                records.fill(full, host=f"h{number}.local.", text=b"\x03n=%d" % (count % 10))
                alive[name] = b"\x03n=%d" % (count % 10)
                events += book.changed([full], now)
            case "ask":
                events += book.ask(now, unicast=True)[1]
            case "wait":
                now += 5.0
                events += book.late(now)
    for event in events:
        if event.kind is MdnsEventKind.RESOLVED:
            told[event.instance] = event.txt
        else:
            del told[event.instance]  # nobody says goodbye who was not told
    assert told == alive
    assert book.next_due() is None


def test_a_responder_that_changes_its_host_name_for_ever_fills_no_memory() -> None:
    records = Records()
    book = Book("lan0", records)
    for number in range(50):
        records.fill(host=f"made-up-{number}.local.")
        list(book.pointer(TYPE, LAMP, 4500, float(number)))
        list(book.changed([LAMP], float(number)))
    assert list(book._by_host) == ["made-up-49.local"]
    list(book.gone(LAMP, MdnsEventKind.GOODBYE, 60.0))
    assert not book._by_host
    assert not records.wanted
