"""What is under way with one host: questions, their tries, and how they end. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field

from discover.probe.ports import PortQuestion


@dataclass(slots=True, eq=False)
class Try:
    """One datagram or SYN that left: when and as which one, since when its answer is waited for, and whether a later one was refused.

    How long it is waited for is the air's timeout at the moment of asking: it shrinks while answers come in.
    """

    sent: float
    order: int
    since: float
    covered: bool = False
    answered: bool = False
    """Of a control: it was refused, or waited for long enough."""


@dataclass(slots=True, eq=False)
class Ask:
    """One question to one host. ``due`` is when it is to be sent (None: not now), ``word`` its end."""

    question: PortQuestion
    due: float | None
    tries: int = 0
    pending: list[Try] = field(default_factory=list)
    silences: int = 0
    """Tries that stayed silent while a later datagram was refused."""
    first: float = 0.0
    answered: float = 0.0
    answers: int = 1
    suspected: bool = False
    doubted: bool = False
    done: bool = False
    failures: int = 0
    """Times the system has refused to send it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A question that ended in silence: ``control`` is "refused" (likely), "silent" (no answer) or "none" (not compared)."""

    address: str
    question: PortQuestion
    tries: int
    control: str
