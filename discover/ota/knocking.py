"""The knock: one byte over UDP at ports that may listen, and at one behind them that surely does not.

ArduinoOTA keeps silent on it, and a closed port makes the host send an ICMP error. So silence means a listener only
where the host is known to send such errors: in each round control ports are knocked at *behind* the ports asked about.
Two controls refused behind their silence count; with one alone, the error for the port could have been lost, or been the one
that a host which rations its errors did not send.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discover.ota.actions import AskNeighbours, Event, Failed, Known, Refused, Reply, Send, Session, Unreachable, Wait
from discover.ota.ears import HOST, gather
from discover.proto.arduinoota import KNOCK
from discover.text import clean

SPACING: Final = 0.06
"""Seconds between two datagrams to one device: the budget of a fragile one (discover/net/policy.py)."""
KNOCK_SECONDS: Final = 0.8
"""How long a round waits: power save delays an answer by up to three beacon intervals of 0.1 s, in both directions."""
GRACE: Final = 0.35
"""How long a round waits on when the control has answered: one that waits for power save."""
ARP_SECONDS: Final = 3.3
"""Linux gives an address up after three ARP requests, 3.07 s (measured)."""
CONTROLS: Final = (1, 2, 2)
"""How many control ports are knocked at in each round."""
PROOFS: Final = 2
"""Refused controls behind the silence that make a listener likely."""

CONTROL_PORTS: Final = (33434, 33435, 33436, 33437, 33438, 33439)
"""Surely closed UDP ports: the first that traceroute(8) relies on being closed. One check never uses the one it is about."""
GONE: Final = frozenset({"failed", "incomplete"})
"""Neighbour states that say nobody answers."""

_WHY: Final = "knock: the one byte no ArduinoOTA core acts on"
CONTROL_WHY: Final = "control knock: a surely closed port tells whether the host is up and says so"


class Knock(StrEnum):
    """How a knock ended."""

    REFUSED = "refused"
    SILENT = "silent"
    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocked:
    """The outcome of a knock at ``port``, how often it was tried, and what came or what this machine said (``told``, clean; ``hint``)."""

    outcome: Knock
    tries: int
    told: str = ""
    hint: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocks:
    """What several rounds brought: each port's outcome, the control's, and how many controls were refused (``proofs``)."""

    ports: Mapping[int, Knocked]
    control: Knocked
    proofs: int = 0

    @property
    def meaningful(self) -> bool:
        """True where this host answers for closed ports, so that silence means something."""
        return self.proofs >= PROOFS


def controls_for(port: int) -> tuple[int, ...]:
    """Return the control ports of a check that is about ``port``."""
    return tuple(one for one in CONTROL_PORTS if one != port)[: sum(CONTROLS)]


class Knocking:
    """Rounds of knocks at ``ports`` (none: only controls, until one answers).

    ``plan`` is how many controls each round has; ``table``: the neighbour table may be asked.
    """

    def __init__(self, ports: Sequence[int], controls: Sequence[int], *, table: bool, plan: Sequence[int] = CONTROLS) -> None:
        self._ports = tuple(ports)
        self._controls = tuple(controls)
        self._table = table
        self._plan = tuple(plan)
        self._tries = dict.fromkeys((*ports, *controls), 0)
        self._heard: dict[int, Event] = {}

    def run(self) -> Session[Knocks]:
        """Knock until every port has answered, its silence means something, or the rounds are over."""
        left = list(self._controls)
        for number, count in enumerate(self._plan):
            silent = [port for port in self._ports if port not in self._heard]
            if self._ports and not silent:
                break
            if number == 1 and len(self._ports) == 1:
                silent *= 2
            controls, left = left[:count], left[count:]
            yield from self._round(silent, controls, rest=number > 0)
            if HOST in self._heard or self._decided(number):
                break
            if number == 0 and not self._heard and (yield from self._unresolved()):
                last = controls[-1]
                heard = yield from gather((*self._ports, last), ARP_SECONDS - KNOCK_SECONDS, last=last, grace=GRACE)
                self._take(heard)
                if HOST in heard or (not heard and (yield from self._unresolved())):
                    break
        return self._result()

    @property
    def _proofs(self) -> int:
        return sum(isinstance(self._heard.get(port), Refused) for port in self._controls)

    def _decided(self, number: int) -> bool:
        if not self._ports:
            return any(port in self._heard for port in self._controls)
        return number > 0 and self._proofs >= PROOFS

    def _round(self, ports: Sequence[int], controls: Sequence[int], *, rest: bool) -> Session[None]:
        for index, port in enumerate((*ports, *controls)):
            if rest or index:
                yield Wait(SPACING)
            self._tries[port] += 1
            event = yield Send(port, KNOCK, CONTROL_WHY if port in controls else _WHY)
            if isinstance(event, Failed):
                self._heard[HOST] = event
                return
        self._take((yield from gather({*ports, *controls}, KNOCK_SECONDS, last=controls[-1], grace=GRACE)))

    def _take(self, heard: Mapping[int, Event]) -> None:
        for port, event in heard.items():
            if port == HOST or self._tries.get(port):
                self._heard.setdefault(port, event)

    def _unresolved(self) -> Session[bool]:
        """Tell whether our own ARP requests are still unanswered, as far as the neighbour table tells."""
        if not self._table:
            return False
        event = yield AskNeighbours()
        return isinstance(event, Known) and unresolved(event)

    def _result(self) -> Knocks:
        asked: Collection[int] = [port for port in self._controls if self._tries[port]]
        spoke = next((port for port in asked if isinstance(self._heard.get(port), Refused)), None)
        spoke = next((port for port in asked if port in self._heard), None) if spoke is None else spoke
        tries = sum(self._tries[port] for port in asked)
        shown = spoke if spoke is not None else self._controls[0]
        return Knocks(
            ports={port: self._outcome(port, self._tries[port]) for port in self._ports},
            control=self._outcome(shown, tries),
            proofs=self._proofs,
        )

    def _outcome(self, port: int, tries: int) -> Knocked:
        match self._heard.get(port) or self._heard.get(HOST):
            case Refused():
                return Knocked(outcome=Knock.REFUSED, tries=tries, port=port)
            case Reply(_, payload):
                return Knocked(outcome=Knock.ANSWERED, tries=tries, port=port, told=show(payload))
            case Unreachable(reason):
                return Knocked(outcome=Knock.UNREACHABLE, tries=tries, port=port, told=reason)
            case Failed(message, hint):
                return Knocked(outcome=Knock.BLOCKED, tries=tries, port=port, told=message, hint=hint)
            case _:
                return Knocked(outcome=Knock.SILENT, tries=tries, port=port)


def unresolved(known: Known) -> bool:
    """Tell whether the neighbour table's row says that nobody answers."""
    return not known.mac or known.state in GONE


def show(payload: bytes) -> str:
    """Return bytes of a peer as one short harmless line: text where they are text, else hex."""
    text = payload.decode("ascii", "replace").strip()
    if text and text.isascii() and text.isprintable():
        return clean(text, 100)
    return payload[:24].hex(" ") + (" ..." if len(payload) > 24 else "")
