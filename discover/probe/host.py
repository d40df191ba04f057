"""The port phase of one host, sans-io: what to send next, and what silence means.

Time comes in as monotonic seconds; nothing here waits. A question is asked, waited for as long as the
air needs, asked again; a *judged* question's later tries are followed by a control. A silence counts
only if something that was sent right behind it was refused: then ICMP errors were on their way, and
the knock was heard by somebody who kept silent, or lost. How many such silences make "likely" follows
from the loss that was measured (:meth:`Air.confirmations`).

ICMP errors are rationed: Linux sends a burst of 6 to one peer, then one a second (facts: network). A
control that stays silent at a host that refused others tells that the ration is spent; the next try
waits until there is a new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from discover.net.policy import Policy
from discover.probe.ask import Ask, Decision, Try
from discover.probe.limits import (
    BURST_TIME,
    CONTROL_WINDOW,
    FRAGILE_TRIES,
    GIVE_UP,
    KNOCKS_ENOUGH,
    LEAST_TRIES,
    MISS,
    MOST_JUDGED,
    MOST_TRIES,
    NAP,
    NAP_GRAIN,
    RATION,
    REPEATED_CONNECTS,
    REST_OF_NAP,
)
from discover.probe.ports import PortQuestion, control
from discover.probe.ration import Ration
from discover.probe.tempo import LEAST_GAP, Tempo
from discover.probe.timing import LEAST_TIMEOUT, SAMPLES_ENOUGH, Air

_LONG_ENOUGH: Final = 0.9
_NEVER: Final = float("inf")
_INSTANT: Final = 1e-6
"""Less is no wait: adding it to a clock may not even change the clock."""


def _which(ask: Ask) -> int:
    """Return which of the four waits of :meth:`HostAsking._waits` a question has."""
    return 2 * (ask.question.transport == "tcp") + (ask.tries > 1)


class HostAsking:
    """The port phase of the host at ``address``; ``joined`` when it was found.

    ``asked`` are the UDP ports that the liveness phase has asked already, each with its time; ``trip`` is how long
    the host took to answer ARP (seconds, 0.0: not known).
    """

    def __init__(
        self,
        address: str,
        questions: Iterable[PortQuestion],
        *,
        air: Air,
        policy: Policy,
        joined: float,
        fragile: bool = False,
        asked: Mapping[int, float] | None = None,
        trip: float = 0.0,
    ) -> None:
        self.address = address
        self.fragile = fragile
        self.joined = joined
        self._air = air
        self._policy = policy
        self._asks = {(one.transport, one.port): Ask(one, joined) for one in questions}
        self._open = list(self._asks.values())
        """Those that are not done, in order."""
        self._fresh = [*self._open]
        """Those that have not been sent yet, in order."""
        self._over = joined
        """Nothing has been waited for long enough before this: a bound that spares looking at every try."""
        self._repeat_at = joined
        """Nothing is to be sent once more before this: likewise."""
        self._full = False
        """Something waits for another question's end."""
        self.sooner = False
        """What was heard may let something happen sooner than :meth:`next_time` has said."""
        self.free = joined
        """No sooner than this may the next packet leave."""
        self._rest = joined
        """Nor the next question: it comes after the one before, to a fragile device a while after."""
        self._bare: list[Try] = []
        """Tries that wait for a control behind them."""
        self._sent = 0
        """Packets that left."""
        self._controls: dict[int, Try] = {}
        self._waiting: list[Try] = []
        """Controls that are neither refused nor waited for long enough."""
        self._control_index = 0
        self._ration = Ration()
        self._vocal = False
        """It has said something."""
        self._datagrams = False
        """It has answered a datagram, be it with an ICMP error; a host behind a firewall may speak TCP alone."""
        self._spoke = False
        self._tempo = Tempo(air, trip)
        for port, when in (asked or {}).items():
            ask = self._asks.get(("udp", port))
            if ask is not None:
                ask.due, ask.tries, ask.first = None, 1, when
                self._fresh.remove(ask)
                ask.pending.append(Try(when, 0, max(joined, when)))

    # What the scheduler asks.

    @property
    def done(self) -> bool:
        """Tell whether every question has its answer or its end."""
        return not self._open

    @property
    def controls(self) -> Iterable[int]:
        """The control ports that were used."""
        return self._controls.keys()

    def next_time(self) -> float | None:
        """Return when there is something to send or to decide; None where all is done."""
        self.sooner = False
        if not self._open:
            return None
        timeout, *waits = self._waits()
        ends, fresh, again, connects = [_NEVER], [_NEVER], [_NEVER], [_NEVER]
        flying = repeated = 0
        for ask in self._open:
            tcp = ask.question.transport == "tcp"
            if ask.pending:
                flying += 1
                repeated += tcp and ask.tries > 1
                ends.append(ask.since + waits[_which(ask)])
            if ask.due is None:
                continue
            if not ask.tries:
                fresh.append(ask.due)
            else:
                (connects if tcp else again).append(ask.due)
        ends += [one.since + timeout for one in self._waiting]
        over = min(ends)
        self._over, self._repeat_at = over, min(*again, *connects)
        self._full = flying >= self._most_flying() or repeated >= REPEATED_CONNECTS
        grain = self._air.grain if self._datagrams else max(self._air.grain, NAP_GRAIN)
        when = math.ceil(over / grain) * grain if over < _NEVER else _NEVER
        if flying < self._most_flying():
            sends = (*fresh, *again, *connects) if repeated < REPEATED_CONNECTS else (*fresh, *again)
            when = min(when, max(self.free, self._rest, min(sends)))
        if self._bare:
            when = min(when, max(self.free, self._control_time()))
        return when

    def control_due(self) -> float | None:
        """Return when a control is to leave behind a knock, None where none waits for one."""
        return max(self.free, self._control_time()) if self._bare else None

    def next_send(self, now: float) -> float:
        """Return when to look again after something was sent: once around all others, so that answers are read in between."""
        return max(now, self.free) if self._bare else max(now, self.free, self._rest)

    def wants(self, now: float) -> tuple[Ask | None, PortQuestion] | None:
        """Return what is to be sent at ``now``: the ask and its question; no ask for a control. None: nothing at the moment."""
        if now < self.free or not self._open:
            return None
        if self._bare and now >= self._control_time():
            return None, control(self.address, self._control_index)
        if now < self._rest or not (self._fresh or self._repeat_at <= now) or self._is_full():
            return None
        for ask in self._fresh:  # every port once before any port twice
            if ask.due is not None and ask.due <= now:
                return ask, ask.question
        for ask in self._open:
            if ask.tries and ask.due is not None and ask.due <= now and not self._held(ask):
                return ask, ask.question
        return None

    def _held(self, ask: Ask) -> bool:
        """Tell whether a repeated connect has to wait for others: each may take four packets of the host's budget."""
        if ask.question.transport != "tcp" or not ask.tries:
            return False
        return sum(1 for one in self._open if one.question.transport == "tcp" and one.tries > 1 and one.pending) >= REPEATED_CONNECTS

    def sent(self, ask: Ask | None, now: float) -> None:
        """Note that what :meth:`wants` returned has left."""
        self._sent += 1
        one = Try(now, self._sent, now)
        self._over = min(self._over, now + LEAST_TIMEOUT)
        self._rest = now + (self._policy.fragile_spacing if self.fragile else 0.0)
        if ask is None:
            self._controls[control(self.address, self._control_index).port] = one
            self._waiting.append(one)
            self._control_index += 1
            for bare in self._bare:
                bare.since = now
            self._bare.clear()
            if self.fragile:
                # Pairs at the pace of single questions would spend the budget, and a control that has to wait for it comes too late.
                self._rest = now + 2 * self._policy.fragile_spacing
            return
        ask.tries += 1
        ask.failures = 0
        ask.pending.append(one)
        ask.due = None
        if ask.tries == 1:
            ask.first = now
            self._fresh.remove(ask)
            return
        # A host that sent no ICMP error to the first control will not send one to the next.
        if ask.question.judged and (self._ration.errors or not self._controls):
            one.since = _NEVER  # its wait begins with the control behind it
            self._bare.append(one)
        self._plan(ask, now)

    def postpone(self, until: float) -> None:
        """Note that nothing may leave before ``until``: a budget is spent, or a buffer is full."""
        self.free = max(self.free, until)

    def refuse(self, ask: Ask | None, now: float, waits: tuple[float, ...]) -> bool:
        """Note that the system refused to send; True where it is tried again, False where that was the last time."""
        if ask is None:
            for bare in self._bare:
                bare.since = now
            self._bare.clear()
            self._over = min(self._over, now)
            return True
        ask.failures += 1
        if ask.failures <= len(waits):
            self._repeat_at = 0.0
            ask.due = now + waits[ask.failures - 1]
            return True
        self._end(ask)
        return False

    # What happened.

    def heard(self, transport: str, port: int, now: float, *, refused: bool) -> bool:
        """Take an answer (a reply, an ICMP error, a TCP outcome) from a port; return whether it was a question's first."""
        if not self._vocal or (transport == "udp" and not self._datagrams):
            self._vocal = self.sooner = True
            self._datagrams = self._datagrams or transport == "udp"
        if transport == "udp" and refused:
            self._ration.error(now)
            one = self._controls.get(port)
            if one is not None:
                self._control_refused(one, now)
                return False
        ask = self._asks.get((transport, port))  # type: ignore[arg-type]
        if ask is None:
            return False
        if ask.done:
            self._heard_again(ask)
            return False
        self._measure(ask, now, refused=refused)
        if refused and ask.silences:
            self._air.mistaken()
        self.sooner = self.sooner or self._full
        self._end(ask)
        return True

    def _measure(self, ask: Ask, now: float, *, refused: bool) -> None:
        """Learn from the first answer to a question."""
        transport = ask.question.transport
        ask.answered = now
        self._spoke = self._spoke or transport == "tcp"
        last = ask.pending[-1].sent if ask.pending else ask.first
        measured = transport == "tcp" or not refused
        if ask.tries <= 1:
            # The liveness phase's question waited for ARP, too: that is no round trip of the air.
            if ask.tries and ask.first >= self.joined:
                # A connection's end is told by the event loop, our own delays included; a datagram's by the kernel.
                exact = transport == "udp" or self._air.trips.count < SAMPLES_ENOUGH
                self.sooner |= self._tempo.measure(now - last, measured=measured, trip=exact)
            if refused and transport == "udp" and ask.pending:
                self._air.closed += 1
                self._cover(ask.pending[-1])
        elif now - last < self._tempo.quick:
            self._tempo.late(now - ask.first)
        else:
            self._tempo.at_least(now - last)
            # Only who was waited for long enough before has lost something; else the first answer may just have been slow.
            if measured and last - ask.first >= (ask.tries - 1) * self._tempo.timeout * _LONG_ENOUGH:
                self._air.lost()

    def _heard_again(self, ask: Ask) -> None:
        """Take one more answer to a question: if there are as many as tries, nothing was lost, the first wait was too short."""
        ask.answers += 1
        if ask.answers == ask.tries > 1:
            self._tempo.late(ask.answered - ask.first)

    def expire(self, now: float) -> Iterator[Decision]:
        """Take note of what was waited for long enough; yield the questions that ended in silence."""
        if self._over > now + _INSTANT:
            return
        timeout, *waits = self._waits()
        now_or_so = now + _INSTANT
        left = [_NEVER]
        for one in tuple(self._waiting):
            if one.since + timeout > now_or_so:
                left.append(one.since + timeout)
            else:
                self._waiting.remove(one)
                self._ration.control_silent(now, self._air)
        for ask in tuple(self._open):
            if not ask.pending:
                continue
            wait = waits[_which(ask)]
            end = ask.since + wait
            if end > now_or_so:
                left.append(end)
                continue
            late = [one for one in ask.pending if one.since + wait <= now_or_so]
            ask.pending = [one for one in ask.pending if one.since + wait > now_or_so]
            ask.silences += sum(one.covered for one in late)
            self._doubt(ask)
            if ask.question.transport == "tcp" and self._spoke and not ask.suspected:
                ask.suspected = True
                self._air.suspect(+1)
            word = self._plan(ask, now)
            if word:
                self._end(ask)
                yield Decision(self.address, ask.question, ask.tries, word)
            elif ask.pending:
                left.append(ask.since + wait)
        self._over = min(left)

    def _waits(self) -> tuple[float, float, float, float, float]:
        """Return how long a control is waited for, a question asked once and one asked again over UDP, and the same two over TCP."""
        timeout, patience = self._tempo.waits
        if self._datagrams:
            return timeout, timeout, timeout, patience, patience
        udp = max(timeout, NAP), max(timeout, REST_OF_NAP)
        return (timeout, *udp, patience, patience) if self._vocal else (timeout, *udp, max(patience, NAP), max(patience, REST_OF_NAP))

    def shift(self, seconds: float) -> None:
        """Move all waits by ``seconds``: the machine slept, and answers that wait in the sockets were not read."""
        for one in (*(each for ask in self._open for each in ask.pending), *self._controls.values()):
            one.since += seconds

    def estimate(self, now: float) -> float:
        """Return about how many seconds the host still takes."""
        patience = self._tempo.patience
        longest = 0.0
        for ask in self._open:
            waits = max((min(one.since, now) for one in ask.pending), default=now) + patience - now
            if self._ration.spent and ask.question.judged:
                need = self._air.confirmations(self._renewed())
                waits += max(0, need - ask.silences - 1) * RATION
            elif ask.tries < LEAST_TRIES:
                waits += patience * (LEAST_TRIES - max(1, ask.tries))
            longest = max(longest, waits)
        fresh = sum(1 for ask in self._open if not ask.tries)
        return longest + (fresh * self._policy.fragile_spacing if self.fragile else 0.0)

    # How it decides.

    def _is_full(self) -> bool:
        """Tell whether as many questions are under way as may be."""
        most = self._most_flying()
        return len(self._open) >= most and sum(1 for ask in self._open if ask.pending) >= most

    def _most_flying(self) -> int:
        return self._policy.fragile_probes if self.fragile else self._policy.host_probes

    def _control_time(self) -> float:
        """Return when the control is due: right behind a fragile device's knock, else when no other knock is coming soon."""
        first = self._bare[0].sent
        if self.fragile:
            return first + LEAST_GAP
        soon = any(
            ask.question.judged and ask.tries and ask.due is not None and ask.due <= first + BURST_TIME and not self._is_bare(ask)
            for ask in self._open
        )
        return first + BURST_TIME if soon else first

    def _is_bare(self, ask: Ask) -> bool:
        """Tell whether the last try of a question waits for a control already."""
        return bool(ask.pending) and ask.pending[-1] in self._bare

    def _cover(self, refused: Try) -> None:
        """Let the silences shortly before a datagram that was refused count."""
        for ask in self._open:
            if ask.question.judged:
                for one in ask.pending:
                    if refused.sent - CONTROL_WINDOW <= one.sent and one.order < refused.order:
                        one.covered = True

    def _control_refused(self, one: Try, now: float) -> None:
        if one.answered:
            return
        one.answered = True
        if one in self._waiting:
            self._waiting.remove(one)
        self._ration.control_refused()
        self._cover(one)
        self._tempo.measure(now - one.sent, measured=False)

    def _plan(self, ask: Ask, now: float) -> str:
        """Set when the question is due again, or return the word it ends with ("" while it goes on)."""
        if ask.question.judged and self._ration.errors:
            return self._plan_judged(ask, now)
        if ask.question.transport == "tcp":
            most = FRAGILE_TRIES if self.fragile else MOST_TRIES
            wanted = self._air.tries(MISS, least=LEAST_TRIES, most=most) if self._vocal else LEAST_TRIES
        elif ask.question.mute and self._vocal and self._knocked() >= KNOCKS_ENOUGH:
            wanted = 1
        else:
            # A host that has said nothing at all to two rounds of everything says nothing to a third.
            wanted = self._air.tries(MISS, least=LEAST_TRIES, most=MOST_TRIES) if self._vocal else LEAST_TRIES
            if len(ask.question.payloads) > 1:
                wanted = max(wanted, len(ask.question.payloads))
        if ask.tries < wanted:
            self._again(ask, now)
            return ""
        if ask.pending:
            return ""
        return "silent" if ask.question.judged or ask.question.transport == "tcp" else "none"

    def _knocked(self) -> int:
        """Return at how many ports it was knocked, none of which was refused: who sends no ICMP error to the first few sends none."""
        return sum(1 for one in self._asks.values() if one.question.mute and one.tries)

    def _plan_judged(self, ask: Ask, now: float) -> str:
        wanted = self._air.confirmations(self._renewed())
        if ask.silences >= wanted:
            return "refused"
        if ask.tries >= MOST_JUDGED or now - self.joined > GIVE_UP:
            return "" if ask.pending else "silent"
        if ask.silences + len(ask.pending) < wanted or (not ask.pending and ask.due is None):
            self._again(ask, now)
        return ""

    def _renewed(self) -> float:
        """Return how likely its ration is renewed between a knock and its control."""
        return self._ration.renewed(behind=LEAST_GAP if self.fragile else 0.0, slow=self._tempo.slow)

    def _again(self, ask: Ask, now: float) -> None:
        """Let the question be asked again: at once after its first wait, later after a part of one, or with the next ration."""
        self._repeat_at = 0.0  # to be worked out anew
        if ask.question.transport == "tcp" or ask.tries <= 1:
            ask.due = None if ask.pending else now
        elif self._ration.spent and ask.question.judged:
            ask.due = self._together(now, (ask.pending[-1].sent if ask.pending else now - self._tempo.timeout) + RATION)
        else:
            ask.due = self._together(now, ask.pending[-1].sent + self._tempo.gap) if ask.pending else now

    def _together(self, now: float, when: float) -> float:
        """Return when something that is to be done at a time is done, so that much is done at once."""
        grain = self._air.grain
        return now if when <= now else math.ceil(when / grain) * grain

    def _doubt(self, ask: Ask) -> None:
        """Keep the air's count of ports that have been silent just once: who is silent again hardly lost something twice."""
        doubtful = ask.silences == 1 and not ask.done
        if doubtful != ask.doubted:
            ask.doubted = doubtful
            self._air.doubt(+1 if doubtful else -1)

    def _end(self, ask: Ask) -> None:
        ask.done = True
        self._doubt(ask)
        ask.due = None
        self._bare = [one for one in self._bare if one not in ask.pending]
        ask.pending.clear()
        if ask.suspected:
            ask.suspected = False
            self._air.suspect(-1)
        self._open.remove(ask)
        if not ask.tries:
            self._fresh.remove(ask)
