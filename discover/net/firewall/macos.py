"""Reads macOS's two firewalls: pf (``pfctl -sr``, pf.conf(5)) and the application firewall (``socketfilterfw``). Pure; never fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from discover.model.outlook import FirewallWord, Ruling, Span
from discover.net.firewall.packetfilter import Act, Base, Flow, Match, Ports, Question, Rule, Ruleset, any_of, in_network, unknown, within

PF_OPENING: Final = "add `pass in quick proto tcp from {network} to any port {port}` to /etc/pf.conf, then: sudo pfctl -f /etc/pf.conf"
SOCKETFILTER: Final = "/usr/libexec/ApplicationFirewall/socketfilterfw"
ALF_OPENING: Final = f'sudo {SOCKETFILTER} --add "$(command -v python3)" --unblockapp "$(command -v python3)"'

_NOISE: Final = re.compile(
    r"\b(flags \S+|(keep|no|modulate|synproxy) state( \([^)]*\))?|log( \([^)]*\))?|label \"[^\"]*\"|drop|return(-\w+)?( \([^)]*\))?|"
    r"fragment reassemble|all)(?=\s|$)"
)
"""Words that do not change which first packet of a connection a rule is about."""


_KEYWORDS: Final = frozenset({"in", "quick", "any", "from", "to", "inet", "inet6", "on", "proto", "port"})


def pf(asked: Question, rules: str) -> FirewallWord | None:
    """Read ``pfctl -sr``; None where it has no rule about incoming packets.

    pf's last matching rule decides, unless a rule with "quick" matches: so the quick ones in their order, then the others backwards.
    """
    parsed = [rule for rule in map(_rule, rules.splitlines()) if rule is not None]
    if not parsed:
        return None
    chain = (*(rule for rule, quick in parsed if quick), *(rule for rule, quick in reversed(parsed) if not quick))
    found = asked.word("pf", Ruleset(bases=(Base(chain="pf", title="pf"),), chains={"pf": chain}), opening=PF_OPENING)
    # pf keeps state: answers to what this machine sent pass by it (pf.conf(5), STATEFUL FILTERING).
    return replace(found, replies=Ruling.ALLOWED, reply_rule="state")


def application_firewall(asked: Question, state: str, block_all: str) -> FirewallWord | None:
    """Read ``socketfilterfw --getglobalstate`` and ``--getblockall``: it asks per program, so only "block all" is certain."""
    if "enabled" not in state.lower() or "disabled" in state.lower():
        return None
    name = "the macOS application firewall"
    if re.search(r"block all.*(enabled|is set)|blocking all", block_all, re.IGNORECASE) and "disabled" not in block_all.lower():
        span = Span(asked.first, asked.last, Ruling.DROPPED, "Block all incoming connections")
        return FirewallWord(name=name, spans=(span,), replies=Ruling.ALLOWED, opening=ALF_OPENING)
    why = "it lets connections in by program, and which program will upload is not known"
    return replace(asked.unreadable(name, why, opening=ALF_OPENING), replies=Ruling.ALLOWED)


def _rule(line: str) -> tuple[Rule, bool] | None:
    """Return one rule and whether it is "quick"; None for one that is not about incoming packets."""
    text = line.strip()
    kind, _, rest = text.partition(" ")
    if kind == "anchor" and "com.apple" not in rest:  # Apple's own anchors are for sharing and AirDrop
        return Rule(matches=(unknown,), act=Act.ELSEWHERE, text=text), False
    if kind not in ("pass", "block"):
        return None
    act = Act.ACCEPT if kind == "pass" else Act.REJECT if rest.startswith("return") else Act.DROP
    words = _NOISE.sub(" ", rest).split()
    if "out" in words:
        return None
    matches: list[Match] = []
    cuts: list[Ports] = []
    side = "from"
    while words:
        word = words.pop(0)
        side = word if word in ("from", "to") else side
        match, named = _match(word, words, side)
        matches += [match] if match is not None else []
        cuts += named if side == "to" else []
    return Rule(matches=tuple(matches), act=act, text=text, cuts=tuple(cuts)), "quick" in rest.split()


def _match(word: str, words: list[str], side: str) -> tuple[Match | None, list[Ports]]:
    """Take what belongs to a word; return its match (None: it does not narrow the rule) and the ports it names."""
    if word in ("in", "quick", "any"):
        return None, []
    if word in ("inet", "inet6"):
        return _version(4 if word == "inet" else 6), []
    if word == "port" and words:
        return _port(words, side)
    match: Match | None = unknown
    if word in ("from", "to"):
        match = _hosts(words, side) if words and words[0] not in ("any", "port") else None
    elif word == "on" and words:
        match = _interface(words)
    elif word == "proto" and words:
        match = _protocol(_values(words))
    elif words and words[0] not in _KEYWORDS:
        del words[0]  # a user, a tag, a route: what follows is nothing of ours to judge
    return match, []


def _values(words: list[str]) -> list[str]:
    """Take one value, or a list in braces."""
    first = words.pop(0)
    if not first.startswith("{"):
        return [first]
    found = [first]
    while words and "}" not in found[-1]:
        found.append(words.pop(0))
    return [one for one in re.split(r"[{}\s,]+", " ".join(found)) if one]


def _version(number: int) -> Match:
    return lambda flow: flow.source.version == number


def _interface(words: list[str]) -> Match:
    names = _values(words)
    if names == ["!"]:
        del words[:1]
        return unknown
    # A name that is no interface's may be a group's ("egress"): not known then.
    return lambda flow: any_of(flow.interface == name or (None if name.isalpha() else False) for name in names)


def _protocol(names: list[str]) -> Match:
    return lambda flow: flow.protocol in names


def _hosts(words: list[str], side: str) -> Match:
    """Take an address, a network or a list of them; a table, a name and a negation are not known."""
    found = _values(words)
    if found == ["!"]:
        if words:
            _values(words)
        return unknown
    if not all(re.fullmatch(r"[0-9a-fA-F.:/]+", one) for one in found):
        return unknown
    return lambda flow: any_of(in_network(flow.source if side == "from" else flow.dest, one) for one in found)


def _port(words: list[str], side: str) -> tuple[Match, list[Ports]]:
    """Read "= 22", "40000:40010", ">= 1024" or a list; names of services are not known."""
    operator = words.pop(0) if words[0] in ("=", "!=", ">", ">=", "<", "<=", ">", "<>", "><") else "="
    spans = [_span(one, operator) for one in (_values(words) if words else [])]
    if not spans or None in spans:
        return unknown, []
    known = [span for span in spans if span is not None]
    read: Callable[[Flow], Ports] = (lambda flow: flow.sport) if side == "from" else (lambda flow: flow.dport)
    return (lambda flow: any_of(within(read(flow), *span) for span in known)), known


def _span(text: str, operator: str) -> Ports | None:
    low, _, high = text.partition(":")
    if not (low.isdecimal() and (high.isdecimal() or not high)):
        return None
    first, last = int(low), int(high or low)
    return {"=": (first, last), ">": (first + 1, 65_535), ">=": (first, 65_535), "<": (0, first - 1), "<=": (0, first)}.get(operator)
