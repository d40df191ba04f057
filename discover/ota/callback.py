"""Level 3 of ArduinoOTA: does the device reach us by TCP? The only session that invites with a size.

It listens on a TCP port, invites with a plausible size, hangs up on the device the moment it calls, and sends it no byte.
The sketch's onStart and onError run, no flash is touched (esp8266/Arduino and arduino-esp32 write after 4096 bytes at the
earliest: measured on the former's code, read in the latter's). The call is never held: an ESP8266 or a Pico hangs as
long as it stands. Whoever starts this has the user's word for it (discover/ota/levels.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from discover.ota.actions import AwaitCall, Called, ClosePort, Failed, Opened, OpenPort, Session
from discover.ota.arduino import PATIENT_SECONDS, Answer, Invited, Inviting
from discover.ota.password import Answered, Tried, answer
from discover.proto.arduinoota import encode_callback_invitation

CALL_SECONDS: Final = 10.0
"""How long the call is waited for, as espota.py does; an ESP8266 gives up after 5 s, an ESP32 after 3 s."""
LATE_SECONDS: Final = 1.0
"""How long a call is waited for whose announcing OK has not come."""
_WHY: Final = "invitation of 4096 bytes: makes the device call back, and runs the sketch's onStart (you asked for it)"
_TRIES: Final = 2


class Call(StrEnum):
    """How a callback test ended."""

    CALLED = "called"
    NOT_CALLED = "not-called"
    NOT_ACCEPTED = "not-accepted"
    DECLINED = "declined"
    """The device will not begin an update: ``told`` is what it said."""
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledBack:
    """The outcome, our port, what came of the invitation and of the password (None: not tried), and what this machine said."""

    outcome: Call
    port: int = 0
    invited: Invited | None = None
    answered: Answered | None = None
    told: str = ""
    hint: str = ""


def call_back(
    port: int, host_port: int, controls: Sequence[int], *, table: bool, password: str | None = None, cnonce: str = ""
) -> Session[CalledBack]:
    """Let the device behind ``port`` call ``host_port`` of ours (0: any free one), once it has accepted.

    Two invitations at most, the second only where the first had neither answer nor call.
    """
    event = yield OpenPort(host_port)
    if not isinstance(event, Opened):
        told, hint = (event.message, event.hint) if isinstance(event, Failed) else ("it could not listen", "")
        return CalledBack(outcome=Call.BLOCKED, port=host_port, told=told, hint=hint)
    result = yield from _test(port, event.port, controls, table=table, password=password, cnonce=cnonce)
    yield ClosePort()
    return replace(result, port=event.port)


def _test(port: int, ours: int, controls: Sequence[int], *, table: bool, password: str | None, cnonce: str) -> Session[CalledBack]:
    invited = yield from _invite(port, ours, controls, table=table, keep=password is not None)
    if invited.outcome is Answer.SILENT:
        return CalledBack(outcome=Call.NOT_ACCEPTED, invited=invited)
    answered: Answered | None = None
    accepted = invited.outcome is Answer.ACCEPTED
    if invited.kept and password is not None:
        answered = yield from answer(port, invited.nonce, password, cnonce)
        if answered.outcome is Tried.UNANSWERED and isinstance((yield AwaitCall(LATE_SECONDS)), Called):
            # The call tells what the OK that got lost would have told.
            return CalledBack(outcome=Call.CALLED, invited=invited, answered=replace(answered, outcome=Tried.RIGHT, begun=True))
        accepted = answered.outcome is Tried.RIGHT and answered.begun
    result = CalledBack(outcome=Call.NOT_ACCEPTED, invited=invited, answered=answered)
    if accepted:
        return (yield from _await_call(result))
    if answered is not None and answered.outcome is Tried.RIGHT:
        return replace(result, outcome=Call.DECLINED, told=answered.told)
    return replace(result, outcome=Call.DECLINED, told=invited.told) if invited.outcome is Answer.DECLINED else result


def _invite(port: int, ours: int, controls: Sequence[int], *, table: bool, keep: bool) -> Session[Invited]:
    """Invite, once more where neither an answer nor a call came; a call stands for the OK that got lost."""
    payload = encode_callback_invitation(ours)
    invited = Invited(outcome=Answer.SILENT, tries=0)
    for tries in range(1, _TRIES + 1):
        waits = PATIENT_SECONDS[:1]
        inviting = Inviting(port, controls, table=table, payload=payload, why=_WHY, waits=waits, keep=keep, again=tries > 1)
        invited = replace((yield from inviting.run()), tries=tries)
        if invited.outcome is not Answer.SILENT:
            return invited
        if isinstance((yield AwaitCall(LATE_SECONDS)), Called):
            return replace(invited, outcome=Answer.ACCEPTED, told="OK", called=True)
    return invited


def _await_call(result: CalledBack) -> Session[CalledBack]:
    if result.invited is not None and result.invited.called:
        return replace(result, outcome=Call.CALLED)
    event = yield AwaitCall(CALL_SECONDS)
    if isinstance(event, Failed):
        return replace(result, outcome=Call.BLOCKED, told=event.message, hint=event.hint)
    return replace(result, outcome=Call.CALLED if isinstance(event, Called) else Call.NOT_CALLED)
