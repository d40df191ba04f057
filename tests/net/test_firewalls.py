"""Firewalls as their own programs told them: recordings of nft, ufw 0.36.2 and firewalld 1.3.3 on Debian 12, and what they mean."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.outlook import FirewallWord, Outlook, Ruling
from discover.net.firewall import fronts as firewall_fronts
from discover.net.firewall import iptables, nftables
from discover.net.firewall import read as firewall
from discover.net.firewall.packetfilter import Flow, Ruleset, judge, spans
from discover.net.firewall.read import Printed, Raw, question

HERE = Path(__file__).with_name("firewalls")
OUTLOOK = Outlook(local="192.168.1.2", interface="eth0", network="192.168.1.2/24")
ROOT_ONLY = Printed("", "only root may read its rules")
UFW = {"/etc/ufw/ufw.conf": "ufw.conf", "/etc/default/ufw": "ufw-default", "/etc/ufw/user.rules": "ufw-user.rules"}


def recorded(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def words(raw: Raw, source: str = "192.168.1.20", *, host_port: int = 0, outlook: Outlook = OUTLOOK) -> dict[str, FirewallWord]:
    return {one.name: one for one in firewall.judge(raw, question(source, outlook, port=3232, host_port=host_port))}


def told(word: FirewallWord) -> list[tuple[int, int, str]]:
    return [(one.first, one.last, one.ruling.value) for one in word.spans]


def flow(source: str = "192.168.1.20", *, interface: str = "eth0", port: int = 40_000) -> Flow:
    return Flow(protocol="tcp", source=ip_address(source), dest=ip_address("192.168.1.2"), dport=(port, port), interface=interface)


# nftables, with rules that people write.


@pytest.fixture(scope="module")
def host() -> Ruleset:
    rules = nftables.parse(recorded("nft-host.json"), recorded("nft-host.txt"))
    assert rules is not None
    return rules


@pytest.mark.parametrize(
    ("source", "interface", "port", "ruling", "rule"),
    [
        ("192.168.1.20", "eth0", 40_000, "dropped", "policy drop of inet filter input"),
        ("192.168.1.20", "eth0", 30_050, "allowed", "tcp dport { 80, 443, 30000-30100 } accept (inet filter wired)"),
        ("192.168.1.20", "eth0", 50_000, "allowed", "ip saddr . tcp dport { 192.168.1.20 . 50000 } accept (inet filter input)"),
        ("192.168.1.21", "eth0", 50_000, "dropped", "policy drop of inet filter input"),
        ("192.168.1.99", "eth0", 40_000, "rejected", "meta l4proto tcp ip saddr 192.168.1.99 reject with tcp reset (inet filter wired)"),
        ("192.168.1.20", "wlan0", 40_010, "allowed", 'iifname "wlan*" ip saddr @lan tcp dport @ports accept (inet filter input)'),
        ("10.0.0.5", "wlan0", 40_010, "allowed", 'iifname "wlan*" ip saddr @lan tcp dport @ports accept (inet filter input)'),
        ("10.0.0.6", "wlan0", 40_010, "dropped", "policy drop of inet filter input"),
        ("192.168.1.66", "wlan0", 40_010, "dropped", "ip saddr vmap @verdicts (inet filter input)"),
        ("192.168.1.20", "lo", 40_000, "allowed", 'iif "lo" accept (inet filter input)'),
    ],
)
def test_nft_rules(host: Ruleset, source: str, interface: str, port: int, ruling: str, rule: str) -> None:
    judged = judge(host, flow(source, interface=interface, port=port))
    assert (judged.ruling.value, judged.rule) == (ruling, rule)


@pytest.mark.parametrize("port", [45_000, 59_500])
def test_a_rate_and_a_mark_are_not_known(host: Ruleset, port: int) -> None:
    judged = judge(host, flow(port=port))
    assert judged.ruling is Ruling.UNKNOWN
    assert f"tcp dport {port // 1000}" in judged.rule, "the rule that it hangs on is named"


def test_answers_pass_by_the_connection_tracking_or_not_at_all(host: Ruleset) -> None:
    asked = question("192.168.1.20", OUTLOOK, port=3232)
    assert judge(host, asked.reply).ruling is Ruling.ALLOWED
    bare = json.loads(recorded("nft-host.json"))
    bare["nftables"] = [one for one in bare["nftables"] if "vmap" not in json.dumps(one)]
    without = nftables.parse(json.dumps(bare))
    assert without is not None
    assert judge(without, asked.reply).ruling is Ruling.DROPPED


def chain_of(*expressions: object, policy: str = "accept", family: str = "inet") -> Ruleset:
    """One input chain with one rule of these statements."""
    where = {"family": family, "table": "t"}
    chain = {**where, "name": "i", "type": "filter", "hook": "input", "prio": 0, "policy": policy}
    rule = {**where, "chain": "i", "handle": 1, "expr": list(expressions)}
    parsed = nftables.parse(json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]}))
    assert parsed is not None
    return parsed


def flags(operator: str, mask: list[str], right: object) -> dict[str, object]:
    left = {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, mask]}
    return {"match": {"op": operator, "left": left, "right": right}}


@pytest.mark.parametrize(
    ("expressions", "ruling"),
    [
        ([{"xt": {"type": "target", "name": "REJECT"}}], Ruling.REJECTED),
        ([{"xt": {"type": "target", "name": "LOG"}}], Ruling.ALLOWED),
        ([{"xt": {"type": "target", "name": "TPROXY"}}], Ruling.UNKNOWN),
        ([{"xt": None}], Ruling.UNKNOWN),
        ([{"xt": {"type": "match", "name": "comment"}}, {"drop": None}], Ruling.DROPPED),
        ([{"xt": {"type": "match", "name": "recent"}}, {"drop": None}], Ruling.UNKNOWN),
        ([{"redirect": {"port": 8080}}], Ruling.UNKNOWN),
        ([{"queue": {"num": 0}}], Ruling.UNKNOWN),
        ([{"a statement of tomorrow": {}}], Ruling.UNKNOWN),
        ([{"limit": {"rate": 1, "per": "second"}}, {"drop": None}], Ruling.UNKNOWN),
        ([{"log": None}, {"counter": None}, {"drop": None}], Ruling.DROPPED),
        ([{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1}}, {"drop": None}], Ruling.UNKNOWN),
        (
            [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@gone"}}, {"drop": None}],
            Ruling.UNKNOWN,
        ),
        # A field of another protocol never matches, and neither does its opposite.
        (
            [{"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 53}}, {"drop": None}],
            Ruling.ALLOWED,
        ),
        (
            [{"match": {"op": "!=", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": "::1"}}, {"drop": None}],
            Ruling.ALLOWED,
        ),
        ([{"jump": {"target": "gone"}}], Ruling.UNKNOWN),
        # A bare list is alternatives after "in", and flags that must all be there after "==" (as nft 1.0.6 prints them).
        ([{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new", "related"]}}, {"drop": None}], Ruling.DROPPED),
        ([{"match": {"op": "!=", "left": {"ct": {"key": "state"}}, "right": ["new", "related"]}}, {"drop": None}], Ruling.UNKNOWN),
        ([flags("==", ["fin", "syn"], ["fin", "syn"]), {"drop": None}], Ruling.ALLOWED),
        ([flags("==", ["fin", "syn", "rst", "ack"], "syn"), {"drop": None}], Ruling.DROPPED),
        ([flags("!=", ["fin", "syn", "rst", "ack"], "syn"), {"drop": None}], Ruling.ALLOWED),
    ],
)
def test_statements(expressions: list[object], ruling: Ruling) -> None:
    assert judge(chain_of(*expressions), flow()).ruling is ruling


def test_connection_tracking_counts_only_where_nothing_goes_past_it() -> None:
    new = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
    assert judge(chain_of(new, {"accept": None}, policy="drop"), flow()).ruling is Ruling.DROPPED
    assert judge(chain_of({"notrack": None}, new, {"accept": None}, policy="drop"), flow()).ruling is Ruling.UNKNOWN


def test_a_set_that_changes_by_itself_is_not_known() -> None:
    where = {"family": "inet", "table": "t"}
    asks = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@banned"}}
    chain = {**where, "name": "i", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}
    rule = {**where, "chain": "i", "handle": 1, "expr": [asks, {"drop": None}]}
    for more, ruling in (({}, Ruling.ALLOWED), ({"flags": ["dynamic"]}, Ruling.UNKNOWN), ({"flags": ["timeout"]}, Ruling.UNKNOWN)):
        banned = {**where, "name": "banned", "type": "ipv4_addr", "elem": ["10.0.0.1"], **more}
        rules = nftables.parse(json.dumps({"nftables": [{"set": banned}, {"chain": chain}, {"rule": rule}]}))
        assert rules is not None
        assert judge(rules, flow()).ruling is ruling


def test_a_chain_at_an_interfaces_door_is_about_that_interface() -> None:
    where = {"family": "netdev", "table": "t"}
    chain = {**where, "name": "i", "type": "filter", "hook": "ingress", "prio": 0, "policy": "drop", "dev": ["wlan0", "eth1"]}
    rules = nftables.parse(json.dumps({"nftables": [{"chain": chain}]}))
    assert rules is not None
    assert judge(rules, flow()).ruling is Ruling.ALLOWED
    assert judge(rules, flow(interface="eth1")).ruling is Ruling.DROPPED


def test_tables_of_another_family_are_none_of_its_business() -> None:
    assert judge(chain_of({"drop": None}, family="ip6"), flow()).ruling is Ruling.ALLOWED
    assert judge(chain_of({"drop": None}, family="ip"), flow()).ruling is Ruling.DROPPED
    assert judge(chain_of({"drop": None}, family="bridge"), flow()).ruling is Ruling.ALLOWED


# ufw: iptables carries it out, ufw keeps the rules.


def ufw(*, root: bool = True) -> Raw:
    printed = {"nft": Printed(recorded("ufw-nft.json")), "iptables": Printed(recorded("ufw-iptables-save.txt"))}
    files = {path: recorded(name) for path, name in UFW.items() if root or "user.rules" not in path}
    return Raw(printed if root else dict.fromkeys(printed, ROOT_ONLY), files, "linux")


def test_ufw_is_read_through_iptables_and_opened_through_ufw() -> None:
    found = words(ufw())
    assert set(found) == {"iptables", "ufw"}, "iptables' tables in nftables are read by iptables-save alone"
    expected = [
        (10_000, 39_999, "dropped"),
        (40_000, 40_010, "allowed"),
        (40_011, 49_999, "dropped"),
        (50_000, 50_000, "unknown"),  # ufw limit
        (50_001, 50_001, "rejected"),
        (50_002, 60_000, "dropped"),
    ]
    assert told(found["iptables"]) == told(found["ufw"]) == expected
    assert found["iptables"].replies is found["ufw"].replies is Ruling.ALLOWED
    assert found["ufw"].front
    opening = "sudo ufw allow from 192.168.1.0/24 to any port 40000 proto tcp"
    assert found["ufw"].opening.format(network="192.168.1.0/24", port=40_000) == opening
    assert told(words(ufw(), "10.0.0.9")["iptables"])[0] == (10_000, 49_999, "dropped"), "the rule names another network"


def test_without_root_ufw_is_on_and_its_rules_are_not_known() -> None:
    found = words(ufw(root=False))
    assert all(told(one) == [(10_000, 60_000, "unknown")] for one in found.values())
    assert found["ufw"].spans[0].rule == "ufw is on and refuses what no rule names; only root may read its rules"


def test_ufw_that_is_off_says_nothing() -> None:
    off = ufw()
    files = {**off.files, "/etc/ufw/ufw.conf": "ENABLED=no\n"}
    assert set(words(Raw({}, files, "linux"))) == set()


# firewalld: nftables carries it out, zones keep the rules.


def firewalld(**printed: Printed) -> Raw:
    rows = {"nft": Printed(recorded("firewalld.json")), "nft text": Printed(recorded("firewalld.txt"))}
    return Raw({**rows, "firewalld": Printed(recorded("firewalld-zones.txt")), **printed}, {}, "linux")


def test_firewalld_is_read_through_nftables_and_opened_in_the_interfaces_zone() -> None:
    found = words(firewalld())
    expected = [(10_000, 39_999, "rejected"), (40_000, 40_010, "allowed"), (40_011, 60_000, "rejected")]
    assert told(found["nftables"]) == expected
    assert found["firewalld"].opening == "sudo firewall-cmd --zone=public --add-port={port}/tcp"
    assert told(words(firewalld(), "192.168.1.66")["nftables"]) == [(10_000, 60_000, "dropped")], "a rich rule"


def test_without_root_firewalld_tells_its_zones() -> None:
    found = words(firewalld(nft=ROOT_ONLY))
    # The zone's rich rule may be about this device: what it does not open is not known then.
    assert told(found["firewalld"]) == [(10_000, 39_999, "unknown"), (40_000, 40_010, "allowed"), (40_011, 60_000, "unknown")]
    plain = recorded("firewalld-zones.txt").replace('\trule family="ipv4" source address="192.168.1.66" drop\n', "")
    found = words(firewalld(nft=ROOT_ONLY, firewalld=Printed(plain)))
    assert told(found["firewalld"]) == [(10_000, 39_999, "rejected"), (40_000, 40_010, "allowed"), (40_011, 60_000, "rejected")]


def test_a_zone_that_names_the_source_goes_before_the_interfaces() -> None:
    zones = recorded("firewalld-zones.txt").replace(
        "trusted\n  target: ACCEPT\n  icmp-block-inversion: no\n  interfaces: \n  sources: ",
        "trusted (active)\n  target: ACCEPT\n  icmp-block-inversion: no\n  interfaces: \n  sources: 192.168.1.0/24",
    )
    found = words(firewalld(nft=ROOT_ONLY, firewalld=Printed(zones)))
    assert told(found["firewalld"]) == [(10_000, 60_000, "allowed")]
    assert told(words(firewalld(nft=ROOT_ONLY, firewalld=Printed(zones)), "10.0.0.9")["firewalld"])[0][2] == "unknown"


# iptables without a front end.

SAVED = """# Generated by iptables-save v1.8.9 on Sun Nov 22 00:01:48 2026
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:LOGDROP - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "a \\"b\\" c" -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP
{rule}
-A INPUT -j LOGDROP
-A LOGDROP -j LOG --log-prefix "no: "
-A LOGDROP -j DROP
COMMIT
"""


@pytest.mark.parametrize(
    ("rule", "ruling"),
    [
        ("", Ruling.DROPPED),
        ("-A INPUT -p tcp -m tcp --dport 40000 -j ACCEPT", Ruling.ALLOWED),
        ("-A INPUT -p tcp -m tcp --dport 39000:40000 -j REJECT --reject-with tcp-reset", Ruling.REJECTED),
        ("-A INPUT -s 192.168.1.0/24 -p tcp -m multiport --dports 80,40000:40010 -j ACCEPT", Ruling.ALLOWED),
        ("-A INPUT ! -s 192.168.1.0/24 -p tcp -m tcp --dport 40000 -j ACCEPT", Ruling.DROPPED),
        ("-A INPUT -i eth+ -p tcp -m tcp --dport 40000 -j ACCEPT", Ruling.ALLOWED),
        ("-A INPUT -i wlan+ -p tcp -j ACCEPT", Ruling.DROPPED),
        ("-A INPUT -p udp -j ACCEPT", Ruling.DROPPED),
        ("-A INPUT -p tcp -m recent --rcheck --name knocked --rsource -j ACCEPT", Ruling.UNKNOWN),
        ("-A INPUT -p tcp -m set --match-set friends src -j ACCEPT", Ruling.UNKNOWN),
        ("-A INPUT -m mark --mark 0x1/0x1 -j ACCEPT", Ruling.UNKNOWN),
        ("-A INPUT -m iprange --src-range 192.168.1.10-192.168.1.30 -j ACCEPT", Ruling.ALLOWED),
        ("-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT", Ruling.ALLOWED),
        ("-A INPUT -m addrtype --dst-type BROADCAST -j ACCEPT", Ruling.DROPPED),
        ("-A INPUT -p tcp -j NFQUEUE --queue-num 0", Ruling.UNKNOWN),
        ("-A INPUT -j MARK --set-xmark 0x1/0xffffffff", Ruling.DROPPED),
        ('-A INPUT -m comment --comment "unclosed', Ruling.UNKNOWN),
        ("-A INPUT -p tcp -j ACCEPT -m limit --limit 3/min", Ruling.UNKNOWN),
        ("-A INPUT -p tcp -j ACCEPT -s 10.0.0.1", Ruling.DROPPED),
        ("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN FIN,SYN -j ACCEPT", Ruling.DROPPED),
        ("-A INPUT -p tcp -m tcp --syn -j ACCEPT", Ruling.ALLOWED),
    ],
)
def test_iptables_rules(rule: str, ruling: Ruling) -> None:
    rules = iptables.parse(SAVED.replace("{rule}", rule))
    assert rules is not None
    assert judge(rules, flow()).ruling is ruling
    assert judge(rules, question("192.168.1.20", OUTLOOK, port=3232).reply).ruling is Ruling.ALLOWED


def test_legacy_tables_have_their_say_beside_nftables() -> None:
    printed = {"iptables": Printed(SAVED.replace("v1.8.9", "v1.8.9 (nf_tables)").replace("{rule}", "-A INPUT -j ACCEPT"))}
    printed["iptables-legacy"] = Printed(SAVED.replace("{rule}", ""))
    found = words(Raw(printed, {}, "linux"))
    assert told(found["iptables"]) == [(10_000, 60_000, "allowed")]
    assert told(found["iptables-legacy"]) == [(10_000, 60_000, "dropped")]
    assert "iptables-legacy -I INPUT" in found["iptables-legacy"].opening


def test_a_machine_without_rules_has_no_firewall() -> None:
    empty = '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}'
    accept = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
    assert words(Raw({"nft": Printed(empty), "iptables": Printed(accept)}, {}, "linux")) == {}
    assert words(Raw({}, {}, "linux")) == {}


def test_ipv6_devices_are_judged_by_ip6tables() -> None:
    saved = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s fe80::/10 -p tcp -j DROP\nCOMMIT\n"
    outlook = Outlook(local="fe80::2", interface="eth0", network="fe80::2/64")
    printed = {"ip6tables": Printed(saved), "iptables": Printed(SAVED.replace("{rule}", ""))}
    found = words(Raw(printed, {}, "linux"), "fe80::20%eth0", outlook=outlook)
    assert told(found["iptables"]) == [(10_000, 60_000, "dropped")]
    assert "ip6tables" in found["iptables"].opening


def test_a_pinned_port_outside_the_usual_ones_is_asked_for_too() -> None:
    found = words(firewalld(), host_port=65_000)
    assert told(found["nftables"])[-1] == (40_011, 65_000, "rejected")


def test_a_device_on_this_machine_comes_in_by_the_loopback_interface() -> None:
    assert question("192.168.1.2", OUTLOOK).call.interface == "lo"


# Hostile or broken output.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["match", "op", "left", "right", "set", "meta", "key"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.sampled_from(["chain", "rule", "set", "map", "table"]), JSON)
def test_no_json_breaks_the_reader(expressions: list[object], kind: str, odd: object) -> None:
    where = {"family": "inet", "table": "t"}
    chain = {**where, "name": "i", "hook": "input", "prio": 0, "policy": "drop"}
    items = [{"chain": chain}, {kind: odd}, {"rule": {**where, "chain": "i", "handle": 1, "expr": expressions}}]
    rules = nftables.parse(json.dumps({"nftables": items}))
    assert rules is not None
    assert {span.ruling for span in spans(rules, flow(), 10_000, 60_000)} <= set(Ruling)


@given(st.text(max_size=200))
def test_no_text_breaks_a_reader(text: str) -> None:
    asked = question("192.168.1.20", OUTLOOK)
    assert nftables.parse(text) is None or text
    rules = iptables.parse(f"*filter\n:INPUT DROP\n-A INPUT {text}\nCOMMIT\n")
    assert rules is not None
    assert judge(rules, flow()).ruling in Ruling
    for word in (firewall_fronts.firewalld(asked, text), firewall_fronts.ufw(asked, "ENABLED=yes", text, text)):
        assert word is not None
        assert word.front
