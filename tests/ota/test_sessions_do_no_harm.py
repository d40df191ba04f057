"""Invariant 2 of each session that is done on request or reads a page: far into the dialogue, then anything may come."""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from discover.model.device import Password
from discover.ota.actions import (
    Action,
    AwaitCall,
    Called,
    ClosePort,
    Connect,
    Done,
    Event,
    Failed,
    Hangup,
    Listen,
    Opened,
    OpenPort,
    Read,
    Received,
    Reply,
    Send,
    Silence,
    Write,
)
from discover.ota.arduino import INVITATION
from discover.ota.callback import CalledBack, call_back
from discover.ota.http import ask
from discover.ota.ladder import Ladder
from discover.ota.password import Tried, answer, ask_esphome
from discover.ota.target import Announcement, Host
from discover.proto.arduinoota import encode_auth, encode_callback_invitation, md5_response, pbkdf2_response
from discover.proto.esphomeota import MAGIC, auth_response
from tests.ota.driving import Trace, play
from tests.ota.test_no_check_starts_an_update import CNONCE, PAGES, SECRET, events, fitting, owes

PORT = 3232
NONCES = ["ab" * 16, "ab" * 32]


class Dialogue:
    """Answers the waits of a session by what a device says, up to ``depth`` of it, and then by what is drawn."""

    def __init__(self, data: st.DataObject, said: Sequence[Event], depth: int, waits: tuple[type[Action], ...]) -> None:
        self._data = data
        self._rest = list(said[:depth])
        self._waits = waits
        self.answers: list[Event] = []

    def __call__(self, action: Action) -> Event:
        if isinstance(action, self._waits) and self._rest:
            event = self._rest.pop(0)
        elif isinstance(action, self._waits) or self._data.draw(st.integers(0, 9)) == 0:
            event = self._data.draw(events)
        else:
            event = fitting(action, PORT)[0]
        self.answers.append(event)
        return event


@given(data=st.data(), nonce=st.sampled_from(NONCES))
def test_whatever_comes_after_a_password_was_tried_no_device_waits_for_another(data: st.DataObject, nonce: str) -> None:
    device = Dialogue(data, [], 0, (Listen,))
    trace = play(answer(PORT, nonce, SECRET, CNONCE), device)
    mine = CNONCE[: len(nonce)]
    respond = md5_response if len(nonce) == 32 else pbkdf2_response
    tried = encode_auth(mine, respond(SECRET, nonce, mine))
    assert {send.payload for send in trace.sends} <= {tried, b"1"}
    assert trace.sends[0].payload == tried
    # As after an invitation of size 0 that was answered with the challenge.
    before: tuple[list[Action], list[Event]] = ([Send(PORT, INVITATION, "x")], [Done()])
    assert not owes([*before[0], *trace.actions], [*before[1], *device.answers], PORT)


@given(
    data=st.data(),
    silent=st.integers(0, 6),
    nonce=st.sampled_from(NONCES),
    level=st.sampled_from([None, 3]),
    password=st.sampled_from([None, SECRET]),
)
def test_a_challenge_that_comes_late_is_answered_or_taken_back(
    data: st.DataObject, silent: int, nonce: str, level: int | None, password: str | None
) -> None:
    found = Announcement(kind="arduino", port=PORT, transport="udp", password=Password.YES, heard=True)
    host = Host(name="192.168.1.20", port=None, literal=True)
    ladder = Ladder(host, found, asked=level, consent=True, password=password, cnonce=CNONCE)
    said: list[Event] = [*[Silence()] * silent, Reply(PORT, b"AUTH " + nonce.encode())]
    device = Dialogue(data, said, len(said), (Listen, AwaitCall))
    trace = play(ladder.climb(), device)
    assert not owes(trace.actions, device.answers, PORT)
    tried = [send for send in trace.sends if send.payload.startswith(b"200 ")]
    assert password is not None or not tried


ESPHOME: list[Event] = [Done(), Received(b"\0\2"), Received(b"\x40"), Received(b"\2"), Received(b"ab" * 32), Received(b"\x41")]


@given(data=st.data(), depth=st.integers(0, len(ESPHOME)))
def test_whatever_an_esphome_answers_it_gets_no_byte_beyond_its_password(data: st.DataObject, depth: int) -> None:
    device = Dialogue(data, ESPHOME, depth, (Connect, Read))
    trace = play(ask_esphome(PORT, SECRET, CNONCE), device)
    assert not trace.sends
    rest = trace.written.removeprefix(MAGIC).removeprefix(b"\2")
    allowed = {b"", *(mine + auth_response(*row, mine.decode()).encode() for row, mine in challenges(trace, device.answers))}
    assert rest in allowed
    assert trace.written[:6] in (b"", MAGIC, MAGIC + b"\2")
    assert not trace.written or isinstance(trace.actions[-1], Hangup)
    if depth == len(ESPHOME) and not any(isinstance(one, Failed) for one in device.answers):
        assert trace.result.outcome is Tried.RIGHT or Write not in map(type, trace.actions)


def challenges(trace: Trace, answers: Sequence[Event]) -> list[tuple[tuple[str, str, str], bytes]]:
    """Every challenge that the bytes received can have made, as (method, password, nonce) and our part of the answer."""
    pairs = zip(trace.actions, answers, strict=True)
    read = b"".join(event.data[: action.limit] for action, event in pairs if isinstance(action, Read) and isinstance(event, Received))
    found = []
    for method, digits in (("md5", 32), ("sha256", 64)):
        for start in range(len(read)):
            nonce = read[start : start + digits]
            if len(nonce) == digits and nonce.isascii():
                found.append(((method, SECRET, nonce.decode()), CNONCE[:digits].encode()))
    return found


@given(data=st.data(), page=st.sampled_from(PAGES), depth=st.integers(0, 2), level=st.sampled_from([1, 2]))
def test_a_web_server_gets_one_get_whatever_it_answers(data: st.DataObject, page: object, depth: int, level: int) -> None:
    wanted = next(one for one in PAGES if one == page)
    device = Dialogue(data, [Done(), Received(b"HTTP/1.1 302 Found\r\nLocation: /ota/start\r\n\r\n")], depth, (Connect, Read))
    trace = play(ask(wanted, "192.168.1.20", 80, level=level), device)
    request = f"GET {wanted.path} HTTP/1.1\r\nHost: 192.168.1.20\r\nUser-Agent: espied\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
    assert trace.written in ((b"", request) if level == 2 else (b"",))
    assert len(trace.connects) <= 1
    assert not trace.sends
    assert not trace.written or isinstance(trace.actions[-1], Hangup)


@given(data=st.data(), nonce=st.sampled_from(["", *NONCES]), depth=st.integers(0, 3))
def test_whatever_comes_the_port_is_closed_and_no_image_follows(data: st.DataObject, nonce: str, depth: int) -> None:
    said: list[Event] = [Reply(PORT, b"AUTH " + nonce.encode()), Reply(PORT, b"OK")] if nonce else [Reply(PORT, b"OK")]
    device = Dialogue(data, [*said, Called()], depth, (Listen, AwaitCall))
    trace = play(call_back(PORT, 0, (33434, 33435), table=False, password=SECRET if nonce else None, cnonce=CNONCE), device)
    invitations = {encode_callback_invitation(event.port) for event in device.answers if isinstance(event, Opened)}
    tried = set()
    for one in NONCES:
        mine = CNONCE[: len(one)]
        tried.add(encode_auth(mine, (md5_response if len(one) == 32 else pbkdf2_response)(SECRET, one, mine)))
    assert all(
        send.payload == b"1" or send.payload in invitations | tried or send.payload.startswith(b"200 " + CNONCE[:32].encode())
        for send in trace.sends
    )
    assert sum(send.payload in invitations for send in trace.sends) <= 2
    assert not trace.connects
    assert trace.written == b""
    opened = [
        index for index, event in enumerate(device.answers) if isinstance(event, Opened) and isinstance(trace.actions[index], OpenPort)
    ]
    assert not opened or isinstance(trace.actions[-1], ClosePort)
    assert not owes(trace.actions, device.answers, PORT)
    assert isinstance(trace.result, CalledBack)


@pytest.mark.parametrize("cnonce", ["", "cd" * 31, "CD" * 32, "zz" * 32])
def test_a_random_part_that_is_none_is_refused(cnonce: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        play(ask_esphome(PORT, SECRET, cnonce), lambda one: Done() if isinstance(one, Connect) else Silence())
