"""What a browser knows of service instances: pure bookkeeping, without a socket and without zeroconf.

An instance is heard (its PTR), resolved (SRV, TXT and addresses are known), heard again, changed, and
then says goodbye or runs out. Resolving is retried with growing pauses: a service whose records did not
come within one request's time would stay unresolved for ever (measured: 192 to 195 of 200 from one busy
responder). Whatever a device announces, an instance is told at most CHANGES times at once and then once
a second, with its newest state in the end.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Container, Iterable, Iterator
from typing import Final, Protocol

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.mdns.instance import CHANGES, META, Instance, type_of
from discover.net.mdns.query import AAAA, SRV, TXT, A, Known, QueryPacket, Question, host_labels, labels

MAX_TYPES: Final = 256
MAX_INSTANCES: Final = 10_000
"""Bounds against made-up names; a LAN of 1000 devices has some 5000 instances."""
MAX_KNOWN: Final = 1000
"""Known answers to one question: some 20 packets, half of what the group may get in a second."""
MIN_TTL: Final = 1125
"""Seconds: a quarter of RFC 6762 section 10's 75 minutes. Devices that announce less would flap (python-zeroconf does the same)."""
PAUSES: Final = (0.06, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
"""Seconds before each question. The first: most answers carry all records at once, or in packets that follow at
once. Then as RFC 6762 section 5.2 wants it: a second at least, and longer each time."""
PLAIN_AFTER: Final = 2
"""Questions after which names are asked for in full, for responders that cannot follow a compressed one."""
PARTIAL_AFTER: Final = 2
"""Questions after which an SRV alone counts as resolved: some firmware never answers for TXT or for its address."""
HOPE_SECONDS: Final = 60.0
"""An instance that was given up and is heard again is asked for again, but not more often than this."""
AGAIN_SECONDS: Final = 30.0
"""An instance that is heard again is told again, but not more often: presence needs it, bursts of answers do not."""
_MOST_ASKED: Final = 256
"""Instances looked at for one packet; a question takes six bytes at least."""
_LOOK_SECONDS: Final = 1.0
"""Least time between two looks through all instances."""


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

    def want(self, name: str) -> None:
        """Keep the records of this name from now on."""
        ...

    def release(self, name: str) -> None:
        """Keep the records of this name no longer for our sake."""
        ...


class Book:
    """All types and instances of one interface. Times are monotonic seconds."""

    def __init__(self, interface: str, lookup: Lookup) -> None:
        self._interface = interface
        self._lookup = lookup
        self._instances: dict[str, Instance] = {}
        self._by_type: dict[str, dict[str, Instance]] = {}
        self._by_host: dict[str, set[str]] = {}
        self._pending: dict[str, Instance] = {}
        self._late: dict[str, Instance] = {}
        self._next: float = math.inf
        self._next_look: float = math.inf
        self._announced: dict[str, tuple[float, float]] = {}
        self.types: set[str] = set()
        self.held_back = 0
        """Changes that were not told because newer ones followed within the second."""
        self.busiest = ""
        """The instance whose change was held back last."""
        self.refused = 0
        """Pointers to further instances that were not taken because there are :data:`MAX_INSTANCES`."""
        self.refused_types = 0
        """Pointers to further types that were not taken because there are :data:`MAX_TYPES`."""

    # Hearing.

    def learn_type(self, name: str, ttl: float = 0.0, now: float = 0.0) -> str | None:
        """Note a service type, and its PTR where there is a TTL; return the type where it is valid and new."""
        found = type_of(name)
        if found is None or found == META:
            return None
        new = found not in self.types
        if new and len(self.types) >= MAX_TYPES:
            self.refused_types += 1
            return None
        self.types.add(found)
        if ttl > 0:
            self._announced[found] = (max(ttl, MIN_TTL), now)
        return found if new else None

    def pointer(self, type_name: str, full: str, ttl: float, now: float) -> Iterator[MdnsEvent]:
        """Note a PTR from a type to an instance; yield what is to be told."""
        service = type_of(type_name)
        if service is None or service == META:
            return
        suffix = "." + type_name.rstrip(".").lower()
        bare = full.rstrip(".")
        if not bare.lower().endswith(suffix) or len(bare) == len(suffix):
            return  # a pointer out of its own type is made up
        key = bare.lower()
        found = self._instances.get(key)
        fresh = found is None or found.ended is not None
        if found is None:
            if len(self._instances) >= MAX_INSTANCES:
                self.refused += 1
                return
            found = Instance(type=service, name=bare[: -len(suffix)], full=full, ttl=ttl, heard=now, credit=CHANGES, credit_at=now)
            self._instances[key] = found
            self._by_type.setdefault(service, {})[key] = found
        again = found.complete
        if fresh:
            found.ended, found.over = None, False
            self._late.pop(key, None)
            self._lookup.want(full)
        found.ttl, found.heard, found.refreshed = max(ttl, MIN_TTL), now, 0
        self._next_look = min(self._next_look, found.next_look())
        if not found.complete and key not in self._pending and (fresh or now - found.asked_at >= HOPE_SECONDS):
            # New, back again, or we had given up and it is still there.
            found.tries, found.due = 0, max(now + PAUSES[0], found.asked_at + PAUSES[1])
            self._pending[key] = found
            self._next = min(self._next, found.due)
        yield from self._tell(key, found, now, again=again)

    def gone(self, full: str, kind: MdnsEventKind, now: float) -> Iterator[MdnsEvent]:
        """Note the end of a PTR: goodbye or expired."""
        key = full.lower().rstrip(".")
        found = self._instances.get(key)
        if found is None or found.ended is not None:
            return
        found.ended, found.complete = kind, False
        self._pending.pop(key, None)
        self._leave(found.host, key)
        found.host = ""
        self._lookup.release(found.full)
        yield from self._tell_end(key, found, now)

    def changed(self, names: Iterable[str], now: float, *, pointed: Container[str] = ()) -> Iterator[MdnsEvent]:
        """Note that records of these names (instances or hosts) are new or gone; yield what is to be told.

        ``pointed``: instances whose pointer came in the same packet, and which have been told with it.
        """
        keys: dict[str, None] = {}
        for name in names:
            bare = name.lower().rstrip(".")
            if bare in self._instances:
                keys[bare] = None
            keys.update(dict.fromkeys(sorted(self._by_host.get(bare, ()))))
        for key in keys:
            if key not in pointed:
                yield from self._tell(key, self._instances[key], now)

    # Telling.

    def _tell(self, key: str, one: Instance, now: float, *, again: bool = False) -> Iterator[MdnsEvent]:
        if one.ended is not None:
            return
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
            if one.host not in self._by_host:
                self._by_host[one.host] = set()
                self._lookup.want(one.host)
            self._by_host[one.host].add(key)
        addresses = self._lookup.addresses(host)
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
            self._late.pop(key, None)  # it is again as it was told
            return
        if not self._spend(key, one, now):
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
            ttl=int(one.ttl),
        )

    def _tell_end(self, key: str, one: Instance, now: float) -> Iterator[MdnsEvent]:
        if one.ended is None or not self._spend(key, one, now):
            return
        one.over, one.told = True, None
        # Who comes and goes many times a second must not be new each time: it stays until all of its credit is back.
        self._put_off(key, one)
        yield MdnsEvent(kind=one.ended, interface=self._interface, type=one.type, instance=one.name)

    def _spend(self, key: str, one: Instance, now: float) -> bool:
        """Tell whether an event may be told now; where not, it is put off."""
        if one.spend(now):
            self._late.pop(key, None)
            return True
        self.held_back += 1
        self.busiest = one.name
        self._put_off(key, one)
        return False

    def _put_off(self, key: str, one: Instance) -> None:
        self._late[key] = one
        self._next = min(self._next, one.ready())

    def late(self, now: float) -> list[MdnsEvent]:
        """Return what was held back and may be told now, and forget who has left for good."""
        events: list[MdnsEvent] = []
        ready = [(key, one) for key, one in self._late.items() if one.ready() <= now]
        for key, one in ready:
            del self._late[key]
            if one.over:
                self._forget(key, one)
            else:
                events += self._tell_end(key, one, now) if one.ended is not None else self._tell(key, one, now)
        if ready or self._next <= now:
            self._look_ahead()
        return events

    def look(self, now: float) -> tuple[list[MdnsEvent], set[str]]:
        """Return the ends of those whose PTR has run out, and the types to ask for again because a PTR of theirs soon will."""
        events: list[MdnsEvent] = []
        stale: set[str] = set()
        if now >= self._next_look:
            living = [one for one in self._instances.values() if one.ended is None]
            for one in living:
                if one.heard + one.ttl <= now:
                    events += self.gone(one.full, MdnsEventKind.EXPIRED, now)
                elif one.next_look() <= now:
                    one.refreshed += 1
                    stale.add(one.type)
            soonest = min((one.next_look() for one in living if one.ended is None), default=math.inf)
            self._next_look = max(soonest, now + _LOOK_SECONDS)
        return events, stale

    def known(self, service: str, now: float) -> list[Known]:
        """Return the known answers for a type (or META): more than half of their TTL is left (RFC 6762 section 7.1).

        At most :data:`MAX_KNOWN` of them, and not those that wait to be resolved: their answer brings the other records
        again. Those that are left out are announced once more.
        """
        found: list[Known] = []
        if service == META:
            rows = [("", one, ttl, heard) for one, (ttl, heard) in self._announced.items()]
        else:
            living = [one for one in self._by_type.get(service, {}).values() if one.ended is None]
            rows = [(one.name, service, one.ttl, one.heard) for one in living if one.complete or one.tries > PARTIAL_AFTER]
        for instance, kind, ttl, heard in rows:
            left = heard + ttl - now
            name = labels(instance, kind) if left > ttl / 2 else None
            if name is not None:
                found.append((name, int(left)))
                if len(found) >= MAX_KNOWN:
                    break
        return found

    # Asking.

    def next_due(self) -> float | None:
        """Return when :meth:`late` or :meth:`ask` is worth a call (never too late), None where nothing is open."""
        return self._next if self._pending or self._late else None

    def next_look(self) -> float | None:
        """Return when :meth:`look` is worth a call, None where nobody lives."""
        return None if self._next_look == math.inf else self._next_look

    def waiting(self, now: float) -> bool:
        """Tell whether a question is due."""
        return any(one.due <= now for one in self._pending.values())

    def ask(self, now: float, *, unicast: bool) -> tuple[bytes, list[MdnsEvent]]:
        """Return one packet of the most urgent questions (b"" for none), and what can be told although it is not complete.

        The first question for an instance may ask for a ``unicast`` answer (RFC 6762 section 5.4). What is new goes
        before what was asked for already.
        """
        events: list[MdnsEvent] = []
        waiting = ((min(one.tries, PLAIN_AFTER), one.due, key) for key, one in self._pending.items() if one.due <= now)
        ready = heapq.nsmallest(_MOST_ASKED, waiting)
        stage, packet = -1, QueryPacket(unicast=False)
        for its_stage, _, key in ready:
            one = self._pending[key]
            events += self._tell(key, one, now)
            if one.complete:
                continue
            if stage != its_stage and packet.count:
                break
            if stage != its_stage:
                stage, packet = its_stage, QueryPacket(unicast=unicast and its_stage == 0, compress=its_stage < PLAIN_AFTER)
            questions = self._missing(one)
            if questions and not packet.add(questions):
                break
            one.tries += 1
            one.asked_at = now
            if not questions or one.tries >= len(PAUSES):
                del self._pending[key]  # until it is heard again
            else:
                one.due = now + PAUSES[one.tries]
        self._look_ahead()
        return packet.encode(), events

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

    def _look_ahead(self) -> None:
        questions = (one.due for one in self._pending.values())
        self._next = min(*questions, *(one.ready() for one in self._late.values()), math.inf, math.inf)

    def _leave(self, host: str, key: str) -> None:
        """Forget that the instance is on the host, and the host with its last one: made-up names come without end."""
        keys = self._by_host.get(host)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._by_host[host]
                self._lookup.release(host)

    def _forget(self, key: str, one: Instance) -> None:
        del self._instances[key]
        same = self._by_type[one.type]
        del same[key]
        if not same:
            del self._by_type[one.type]
