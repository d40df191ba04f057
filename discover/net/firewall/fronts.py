"""Reads what people set Linux firewalls up with: ufw and firewalld. Pure; the parsers never fail.

Each returns the firewall's word about a flow and a range of our ports, None where it is off.
Sources: ufw-framework(8), firewall-cmd(1), firewalld.zones(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from discover.model.outlook import FirewallWord, Ruling
from discover.net.firewall import iptables
from discover.net.firewall.packetfilter import Act, Base, Question, Rule, Ruleset, in_network, unknown, within

UFW_OPENING: Final = "sudo ufw allow from {network} to any port {port} proto tcp"
IPTABLES_OPENING: Final = "sudo iptables -I INPUT -p tcp -s {network} --dport {port} -j ACCEPT"
IPTABLES_ANSWERS: Final = "sudo iptables -I INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
_SMALL_SERVICES: Final = frozenset(
    {"cockpit", "dhcpv6-client", "dns", "http", "https", "imap", "ipp", "ipp-client", "mdns", "nfs", "ntp", "samba", "samba-client"}
    | {"smtp", "snmp", "ssh", "syncthing", "vnc-server"}
)
"""firewalld's services none of whose TCP ports an uploader would pick (firewalld/config/services; syncthing is 22000 alone)."""


def ufw(asked: Question, conf: str, defaults: str, user_rules: str | None) -> FirewallWord | None:
    """Read /etc/ufw/ufw.conf, /etc/default/ufw and, where this user may, /etc/ufw/user.rules (iptables-restore's format)."""
    if not re.search(r"^\s*ENABLED\s*=\s*\"?yes", conf, re.MULTILINE | re.IGNORECASE):
        return None
    policy = re.search(r"^\s*DEFAULT_INPUT_POLICY\s*=\s*\"?(\w+)", defaults, re.MULTILINE)
    act = {"ACCEPT": Act.ACCEPT, "REJECT": Act.REJECT}.get(policy[1].upper() if policy else "", Act.DROP)
    # IPv6 has a file of its own, user6.rules; no ArduinoOTA needs it.
    rules = iptables.parse(user_rules) if user_rules is not None and asked.call.source.version == 4 else None
    if rules is None:
        said = "lets in" if act is Act.ACCEPT else "refuses"
        return asked.unreadable(
            "ufw", f"ufw is on and {said} what no rule names; only root may read its rules", front=True, opening=UFW_OPENING
        )
    base = Base(chain="filter ufw-user-input", policy=act, title="ufw's default for incoming")
    found = asked.word("ufw", replace(rules, bases=(base,)), front=True, opening=UFW_OPENING)
    # /etc/ufw/before.rules lets answers in before any rule of the user's.
    return replace(found, replies=Ruling.ALLOWED, reply_rule="ufw-before-input: RELATED,ESTABLISHED")


def firewalld(asked: Question, listing: str) -> FirewallWord | None:
    """Read ``firewall-cmd --list-all-zones``: the zone of the interface, else the default zone."""
    zones = dict(_zones(listing))
    # A zone that names the source goes before the one that has the interface (firewalld.zones(5)).
    name = next(
        (zone for zone, rows in zones.items() if any(in_network(asked.call.source, one) for one in rows.get("sources", "").split())), ""
    )
    name = name or next((zone for zone, rows in zones.items() if asked.call.interface in rows.get("interfaces", "").split()), "")
    name = name or next((zone for zone, rows in zones.items() if "default" in rows.get("", "")), "")
    opening = "sudo firewall-cmd" + (f" --zone={name}" if name else "") + " --add-port={port}/tcp"
    if not name:
        return asked.unreadable("firewalld", "firewalld is on, and which zone the interface is in is not told", front=True, opening=opening)
    rows = zones[name]
    target = rows.get("target", "default")
    rules = [_open(f"port {one} of zone {name}", *one.partition("/")[::2]) for one in rows.get("ports", "").split()]
    rules += [
        Rule(matches=(unknown,), act=Act.ACCEPT, text=f"service {one} of zone {name}")
        for one in rows.get("services", "").split()
        if one not in _SMALL_SERVICES
    ]
    rules += [
        Rule(matches=(unknown,), act=Act.ELSEWHERE, text=f"rich rule of zone {name}: {one}")
        for one in rows.get("rich", "").split("\n")
        if one
    ]
    rules += [_any(f"protocol {one} of zone {name}", one) for one in rows.get("protocols", "").split()]
    policy = {"ACCEPT": Act.ACCEPT, "DROP": Act.DROP}.get(target, Act.REJECT)
    base = Base(chain="zone", policy=policy, title=f"firewalld's zone {name}")
    found = asked.word("firewalld", Ruleset(bases=(base,), chains={"zone": rules}), front=True, opening=opening)
    # Its base chain lets "ct state established,related" in before any zone.
    return replace(found, replies=Ruling.ALLOWED, reply_rule="ct state established,related accept")


def _zones(listing: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each zone's name and rows; the row "" holds what stands in brackets behind the name."""
    name = key = ""
    rows: dict[str, str] = {}
    for line in [*listing.splitlines(), "end"]:
        if line and not line[0].isspace():
            if name:
                yield name, rows
            head = line.split("(", 1)
            name, key = head[0].strip(), ""
            rows = {"": head[1] if len(head) > 1 else ""}
        elif match := re.match(r"  (\S[^:]*): ?(.*)", line):
            key = match[1].split()[0]
            rows[key] = match[2]
        elif line.strip() and key == "rich":
            rows[key] = f"{rows[key]}\n{line.strip()}".strip()


def _open(text: str, ports: str, protocol: str) -> Rule:
    low, _, high = ports.partition("-")
    if not (low.isdecimal() and (high.isdecimal() or not high)):
        return Rule(matches=(unknown,), act=Act.ACCEPT, text=text)
    span = (int(low), int(high or low))
    return Rule(
        matches=(lambda flow: flow.protocol == protocol, lambda flow: within(flow.dport, *span)), act=Act.ACCEPT, text=text, cuts=(span,)
    )


def _any(text: str, protocol: str) -> Rule:
    return Rule(matches=(lambda flow: flow.protocol == protocol,), act=Act.ACCEPT, text=text)
