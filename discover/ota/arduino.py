"""ArduinoOTA over UDP: the invitation of size 0 as a session that cannot start an update.

The invitation announces an image of 0 bytes, so nothing can be begun; a device with a password answers it with a
challenge before it runs anything of the sketch. It then waits for the answer without a time limit, so the one-byte
reset follows from the same socket: without it the next real upload's first invitation would be swallowed (measured on
esp8266/Arduino's code).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from discover.model.device import Password
from discover.ota.actions import AskNeighbours, Done, Event, Failed, Known, Refused, Reply, Send, Session, Settle, Unreachable, Wait
from discover.ota.ears import HOST, gather
from discover.ota.knocking import ARP_SECONDS, CONTROL_WHY, SPACING, Knock, Knocked, show, unresolved
from discover.proto.arduinoota import (
    FLASH,
    KNOCK,
    RESET,
    Invitation,
    ReplyAuth,
    ReplyAuthFailed,
    ReplyError,
    ReplyOk,
    decode_reply,
    encode_invitation,
)
from discover.proto.malformed import Malformed

PATIENT_SECONDS: Final = (2.5, 2.5)
"""The same where the challenge is going to be answered: an invitation too early would make a device that is slow forget the
challenge that it has just sent, and the right password would be wrong."""
NEWER_SECONDS: Final = 0.5
"""How long a second challenge is waited for, where one invitation before may have been answered late."""
ANSWER_SECONDS: Final = 0.5
"""How long an answer is waited for before a control port is asked whether the host is there at all."""
INVITE_SECONDS: Final = (0.8, 1.0, 1.4)
"""How long each invitation's answer is waited for: three, because one in ten is lost where 5 % of the packets are. A busy
sketch polls ArduinoOTA.handle() late, so what comes late for the first is taken, too; three seconds found every one."""
RESETS: Final = 3
"""How often the last reset is sent: where 5 % of the packets are lost, one of 400 checks would leave a device waiting after two."""

HOST_PORT: Final = 9
"""The TCP port an invitation names as ours: discard (RFC 863). Nothing listens there and nothing may; size 0 never connects."""

INVITATION: Final = encode_invitation(Invitation(command=FLASH, port=HOST_PORT, size=0, md5="0" * 32))
_INVITE_WHY: Final = "invitation of size 0: asks for the challenge, cannot start an update"
RESET_WHY: Final = "reset: ends the device's wait for a password, without callback or answer"


def reset(port: int, *, times: int = RESETS) -> Session[bool]:
    """Take the device out of its wait for a password; True where it was sent.

    Several times, because nobody answers it and some may be lost: to a device that waits for nothing it is a knock.
    """
    sent = False
    for attempt in range(times):
        if attempt:
            yield Wait(SPACING)
        event = yield Send(port, RESET, RESET_WHY)
        sent = sent or isinstance(event, Done)
    return sent


class Answer(StrEnum):
    """How an invitation ended."""

    CHALLENGED = "challenged"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NO_FILESYSTEM = "no-filesystem"
    FOREIGN = "foreign"
    SILENT = "silent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"


_FINAL: Final = frozenset({Answer.ACCEPTED, Answer.DECLINED, Answer.NO_FILESYSTEM, Answer.REFUSED, Answer.UNREACHABLE})
"""After these no device is waiting for a password, so no reset is owed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """The outcome of the invitation.

    ``nonce`` is the challenge, ``bits`` its length (128 or 256), ``kept`` True where the device waits for its answer now, ``reset``
    True where it was taken out of that, ``control`` the knock at a control port (None: the device answered before one was needed).
    """

    outcome: Answer
    tries: int
    password: Password = Password.UNKNOWN
    bits: int = 0
    nonce: str = ""
    told: str = ""
    hint: str = ""
    reset: bool = False
    kept: bool = False
    called: bool = False
    """True where the device's call took the place of its answer (level 3)."""
    control: Knocked | None = None


class Inviting:
    """The invitation ``payload`` to ``port``, once for each of ``waits``; after silence a control port tells whether the host is there.

    Whatever comes, unless the device refused the invitation for good, the last datagram is the reset: an answer may have
    been lost on its way here. With ``keep`` a challenge is returned without it, for who answers it; who does owes the
    device that answer or the reset. ``again``: an invitation went out before. ``table``: the neighbour table may be asked.
    """

    def __init__(
        self,
        port: int,
        controls: Sequence[int],
        *,
        table: bool,
        payload: bytes = INVITATION,
        why: str = _INVITE_WHY,
        waits: Sequence[float] = INVITE_SECONDS,
        keep: bool = False,
        again: bool = False,
    ) -> None:
        self._port = port
        self._controls = list(controls)
        self._table = table
        self._payload = payload
        self._why = why
        self._waits = tuple(waits)
        self._keep = keep
        self._again = again
        self._reset = False
        self._control: Event | None = None
        self._asked = 0

    def run(self) -> Session[Invited]:
        """Invite, read the answer, and take the device out of its wait."""
        for attempt, seconds in enumerate(self._waits, start=1):
            if attempt > 1:
                yield Wait(SPACING)
            event = yield Send(self._port, self._payload, self._why, undo=RESET)
            if isinstance(event, Failed):
                return self._finish(Invited(outcome=Answer.BLOCKED, tries=attempt, told=event.message, hint=event.hint))
            result = _judge((yield from self._answer(seconds)), attempt)
            if result is not None and result.outcome in _FINAL:
                yield Settle(self._port)
                return self._finish(result)
            if result is not None and result.nonce and self._keep:
                self._reset = False
                newest = (yield from self._newest(result)) if attempt > 1 or self._again else result
                return self._finish(replace(newest, kept=True))
            last = result is not None or attempt == len(self._waits)
            done = yield from reset(self._port, times=RESETS if last else 1)
            self._reset = self._reset or done
            if result is not None:
                return self._finish(result)
        return self._finish(Invited(outcome=Answer.SILENT, tries=len(self._waits)))

    def _newest(self, result: Invited) -> Session[Invited]:
        """Return the last challenge: only that one counts, and what came may have been the late answer to an earlier invitation."""
        newer = _judge((yield from self._wait(NEWER_SECONDS)), result.tries)
        return newer if newer is not None and newer.nonce else result

    def _finish(self, result: Invited) -> Invited:
        control = None
        if self._asked:
            refused = isinstance(self._control, Refused)
            control = Knocked(outcome=Knock.REFUSED if refused else Knock.SILENT, tries=self._asked, port=self._controls[0])
            if isinstance(self._control, Reply):
                control = replace(control, outcome=Knock.ANSWERED, told=show(self._control.payload))
        return replace(result, reset=self._reset, control=control)

    def _answer(self, seconds: float) -> Session[Event | None]:
        """Wait for the answer; after a first silence ask the host itself, by a control port behind the invitation."""
        event: Event | None = yield from self._wait(ANSWER_SECONDS)
        if event is not None:
            return event
        if self._asked < len(self._controls) and not isinstance(self._control, Refused):
            said = yield Send(self._controls[self._asked], KNOCK, CONTROL_WHY)
            self._asked += not isinstance(said, Failed)
        event = yield from self._wait(seconds - ANSWER_SECONDS)
        if event is None and self._control is None and (yield from self._unresolved()):
            event = yield from self._wait(ARP_SECONDS - seconds)
        return event

    def _wait(self, seconds: float) -> Session[Event | None]:
        heard = yield from gather((self._port,), seconds)
        self._control = next((heard[one] for one in self._controls if one in heard), self._control)
        return heard.get(self._port) or heard.get(HOST)

    def _unresolved(self) -> Session[bool]:
        """Tell whether our own ARP requests are still unanswered, as far as the neighbour table tells."""
        if not self._table:
            return False
        event = yield AskNeighbours()
        return isinstance(event, Known) and unresolved(event)


def _judge(event: Event | None, attempt: int) -> Invited | None:
    """What an event says of the invitation; None where it says nothing."""
    match event:
        case Refused():
            return Invited(outcome=Answer.REFUSED, tries=attempt)
        case Unreachable(reason):
            return Invited(outcome=Answer.UNREACHABLE, tries=attempt, told=reason)
        case Failed(message, hint):
            return Invited(outcome=Answer.BLOCKED, tries=attempt, told=message, hint=hint)
        case Reply(_, payload):
            told = show(payload)
        case _:
            return None
    return replace(_read(payload), tries=attempt, told=told)


def _read(payload: bytes) -> Invited:
    match decode_reply(payload):
        case ReplyAuth() as auth:
            return Invited(outcome=Answer.CHALLENGED, tries=0, password=Password.YES, bits=auth.bits, nonce=auth.nonce)
        case ReplyAuthFailed():
            return Invited(outcome=Answer.CHALLENGED, tries=0, password=Password.YES)
        case ReplyOk():
            return Invited(outcome=Answer.ACCEPTED, tries=0, password=Password.NO)
        case ReplyError(text):
            # arduino-pico _runUpdate says this where LittleFS cannot be mounted; a real upload would fail alike.
            outcome = Answer.NO_FILESYSTEM if "no filesystem" in text.lower() else Answer.DECLINED
            return Invited(outcome=outcome, tries=0, password=Password.NO)
        case Malformed():
            return Invited(outcome=Answer.FOREIGN, tries=0)
