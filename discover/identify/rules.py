"""The catalogue's match rules, compiled: globs become patterns, and each signal meets only the rules that can hold for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.atlas.family import Family, Match
from discover.identify.facts import Facts, field_text

Condition = Callable[[Facts], bool]

_PLACEHOLDER: Final = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One match rule of one family; ``id`` is "families/<family>#<index>"."""

    id: str
    family: Family
    match: Match
    conditions: tuple[Condition, ...]

    def holds(self, facts: Facts) -> bool:
        """Tell whether all conditions hold."""
        return all(condition(facts) for condition in self.conditions)

    def why(self, facts: Facts) -> str:
        """Return the rule's sentence about this signal."""
        return fill(self.match.why, facts, self.family.tables)[0]

    def sets(self, facts: Facts) -> Iterator[tuple[str, str]]:
        """Yield the further claims, those left out whose placeholders are all empty."""
        for claim, template in self.match.sets.items():
            text, told = fill(template, facts, self.family.tables)
            if told and text.strip():
                yield claim, text.strip()


@dataclass(slots=True)
class RuleIndex:
    """The rules by what they ask for first. A signal is shown to the rules of its service type, protocol and kind, and to the rest."""

    by_service: dict[str, list[Rule]] = field(default_factory=dict)
    by_protocol: dict[str, list[Rule]] = field(default_factory=dict)
    by_kind: dict[str, list[Rule]] = field(default_factory=dict)
    with_mac: list[Rule] = field(default_factory=list)
    others: list[Rule] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        """File the rule under its narrowest condition."""
        match = rule.match
        if match.mdns:
            self.by_service.setdefault(match.mdns.lower(), []).append(rule)
        elif match.protocol:
            self.by_protocol.setdefault(match.protocol, []).append(rule)
        elif match.kind:
            self.by_kind.setdefault(match.kind, []).append(rule)
        elif match.host or match.instance or match.txt:
            self.by_kind.setdefault("mdns.service", []).append(rule)
        elif match.oui or match.vendor:
            self.with_mac.append(rule)
        else:
            self.others.append(rule)

    def candidates(self, facts: Facts) -> Iterator[Rule]:
        """Yield the rules that may hold for the signal."""
        if facts.announced:
            yield from self.by_service.get(facts.service, ())
        yield from self.by_kind.get(facts.signal.kind, ())
        protocol = facts.signal.fields.get("protocol")
        if isinstance(protocol, str):
            yield from self.by_protocol.get(protocol, ())
        if self.with_mac and facts.macs:
            yield from self.with_mac
        yield from self.others


def compile_catalogue(catalogue: Catalogue) -> RuleIndex:
    """Return the catalogue's rules, compiled and filed; the last catalogue's are kept."""
    # Compared by identity: a Catalogue holds mappings and cannot be hashed, and a process works with one.
    for known, index in tuple(_LAST):
        if known is catalogue:
            return index
    index = RuleIndex()
    for family in catalogue.families:
        for number, match in enumerate(family.match):
            index.add(Rule(id=f"families/{family.id}#{number}", family=family, match=match, conditions=tuple(_conditions(match))))
    _LAST[:] = [(catalogue, index)]
    return index


_LAST: Final[list[tuple[Catalogue, RuleIndex]]] = []


def glob(pattern: str) -> Callable[[str], bool]:
    """Return a test for a glob, without case, over the whole text."""
    compiled = re.compile(translate(pattern), re.IGNORECASE).match
    return lambda text: compiled(text) is not None


def fill(template: str, facts: Facts, tables: Mapping[str, Mapping[str, str]]) -> tuple[str, bool]:
    """Return the template with its placeholders filled, and whether at least one told something (or there was none)."""
    told: list[bool] = []

    def put(found: re.Match[str]) -> str:
        value = facts.value(found[1]).strip()
        if found[2]:
            value = tables.get(found[2], {}).get(value, "")
        told.append(bool(value))
        return value

    text = _PLACEHOLDER.sub(put, template)
    return text, any(told) or not told


def _conditions(match: Match) -> Iterator[Condition]:
    """Yield the rule's conditions, the cheapest first."""
    if match.kind:
        yield _kind(match.kind)
    if match.mdns:
        yield _service(match.mdns.lower())
    if match.protocol:
        yield _protocol(match.protocol)
    if match.port:
        yield _port(match.port)
    if match.instance:
        yield _instance(glob(match.instance))
    if match.host:
        yield _host(glob(match.host))
    for key, pattern in match.txt.items():
        yield _txt(key, glob(pattern))
    for name, pattern in match.fields.items():
        yield _field(name, glob(pattern))
    if match.oui:
        yield _oui(tuple(prefix.lower() for prefix in match.oui))
    if match.vendor:
        yield _vendor(glob(match.vendor))


def _kind(kind: str) -> Condition:
    return lambda facts: facts.signal.kind == kind


def _service(service: str) -> Condition:
    return lambda facts: facts.service == service


def _protocol(protocol: str) -> Condition:
    return lambda facts: facts.signal.kind in ("udp.reply", "tcp.reply") and facts.signal.text("protocol") == protocol


def _port(port: int) -> Condition:
    return lambda facts: facts.signal.number("port") == port


def _instance(fits: Callable[[str], bool]) -> Condition:
    return lambda facts: facts.announced and fits(facts.signal.text("instance"))


def _host(fits: Callable[[str], bool]) -> Condition:
    return lambda facts: facts.announced and fits(facts.host)


def _txt(key: str, fits: Callable[[str], bool]) -> Condition:
    def holds(facts: Facts) -> bool:
        value = facts.signal.txt(key) if facts.announced else None
        return value is not None and fits(value)

    return holds


def _field(name: str, fits: Callable[[str], bool]) -> Condition:
    return lambda facts: name in facts.signal.fields and fits(field_text(facts.signal, name))


def _oui(prefixes: tuple[str, ...]) -> Condition:
    return lambda facts: any(told.mac.startswith(prefixes) for told in facts.macs)


def _vendor(fits: Callable[[str], bool]) -> Condition:
    return lambda facts: any(fits(vendor) for vendor in facts.vendors)
