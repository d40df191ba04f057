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
    """One packet that the check sent: ``to`` is "address:port", ``transport`` "udp", "tcp" or "mdns", ``bytes_hex`` its payload."""

    to: str
    transport: str
    bytes_hex: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaCheck:
    """The whole check. ``kind`` is "arduino", "esphome", "http", "pull" or "unknown"; ``level`` the highest that was reached."""

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

    @property
    def negative(self) -> bool:
        """True where the exit code of ``espied check`` is 1."""
        return self.verdict not in (Verdict.READY, Verdict.READY_NEEDS_PASSWORD, Verdict.ANNOUNCED, Verdict.LIKELY)
