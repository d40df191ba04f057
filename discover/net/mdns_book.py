"""What a browser knows of service instances: pure bookkeeping, without a socket and without zeroconf.

An instance is heard (its PTR), resolved (SRV, TXT and addresses are known), heard again, changed, and
then says goodbye or runs out. Resolving is retried with growing pauses: a service whose records did not
come within one request's time would stay unresolved for ever (measured: 192 to 195 of 200 from one busy
responder).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.mdns_query import AAAA, SRV, TXT, A, Question, host_labels, labels

META: Final = "_services._dns-sd._udp"
"""The name whose PTRs are the service types themselves (RFC 6763 section 9)."""
MAX_TYPES: Final = 256
MAX_INSTANCES: Final = 10_000
"""Bounds against made-up names; a LAN of 1000 devices has some 5000 instances."""
MAX_ADDRESSES: Final = 32
PAUSES: Final = (0.12, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
"""Seconds before each question: most answers carry all records at once, and a responder may answer once a second (RFC 6762 section 6)."""
PARTIAL_AFTER: Final = 2
"""Questions after which an SRV alone counts as resolved: some firmware never answers for TXT or for its address."""
AGAIN_SECONDS: Final = 30.0
"""An instance that is heard again is told again, but not more often: presence needs it, bursts of answers do not."""

# RFC 6335 section 5.1 allows 15 characters without underscores; devices in the field exceed both.
_TYPE: Final = re.compile(r"(_[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\._(?:tcp|udp))\.local\.?", re.IGNORECASE)


class Lookup(Protocol):
    """The records that are known now; names as they came, compared without case."""

    def service(self, name: str) -> tuple[str, int] | None:
        """Return host and port of the newest SRV."""
        ...

    def text(self, name: str) -> bytes | None:
        """Return the newest TXT's rdata."""
        ...

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the host's addresses, IPv4 before IPv6, each in order."""
        ...


def type_of(name: str) -> str | None:
    """Return "_http._tcp" for "_HTTP._tcp.local.", None for what is no service type (subtypes, reverse lookups, made-up names)."""
    match = _TYPE.fullmatch(name)
    return match[1].lower() if match else None


@dataclass(slots=True)
class Instance:
    """One instance, from its first PTR to its end."""

    type: str
    name: str
    """The label before the type, as it was first spelt."""
    full: str
    """The whole name, as the records have it."""
    ttl: int
    told: tuple[str, int, tuple[str, ...], bytes] | None = None
    """Host, port, addresses and TXT as last told."""
    told_at: float = 0.0
    host: str = ""
    tries: int = 0
    due: float = 0.0
    complete: bool = False
    questions: list[Question] = field(default_factory=list)


class Book:
    """All types and instances of one interface. Times are monotonic seconds."""

    def __init__(self, interface: str, lookup: Lookup) -> None:
        self._interface = interface
        self._lookup = lookup
        self._instances: dict[str, Instance] = {}
        self._by_host: dict[str, set[str]] = {}
        self._pending: dict[str, Instance] = {}
        self.types: set[str] = set()

    def learn_type(self, name: str) -> str | None:
        """Note a service type; return it where it is valid and new."""
        found = type_of(name)
        if found is None or found == META or found in self.types or len(self.types) >= MAX_TYPES:
            return None
        self.types.add(found)
        return found

    def pointer(self, type_name: str, full: str, ttl: int, now: float) -> Iterator[MdnsEvent]:
        """Note a PTR from a type to an instance; yield what is to be told."""
        service = type_of(type_name)
        if service is None or service == META:
            return
        suffix = "." + type_name.rstrip(".").lower()
        bare = full.rstrip(".")
        if not bare.lower().endswith(suffix) or len(bare) == len(suffix):
            return  # a pointer out of its own type is made up
        key = full.lower().rstrip(".")
        found = self._instances.get(key)
        if found is None:
            if len(self._instances) >= MAX_INSTANCES:
                return
            found = Instance(type=service, name=bare[: -len(suffix)], full=full, ttl=ttl, due=now + PAUSES[0])
            self._instances[key] = found
            self._pending[key] = found
        elif found.complete:
            found.ttl = ttl
            yield from self._tell(key, found, now, again=True)
        else:
            found.ttl = ttl
            if key not in self._pending:  # we had given up; it is still there
                found.tries, found.due = 0, now + PAUSES[0]
                self._pending[key] = found
        if not found.complete:
            yield from self._tell(key, found, now)

    def gone(self, full: str, kind: MdnsEventKind) -> Iterator[MdnsEvent]:
        """Note the end of a PTR: goodbye or expired."""
        key = full.lower().rstrip(".")
        found = self._instances.pop(key, None)
        if found is None:
            return
        self._pending.pop(key, None)
        self._leave(found.host, key)
        yield MdnsEvent(kind=kind, interface=self._interface, type=found.type, instance=found.name)

    def changed(self, names: Iterable[str], now: float) -> Iterator[MdnsEvent]:
        """Note that records of these names (instances or hosts) are new or gone; yield what is to be told."""
        keys: dict[str, None] = {}
        for name in names:
            bare = name.lower().rstrip(".")
            if bare in self._instances:
                keys[bare] = None
            keys.update(dict.fromkeys(sorted(self._by_host.get(bare, ()))))
        for key in keys:
            yield from self._tell(key, self._instances[key], now)

    def _leave(self, host: str, key: str) -> None:
        """Forget that the instance is on the host, and the host with its last one: made-up names come without end."""
        keys = self._by_host.get(host)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._by_host[host]

    def _tell(self, key: str, one: Instance, now: float, *, again: bool = False) -> Iterator[MdnsEvent]:
        service = self._lookup.service(one.full)
        text = self._lookup.text(one.full)
        before = one.told
        if service is None and before is None:
            return
        host, port = service if service is not None else (before[0], before[1]) if before else ("", 0)
        host = host.rstrip(".")
        if one.host != host.lower():
            self._leave(one.host, key)
            one.host = host.lower()
            self._by_host.setdefault(one.host, set()).add(key)
        addresses = self._lookup.addresses(host)[:MAX_ADDRESSES]
        one.complete = one.complete or (service is not None and text is not None and bool(addresses))
        if one.complete:
            self._pending.pop(key, None)
        elif one.tries < PARTIAL_AFTER:
            return
        # SRV and addresses live 120 s, the PTR 4500 s: what has run out meanwhile is kept as it was last told.
        if before is not None:
            same_host = before[0].lower() == host.lower()
            addresses = addresses or (before[2] if same_host else ())
            text = before[3] if text is None else text
            host = before[0] if same_host else host
        state = (host, port, addresses, text or b"")
        if state == before and not (again and now - one.told_at >= AGAIN_SECONDS):
            return
        one.told, one.told_at = state, now
        yield MdnsEvent(
            kind=MdnsEventKind.RESOLVED,
            interface=self._interface,
            type=one.type,
            instance=one.name,
            host=host,
            port=port,
            addresses=addresses,
            txt=text or b"",
            ttl=one.ttl,
        )

    def next_due(self) -> float | None:
        """Return when the next question is due, None where nothing is unresolved."""
        return min((one.due for one in self._pending.values()), default=None)

    def due(self, now: float) -> tuple[list[Question], list[Question], list[MdnsEvent]]:
        """Return what to ask now (the first time, and again) and what can be told although it is not complete."""
        first: dict[Question, None] = {}
        again: dict[Question, None] = {}
        events: list[MdnsEvent] = []
        for key, one in list(self._pending.items()):
            if one.due > now:
                continue
            events += self._tell(key, one, now)
            if one.complete:
                continue
            questions = self._missing(one)
            (again if one.tries else first).update(dict.fromkeys(questions))
            one.tries += 1
            if not questions or one.tries >= len(PAUSES):
                del self._pending[key]  # until it is heard again
            else:
                one.due = now + PAUSES[one.tries]
        return list(first), list(again), events

    def _missing(self, one: Instance) -> list[Question]:
        service = self._lookup.service(one.full)
        name = labels(one.name, one.type)
        found: list[Question] = []
        if name is not None:
            found += [(name, SRV)] if service is None else []
            found += [(name, TXT)] if self._lookup.text(one.full) is None else []
        if service is not None and not self._lookup.addresses(service[0]):
            host = host_labels(service[0])
            found += [(host, A), (host, AAAA)] if host is not None else []
        return found
