"""Judges what a packet filter does with one flow: chains, jumps, policies, and an honest "unknown". Pure.

Three values all the way: a match holds (True), does not (False) or cannot be told from here (None: a mark, a rate, an
extension that is not understood). Where a None would change the outcome the ruling is UNKNOWN, with the rule that makes it so;
where it would not, the ruling is as certain as the rules are.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from discover.model.network import Address
from discover.model.outlook import FirewallWord, Ruling, Span

Ports = tuple[int, int]
Tri = bool | None

ALL_PORTS: Final = (0, 65_535)
EPHEMERAL: Final = (1024, 65_535)
"""The ports that a device's own connection may come from: any unprivileged one."""
MAX_DEPTH: Final = 32
"""Jumps in jumps; the kernel refuses more than 16 (nftables: NFT_JUMP_STACK_SIZE)."""
MAX_SPANS: Final = 400
"""Ranges of ports that are judged one by one; beyond them the answer is "unknown"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The first packet (TCP) or an answer (UDP) from ``source`` to us. ``sport``, ``dport``: the range its port is in."""

    protocol: str
    source: Address
    dest: Address
    dport: Ports
    sport: Ports = EPHEMERAL
    interface: str = ""
    state: str = "new"


Match = Callable[[Flow], Tri]


class Act(StrEnum):
    """What a rule does where all its matches hold."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    PASS = "pass"  # noqa: S105 - counts or logs, and the next rule is read
    ELSEWHERE = "elsewhere"
    """Sends the packet another way (queue, redirect, tproxy): what becomes of it cannot be told from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: all of ``matches`` must hold; ``text`` is how its tool prints it, ``cuts`` the port ranges it names."""

    matches: tuple[Match, ...] = ()
    act: Act = Act.PASS
    target: str = ""
    text: str = ""
    cuts: tuple[Ports, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A chain that the kernel enters by itself, in the order of ``stage`` (hook) and ``priority``."""

    chain: str
    policy: Act = Act.ACCEPT
    stage: int = 0
    priority: int = 0
    title: str = ""
    """The chain as its tool names it: "inet filter input"."""
    devices: tuple[str, ...] = ()
    """The interfaces whose packets enter it; empty: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """A packet filter's chains by key, and where the kernel enters."""

    bases: tuple[Base, ...] = ()
    chains: Mapping[str, Sequence[Rule]]


class Judged(NamedTuple):
    """What becomes of a flow: the ruling, the rule that decides (or makes it unknown), and the base chain that it is decided in."""

    ruling: Ruling
    rule: str
    base: str = ""


class _End(NamedTuple):
    """One way a walk through a chain can end; FALL: its end was reached, RETURN included."""

    act: Act
    text: str


_FALL: Final = _End(Act.RETURN, "")
_RULINGS: Final = {Act.ACCEPT: Ruling.ALLOWED, Act.DROP: Ruling.DROPPED, Act.REJECT: Ruling.REJECTED, Act.ELSEWHERE: Ruling.UNKNOWN}


def judge(rules: Ruleset, flow: Flow) -> Judged:
    """Return what becomes of a flow. A packet passes every base chain in order; one that drops it ends it for all."""
    walker = _Walker(rules, flow)
    doubt: Judged | None = None
    diverted = False
    said = Judged(Ruling.ALLOWED, "")
    for base in sorted(rules.bases, key=lambda one: (one.stage, one.priority)):
        if base.devices and flow.interface and flow.interface not in base.devices:
            continue
        ends = [_by_policy(base, end) for end in walker.walk(base.chain, 0)]
        found = {_RULINGS[end.act] for end in ends}
        last = ends[-1]
        if found <= {Ruling.DROPPED, Ruling.REJECTED} and not diverted:
            return Judged(_RULINGS[last.act] if len(found) == 1 else Ruling.DROPPED, last.text, base.title)
        diverted = diverted or any(end.act is Act.ELSEWHERE for end in ends)
        if found != {Ruling.ALLOWED} and doubt is None:
            cause = next((end.text for end in ends if end != last and end.text), last.text)
            doubt = Judged(Ruling.UNKNOWN, f"it depends on more than can be told from here: {cause}", base.title)
        if found == {Ruling.ALLOWED} and (last.text or not said.rule):
            said = Judged(Ruling.ALLOWED, last.text, base.title)
    return doubt or said


def spans(rules: Ruleset, flow: Flow, first: int, last: int) -> tuple[Span, ...]:
    """Return what becomes of the flow for each port from ``first`` to ``last``, in as few spans as differ."""
    # Most rules are about others, whatever the port: they are read once, not for each range.
    wide = replace(flow, dport=(first, last))
    rules = replace(
        rules,
        chains={
            key: tuple(rule for rule in chain if all_of(match(wide) for match in rule.matches) is not False)
            for key, chain in rules.chains.items()
        },
    )
    edges = {first, last + 1}
    for chain in rules.chains.values():
        for rule in chain:
            for low, high in rule.cuts:
                edges.update(edge for edge in (low, high + 1) if first < edge <= last)
    ordered = sorted(edges)
    if len(ordered) > MAX_SPANS:
        return (Span(first, last, Ruling.UNKNOWN, f"its rules name {len(ordered)} ports, too many to be judged one by one"),)
    found: list[Span] = []
    for low, after in itertools.pairwise(ordered):
        judged = judge(rules, replace(flow, dport=(low, after - 1)))
        span = Span(low, after - 1, judged.ruling, judged.rule, judged.base)
        if found and (found[-1].ruling, found[-1].rule) == (span.ruling, span.rule):
            span = replace(span, first=found.pop().first)
        found.append(span)
    return tuple(found)


def _by_policy(base: Base, end: _End) -> _End:
    if end.act is not Act.RETURN:
        return end
    return _End(base.policy, f"policy {base.policy.value} of {base.title}" if base.policy is not Act.ACCEPT else "")


class _Walker:
    """Walks the chains for one flow, each chain once."""

    def __init__(self, rules: Ruleset, flow: Flow) -> None:
        self._rules = rules
        self._flow = flow
        self._known: dict[str, list[_End]] = {}

    def walk(self, key: str, depth: int) -> list[_End]:
        """Return every way that a walk through a chain can end, in the order they are met; the last is the one without doubt."""
        if key not in self._known:
            chain = self._rules.chains.get(key)
            if chain is None or depth > MAX_DEPTH:
                return [_End(Act.ELSEWHERE, f"chain {key} " + ("is not known" if chain is None else "is jumped to in a circle"))]
            self._known[key] = self._ends(chain, depth)
        return self._known[key]

    def _ends(self, chain: Sequence[Rule], depth: int) -> list[_End]:
        ends: dict[_End, None] = {}
        for rule in chain:
            if rule.act is Act.PASS:
                continue
            holds = all_of(match(self._flow) for match in rule.matches)
            if holds is False:
                continue
            met = self._follow(rule, depth)
            falls = rule.act is Act.JUMP and _FALL in met
            ends.update(dict.fromkeys(end for end in met if not (falls and end == _FALL)))
            if holds and not falls:
                return list(ends)
        ends.pop(_FALL, None)
        return [*ends, _FALL]

    def _follow(self, rule: Rule, depth: int) -> list[_End]:
        if rule.act in (Act.JUMP, Act.GOTO):
            return self.walk(rule.target, depth + 1)
        return [_FALL if rule.act is Act.RETURN else _End(rule.act, rule.text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a firewall is asked: the device's call (TCP), its answers (UDP), and the range of our ports."""

    call: Flow
    reply: Flow
    first: int
    last: int

    def unreadable(self, name: str, why: str, *, front: bool = False, opening: str = "") -> FirewallWord:
        """Return the word of a firewall whose rules are not to be read."""
        return FirewallWord(name=name, spans=(Span(self.first, self.last, Ruling.UNKNOWN, why),), front=front, opening=opening)

    def word(self, name: str, rules: Ruleset, *, front: bool = False, opening: str = "") -> FirewallWord:
        """Return the word of a firewall by its rules."""
        reply = judge(rules, self.reply)
        found = spans(rules, self.call, self.first, self.last)
        return FirewallWord(name=name, spans=found, replies=reply.ruling, reply_rule=reply.rule, front=front, opening=opening)


# Matches, and what they are made of.


def all_of(values: Iterable[Tri]) -> Tri:
    """Return True where all hold, False where one does not, else None."""
    result: Tri = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def any_of(values: Iterable[Tri]) -> Tri:
    """Return True where one holds, False where none does, else None."""
    result: Tri = False
    for value in values:
        if value is True:
            return True
        if value is None:
            result = None
    return result


def negate(value: Tri) -> Tri:
    """Return the opposite; not known stays not known."""
    return None if value is None else not value


def opposite(match: Match) -> Match:
    """Return the match that holds where ``match`` does not."""
    return lambda flow: negate(match(flow))


def unknown(_flow: Flow) -> Tri:
    """Match that nothing is known of."""
    return None


def within(port: Ports, low: int, high: int) -> Tri:
    """Tell whether a port of the range ``port`` lies in low..high: None where only some do."""
    if low <= port[0] and port[1] <= high:
        return True
    return False if port[1] < low or high < port[0] else None


def in_network(address: Address, text: str) -> Tri:
    """Tell whether an address lies in "10.0.0.0/8", "10.0.0.1" or "10.0.0.1-10.0.0.9"; None for what is none of them."""
    low, dash, high = text.partition("-")
    try:
        if dash:
            first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)
            return address.version == first.version == last.version and int(first) <= int(address) <= int(last)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return address.version == network.version and ipaddress.ip_address(int(address) if address.version == 4 else address.packed) in network


def same_name(wanted: str, name: str, wildcard: str) -> Tri:
    """Tell whether an interface's name is the wanted one; ``wildcard`` at its end ("eth+", "eth*") stands for any rest."""
    if not name:
        return None
    return name.startswith(wanted[: -len(wildcard)]) if wanted.endswith(wildcard) else name == wanted
