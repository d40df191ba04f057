"""SRV, TXT and address records as they are heard on one interface: pure, and bounded whatever is announced.

A name has one SRV and one TXT, the newest (the second record of a set is a conflict or a stale one, RFC 6762
sections 9 and 10.2), and a set of addresses. Times are monotonic seconds.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field
from typing import Final

from discover.model.network import Address

MAX_ADDRESSES: Final = 32
"""Of a host; more are not kept."""
MAX_STRAYS: Final = 2000
"""Names with records that no instance has pointed to (yet): the oldest goes first. The records of one instance come within a second."""
MAX_TEXT: Final = 16 * 1024 * 1024
"""Bytes of all TXT records: 10,000 instances with RFC 6763's largest recommended size (section 6.2, 1300 bytes)."""
_FLUSHED_SECONDS: Final = 1.0
"""RFC 6762 section 10.2: what is older than a second and not in a flushing answer lives for one more."""
_LOOK_SECONDS: Final = 1.0
"""Least time between two looks through all records for those that ran out: a TTL of 1 s must not make it a habit."""


def key_of(name: str) -> str:
    """Return a name as names are compared: without case and the last dot."""
    return name.lower().rstrip(".")


@dataclass(slots=True)
class _Entry:
    """The records of one name. Each ends at a time of its own."""

    service: tuple[str, int] | None = None
    service_ends: float = 0.0
    text: bytes | None = None
    text_ends: float = 0.0
    addresses: dict[Address, tuple[float, float]] = field(default_factory=dict)
    """When each was heard last, and when it ends."""
    shown: tuple[str, ...] | None = None

    @property
    def empty(self) -> bool:
        return self.service is None and self.text is None and not self.addresses


class Records:
    """The records of all names; see :class:`discover.net.mdns.book.Lookup`.

    Names that are :meth:`want`-ed are kept as long as their records live, all others as long as there is room.
    """

    def __init__(self) -> None:
        self._wanted: dict[str, _Entry] = {}
        self._strays: dict[str, _Entry] = {}
        self._text_bytes = 0
        self._soonest = math.inf
        self._looked = -math.inf
        self.refused = 0
        """TXT records that were not kept because there were too many bytes of them."""

    def __len__(self) -> int:
        return len(self._wanted) + len(self._strays)

    # What is known now.

    def service(self, name: str) -> tuple[str, int] | None:
        """Return host and port of the newest SRV."""
        entry = self._find(key_of(name))
        return entry.service if entry is not None else None

    def text(self, name: str) -> bytes | None:
        """Return the newest TXT's rdata."""
        entry = self._find(key_of(name))
        return entry.text if entry is not None else None

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the host's addresses, IPv4 before IPv6, each in order."""
        entry = self._find(key_of(host))
        if entry is None:
            return ()
        if entry.shown is None:
            entry.shown = tuple(str(one) for one in sorted(entry.addresses, key=lambda one: (one.version, int(one))))
        return entry.shown

    # What is heard; each tells whether anything is different now.

    def take_service(self, name: str, host: str, port: int, ttl: float, now: float) -> bool:
        """Note an SRV; a TTL of 0 takes it back."""
        entry, before = self._entry(key_of(name), ttl)
        if entry is None:
            return False
        old, entry.service = entry.service, (host, port) if ttl > 0 else None
        entry.service_ends = self._ends(now + ttl)
        self._drop_empty(before, entry)
        return entry.service != old

    def take_text(self, name: str, text: bytes, ttl: float, now: float) -> bool:
        """Note a TXT; a TTL of 0 takes it back."""
        entry, before = self._entry(key_of(name), ttl)
        if entry is None:
            return False
        old = entry.text
        kept = len(old) if old is not None else 0
        if ttl > 0 and self._text_bytes - kept + len(text) > MAX_TEXT:
            self.refused += 1
            self._drop_empty(before, entry)
            return False
        entry.text = text if ttl > 0 else None
        entry.text_ends = self._ends(now + ttl)
        self._text_bytes += (len(text) if ttl > 0 else 0) - kept
        self._drop_empty(before, entry)
        return entry.text != old

    def take_address(self, host: str, packed: bytes, ttl: float, now: float, *, flush: bool) -> bool:
        """Note an A or AAAA; ``flush``: older addresses of the family have one more second (the cache-flush bit)."""
        try:
            address = ipaddress.ip_address(packed)
        except ValueError:  # a record of the wrong length
            return False
        entry, before = self._entry(key_of(host), ttl)
        if entry is None:
            return False
        if flush:
            for other, (heard, ends) in entry.addresses.items():
                if other != address and other.version == address.version and heard < now - _FLUSHED_SECONDS:
                    entry.addresses[other] = (heard, self._ends(min(ends, now + _FLUSHED_SECONDS)))
        known = address in entry.addresses
        if ttl <= 0:
            entry.addresses.pop(address, None)
        elif known or len(entry.addresses) < MAX_ADDRESSES:
            entry.addresses[address] = (now, self._ends(now + ttl))
        changed = known != (address in entry.addresses)
        if changed:
            entry.shown = None
        self._drop_empty(before, entry)
        return changed

    # What is kept.

    def want(self, name: str) -> None:
        """Keep the records of this name."""
        key = key_of(name)
        if key not in self._wanted:
            self._wanted[key] = self._strays.pop(key) if key in self._strays else _Entry()

    def release(self, name: str) -> None:
        """Keep the records of this name only as long as there is room."""
        key = key_of(name)
        entry = self._wanted.pop(key, None)
        if entry is not None and not entry.empty:
            self._stray(key, entry)

    def next_end(self) -> float | None:
        """Return when :meth:`expire` is worth a call, None where nothing is kept."""
        return None if self._soonest == math.inf else max(self._soonest, self._looked + _LOOK_SECONDS)

    def expire(self, now: float) -> list[str]:
        """Forget what has run out; return the names that lost something."""
        when = self.next_end()
        if when is None or now < when:
            return []
        self._looked, self._soonest = now, math.inf
        names = [key for kept in (self._wanted, self._strays) for key, entry in kept.items() if self._expire(entry, now)]
        for key in [key for key, entry in self._strays.items() if entry.empty]:
            del self._strays[key]
        return names

    def _expire(self, entry: _Entry, now: float) -> bool:
        lost = False
        if entry.service is not None and self._over(entry.service_ends, now):
            entry.service, lost = None, True
        if entry.text is not None and self._over(entry.text_ends, now):
            self._text_bytes -= len(entry.text)
            entry.text, lost = None, True
        for address in [address for address, (_, ends) in entry.addresses.items() if self._over(ends, now)]:
            del entry.addresses[address]
            entry.shown, lost = None, True
        return lost

    def _over(self, ends: float, now: float) -> bool:
        if ends <= now:
            return True
        self._soonest = min(self._soonest, ends)
        return False

    def _ends(self, when: float) -> float:
        self._soonest = min(self._soonest, when)
        return when

    def _find(self, key: str) -> _Entry | None:
        return self._wanted.get(key) or self._strays.get(key)

    def _entry(self, key: str, ttl: float) -> tuple[_Entry | None, str]:
        """Return the name's records, made where there are none yet and something is to be kept; "" where it is wanted, else its key."""
        entry = self._wanted.get(key)
        if entry is not None:
            return entry, ""
        entry = self._strays.get(key)
        if entry is None and ttl > 0:
            entry = _Entry()
            self._stray(key, entry)
        return entry, key

    def _stray(self, key: str, entry: _Entry) -> None:
        while len(self._strays) >= MAX_STRAYS:
            oldest = self._strays.pop(next(iter(self._strays)))
            self._text_bytes -= len(oldest.text or b"")
        self._strays[key] = entry

    def _drop_empty(self, key: str, entry: _Entry) -> None:
        if key and entry.empty:
            self._strays.pop(key, None)
