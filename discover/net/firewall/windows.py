"""Reads Windows Defender Firewall through its COM interface as JSON (INetFwPolicy2, INetFwRule). Pure; never fails.

What ``netsh advfirewall`` prints is in the user's language; these property names are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from discover.model.outlook import FirewallWord
from discover.net.firewall.packetfilter import Act, Base, Flow, Match, Ports, Question, Rule, Ruleset, any_of, in_network, unknown, within

SCRIPT: Final = (
    "$p=New-Object -ComObject HNetCfg.FwPolicy2;$t=$p.CurrentProfileTypes;"
    "$n=@(1,2,4)|Where-Object{$t -band $_};"
    "@{profiles=$t;enabled=@($n|ForEach-Object{$p.FirewallEnabled($_)});inbound=@($n|ForEach-Object{$p.DefaultInboundAction($_)});"
    "blockall=@($n|ForEach-Object{$p.BlockAllInboundTraffic($_)});"
    "rules=@($p.Rules|Where-Object{$_.Enabled -and $_.Direction -eq 1 -and ($_.Protocol -in 6,17,256)}|"
    "Select-Object Name,ApplicationName,serviceName,Protocol,LocalPorts,RemotePorts,LocalAddresses,RemoteAddresses,Action,Profiles)}"
    "|ConvertTo-Json -Depth 4 -Compress"
)
"""Reads only. 1: domain, 2: private, 4: public profile (NET_FW_PROFILE_TYPE2); direction 1: in; protocols TCP, UDP, any."""

OPENING: Final = (
    'New-NetFirewallRule -DisplayName "OTA callback" -Direction Inbound -Action Allow -Protocol TCP -LocalPort {port} '
    "-RemoteAddress {network}  (PowerShell as administrator)"
)
NAME: Final = "Windows Defender Firewall"


def windows(asked: Question, text: str) -> FirewallWord | None:
    """Read what :data:`SCRIPT` printed; None where the firewall is off. Rules that block go before rules that allow (Microsoft Learn)."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return asked.unreadable(NAME, "its rules could not be read", opening=OPENING)
    if not any(_list(told.get("enabled"))):
        return None
    profiles = told.get("profiles") if isinstance(told.get("profiles"), int) else 7
    rows = [row for row in _list(told.get("rules")) if isinstance(row, dict) and _applies(row, profiles)]
    rules = [_rule(row) for row in sorted(rows, key=lambda row: row.get("Action") == 1)]
    if any(_list(told.get("blockall"))):
        rules = []
    act = Act.ACCEPT if set(_list(told.get("inbound"))) == {1} and not any(_list(told.get("blockall"))) else Act.DROP
    base = Base(chain="rules", policy=act, title=f"{NAME}'s default for incoming")
    # Answers to what this machine sent pass: it keeps state for UDP, too.
    answers = Rule(matches=(lambda flow: flow.state == "established",), act=Act.ACCEPT, text="state")
    return asked.word(NAME, Ruleset(bases=(base,), chains={"rules": (answers, *rules)}), opening=OPENING)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _applies(row: Mapping[str, Any], profiles: object) -> bool:
    mine = row.get("Profiles")
    return not (isinstance(mine, int) and isinstance(profiles, int)) or bool(mine & profiles)


def _rule(row: Mapping[str, Any]) -> Rule:
    protocol = {6: "tcp", 17: "udp"}.get(row.get("Protocol"))  # type: ignore[arg-type]
    matches: list[Match] = []
    if protocol is not None:
        matches.append(lambda flow: flow.protocol == protocol)
    spans = _ports(row.get("LocalPorts"))
    if spans is None:
        matches.append(unknown)  # "RPC", "IPHTTPS": services of Windows
    elif spans:
        matches.append(lambda flow: any_of(within(flow.dport, *span) for span in spans))
    if row.get("RemotePorts") not in (None, "", "*"):
        matches.append(unknown)
    matches += [_addresses(row.get("RemoteAddresses"), remote=True), _addresses(row.get("LocalAddresses"), remote=False)]
    program = row.get("ApplicationName") or row.get("serviceName")
    if program:
        matches.append(unknown)  # for one program, and which one will upload is not known
    act = Act.ACCEPT if row.get("Action") == 1 else Act.DROP
    text = f"rule '{row.get('Name')}'" + (f" for {program}" if program else "")
    return Rule(matches=tuple(matches), act=act, text=text, cuts=tuple(spans or ()))


def _ports(value: object) -> list[Ports] | None:
    """Return the ranges of "40000,5000-5010", nothing for all ports, None for what is no number."""
    if value in (None, "", "*"):
        return []
    found = []
    for part in str(value).split(","):
        low, _, high = part.strip().partition("-")
        if not (low.isdecimal() and (high.isdecimal() or not high)):
            return None
        found.append((int(low), int(high or low)))
    return found


def _addresses(value: object, *, remote: bool) -> Match:
    """Judge "*", "LocalSubnet", "192.168.1.0/255.255.255.0", ranges and lists."""
    parts = [part.strip() for part in str(value or "*").split(",")]

    def match(flow: Flow) -> bool | None:
        address = flow.source if remote else flow.dest
        # LocalSubnet: whether the device is in it is not asked here; nearly every device is.
        return any_of(True if part in ("*", "Any") else None if part == "LocalSubnet" else in_network(address, part) for part in parts)

    return match
