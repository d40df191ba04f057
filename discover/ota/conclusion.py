"""What a check comes to, and which verdict follows from each outcome of a rung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from discover.model.check import Hop, Verdict
from discover.model.device import Password
from discover.ota.arduino import Answer
from discover.ota.esphome import Talk
from discover.ota.http import Web
from discover.ota.knocking import Knock
from discover.ota.password import Answered, Tried

INVITED: Final = {
    Answer.CHALLENGED: Verdict.READY_NEEDS_PASSWORD,
    Answer.ACCEPTED: Verdict.READY,
    Answer.DECLINED: Verdict.READY,
    Answer.NO_FILESYSTEM: Verdict.BLOCKED,
    Answer.FOREIGN: Verdict.WRONG_SERVICE,
    Answer.REFUSED: Verdict.CLOSED,
    Answer.UNREACHABLE: Verdict.HOST_DOWN,
    Answer.BLOCKED: Verdict.BLOCKED,
}
KNOCKED: Final = {
    Knock.REFUSED: Verdict.CLOSED,
    Knock.ANSWERED: Verdict.WRONG_SERVICE,
    Knock.UNREACHABLE: Verdict.HOST_DOWN,
    Knock.BLOCKED: Verdict.BLOCKED,
}
TALKED: Final = {
    Talk.CONNECTED: Verdict.LIKELY,
    Talk.MUTE: Verdict.LIKELY,
    Talk.DROPPED: Verdict.LIKELY,
    Talk.FOREIGN: Verdict.WRONG_SERVICE,
    Talk.REFUSED: Verdict.CLOSED,
    Talk.SILENT: Verdict.NO_ANSWER,
    Talk.UNREACHABLE: Verdict.HOST_DOWN,
    Talk.BLOCKED: Verdict.BLOCKED,
}
ASKED: Final = {
    Web.CONNECTED: Verdict.LIKELY,
    Web.OFFERED: Verdict.READY,
    Web.RECOGNISED: Verdict.LIKELY,
    Web.LACKING: Verdict.BLOCKED,
    Web.LOCKED: Verdict.READY_NEEDS_PASSWORD,
    Web.OTHER: Verdict.WRONG_SERVICE,
    Web.NOT_HTTP: Verdict.WRONG_SERVICE,
    Web.MUTE: Verdict.LIKELY,
    Web.REFUSED: Verdict.CLOSED,
    Web.SILENT: Verdict.NO_ANSWER,
    Web.UNREACHABLE: Verdict.HOST_DOWN,
    Web.BLOCKED: Verdict.BLOCKED,
    Web.NEVER: Verdict.NOT_APPLICABLE,
}
WAY_BACK: Final = frozenset({Verdict.READY, Verdict.READY_NEEDS_PASSWORD, Verdict.ANNOUNCED, Verdict.LIKELY, Verdict.NO_ANSWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What the check comes to; the runner adds the steps and what was sent. ``level`` is the highest that was tried."""

    address: str
    port: int
    transport: str
    kind: str
    level: int
    verdict: Verdict
    password: Password
    hop: Hop | None = None
    """The hop that surely fails; None where the verdict alone tells it."""
    cause: str = ""
    """Why that hop fails, in one clause, where more is known than the verdict says."""
    called_back: bool | None = None
    """Whether the device called (level 3); None where it was not asked to."""


def tried(answered: Answered) -> tuple[Verdict, Hop | None]:
    """What the answer about the password makes of a device whose listener answers."""
    match answered.outcome:
        case Tried.WRONG:
            return Verdict.BLOCKED, Hop.PASSWORD
        case Tried.NO_FILESYSTEM:
            return Verdict.BLOCKED, Hop.LISTENER
        case Tried.BLOCKED:
            return Verdict.BLOCKED, None
        case _:
            return Verdict.READY_NEEDS_PASSWORD, None
