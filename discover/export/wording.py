"""Words that several formats share."""

from __future__ import annotations

from discover.inventory.document import moment
from discover.model.device import Listener


def port_words(listener: Listener) -> str:
    """Return a port as it is always said: number, transport, direction, state ("3232/udp listens answered")."""
    return f"{listener.port}/{listener.transport} {listener.direction.value} {listener.state.value}"


def rfc3339(seconds: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, to the second."""
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
