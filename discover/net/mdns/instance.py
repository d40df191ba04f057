"""One service instance, and what a browser takes for one. Pure; times are monotonic seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from discover.net.api import MdnsEventKind

META: Final = "_services._dns-sd._udp"
"""The name whose PTRs are the service types themselves (RFC 6763 section 9)."""
CHANGES: Final = 3
"""Events of one instance that are told at once: an announcement in pieces (IPv4, then IPv6), a change, a goodbye."""
CHANGE_SECONDS: Final = 1.0
"""Then one event in this time: some responders change a counter in their TXT many times a second, and liars do it on purpose."""
REFRESHES: Final = (0.80, 0.85, 0.90, 0.95)
"""Parts of a PTR's TTL after which it is asked for again (RFC 6762 section 5.2)."""
_WHOLE: Final = 1.0 - 1e-6
"""One event's worth, less what a float's rounding takes."""

# RFC 6335 section 5.1 allows 15 characters without underscores; devices in the field exceed both.
_TYPE: Final = re.compile(r"(_[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\._(?:tcp|udp))\.local\.?", re.IGNORECASE)


def type_of(name: str) -> str | None:
    """Return "_http._tcp" for "_HTTP._tcp.local.", None for what is no service type (subtypes, reverse lookups, made-up names)."""
    match = _TYPE.fullmatch(name)
    return match[1].lower() if match else None


@dataclass(slots=True)
class Instance:
    """One instance, from its first PTR until a while after its end."""

    type: str
    name: str
    """The label before the type, as it was first spelt."""
    full: str
    """The whole name, as the records have it."""
    ttl: float
    heard: float
    refreshed: int = 0
    """How often its PTR was asked for again since it was heard."""
    ended: MdnsEventKind | None = None
    """How its PTR ended, None while it lives."""
    over: bool = False
    """Its end was told."""
    told: tuple[str, int, tuple[str, ...], bytes] | None = None
    """Host, port, addresses and TXT as last told."""
    told_at: float = 0.0
    credit: float = 0.0
    """Events that may be told, as of ``credit_at``."""
    credit_at: float = 0.0
    host: str = ""
    tries: int = 0
    due: float = 0.0
    asked_at: float = -math.inf
    complete: bool = False

    def spend(self, now: float) -> bool:
        """Tell whether an event may be told now, and count it if so."""
        credit = min(float(CHANGES), self.credit + (now - self.credit_at) / CHANGE_SECONDS)
        self.credit, self.credit_at = (credit - 1.0, now) if credit >= _WHOLE else (credit, now)
        return credit >= _WHOLE

    def ready(self) -> float:
        """Return when what is still to be done about it may be done: another event told, or all of it forgotten."""
        return self.credit_at + ((CHANGES if self.over else 1) - self.credit) * CHANGE_SECONDS

    def next_look(self) -> float:
        """Return when its PTR is to be asked for again, or has run out."""
        part = REFRESHES[self.refreshed] if self.refreshed < len(REFRESHES) else 1.0
        return self.heard + self.ttl * part
