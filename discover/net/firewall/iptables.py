"""Reads ``iptables-save`` (and ``ip6tables-save``) into chains that can be judged (iptables(8), iptables-extensions(8)). Pure; never fails.

An option or an extension that is not understood makes its rule "unknown", never certain.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Final

from discover.net.firewall.packetfilter import (
    Act,
    Base,
    Flow,
    Match,
    Ports,
    Rule,
    Ruleset,
    Tri,
    any_of,
    in_network,
    opposite,
    same_name,
    unknown,
    within,
)

_ENTRIES: Final = {
    ("raw", "PREROUTING"): (1, -300),
    ("mangle", "PREROUTING"): (1, -150),
    ("nat", "PREROUTING"): (1, -100),
    ("mangle", "INPUT"): (2, -150),
    ("filter", "INPUT"): (2, 0),
    ("security", "INPUT"): (2, 50),
    ("nat", "INPUT"): (2, 100),
}
"""Chains that a packet to this machine enters, with hook and priority (linux/netfilter_ipv4.h)."""
_TARGETS: Final = {"ACCEPT": Act.ACCEPT, "DROP": Act.DROP, "REJECT": Act.REJECT, "RETURN": Act.RETURN}
_ELSEWHERE: Final = frozenset({"QUEUE", "NFQUEUE", "DNAT", "REDIRECT", "TPROXY", "NETMAP", "SYNPROXY"})
_PASSING: Final = frozenset(
    {"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CONNSECMARK", "SECMARK", "CT", "NOTRACK", "TRACE", "AUDIT", "CLASSIFY", "DSCP", "TOS"}
    | {"TTL", "HL", "TCPMSS", "RATEEST", "CHECKSUM", "SET", "TEE"}
)
_NO_WORD: Final = frozenset({"--syn", "--log-ip-options", "--log-uid", "--log-tcp-options", "--log-tcp-sequence"})
"""Options that take no word."""


def parse(text: str, version: int = 4) -> Ruleset | None:
    """Return the ruleset, None where the text is no output of iptables-save. ``version`` is 4, or 6 for ip6tables."""
    chains: dict[str, list[Rule]] = {}
    bases: list[Base] = []
    table = ""
    tracked = not re.search(r"-j (NOTRACK|CT .*--notrack)", text)
    for line in map(str.strip, text.splitlines()):
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and table:
            name, policy = [*line[1:].split(), "", ""][:2]
            chains.setdefault(f"{table} {name}", [])
            if (table, name) in _ENTRIES:
                stage, priority = _ENTRIES[table, name]
                act = Act.DROP if policy == "DROP" else Act.ACCEPT
                bases.append(Base(chain=f"{table} {name}", policy=act, stage=stage, priority=priority, title=f"{table} {name}"))
        elif line.startswith(("-A ", "-I ")) and table:
            name, rule = _rule(line, table, version, tracked=tracked)
            rules = chains.setdefault(f"{table} {name}", [])
            rules.insert(0 if line.startswith("-I ") else len(rules), rule)  # ufw's files insert, iptables-save never does
    return Ruleset(bases=tuple(bases), chains={key: tuple(rules) for key, rules in chains.items()}) if table else None


def _rule(line: str, table: str, version: int, *, tracked: bool) -> tuple[str, Rule]:
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is never closed
        return line.split()[1], Rule(matches=(unknown,), act=Act.ELSEWHERE, text=line)
    matches: list[Match] = []
    cuts: list[Ports] = []
    act, target, own = Act.PASS, "", False
    for option, values, negated in _options(words[2:]):
        if option in ("-j", "--jump", "-g", "--goto"):
            act, target = _target(values[0] if values else "", table, goto=option in ("-g", "--goto"))
            own = True
        elif option in ("-m", "--match"):
            own = False  # what follows is a match's again, although the target stands before it
        elif option != "--comment" and not (own and option not in _OPTIONS):  # the target's own: --reject-with, --log-prefix
            match = _match(option, values, tracked=tracked)
            matches.append(opposite(match) if negated else match)
            if option in ("--dport", "--dports", "--destination-port", "--destination-ports", "--ports"):
                cuts += [span for one in values for part in one.split(",") if (span := _ports(part)) is not None]
    if act is Act.PASS and not target:
        matches.append(unknown)
    family: Match = lambda flow: flow.source.version == version  # noqa: E731 - a closure, as every match is
    return words[1] if len(words) > 1 else "", Rule(matches=(family, *matches), act=act, target=target, text=line, cuts=tuple(cuts))


def _options(words: list[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Yield each option with its words and whether "!" stood before it."""
    negated = False
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "!":
            negated = True
        elif word.startswith("-"):
            values: list[str] = []
            while index < len(words) and word not in _NO_WORD and words[index] != "!" and not words[index].startswith("-"):
                values.append(words[index])
                index += 1
            yield word, values, negated
            negated = False


def _target(name: str, table: str, *, goto: bool) -> tuple[Act, str]:
    if name in _TARGETS:
        return _TARGETS[name], name
    if name in _ELSEWHERE:
        return Act.ELSEWHERE, name
    if name in _PASSING:
        return Act.PASS, name
    if name in ("MASQUERADE", "SNAT"):
        return Act.ACCEPT, name
    return (Act.GOTO if goto else Act.JUMP), f"{table} {name}"


def _match(option: str, values: list[str], *, tracked: bool) -> Match:
    """Return the match of one option."""
    words = [part for value in values for part in value.split(",")]
    if option == "--tcp-flags":
        return _tcp_flags(values)
    if not words and option != "--syn":
        return unknown
    make = _OPTIONS.get(option)
    if make is None or (option in ("--ctstate", "--state") and not tracked):
        return unknown
    return make(words)


def _ports(text: str) -> Ports | None:
    low, colon, high = text.partition(":")
    if not (low or colon) or not all(one.isdecimal() or not one for one in (low, high)):
        return None
    first = int(low or 0)
    return first, int(high or 65_535) if colon else first


def _port_match(words: list[str], reads: tuple[Callable[[Flow], Ports], ...]) -> Match:
    spans = [_ports(word) for word in words]
    if None in spans:
        return unknown
    return lambda flow: any_of(within(read(flow), *span) for read in reads for span in spans if span is not None)


def _dport(flow: Flow) -> Ports:
    return flow.dport


def _sport(flow: Flow) -> Ports:
    return flow.sport


def _protocol(words: list[str]) -> Match:
    numbers = {"tcp": "6", "udp": "17"}
    return lambda flow: words[0] in (flow.protocol, numbers[flow.protocol], "all", "0")


def _type(words: list[str]) -> Match:
    known = {"LOCAL": True, "UNICAST": False, "BROADCAST": False, "MULTICAST": False, "ANYCAST": False}
    return lambda _flow: any_of(known.get(word) for word in words)


def _states(words: list[str]) -> Match:
    wanted = {word.lower() for word in words}

    def match(flow: Flow) -> Tri:
        if flow.state in wanted:
            return True
        return None if wanted & {"dnat", "snat"} else False

    return match


def _tcp_flags(values: list[str]) -> Match:
    """``--tcp-flags MASK COMP``: the first packet of a connection has SYN and nothing else."""
    if len(values) != 2:
        return unknown
    mask, wanted = ({*word.split(",")} - {"NONE"} for word in values)
    if "ALL" in mask:
        mask = mask - {"ALL"} | {"SYN"}
    return lambda flow: (mask & {"SYN"}) == wanted if flow.state == "new" and flow.protocol == "tcp" else None


_OPTIONS: Final[dict[str, Callable[[list[str]], Match]]] = {
    **dict.fromkeys(("-p", "--protocol"), _protocol),
    **dict.fromkeys(("-s", "--source"), lambda words: lambda flow: any_of(in_network(flow.source, word) for word in words)),
    **dict.fromkeys(("-d", "--destination"), lambda words: lambda flow: any_of(in_network(flow.dest, word) for word in words)),
    "--src-range": lambda words: lambda flow: in_network(flow.source, words[0]),
    "--dst-range": lambda words: lambda flow: in_network(flow.dest, words[0]),
    **dict.fromkeys(("-i", "--in-interface"), lambda words: lambda flow: same_name(words[0], flow.interface, "+")),
    **dict.fromkeys(("--dport", "--dports", "--destination-port", "--destination-ports"), lambda words: _port_match(words, (_dport,))),
    **dict.fromkeys(("--sport", "--sports", "--source-port", "--source-ports"), lambda words: _port_match(words, (_sport,))),
    "--ports": lambda words: _port_match(words, (_dport, _sport)),
    **dict.fromkeys(("--ctstate", "--state"), _states),
    "--dst-type": _type,
    "--syn": lambda _words: lambda flow: flow.protocol == "tcp" and flow.state == "new",
    # A protocol that is not this flow's: the rule's -p says so, too, so what these ask need not be known.
    **dict.fromkeys(("--icmp-type", "--icmpv6-type"), lambda _words: lambda _flow: False),
    "--pkt-type": lambda words: lambda _flow: words[0] in ("unicast", "host"),
}
