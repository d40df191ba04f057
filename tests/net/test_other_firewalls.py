"""macOS's and Windows' firewalls. The texts are written after the manuals (pf.conf(5), socketfilterfw, INetFwRule), not recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.outlook import FirewallWord, Outlook, Ruling
from discover.net.firewall import read as firewall
from discover.net.firewall.macos import application_firewall, pf
from discover.net.firewall.read import PF_FILE, Printed, Raw, question
from discover.net.firewall.windows import windows

MAC = Outlook(local="192.168.1.2", interface="en0", network="192.168.1.2/24", system="darwin")
ASKED = question("192.168.1.20", MAC, port=3232)
ENABLED = "Firewall is enabled. (State = 1)"


def told(word: FirewallWord | None) -> list[tuple[int, int, str]]:
    assert word is not None
    return [(one.first, one.last, one.ruling.value) for one in word.spans]


ALL = (10_000, 60_000)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("block drop in all", [(*ALL, "dropped")]),
        ("block return in all", [(*ALL, "rejected")]),
        ("block drop in all\npass in all flags S/SA keep state", [(*ALL, "allowed")]),
        ("block drop in quick all\npass in all", [(*ALL, "dropped")]),
        ("pass in quick proto tcp from 192.168.1.0/24 to any port = 40000 flags S/SA keep state\nblock drop in all", None),
        ("block drop in all\npass in on en0 inet proto tcp from any to any port 40000:40010 flags S/SA keep state", None),
        ("block drop in all\npass in on en1 all", [(*ALL, "dropped")]),
        ("block drop in all\npass in on egress all", [(*ALL, "unknown")]),
        ("block drop in all\npass in inet6 all", [(*ALL, "dropped")]),
        ("block drop in all\npass in proto udp from any to any", [(*ALL, "dropped")]),
        ("block drop in all\npass in proto { tcp, udp } from any to any", [(*ALL, "allowed")]),
        ("block drop in all\npass in proto tcp from <friends> to any", [(*ALL, "unknown")]),
        ("block drop in all\npass in proto tcp from any to any port = ssh", [(*ALL, "unknown")]),
        ('block drop in all\nanchor "mine/*" all', [(*ALL, "unknown")]),
        ("block drop out all\npass in all", [(*ALL, "allowed")]),
        ("pass in all\nblock drop in on ! lo0 all", [(*ALL, "unknown")]),
        ("pass in all\nblock drop in from ! 192.168.1.0/24 to any", [(*ALL, "unknown")]),
        ("pass in all\nblock drop in proto tcp from { 10.0.0.0/8, 192.168.1.20 } to any", [(*ALL, "dropped")]),
        ("pass in all\nblock drop in from 10.0.0.0/8 to any", [(*ALL, "allowed")]),
        ("pass in all\nblock drop in proto tcp all user root", [(*ALL, "unknown")]),
        ("pass in all\nblock drop in route-to (en1 10.0.0.1) proto tcp from any to any", [(*ALL, "unknown")]),
    ],
)
def test_pf(rules: str, expected: list[tuple[int, int, str]] | None) -> None:
    word = pf(ASKED, rules)
    if expected is not None:
        assert told(word) == expected
    else:
        assert (40_000, "allowed") in [(first, ruling) for first, _, ruling in told(word)]
        assert told(word)[0][2] == told(word)[-1][2] == "dropped"


def test_pf_that_has_only_apples_anchors_has_no_rules() -> None:
    assert pf(ASKED, 'scrub-anchor "com.apple/*" all fragment reassemble\nanchor "com.apple/*" all\n') is None


def test_the_application_firewall_asks_by_program() -> None:
    assert application_firewall(ASKED, "Firewall is disabled. (State = 0)", "") is None
    assert told(application_firewall(ASKED, ENABLED, "Block all DISABLED!")) == [(*ALL, "unknown")]
    assert told(application_firewall(ASKED, ENABLED, "Firewall is set to block all non-essential incoming connections")) == [
        (*ALL, "unknown")
    ]
    assert told(application_firewall(ASKED, ENABLED, "Block all INCOMING connections ENABLED")) == [(*ALL, "dropped")]


def test_without_root_pf_counts_only_where_its_file_has_rules_of_its_own() -> None:
    denied = Printed("", "only root may read its rules")
    printed = {"pf": denied, "pf info": denied}
    assert list(firewall.judge(Raw(printed, {PF_FILE: 'anchor "com.apple/*"\n'}, "darwin"), ASKED)) == []
    (word,) = firewall.judge(Raw(printed, {PF_FILE: "block drop in all\n"}, "darwin"), ASKED)
    assert told(word) == [(*ALL, "unknown")]
    off = {"pf": Printed("block drop in all"), "pf info": Printed("Status: Disabled")}
    assert list(firewall.judge(Raw(off, {}, "darwin"), ASKED)) == []


# Windows.


def rule(**fields: Any) -> dict[str, Any]:
    usual = {"Name": "r", "ApplicationName": None, "serviceName": None, "Protocol": 6, "LocalPorts": "*", "RemotePorts": "*"}
    return {**usual, "LocalAddresses": "*", "RemoteAddresses": "*", "Action": 1, "Profiles": 7, **fields}


def read(*rules: dict[str, Any], **fields: Any) -> FirewallWord | None:
    return windows(
        ASKED, json.dumps({"profiles": 2, "enabled": [True], "inbound": [0], "blockall": [False], "rules": list(rules), **fields})
    )


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], [(*ALL, "dropped")]),
        ([rule()], [(*ALL, "allowed")]),
        ([rule(), rule(Action=0)], [(*ALL, "dropped")]),
        ([rule(Protocol=17)], [(*ALL, "dropped")]),
        ([rule(Protocol=256)], [(*ALL, "allowed")]),
        ([rule(Profiles=4)], [(*ALL, "dropped")]),
        ([rule(ApplicationName="C:\\Python\\python.exe")], [(*ALL, "unknown")]),
        ([rule(RemoteAddresses="192.168.1.0/255.255.255.0")], [(*ALL, "allowed")]),
        ([rule(RemoteAddresses="10.0.0.0/255.0.0.0")], [(*ALL, "dropped")]),
        ([rule(RemoteAddresses="LocalSubnet")], [(*ALL, "unknown")]),
        ([rule(LocalPorts="RPC")], [(*ALL, "unknown")]),
        ([rule(LocalPorts="80,20000-60000")], [(10_000, 19_999, "dropped"), (20_000, 60_000, "allowed")]),
    ],
)
def test_windows(rules: list[dict[str, Any]], expected: list[tuple[int, int, str]]) -> None:
    word = read(*rules)
    assert told(word) == expected
    assert word is not None
    assert word.replies is Ruling.ALLOWED, "it keeps state"
    assert "New-NetFirewallRule" in word.opening


def test_windows_firewall_that_is_off_or_blocks_all() -> None:
    assert read(enabled=[False]) is None
    assert told(read(rule(), blockall=[True])) == [(*ALL, "dropped")]
    assert told(read(inbound=[1])) == [(*ALL, "allowed")]


@given(
    st.text(max_size=100),
    st.dictionaries(st.sampled_from(["profiles", "enabled", "rules", "inbound", "blockall"]), st.integers() | st.text(max_size=4)),
)
def test_no_output_breaks_a_reader(text: str, document: dict[str, object]) -> None:
    assert told(windows(ASKED, text)) == [(*ALL, "unknown")] or text.strip()
    windows(ASKED, json.dumps({**document, "enabled": [True], "rules": [rule(LocalPorts=text, Profiles=text, Protocol=text)]}))
    word = pf(ASKED, f"block drop in all\npass in {text}")
    assert word is not None
    application_firewall(ASKED, text, text)
