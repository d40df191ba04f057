"""What nftables' match expressions ask of a packet, field by field (libnftables-json(5), nft(8)). Pure.

A test takes a flow and one value of the rule and says whether the flow's field has it: True, False, or None where that cannot be
told. Whether the packet has such a field at all is asked first, by :func:`carries`: ``icmp type`` never holds for TCP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from discover.model.network import Address
from discover.net.firewall.packetfilter import ALL_PORTS, Flow, Ports, Tri, all_of, in_network, same_name, within

Test: TypeAlias = Callable[[Flow, Any], Tri]

_SERVICES: Final = {"ssh": 22, "domain": 53, "http": 80, "https": 443, "mdns": 5353}
"""Names that old nft versions print for ports; those of an upload have none."""
_PROTOCOLS: Final = {"tcp": 6, "udp": 17}
_BITS: Final = frozenset({"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"})


def test_of(left: object, tracked: bool) -> Test:  # noqa: FBT001 - one flag, and pytest takes a keyword's default for a test's
    """Return the test of a match's left side. ``tracked``: connection tracking sees every packet (no ``notrack`` anywhere)."""
    kind, what = next(iter(left.items())) if isinstance(left, dict) and left else ("", None)
    found: Test = _unknown
    if kind == "concat" and isinstance(what, list):
        found = _concat([test_of(one, tracked) for one in what])
    elif kind == "&" and isinstance(what, list) and len(what) == 2 and field(what[0]) == ("tcp", "flags"):
        found = _flags(_names(what[1]))
    elif kind == "payload":
        found = _PAYLOAD.get(field(left), _unknown)
    elif isinstance(what, dict):
        key = str(what.get("key"))
        if kind == "meta":
            found = _META.get(key, _unknown)
        elif kind == "ct" and tracked:
            found = _CT.get(key, _unknown)
        elif kind == "fib" and what.get("result") == "type" and what.get("flags") in ("daddr", ["daddr"]):
            found = _fib
    return found


def carries(flow: Flow, left: object) -> bool:
    """Tell whether the flow's packets have the headers that a match asks for: without them it never holds, nor does its opposite."""
    kind, what = next(iter(left.items())) if isinstance(left, dict) and left else ("", None)
    if kind == "payload":
        return _has(flow, field(left)[0])
    return all(carries(flow, one) for one in what) if kind in ("concat", "&") and isinstance(what, list) else True


def field(left: object) -> tuple[str, str]:
    """Return protocol and field of a payload expression, two empty texts for anything else."""
    payload = left.get("payload") if isinstance(left, dict) else None
    return (str(payload.get("protocol")), str(payload.get("field"))) if isinstance(payload, dict) else ("", "")


def is_dport(left: object) -> bool:
    """Tell whether a match is about our TCP port."""
    return field(left) in (("tcp", "dport"), ("th", "dport"))


def ports(value: object) -> Ports | None:
    """Return the range of ports that a value means, None where it means none."""
    span = value.get("range") if isinstance(value, dict) else [value, value]
    if not isinstance(span, list) or len(span) != 2:
        return None
    low, high = (_port(one) for one in span)
    return (low, high) if low is not None and high is not None else None


def half(operator: str, value: object) -> Ports | None:
    """Return the range that "<", "<=", ">" or ">=" a port means."""
    one = _port(value)
    if one is None:
        return None
    low, high = ALL_PORTS
    return {"<": (low, one - 1), "<=": (low, one), ">": (one + 1, high), ">=": (one, high)}[operator]


def _port(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return _SERVICES.get(value) if isinstance(value, str) else None


def _unknown(_flow: Flow, _value: object) -> Tri:
    return None


def _concat(tests: list[Test]) -> Test:
    def test(flow: Flow, value: object) -> Tri:
        parts = value.get("concat") if isinstance(value, dict) else None
        if not isinstance(parts, list) or len(parts) != len(tests):
            return None
        return all_of(one(flow, part) for one, part in zip(tests, parts, strict=True))

    return test


def _has(flow: Flow, protocol: str) -> bool:
    """Tell whether the flow's packets have such a header; Ethernet's and those that are not known may be there."""
    if protocol in ("ip", "ip6"):
        return flow.source.version == (4 if protocol == "ip" else 6)
    if protocol in ("icmp", "icmpv6", "igmp", "sctp", "dccp", "udplite", "esp", "ah", "comp", "arp"):
        return False
    return protocol not in _PROTOCOLS or protocol == flow.protocol


def _ports_of(read: Callable[[Flow], Ports]) -> Test:
    def test(flow: Flow, value: object) -> Tri:
        span = ports(value)
        return None if span is None else within(read(flow), *span)

    return test


def _address_of(read: Callable[[Flow], Address]) -> Test:
    def test(flow: Flow, value: object) -> Tri:
        text = _network(value)
        return None if text is None else in_network(read(flow), text)

    return test


def _network(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        prefix, span = value.get("prefix"), value.get("range")
        if isinstance(prefix, dict):
            return f"{prefix.get('addr')}/{prefix.get('len')}"
        if isinstance(span, list) and len(span) == 2:
            return f"{span[0]}-{span[1]}"
    return None


def _word(read: Callable[[Flow], str]) -> Test:
    return lambda flow, value: value == read(flow) if isinstance(value, str) else None


def _protocol(flow: Flow, value: object) -> Tri:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) in (flow.protocol, str(_PROTOCOLS.get(flow.protocol)))


def _named(flow: Flow, value: object) -> Tri:
    return same_name(value, flow.interface, "*") if isinstance(value, str) else None


def _names(value: object) -> frozenset[str] | None:
    """Return TCP flags by name: "syn", a list, or nested ``{"|": [...]}``; None where one is not known."""
    if isinstance(value, str):
        return frozenset({value}) if value in _BITS else None
    if value == 0 and not isinstance(value, bool):
        return frozenset()
    parts = value.get("|") if isinstance(value, dict) else value
    if not isinstance(parts, list):
        return None
    found: set[str] = set()
    for part in parts[: len(_BITS)]:
        names = _names(part)
        if names is None:
            return None
        found |= names
    return frozenset(found)


def _flags(mask: frozenset[str] | None) -> Test:
    """Judge ``tcp flags & mask == value``: the first packet of a connection has SYN and nothing else."""

    def test(flow: Flow, value: object) -> Tri:
        wanted = _names(value)
        return None if mask is None or wanted is None or flow.state != "new" else mask & {"syn"} == wanted

    return test


def _fib(_flow: Flow, value: object) -> Tri:
    """Judge ``fib daddr type``: the packet is to an address of this machine."""
    return value == "local" if isinstance(value, str) else None


def _version(flow: Flow, value: object) -> Tri:
    versions = {"ipv4": 4, "ip": 4, "ipv6": 6, "ip6": 6, "arp": 0}
    return versions[value] == flow.source.version if isinstance(value, str) and value in versions else None


_PAYLOAD: Final[Mapping[tuple[str, str], Test]] = {
    **{(protocol, "dport"): _ports_of(lambda flow: flow.dport) for protocol in ("tcp", "udp", "th")},
    **{(protocol, "sport"): _ports_of(lambda flow: flow.sport) for protocol in ("tcp", "udp", "th")},
    **{(protocol, "saddr"): _address_of(lambda flow: flow.source) for protocol in ("ip", "ip6")},
    **{(protocol, "daddr"): _address_of(lambda flow: flow.dest) for protocol in ("ip", "ip6")},
    ("tcp", "flags"): _flags(_BITS),
    ("ip", "protocol"): _protocol,
    ("ip6", "nexthdr"): _protocol,
}
_META: Final[Mapping[str, Test]] = {
    "iifname": _named,
    "iif": _named,
    "l4proto": _protocol,
    "nfproto": _version,
    "protocol": _version,
    "pkttype": lambda _flow, value: value in ("host", "unicast") if isinstance(value, str) else None,
}
_CT: Final[Mapping[str, Test]] = {
    "state": _word(lambda flow: flow.state),
    "status": lambda _flow, value: False if value in ("dnat", "snat") else None,
    "direction": _word(lambda flow: "original" if flow.state == "new" else "reply"),
}
