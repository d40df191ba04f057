"""From one signal to the evidence in it: the catalogue's rules, and the rules that hold for every device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.atlas.vendors import LOCALLY_ADMINISTERED, vendor_of
from discover.identify.facts import Facts, ToldMac, bare_host, canonical_chip
from discover.identify.rules import compile_catalogue
from discover.model.device import Evidence
from discover.model.signal import Signal
from discover.proto.mac import canonical_mac

EDP_PORTS: Final = (3197, 3199)
"""Digi's cloud ports (jordanh/idigi-arduino-connector public/include/idigi_api.h l.57,68): devices dial out to them."""

# Services whose instance names are identifiers, not names that a person gave or would know a thing by.
_NAMELESS: Final = frozenset(
    {
        "_matter._tcp",  # <fabric>-<node>, python-matter-server server/device_controller.py
        "_matterc._udp",
        "_matterd._udp",
        "_trel._udp",
        "_workstation._tcp",  # "host [mac]", avahi
        "_raop._tcp",  # "MAC@name"
        "_sleep-proxy._udp",
        "_googlecast._tcp",
        "_googlezone._tcp",
        "_spotify-connect._tcp",
    }
)
# Services that many programs on one host announce: another service's instance name says more.
_COMMON: Final = frozenset({"_http._tcp", "_https._tcp", "_telnet._tcp", "_ssh._tcp", "_sftp-ssh._tcp", "_smb._tcp", "_device-info._tcp"})
_IDENTIFIER: Final = re.compile(r"[0-9a-fA-F][0-9a-fA-F:._-]{11,}")

# A friendly name that a rule sets carries the rule's weight, 90 and more; then comes (DESIGN, names) what follows.
_INSTANCE_NAME: Final = 70
_COMMON_NAME: Final = 65
_TOLD_NAME: Final = 60
_HOST_NAME: Final = 40
_TITLE_NAME: Final = 30

_FAMILIES: Final = "families/"
_SEVERAL: Final = frozenset({"mac", "identity", "vendor", "listener", "warning"})
"""Claims of which several can be true of one device."""

_TELLING: Final = {
    "txt": (95, "identify.mac-in-txt", "its announcement has mac={mac} in the TXT record"),
    "reply": (95, "identify.mac-in-reply", "its answer contains the MAC address {mac}"),
    "name": (85, "identify.mac-in-name", "its name ends in the MAC address {mac}"),
}


def evidence_for(signal: Signal, catalogue: Catalogue) -> tuple[Evidence, ...]:
    """Return all that this one signal says, strongest first within a claim. Pure: the same signal gives the same evidence."""
    facts = Facts(signal)
    best: dict[tuple[str, ...], Evidence] = {}
    for evidence in sorted((*_from_families(facts, catalogue), *_from_all(facts)), key=order):
        best.setdefault(_said_once(evidence), evidence)
    return tuple(best.values())


def _said_once(evidence: Evidence) -> tuple[str, ...]:
    """Return what one signal may say once only; the surest telling is kept.

    For a family each rule counts. A family's surer rule refines its others (ESP32-S3 is no contradiction of ESP32),
    and so does an instance name the host name beside it. Addresses, ids and ports may be several.
    """
    if evidence.claim == "family":
        return ("family", evidence.value, evidence.rule)
    if evidence.claim in _SEVERAL:
        return (evidence.claim, evidence.value)
    return (evidence.claim, "", family_of(evidence))


def family_of(evidence: Evidence) -> str:
    """Return the family whose rule speaks, "" for a rule that holds for every device."""
    return evidence.rule.removeprefix(_FAMILIES).partition("#")[0] if evidence.rule.startswith(_FAMILIES) else ""


def order(evidence: Evidence) -> tuple[str, int, str, str, str, float]:
    """Sort key of evidence: by claim, the strongest first, then by what makes it unique."""
    return (evidence.claim, -evidence.weight, evidence.value, evidence.rule, evidence.source.value, evidence.when)


def _from_families(facts: Facts, catalogue: Catalogue) -> Iterator[Evidence]:
    for rule in compile_catalogue(catalogue).candidates(facts):
        if not rule.holds(facts):
            continue
        why = rule.why(facts)
        yield _evidence(facts, "family", rule.family.id, rule.match.weight, rule.id, why)
        for claim, value in rule.sets(facts):
            cleaned = _canonical(claim, value)
            if cleaned:
                yield _evidence(facts, claim, cleaned, rule.match.weight, rule.id, why)


def _canonical(claim: str, value: str) -> str:
    if claim == "mac":
        return canonical_mac(value)
    if claim == "chip":
        return canonical_chip(value)
    if claim == "ota_password":
        return value.lower() if value.lower() in ("yes", "no") else ""
    return value


def _from_all(facts: Facts) -> Iterator[Evidence]:
    for told in facts.macs:
        yield from _mac(facts, told)
    yield from _names(facts)
    yield from _listener(facts)
    yield from _password(facts)


def _mac(facts: Facts, told: ToldMac) -> Iterator[Evidence]:
    if told.how in _TELLING:
        weight, rule, why = _TELLING[told.how]
        yield _evidence(facts, "mac", told.mac, weight, rule, why.format(mac=told.mac))
    vendor = vendor_of(told.mac)
    if vendor:
        random = vendor == LOCALLY_ADMINISTERED
        why = f"no maker gave the address {told.mac}" if random else f"the MAC address {told.mac} belongs to {vendor}"
        yield _evidence(facts, "vendor", vendor, 80, "identify.vendor", why)


def _names(facts: Facts) -> Iterator[Evidence]:
    signal = facts.signal
    if facts.announced:
        host = signal.text("host").removesuffix(".")
        if host:
            yield _evidence(facts, "hostname", host, 80, "identify.hostname", f"its announcement of {facts.service} names the host {host}")
        if bare_host(host):
            yield _evidence(facts, "name", bare_host(host), _HOST_NAME, "identify.host-name", "its host name, in want of a better name")
        instance = signal.text("instance")
        if instance.strip() and facts.service not in _NAMELESS and not _IDENTIFIER.fullmatch(instance):
            weight = _COMMON_NAME if facts.service in _COMMON else _INSTANCE_NAME
            yield _evidence(facts, "name", instance, weight, "identify.instance-name", f"it announces {facts.service} under this name")
    elif signal.kind in ("udp.reply", "tcp.reply") and signal.text("name").strip():
        yield _evidence(facts, "name", signal.text("name"), _TOLD_NAME, "identify.told-name", "its answer tells this name")
    elif signal.kind == "http.reply" and signal.text("title").strip() and signal.number("status") == 200:
        yield _evidence(facts, "name", signal.text("title"), _TITLE_NAME, "identify.page-title", "its web page has this title")


def _listener(facts: Facts) -> Iterator[Evidence]:
    signal = facts.signal
    port = signal.number("port")
    if port is None:
        return
    transport = "tcp" if signal.kind.startswith("tcp.") else "udp"
    if signal.kind == "udp.silent" and signal.text("control") == "refused":
        weight, why = 50, f"a control port was refused by ICMP while {port}/udp stayed silent: something is bound there"
    elif signal.kind in ("udp.reply", "tcp.reply"):
        weight, why = 95, f"an answer came from {port}/{transport}"
    elif signal.kind == "tcp.open":
        weight, why = 95, f"{port}/tcp accepted a connection"
    else:
        return
    yield _evidence(facts, "listener", f"{port}/{transport}", weight, "identify.listener", why)
    if port in EDP_PORTS:
        what = f"{port}/{transport} listens here, but in practice devices dial out to this port (Digi's EDP): find out what it is"
        yield _evidence(facts, "warning", f"{port}/{transport} listens", weight, "identify.edp-listener", what)


def _password(facts: Facts) -> Iterator[Evidence]:
    if facts.signal.kind != "ota.checked":
        return
    said = facts.signal.text("password")
    if said in ("yes", "no"):
        asks = "asks for a password" if said == "yes" else "asks for no password"
        yield _evidence(facts, "ota_password", said, 95, "identify.ota-checked", f"the OTA check found that it {asks}")


def _evidence(  # noqa: PLR0917 - the six parts of a claim in their fixed order; a keyword each would hide the sentence
    facts: Facts, claim: str, value: str, weight: int, rule: str, why: str
) -> Evidence:
    signal = facts.signal
    return Evidence(claim=claim, value=value, weight=weight, rule=rule, source=signal.source, when=signal.when, why=why)
