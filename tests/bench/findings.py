"""What a program found, read from what it printed: one parser for each peer, all to the same value."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class UnreadableError(ValueError):
    """The output is not what its program prints when all went well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Hosts by address; ports by key ("udp/3232/10.77.0.9").

    ``maybe``: espied's "likely", nmap's "open|filtered". ``events``: seconds after ``first_packet``
    (CLOCK_MONOTONIC), kind ("open", "maybe", "closed", "host") and key, where the program tells them.
    ``found`` and ``resolved``: mDNS instances, and ``resolved_at`` the second of each, where it tells that.
    """

    hosts: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    events: tuple[tuple[float, str, str], ...] = ()
    first_packet: float | None = None
    found: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    resolved_at: tuple[float, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


Parser = Callable[[str], Findings]
_ADDRESS = r"\d+\.\d+\.\d+\.\d+"


def parse_nmap(text: str) -> Findings:
    """Read ``nmap -oX -``. A host is up only if it answered something ("user-set" is -Pn's word for "not asked")."""
    begin, end = text.find("<?xml"), text.rfind("</nmaprun>")
    if begin < 0 or end < 0:
        msg = f"no complete XML of nmap: {text[-200:]!r}"
        raise UnreadableError(msg)
    root = ET.fromstring(text[begin : end + len("</nmaprun>")])  # noqa: S314 - nmap's own output on our own LAN
    hosts: set[str] = set()
    ports: dict[str, set[str]] = {"open": set(), "open|filtered": set(), "closed": set()}
    for host in root.iter("host"):
        address, status = host.find("address"), host.find("status")
        if address is None or status is None:
            continue
        name = address.get("addr", "")
        if status.get("state") == "up" and status.get("reason") != "user-set":
            hosts.add(name)
        for port in host.iter("port"):
            state = port.find("state")
            where = ports.get(state.get("state", "") if state is not None else "")
            if where is not None:
                where.add(f"{port.get('protocol')}/{port.get('portid')}/{name}")
    return Findings(
        hosts=frozenset(hosts), open=frozenset(ports["open"]), maybe=frozenset(ports["open|filtered"]), closed=frozenset(ports["closed"])
    )


def parse_arp_scan(text: str) -> Findings:
    """Read ``arp-scan``: an address, a tab, a MAC."""
    return Findings(hosts=frozenset(re.findall(rf"^({_ADDRESS})\t", text, re.MULTILINE)))


def parse_fping(text: str) -> Findings:
    """Read ``fping -a``: an address a line."""
    return Findings(hosts=frozenset(re.findall(rf"^({_ADDRESS})\b", text, re.MULTILINE)))


def parse_avahi(text: str) -> Findings:
    """Read ``avahi-browse -rp``: "+" lines are found, "=" lines resolved; the fourth field is the instance."""
    found: dict[str, set[str]] = {"+": set(), "=": set()}
    hosts = set()
    for line in text.splitlines():
        fields = line.split(";")
        if fields[0] in found and len(fields) > 3:
            found[fields[0]].add(fields[3])
            if fields[0] == "=" and len(fields) > 7:
                hosts.add(fields[7])
    return Findings(hosts=frozenset(hosts), found=frozenset(found["+"] | found["="]), resolved=frozenset(found["="]))


def parse_json(text: str) -> Findings:
    """Read our own drivers: the last line is one JSON object; see espied_sweep.py, espied_browse.py, prototype.py, plain_zeroconf.py."""
    lines = text.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        msg = f"the last line is no JSON object: {text[-200:]!r}"
        raise UnreadableError(msg)

    def keys(name: str) -> frozenset[str]:
        return frozenset(map(str, told.pop(name, ())))

    return Findings(
        hosts=keys("hosts"),
        open=keys("open"),
        maybe=keys("maybe"),
        closed=keys("closed"),
        found=keys("found"),
        resolved=keys("resolved"),
        events=tuple((float(when), str(kind), str(key)) for when, kind, key in told.pop("events", ())),
        first_packet=told.pop("first_packet", None),
        resolved_at=tuple(sorted(map(float, told.pop("resolved_at", ())))),
        extra=told,
    )


def parse_espied(text: str) -> Findings:
    """Read ``espied scan --format json``: listeners by address, "answered" as open, "likely" as maybe."""
    try:
        document = json.loads(text)
        devices = document["devices"]
    except (ValueError, KeyError, TypeError):
        msg = f"no inventory of espied: {text[-200:]!r}"
        raise UnreadableError(msg) from None
    hosts: set[str] = set()
    by_state: dict[str, set[str]] = {"open": set(), "maybe": set(), "closed": set()}
    words = {"answered": "open", "open": "open", "likely": "maybe", "closed": "closed"}
    for device in devices:
        addresses = [address for address in device["addresses"] if ":" not in address]
        hosts.update(addresses)
        for listener in device["listeners"]:
            state = words.get(listener["state"])
            if state is not None and listener["direction"] == "listens":
                by_state[state].update(f"{listener['transport']}/{listener['port']}/{address}" for address in addresses)
    return Findings(
        hosts=frozenset(hosts),
        open=frozenset(by_state["open"]),
        maybe=frozenset(by_state["maybe"]),
        closed=frozenset(by_state["closed"]),
        extra={"complete": document.get("scan", {}).get("complete")},
    )
