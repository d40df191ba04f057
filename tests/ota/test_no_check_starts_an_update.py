"""Invariants 1 and 2: whatever a device answers, nothing that a check sends can start an update or leave it waiting."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from discover.atlas.loader import load_catalogue
from discover.model.device import Password
from discover.ota.actions import (
    Action,
    Addresses,
    AskNeighbours,
    AwaitCall,
    Called,
    ClosePort,
    Connect,
    Done,
    Event,
    Failed,
    Hangup,
    Known,
    Listen,
    Opened,
    OpenPort,
    Read,
    Received,
    Refused,
    Reply,
    Report,
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
from discover.proto.arduinoota import (
    AuthAnswer,
    Invitation,
    ReplyAuthFailed,
    ReplyError,
    ReplyOk,
    decode_auth,
    decode_invitation,
    decode_reply,
    encode_callback_invitation,
    md5_response,
    pbkdf2_response,
    starts_update,
)
from discover.proto.esphomeota import MAGIC
from tests.ota.driving import Trace, play

PORTS = (*ARDUINO_PORTS, CONTROL_PORTS[0], 8892, 65280, 80)
MAX_DATAGRAMS = 20
SECRET = "a-real-password"
CNONCE = "cd" * 32
OURS = 40_000
ROOT = Path(__file__).parents[2]
PAGES = [one.ota.page for one in load_catalogue().families if one.ota is not None and one.ota.page is not None]

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
            b"\x40",
            b"\x02" + b"a" * 64,
            b"\x01" + b"a" * 32,
            b"\x02",
            b"\x41",
            b"\x82",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: /ota/start\r\n\r\n",
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
    st.builds(Opened, st.just(OURS)),
    st.just(Called()),
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
    page=st.sampled_from([None, None, None, *PAGES]),
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
        Read: [Received(b"\x00\x02"), Received(b"\x00"), Received(b"\x40"), Received(b"\x02"), Received(b"a" * 64), Received(b"\x41")],
        OpenPort: [Opened(OURS)],
        AwaitCall: [Called(), Silence()],
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


REQUESTS = {f"GET {page.path} HTTP/1.1".encode() for page in PAGES}
"""The first line of every request that a check may make."""


def check_harmless(trace: Trace, *, asked: int | None = None, consent: bool = False, secret: bool = False) -> None:
    """Assert what holds for every check, whatever was answered: no datagram, byte or request that begins an update."""
    may_call = asked == 3 and consent
    for send in trace.sends:
        assert send.payload, "an empty datagram made old ESP32 cores deaf"
        if may_call and send.payload == encode_callback_invitation(OURS):
            continue
        assert not starts_update(send.payload)
        if secret and isinstance(decode_auth(send.payload), AuthAnswer):
            continue
        assert send.payload in (b"1", INVITATION)
    assert len(trace.sends) <= MAX_DATAGRAMS
    assert len(trace.connects) <= 1 + secret
    for written in conversations(trace):
        assert written in (b"", MAGIC) or written.partition(b"\r\n")[0] in REQUESTS or (secret and fits_password(written))
        assert b"\r\n" not in written or (written.endswith(b"\r\n\r\n") and written.count(b"\r\n\r\n") == 1)
    talking = [index for index, one in enumerate(trace.actions) if isinstance(one, Write | Read)]
    assert not talking or any(isinstance(one, Hangup) for one in trace.actions[talking[-1] :])
    opened = [index for index, one in enumerate(trace.actions) if isinstance(one, OpenPort)]
    assert len(opened) <= may_call
    waits = [index for index, one in enumerate(trace.actions) if isinstance(one, AwaitCall)]
    assert not waits or any(isinstance(one, ClosePort) for one in trace.actions[waits[-1] :])


def conversations(trace: Trace) -> list[bytes]:
    """What was written on each connection."""
    found: list[bytes] = []
    for action in trace.actions:
        if isinstance(action, Connect):
            found.append(b"")
        elif isinstance(action, Write):
            found[-1] += action.payload
    return found


def fits_password(written: bytes) -> bool:
    """Tell whether it is ESPHome's handshake up to the answer about the password: magic, features, answer; never a size."""
    rest = written.removeprefix(MAGIC + b"\x02")
    return rest != written and len(rest) in (0, 64, 128) and re.fullmatch(rb"[0-9a-f]*", rest) is not None


def test_the_invitation_announces_nothing_to_fetch() -> None:
    invitation = decode_invitation(INVITATION)
    assert invitation == Invitation(command=0, port=9, size=0, md5="0" * 32)
    assert re.fullmatch(rb"0 9 0 0{32}\n", INVITATION)


@given(
    data=st.data(),
    host=hosts,
    found=announcements,
    asked=st.sampled_from([None, 0, 1, 2, 3]),
    consent=st.booleans(),
    password=st.sampled_from([None, SECRET]),
)
def test_no_answers_make_a_check_send_anything_harmful(
    data: st.DataObject, host: Host, found: Announcement, asked: int | None, password: str | None, *, consent: bool
) -> None:
    device = Device(data)
    ladder = Ladder(host, found, known=("192.168.1.20",), asked=asked, consent=consent, password=password, cnonce=CNONCE)
    trace = play(ladder.climb(), device)
    check_harmless(trace, asked=asked, consent=consent, secret=consent and password is not None)
    assert trace.result is not None
    invited = [send for send in trace.sends if isinstance(decode_invitation(send.payload), Invitation)]
    allowed = consent and (asked in (2, 3) or (asked is None and password is not None))
    if asked == 0:
        assert not trace.sends
        assert not trace.connects
    if invited:
        assert {send.port for send in invited} == {host.port or found.port}
        assert found.kind == "arduino"
        assert found.transport != "tcp"
        assert found.password is Password.YES or allowed
    if found.page is not None:
        assert {(send.port in CONTROL_PORTS, send.payload) for send in trace.sends} <= {(True, b"1")}
    elif trace.connects:
        assert found.kind == "esphome"
        assert found.version in ("2025.9.0", "2026.10.0") or allowed
    elif found.kind not in ("arduino", "esphome", "unknown"):
        assert not trace.sends
        assert not trace.connects
    if any(isinstance(decode_auth(send.payload), AuthAnswer) for send in trace.sends):
        assert password is not None
        assert consent


@given(data=st.data(), level=st.sampled_from([None, 1, 2]))
def test_whatever_an_esphome_answers_it_sees_five_bytes_at_most_and_we_hang_up(data: st.DataObject, level: int | None) -> None:
    found = Announcement(kind="esphome", port=3232, transport="tcp", version="2026.10.0", heard=True)
    device = Device(data)
    trace = play(Ladder(Host(name="192.168.1.20", port=None, literal=True), found, asked=level).climb(), device)
    check_harmless(trace)
    opened = [event for action, event in device.answers if isinstance(action, Connect) and isinstance(event, Done)]
    assert sum(isinstance(one, Hangup) for one in trace.actions) == len(opened)
    assert level != 1 or trace.written == b""


def owes(actions: Sequence[Action], answers: Sequence[Event], port: int) -> bool:
    """Tell whether a device may still wait for a password when all was said: an invitation without its answer, challenge or reset."""
    waiting = False
    for action, event in zip(actions, answers, strict=True):
        if isinstance(action, Send) and action.port == port:
            if isinstance(event, Failed):
                return False  # this machine refuses; nothing can be done about it
            waiting = action.payload != b"1" and (waiting or isinstance(decode_invitation(action.payload), Invitation))
        said = decode_reply(event.payload) if isinstance(event, Reply) and event.port == port else None
        answered = isinstance(said, ReplyOk | ReplyError | ReplyAuthFailed)
        if answered or isinstance(event, Unreachable | Failed) or (isinstance(event, Refused) and event.port == port):
            waiting = False
    return waiting


@given(data=st.data(), asked=st.sampled_from([None, 2, 3]), password=st.sampled_from([None, SECRET]), announced=st.sampled_from(Password))
@example(data=None, asked=2, password=None, announced=Password.YES)
@example(data=None, asked=3, password=SECRET, announced=Password.YES)
def test_a_device_is_never_left_waiting_for_a_password(
    data: st.DataObject | None, asked: int | None, password: str | None, announced: Password
) -> None:
    found = Announcement(kind="arduino", port=3232, transport="udp", password=announced, heard=True)
    ladder = Ladder(Host(name="192.168.1.20", port=None, literal=True), found, asked=asked, consent=True, password=password, cnonce=CNONCE)
    device: Callable[[Action], Event] = (lambda one: fitting(one, 3232)[0]) if data is None else Device(data)
    events: list[Event] = []

    def answer(action: Action) -> Event:
        events.append(device(action))
        return events[-1]

    trace = play(ladder.climb(), answer)
    assert not owes(trace.actions, events, 3232)


@pytest.mark.parametrize(("nonce", "respond"), [("ab" * 16, md5_response), ("ab" * 32, pbkdf2_response)])
def test_level_3_sends_exactly_these_bytes(nonce: str, respond: Callable[[str, str, str], str]) -> None:
    found = Announcement(kind="arduino", port=3232, transport="udp", password=Password.YES, heard=True)
    host = Host(name="192.168.1.20", port=None, literal=True)
    ladder = Ladder(host, found, asked=3, consent=True, password=SECRET, host_port=OURS, cnonce=CNONCE)
    replies = iter([b"AUTH " + nonce.encode(), b"OK"])

    def device(action: Action) -> Event:
        return Reply(3232, next(replies)) if isinstance(action, Listen) else fitting(action, 3232)[0]

    trace = play(ladder.climb(), device)
    mine = CNONCE[: len(nonce)]
    assert [send.payload for send in trace.sends] == [
        b"0 40000 4096 00000000000000000000000000000000\n",
        f"200 {mine} {respond(SECRET, nonce, mine)}\n".encode(),
    ]
    words = [type(one).__name__ for one in trace.actions if not isinstance(one, Report)]
    assert words == ["Use", "LookBack", "OpenPort", "Send", "Listen", "Send", "Listen", "Settle", "AwaitCall", "ClosePort"]
    assert trace.result.called_back


def test_the_invitation_with_a_size_has_one_user() -> None:
    users = [path.name for path in (ROOT / "discover").rglob("*.py") if "encode_callback_invitation" in path.read_text(encoding="utf-8")]
    assert sorted(users) == ["arduinoota.py", "callback.py"]


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
