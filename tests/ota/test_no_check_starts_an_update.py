"""Invariants 1 and 2: whatever a device answers, nothing that a check sends can start an update or leave it waiting."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given

from discover.model.device import Password
from discover.ota.actions import (
    Action,
    Addresses,
    AskNeighbours,
    Connect,
    Done,
    Event,
    Failed,
    Hangup,
    Known,
    Listen,
    Read,
    Received,
    Refused,
    Reply,
    Resolve,
    Route,
    Send,
    Silence,
    Stray,
    Unreachable,
    Use,
    Wait,
    Write,
)
from discover.ota.arduino import INVITATION
from discover.ota.knocking import CONTROL_PORTS, SPACING
from discover.ota.ladder import Ladder
from discover.ota.target import ARDUINO_PORTS, Announcement, Host
from discover.proto.arduinoota import Invitation, decode_invitation, starts_update
from tests.ota.driving import Trace, play

PORTS = (*ARDUINO_PORTS, CONTROL_PORTS[0], 8892, 65280)
MAX_DATAGRAMS = 16

payloads = st.one_of(
    st.sampled_from(
        [
            b"OK",
            b"AUTH " + b"a" * 32,
            b"AUTH " + b"b" * 64,
            b"AUTH " + b"b" * 63,
            b"Authentication Failed",
            b"ERR: ERROR[5]: Bad Size Given\n",
            b"ERR: No Filesystem",
            b"\x00\x02",
            b"\x80",
            b"\x00",
            b"",
        ]
    ),
    st.binary(max_size=80),
)
ports = st.sampled_from(PORTS)
after = st.floats(min_value=0, max_value=3, allow_nan=False)
addresses = st.lists(st.sampled_from(["192.168.1.20", "fe80::1%lan0", "nonsense"]), max_size=3).map(tuple)
events: st.SearchStrategy[Event] = st.one_of(
    st.just(Done()),
    st.just(Silence()),
    st.builds(Addresses, addresses),
    st.builds(Route, st.sampled_from(["", "192.168.1.20"]), st.just("lan0"), st.just("192.168.1.2"), st.booleans(), st.booleans()),
    st.builds(Known, st.sampled_from(["", "24:6f:28:00:00:01"]), st.sampled_from(["", "reachable", "stale", "failed", "incomplete"])),
    st.builds(Reply, ports, payloads, after),
    st.builds(Stray, after),
    st.builds(Refused, ports, after),
    st.builds(Unreachable, st.just("EHOSTUNREACH"), after),
    st.builds(Received, payloads),
    st.builds(Failed, st.text(max_size=8), st.text(max_size=8)),
)
announcements = st.builds(
    Announcement,
    kind=st.sampled_from(["arduino", "esphome", "unknown", "http", "pull", "none"]),
    port=st.sampled_from([0, *PORTS]),
    transport=st.sampled_from(["", "udp", "tcp"]),
    password=st.sampled_from(Password),
    version=st.sampled_from(["", "2024.10.3", "2025.8.4", "2025.9.0-dev", "2025.9.0", "2026.10.0", "new"]),
    heard=st.booleans(),
)
hosts = st.builds(
    Host,
    name=st.sampled_from(["kitchen.local", "192.168.1.20"]),
    port=st.sampled_from([None, *PORTS]),
    literal=st.booleans(),
)


def fitting(action: Action, port: int) -> list[Event]:
    """Events that lead deeper, so that random play gets past the first step."""
    route = Route("192.168.1.20", "lan0", "192.168.1.2", on_link=True)
    table: dict[type[Any], list[Event]] = {
        Resolve: [Addresses(("192.168.1.20",))],
        Use: [route],
        AskNeighbours: [Known("24:6f:28:00:00:01", "reachable"), Known("24:6f:28:00:00:01", "stale")],
        Listen: [Silence(), Refused(port), Reply(port, b"AUTH " + b"a" * 32), Reply(port, b"OK"), Stray(0.1)],
        Connect: [Done()],
        Read: [Received(b"\x00\x02"), Received(b"\x00")],
    }
    return table.get(type(action), [Done()])


class Device:
    """Answers by chance, most often with what fits, and keeps which port was asked last."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._port = 0
        self.answers: list[tuple[Action, Event]] = []

    def __call__(self, action: Action) -> Event:
        if isinstance(action, Send):
            self._port = action.port
        event = self._data.draw(st.one_of(st.sampled_from(fitting(action, self._port)), events), label=type(action).__name__)
        self.answers.append((action, event))
        return event


def check_harmless(trace: Trace) -> None:
    for send in trace.sends:
        assert send.payload, "an empty datagram made old ESP32 cores deaf"
        assert not starts_update(send.payload)
        if send.payload != b"1":
            assert send.payload == INVITATION
    assert len(trace.sends) <= MAX_DATAGRAMS
    assert len(trace.connects) <= 1
    assert trace.written in (b"", bytes.fromhex("6c26f75c45"))
    talking = [index for index, one in enumerate(trace.actions) if isinstance(one, Write | Read)]
    assert not talking or any(isinstance(one, Hangup) for one in trace.actions[talking[-1] :])


def test_the_invitation_announces_nothing_to_fetch() -> None:
    invitation = decode_invitation(INVITATION)
    assert invitation == Invitation(command=0, port=9, size=0, md5="0" * 32)
    assert re.fullmatch(rb"0 9 0 0{32}\n", INVITATION)


@given(data=st.data(), host=hosts, found=announcements, asked=st.sampled_from([None, 0, 1, 2]), consent=st.booleans())
def test_no_answers_make_a_check_send_anything_harmful(
    data: st.DataObject, host: Host, found: Announcement, asked: int | None, *, consent: bool
) -> None:
    device = Device(data)
    trace = play(Ladder(host, found, known=("192.168.1.20",), asked=asked, consent=consent).climb(), device)
    check_harmless(trace)
    assert trace.result is not None
    invited = [send for send in trace.sends if send.payload == INVITATION]
    if asked == 0:
        assert not trace.sends
        assert not trace.connects
    if invited:
        assert {send.port for send in invited} == {host.port or found.port}
        assert found.kind == "arduino"
        assert found.transport != "tcp"
        assert found.password is Password.YES or (consent and asked == 2)
    if trace.connects:
        assert found.kind == "esphome"
        assert found.version in ("2025.9.0", "2026.10.0") or (consent and asked == 2)
    if found.kind not in ("arduino", "esphome", "unknown"):
        assert not trace.sends
        assert not trace.connects


@given(data=st.data(), level=st.sampled_from([None, 1, 2]))
def test_whatever_an_esphome_answers_it_sees_five_bytes_at_most_and_we_hang_up(data: st.DataObject, level: int | None) -> None:
    found = Announcement(kind="esphome", port=3232, transport="tcp", version="2026.10.0", heard=True)
    device = Device(data)
    trace = play(Ladder(Host(name="192.168.1.20", port=None, literal=True), found, asked=level).climb(), device)
    check_harmless(trace)
    opened = [event for action, event in device.answers if isinstance(action, Connect) and isinstance(event, Done)]
    assert sum(isinstance(one, Hangup) for one in trace.actions) == len(opened)
    assert level != 1 or trace.written == b""


@given(data=st.data())
@example(data=None)
def test_a_device_is_never_left_waiting_for_a_password(data: st.DataObject | None) -> None:
    found = Announcement(kind="arduino", port=3232, transport="udp", password=Password.YES, heard=True)
    ladder = Ladder(Host(name="192.168.1.20", port=None, literal=True), found, asked=2)
    if data is None:
        trace, answers = play(ladder.climb(), lambda one: fitting(one, 3232)[0]), []
    else:
        device = Device(data)
        trace, answers = play(ladder.climb(), device), device.answers
    last = next(
        (index for index in range(len(trace.actions) - 1, -1, -1) if getattr(trace.actions[index], "payload", b"") == INVITATION), None
    )
    if last is None or (answers and isinstance(answers[last][1], Failed)):
        return
    settled = any(isinstance(one, Send) and one.port == 3232 and one.payload == b"1" for one in trace.actions[last + 1 :])
    if settled:
        return
    # Only an answer that no waiting device gives excuses from the reset.
    replies = [event for _, event in answers[last + 1 :] if isinstance(event, Reply | Refused | Unreachable | Failed)]
    assert replies
    for event in replies:
        if isinstance(event, Reply) and event.port == 3232:
            assert not event.payload.startswith(b"AUTH")


@given(found=announcements, host=hosts)
def test_a_network_that_floods_with_strangers_datagrams_ends_the_check(found: Announcement, host: Host) -> None:
    def flood(action: Action) -> Event:
        if isinstance(action, Listen):
            return Stray(0.0)
        return fitting(action, 3232)[0]

    trace = play(Ladder(host, found, asked=2, consent=True).climb(), flood)
    assert trace.result is not None


def test_a_wait_lies_between_two_knocks_at_the_same_device() -> None:
    found = Announcement(kind="unknown")
    trace = play(
        Ladder(Host(name="192.168.1.20", port=None, literal=True), found).climb(),
        lambda one: Refused(33434) if isinstance(one, Listen) else fitting(one, 3232)[0],
    )
    sends = [index for index, one in enumerate(trace.actions) if isinstance(one, Send)]
    assert len(sends) > 1
    for first, second in pairwise(sends):
        between = [one.seconds for one in trace.actions[first:second] if isinstance(one, Wait | Listen)]
        assert sum(between) >= SPACING
