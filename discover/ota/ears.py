"""Waiting for the answers of several ports at once, as a session."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from discover.ota.actions import Event, Failed, Listen, Refused, Reply, Session, Stray, Unreachable

MAX_STRAYS: Final = 16
"""Datagrams that concern nobody which one wait puts up with."""
HOST: Final = 0
"""The key of what concerns the whole host: Unreachable, Failed."""


def gather(ports: Collection[int], seconds: float, *, last: int = HOST, grace: float = 0.0) -> Session[dict[int, Event]]:
    """Wait up to ``seconds`` for a Reply or Refused of each of ``ports``, and return the first of each port; all there: at once.

    What other ports say is returned, too, and waited for by nobody. Where the answer of ``last`` has come, the others get
    ``grace`` seconds more at most: it was asked last, and answers keep their order on their way but for a little.
    Unreachable and Failed end the wait and are found under :data:`HOST`.
    """
    heard: dict[int, Event] = {}
    left = seconds
    strays = 0
    while left > 0 and strays < MAX_STRAYS and not heard.keys() >= set(ports):
        event = yield Listen(left)
        match event:
            case Reply(port, _, after) | Refused(port, after):
                left = min(left - after, grace) if port == last and last not in heard else left - after
                strays += port in heard or port not in ports
                heard.setdefault(port, event)
            case Stray(after):
                left -= after
                strays += 1
            case Unreachable() | Failed():
                heard[HOST] = event
                break
            case _:
                break
    return heard
