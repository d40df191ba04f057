"""Presence: one word that follows from what every source said last, and until when its word holds.

The rules, in order; all of them are pure functions of the signals and of ``now``:

1. Every sign of life *holds* for its source's lifetime (``lifetime``): an mDNS record for its TTL, an
   answer of a probe and a confirmed neighbour for PROBE_LIFETIME.
2. A question below the ports that nobody answered (ARP or NDP failed, host unreachable) ends every word
   that was heard at that address before it, except mDNS: a record stands until its TTL or its goodbye.
3. A goodbye of every announced service ends everything that was heard before it: it is the device's own
   newest word.
4. The word: **present** while something holds, except where the only thing that holds is an mDNS record
   and the device was asked later and did not answer: then **asleep**. Where nothing holds: **gone** if it
   ended with a goodbye, **asleep** for a device that says it sleeps (for SLEEP_LIFETIME after it was last
   heard), else **stale**. Silence alone never makes a device gone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from discover.model.device import Heard, Presence, PresenceState
from discover.model.signal import Signal, Source

PROBE_LIFETIME: Final = 300.0
"""Seconds that an answer to a probe and a confirmed neighbour hold. Our choice: the kernel alone would
forget a neighbour after 15 to 45 s (base_reachable_time, arp(7)), which is shorter than a person looks."""
MDNS_TTL_MAX: Final = 4500.0
"""Seconds an mDNS record holds at most: the 75 minutes that RFC 6762 section 10 recommends."""
MDNS_TTL_UNKNOWN: Final = 120.0
"""Seconds an mDNS record without a TTL holds: what RFC 6762 section 10 recommends for host records."""
SLEEP_LIFETIME: Final = 86400.0
"""Seconds that a device which says it sleeps counts as asleep. Our choice: reports once a day are usual."""
SILENCE_GRACE: Final = 10.0
"""Seconds after a word of mDNS in which a silent port says nothing: firewalled hosts are silent and awake.
Our choice: longer than one scan takes to knock, shorter than two scans are apart."""

NEVER: Final = -math.inf

# Rows of the neighbour table that nobody has confirmed lately (ip-neighbour(8)): the address was there once.
_UNCONFIRMED: Final = frozenset({"stale", "none", "incomplete", "failed"})


class Word(NamedTuple):
    """One source's word at one address: heard first at ``last``, holding until ``expires``.

    ``ended`` is when a goodbye or the record's end came, ``goodbye`` which of the two; ``absent`` is when
    somebody last asked below the ports in vain, ``silent`` when a port kept silent; NEVER where they did not.
    """

    source: Source
    last: float
    expires: float
    ended: float = NEVER
    goodbye: bool = False
    absent: float = NEVER
    silent: float = NEVER

    @property
    def until(self) -> float:
        """When this word really stops holding, after the ends that cut it short."""
        end = min(self.expires, self.ended) if self.over else self.expires
        if self.source is not Source.MDNS and self.absent > self.last:
            end = min(end, self.absent)
        return max(end, self.last)

    @property
    def over(self) -> bool:
        """True where the source itself took its word back."""
        return self.ended >= self.last

    @property
    def unanswered(self) -> bool:
        """True where the device was asked after this word, and was not there or kept silent."""
        return self.absent > self.last or self.silent > self.last + SILENCE_GRACE


def lifetime(signal: Signal) -> float:
    """Return for how many seconds a sign of life holds; 0 for a neighbour that nobody has confirmed lately."""
    if signal.source is Source.MDNS:
        ttl = signal.number("ttl")
        return min(float(max(ttl, 0)), MDNS_TTL_MAX) if ttl is not None else MDNS_TTL_UNKNOWN
    if signal.source is Source.NEIGHBOUR and signal.text("state").lower() in _UNCONFIRMED:
        return 0.0
    return PROBE_LIFETIME


def says_it_sleeps(signals: Iterable[Signal], kind: str = "") -> bool:
    """Tell whether a device announces that it sleeps.

    Matter: TXT "ICD=1", the device now operates with long idle times (project-chip/connectedhomeip pull request
    30135). A family may also say so by its kind ("sleepy ...").
    """
    if kind.startswith("sleepy"):
        return True
    return any(
        signal.kind == "mdns.service" and signal.text("type").lower().startswith("_matter") and signal.txt("ICD") == "1"
        for signal in signals
    )


def judge(words: Sequence[Word], first_seen: float, now: float, *, sleeps: bool = False) -> tuple[Presence, float]:
    """Return the presence at ``now`` and the next moment at which it may read differently (infinity: never).

    ``words``: every source's word at every address of one device. Pure; see the module's rules.
    """
    words = _said_goodbye(words)
    holding = [word for word in words if word.until > now]
    last_seen = max((word.last for word in words), default=first_seen)
    if any(word.source is not Source.MDNS or not word.unanswered for word in holding):
        state = PresenceState.PRESENT
    elif holding:
        state = PresenceState.ASLEEP
    elif _ended_with_goodbye(words):
        state = PresenceState.GONE
    elif sleeps and now < last_seen + SLEEP_LIFETIME:
        state = PresenceState.ASLEEP
    else:
        state = PresenceState.STALE
    moments = [word.until for word in words]
    if sleeps:
        moments.append(last_seen + SLEEP_LIFETIME)
    heard: dict[Source, Heard] = {}
    for word in words:
        old = heard.get(word.source)
        heard[word.source] = Heard(
            source=word.source,
            last=max(word.last, old.last) if old else word.last,
            expires=max(word.until, old.expires) if old else word.until,
        )
    presence = Presence(
        state=state, first_seen=min(first_seen, last_seen), last_seen=last_seen, heard=tuple(heard[key] for key in sorted(heard))
    )
    return presence, min((moment for moment in moments if moment > now), default=math.inf)


def settle(presence: Presence, now: float) -> Presence:
    """Return a remembered presence as it reads at ``now``: a word that no longer holds becomes stale.

    For devices from the store, of which only ``heard`` is left; "gone" and "asleep" stay until heard again,
    "asleep" for SLEEP_LIFETIME.
    """
    if any(heard.expires > now for heard in presence.heard) or presence.state in (PresenceState.GONE, PresenceState.STALE):
        return presence
    if presence.state is PresenceState.ASLEEP and now < presence.last_seen + SLEEP_LIFETIME:
        return presence
    return Presence(state=PresenceState.STALE, first_seen=presence.first_seen, last_seen=presence.last_seen, heard=presence.heard)


def _said_goodbye(words: Sequence[Word]) -> Sequence[Word]:
    """Let the goodbye of the last announced service end what the other sources said before it (rule 3)."""
    announced = [word for word in words if word.source is Source.MDNS]
    if not announced or any(not word.over for word in announced):
        return words
    newest = max(announced, key=lambda word: (word.ended, word.goodbye))
    if not newest.goodbye:
        return words
    return [
        word._replace(ended=newest.ended, goodbye=True) if word.source is not Source.MDNS and word.last <= newest.ended else word
        for word in words
    ]


def _ended_with_goodbye(words: Sequence[Word]) -> bool:
    """Tell whether the newest of all words was a goodbye."""
    newest = max((word for word in words if word.over), key=lambda word: (word.ended, word.goodbye), default=None)
    return newest is not None and newest.goodbye and all(word.last <= newest.ended for word in words)
