"""Plays events to a session by hand and keeps what it asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from discover.ota.actions import Action, Connect, Event, Report, Send, Session, Write

LIMIT = 400
"""Actions after which a session counts as endless; a whole check needs fewer than 120."""


class Trace:
    """What a session asked for, in order, and what it returned."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.result: Any = None

    @property
    def sends(self) -> list[Send]:
        return [one for one in self.actions if isinstance(one, Send)]

    @property
    def connects(self) -> list[Connect]:
        return [one for one in self.actions if isinstance(one, Connect)]

    @property
    def written(self) -> bytes:
        return b"".join(one.payload for one in self.actions if isinstance(one, Write))

    @property
    def steps(self) -> list[str]:
        return [f"{one.step.name}:{one.step.state.value}" for one in self.actions if isinstance(one, Report)]


def play(session: Session[Any], answer: Callable[[Action], Event]) -> Trace:
    """Run a session to its end, answering each action by ``answer``."""
    trace = Trace()
    action = next(session, None)
    while action is not None:
        trace.actions.append(action)
        assert len(trace.actions) < LIMIT, "the session does not end"
        try:
            action = session.send(answer(action))
        except StopIteration as stop:
            trace.result = stop.value
            return trace
    return trace


def script(*events: Event) -> Callable[[Action], Event]:
    """Answer with these events, one after the other."""
    rest: Iterator[Event] = iter(events)
    return lambda _: next(rest)
