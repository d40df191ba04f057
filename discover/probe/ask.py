"""What is under way with one host: questions, their tries, and how they end. Values only."""

from __future__ import annotations

from typing import NamedTuple

from discover.probe.ports import PortQuestion


class Try:
    """One datagram or SYN that left: when and as which one, since when its answer is waited for, and whether a later one was refused.

    How long it is waited for is the air's timeout at the moment of asking: it shrinks while answers come in.
    """

    __slots__ = ("answered", "covered", "order", "sent", "since")

    def __init__(self, sent: float, order: int, since: float) -> None:
        self.sent = sent
        self.order = order
        self.since = since
        self.covered = False
        self.answered = False
        """Of a control: it was refused, or waited for long enough."""


class Ask:
    """One question to one host. ``due`` is when it is to be sent (None: not now)."""

    __slots__ = (
        "answered", "answers", "done", "doubted", "due", "failures", "first", "pending", "question", "silences", "suspected", "tries",
    )  # fmt: skip

    def __init__(self, question: PortQuestion, due: float | None) -> None:
        self.question = question
        self.due = due
        self.tries = 0
        self.pending: list[Try] = []
        self.silences = 0
        """Tries that stayed silent while a later datagram was refused."""
        self.first = 0.0
        self.answered = 0.0
        self.answers = 1
        self.suspected = False
        self.doubted = False
        self.done = False
        self.failures = 0
        """Times the system has refused to send it."""

    @property
    def since(self) -> float:
        """Since when the first of its tries is waited for; there is one."""
        return self.pending[0].since if len(self.pending) == 1 else min([one.since for one in self.pending])


class Decision(NamedTuple):
    """A question that ended in silence: ``control`` is "refused" (likely), "silent" (no answer) or "none" (not compared)."""

    address: str
    question: PortQuestion
    tries: int
    control: str
