"""An OTA reachability check: its steps, its verdict and what it sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from discover.model.device import Password


class Verdict(StrEnum):
    """The words an OTA check can end with (DESIGN section 4)."""

    READY = "ready"
    READY_NEEDS_PASSWORD = "ready-needs-password"  # noqa: S105 - a verdict, not a password
    ANNOUNCED = "announced"
    LIKELY = "likely"
    NO_ANSWER = "no-answer"
    CLOSED = "closed"
    HOST_DOWN = "host-down"
    WRONG_SERVICE = "wrong-service"
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not-applicable"


class Hop(StrEnum):
    """The five hops of an update, in the order an upload takes them."""

    NAME = "name"
    HOST = "host"
    LISTENER = "listener"
    PASSWORD = "password"  # noqa: S105 - a hop, not a password
    WAY_BACK = "way-back"


class StepState(StrEnum):
    """How one step of a check went."""

    PASS = "pass"  # noqa: S105 - a state, not a password
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what was sent, what came and what it means (``detail``), what to do next (``fix``, "" where nothing)."""

    name: str
    state: StepState
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One packet of the check: ``to`` "address:port", ``transport`` "udp", "tcp", "mdns" or "icmp" (no port), ``bytes_hex`` its payload."""

    to: str
    transport: str
    bytes_hex: str
    why: str


@dataclass(frozen=True, slots=True)
class Command:
    """A ready-made upload command: the ``tool`` it is for, the ``line`` to copy, and a ``note`` where one is needed."""

    tool: str
    line: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaCheck:
    """The whole check. ``kind`` is "arduino", "esphome", "http", "pull" or "unknown"; ``level`` (0..3) the highest that was reached.

    ``hop`` is the hop that fails, None where nothing stands in the way; ``sentence`` says that in one sentence, with the
    cause; ``fix`` is what to do, a command for this machine where there is one; ``commands`` are ready-made upload commands.
    ``image`` says whether the image that was asked about suits the device ("yes", "no", "unknown"), "" where none was.
    """

    host: str
    address: str
    port: int
    transport: str
    kind: str
    level: int
    verdict: Verdict
    password: Password
    steps: tuple[Step, ...]
    sent: tuple[Sent, ...]
    when: float = 0.0
    hop: Hop | None = None
    sentence: str = ""
    fix: str = ""
    commands: tuple[Command, ...] = ()
    image: str = ""

    @property
    def negative(self) -> bool:
        """True where the exit code of ``espied check`` is 1."""
        return self.image == "no" or self.verdict not in (Verdict.READY, Verdict.READY_NEEDS_PASSWORD, Verdict.ANNOUNCED, Verdict.LIKELY)
