"""Reads nftables' ``nft -j list ruleset`` (libnftables-json(5)) into chains that can be judged. Pure; never fails.

The JSON has no text of a rule, so ``nft -a list ruleset`` gives it, by the handle. What is not understood becomes
"unknown" for the rule it stands in, never a wrong certainty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from discover.net.firewall.nft_fields import carries, half, is_dport, ports, test_of
from discover.net.firewall.packetfilter import Act, Base, Flow, Match, Ports, Rule, Ruleset, Tri, any_of, negate, unknown

_STAGES: Final = {"ingress": 0, "prerouting": 1, "input": 2}
"""The hooks that a packet to this machine passes, in their order (netfilter's packet flow)."""
_PASSING: Final = frozenset({"counter", "log", "mangle", "last", "dup", "comment", "notrack", "ct helper", "ct timeout", "secmark"})
"""Statements that leave the packet to the next one."""
_GATES: Final = frozenset({"limit", "quota", "ct count", "set", "map", "meter"})
"""Statements that may end the rule: a rate, a set that is full."""
_VERDICTS: Final = {"accept": Act.ACCEPT, "drop": Act.DROP, "return": Act.RETURN, "continue": Act.PASS, "jump": Act.JUMP, "goto": Act.GOTO}
_COMPAT: Final = frozenset({"filter", "nat", "mangle", "raw", "security"})
"""Tables that iptables-nft keeps; ``iptables-save`` tells them better."""

Sets = Mapping[str, list[Any]]


def parse(text: str, listing: str = "", *, without_compat: bool = False) -> Ruleset | None:
    """Return the ruleset, None where the text is no nft JSON. ``without_compat`` leaves iptables' own tables out."""
    try:
        items = json.loads(text)["nftables"]
        objects = [next(iter(item.items())) for item in items if isinstance(item, dict) and item]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    objects = [(kind, value) for kind, value in objects if isinstance(value, dict)]
    if without_compat:
        objects = [(kind, one) for kind, one in objects if not _compat(kind, one)]
    texts = _texts(listing)
    sets = {_key(one, str(one.get("name"))): _list(one.get("elem")) for kind, one in objects if kind in ("set", "map") and not _moves(one)}
    chains: dict[str, list[Rule]] = {}
    bases = []
    tracked = not any("notrack" in statement for kind, one in objects if kind == "rule" for statement in _statements(one))
    for kind, one in objects:
        if kind == "chain":
            key = _key(one, str(one.get("name")))
            chains.setdefault(key, [])
            if one.get("hook") in _STAGES:
                policy = Act.DROP if one.get("policy") == "drop" else Act.ACCEPT
                priority = one.get("prio") if isinstance(one.get("prio"), int) else 0
                devices = tuple(name for name in _many(one.get("dev")) if isinstance(name, str))
                stage = _STAGES[one["hook"]]
                bases.append(Base(chain=key, policy=policy, stage=stage, priority=priority or 0, title=key, devices=devices))
        elif kind == "rule":
            key = _key(one, str(one.get("chain")))
            shown = texts.get((key, one.get("handle")), f"rule {one.get('handle')}")
            chains.setdefault(key, []).extend(_rules(one, f"{shown} ({key})", sets, tracked=tracked))
    return Ruleset(bases=tuple(bases), chains={key: tuple(rules) for key, rules in chains.items()})


def _compat(kind: str, one: Mapping[str, Any]) -> bool:
    table = one.get("name") if kind == "table" else one.get("table")
    return one.get("family") in ("ip", "ip6") and table in _COMPAT


def _key(one: Mapping[str, Any], name: str) -> str:
    return f"{one.get('family')} {one.get('table')} {name}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _many(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _statements(rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in _list(rule.get("expr")) if isinstance(one, dict) and one]


def _moves(one: Mapping[str, Any]) -> bool:
    """Tell whether a set changes by itself: rules add to it, or its elements end after a time."""
    return bool({"dynamic", "timeout"} & set(map(str, _many(one.get("flags"))))) or "timeout" in one


def _texts(listing: str) -> dict[tuple[str, int], str]:
    """Return each rule's text by chain and handle, from ``nft -a list ruleset``."""
    found: dict[tuple[str, int], str] = {}
    table = chain = ""
    for line in map(str.strip, listing.splitlines()):
        if match := re.match(r"table (\S+ \S+) \{", line):
            table = match[1]
        elif match := re.match(r"chain (\S+) \{", line):
            chain = match[1]
        elif match := re.match(r"(.+) # handle (\d+)$", line):
            found[f"{table} {chain}", int(match[2])] = re.sub(r"counter packets \d+ bytes \d+ ?", "", match[1])
    return found


def _rules(rule: Mapping[str, Any], text: str, sets: Sets, *, tracked: bool) -> Iterator[Rule]:
    """Yield a rule for its verdict, and one for every row of a verdict map in it."""
    reader = _Reader(rule, sets, tracked=tracked)
    matches: list[Match] = [_of_family(str(rule.get("family")))]
    cuts: list[Ports] = []
    for statement in _statements(rule):
        kind, value = next(iter(statement.items()))
        if kind == "match" and isinstance(value, dict):
            matches.append(reader.match(value))
            cuts += reader.cuts(value)
        elif kind == "vmap" and isinstance(value, dict):
            yield from _rows(reader, value, tuple(matches), text, tuple(cuts))
        elif kind in _VERDICTS or kind == "reject":
            yield Rule(matches=tuple(matches), **reader.verdict(statement), text=text, cuts=tuple(cuts))
        elif kind in ("masquerade", "snat"):
            yield Rule(matches=tuple(matches), act=Act.ACCEPT, text=text, cuts=tuple(cuts))
        elif kind in _GATES or (kind == "xt" and _extension(value) == "match"):
            matches.append(unknown)
        elif kind not in _PASSING and _extension(value) not in ("comment", "log"):
            # A redirect, a queue, a target of iptables, or a statement that is younger than this.
            act = Act.REJECT if _extension(value) == "reject" else Act.ELSEWHERE
            yield Rule(matches=tuple(matches), act=act, text=text, cuts=tuple(cuts))


def _extension(value: object) -> str:
    """Return what an iptables extension is: "comment", "log" (goes on), "reject", else its type; "" where it is none."""
    kind, name = (str(value.get("type")), str(value.get("name"))) if isinstance(value, dict) and "name" in value else ("", "")
    if (kind, name) == ("match", "comment"):
        return "comment"
    return (
        {"LOG": "log", "NFLOG": "log", "MARK": "log", "CONNMARK": "log", "REJECT": "reject"}.get(name, kind) if kind == "target" else kind
    )


def _rows(reader: _Reader, vmap: Mapping[str, Any], matches: tuple[Match, ...], text: str, cuts: tuple[Ports, ...]) -> Iterator[Rule]:
    rows = reader.elements(vmap.get("data"))
    if rows is None:
        yield Rule(matches=(*matches, unknown), act=Act.ELSEWHERE, text=text, cuts=cuts)
        return
    for row in rows:
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[1], dict) and row[1]):
            continue
        asked = {"op": "==", "left": vmap.get("key"), "right": row[0]}
        yield Rule(matches=(*matches, reader.match(asked)), **reader.verdict(row[1]), text=text, cuts=(*cuts, *reader.cuts(asked)))


def _of_family(family: str) -> Match:
    version = {"ip": 4, "ip6": 6}.get(family)
    if family in ("inet", "netdev"):
        return lambda _flow: True
    return lambda flow: False if version is None else flow.source.version == version  # arp and bridge: not this packet's


class _Reader:
    """Reads the matches of one rule."""

    def __init__(self, rule: Mapping[str, Any], sets: Sets, *, tracked: bool) -> None:
        self._rule = rule
        self._sets = sets
        self._tracked = tracked

    def chain(self, name: str) -> str:
        """Return the key of a chain of the same table."""
        return _key(self._rule, name)

    def verdict(self, statement: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a verdict statement does, as fields of a Rule."""
        kind, value = next(iter(statement.items()))
        if kind == "reject":
            return {"act": Act.REJECT}
        target = self.chain(str(value.get("target"))) if isinstance(value, dict) else ""
        return {"act": _VERDICTS.get(kind, Act.ELSEWHERE), "target": target}

    def elements(self, value: object) -> list[Any] | None:
        """Return what a set expression holds: its own elements, or a named set's; None where it cannot be told."""
        if isinstance(value, str) and value.startswith("@"):
            return self._sets.get(self.chain(value[1:]))
        if isinstance(value, dict) and isinstance(value.get("set"), list):
            return list(value["set"])
        return None

    def match(self, value: Mapping[str, Any]) -> Match:
        """Return the match of a "match" statement."""
        operator, left, right = value.get("op"), value.get("left"), value.get("right")
        if operator not in ("==", "!=", "in", "<", ">", "<=", ">="):
            return unknown
        test = test_of(left, self._tracked)
        if operator in ("<", ">", "<=", ">="):
            span = half(str(operator), right)
            values: list[Any] | None = None if span is None else [{"range": list(span)}]
        else:
            values = self._values(right)
            if isinstance(right, list) and operator != "in":
                values = [right]  # flags that must all be there, not one of them

        def holds(flow: Flow) -> Tri:
            if not carries(flow, left):
                return False
            found = None if values is None else any_of(test(flow, one) for one in values)
            return negate(found) if operator == "!=" else found

        return holds

    def _values(self, right: object) -> list[Any] | None:
        found = self.elements(right)
        if found is not None:
            return [_element(one) for one in found]
        if isinstance(right, str) and right.startswith("@"):
            return None
        return list(right) if isinstance(right, list) else [right]

    def cuts(self, value: Mapping[str, Any]) -> list[Ports]:
        """Return the ranges of our own ports that a match names."""
        left = value.get("left")
        concat = left.get("concat") if isinstance(left, dict) else None
        if not (is_dport(left) or (isinstance(concat, list) and any(map(is_dport, concat)))):
            return []
        found = []
        for one in self._values(value.get("right")) or []:
            parts = one["concat"] if isinstance(one, dict) and isinstance(one.get("concat"), list) else [one]
            found += [span for part in parts if (span := ports(part)) is not None]
        if value.get("op") in ("<", ">", "<=", ">=") and (below := half(str(value["op"]), value.get("right"))):
            found.append(below)
        return found


def _element(value: object) -> object:
    """Take a set's element out of its wrapping (a timeout, a counter, a comment)."""
    inner = value.get("elem") if isinstance(value, dict) else None
    return inner.get("val") if isinstance(inner, dict) else value
