"""Snapshots to export: one that shows everything, with names that want to break out, and arbitrary ones."""

from __future__ import annotations

from hypothesis import strategies as st

from discover.model.device import (
    Confidence,
    Device,
    Direction,
    Evidence,
    FamilyVerdict,
    Firmware,
    Heard,
    Listener,
    OtaStatus,
    Password,
    PortState,
    Presence,
    PresenceState,
)
from discover.model.scan import ScanInterface, ScanSummary
from discover.model.signal import Source
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally

NOW = 1_700_000_000.0
HOSTILE = (
    "=cmd|'/c calc'!A1 \x1b[31m\x9b2J[/red][@click=quit]</td><script>`x`|\\| "
    "\u202etxt.exe\u202c http://evil.example www.evil.example @you #1 me@x.org"
)


def _listener(port: int, transport: str, state: PortState, service: str, *, direction: Direction = Direction.LISTENS) -> Listener:
    return Listener(port=port, transport=transport, direction=direction, state=state, service=service, source=Source.UDP)


def _presence(state: PresenceState) -> Presence:
    heard = (
        Heard(source=Source.MDNS, last=NOW - 5.25, expires=NOW + 4494.75),
        Heard(source=Source.NEIGHBOUR, last=NOW - 9, expires=NOW + 291),
    )
    return Presence(state=state, first_seen=NOW - 86400, last_seen=NOW - 5.25, heard=heard)


def _evidence(claim: str, value: str, why: str) -> Evidence:
    return Evidence(claim=claim, value=value, weight=90, rule="families/esphome#0", source=Source.MDNS, when=NOW - 5.25, why=why)


FULL = Device(
    id="mac:24:6f:28:aa:bb:cc",
    name="Küche",
    label="Kitchen node",
    notes=("bought in May", "flickers; +49 30 123"),
    tags=("indoor", "spare"),
    interfaces=("eth0",),
    hostname="kueche.local",
    addresses=("192.168.1.5", "fe80::266f:28ff:feaa:bbcc"),
    mac="24:6f:28:aa:bb:cc",
    vendor="Espressif Inc.",
    family=FamilyVerdict(id="esphome", title="ESPHome node", confidence=Confidence.CERTAIN, score=97),
    alternatives=(FamilyVerdict(id="espressif", title="Espressif device", confidence=Confidence.LIKELY, score=60),),
    kind="microcontroller",
    model="esp32dev",
    chip="ESP32",
    firmware=Firmware(name="ESPHome", version="2026.1.0"),
    listeners=(
        _listener(3197, "tcp", PortState.NOT_PROBED, "Digi EDP", direction=Direction.DIALS_OUT),
        _listener(3232, "udp", PortState.CLOSED, ""),
        _listener(6053, "tcp", PortState.ANNOUNCED, "_esphomelib._tcp"),
    ),
    ota=OtaStatus(
        kind="esphome",
        port=3232,
        transport="tcp",
        password=Password.YES,
        verdict="ready-needs-password",
        checked=NOW - 60,
        note="by serial",
    ),
    presence=_presence(PresenceState.PRESENT),
    evidence=(
        _evidence("mac", "24:6f:28:aa:bb:cc", "its announcement has mac=246f28aabbcc in the TXT record"),
        _evidence("name", "Küche", "it announces _esphomelib._tcp under the name Küche at 192.168.1.5"),
        _evidence("identity", "mac:24:6f:28:aa:bb:cc", "it tells its own MAC address 24:6f:28:aa:bb:cc"),
    ),
)
BAD = Device(
    id=f"mdns:eth0/_http._tcp/{HOSTILE}",
    name=HOSTILE,
    label="@SUM(1)",
    notes=("-1+1",),
    tags=("\uff1dx",),
    interfaces=("eth0",),
    hostname="+evil.local",
    addresses=("192.168.1.66",),
    vendor="\tTab & Söhne",
    presence=_presence(PresenceState.GONE),
    evidence=(_evidence("name", HOSTILE, f"it announces _http._tcp as {HOSTILE}"),),
)
BARE = Device(id="addr:eth0/192.168.1.77", name="", addresses=("192.168.1.77",), presence=_presence(PresenceState.STALE))
SCAN = ScanSummary(
    interfaces=(ScanInterface(name="eth0", address="192.168.1.2", network="192.168.1.0/24"),),
    seconds=6.8,
    planned=254,
    tested=254,
    packets_sent=1500,
    complete=True,
)
SNAPSHOT = Snapshot(generated=NOW, scan=SCAN, devices=(BARE, FULL, BAD))
CUT = SCAN._replace(tested=200, unanswered=150, strangers=3, proxied=40, complete=False)
TALLIES = tuple(
    Tally(to=to, transport=transport, port=port, purpose=purpose, packets=packets, size=size, first=first, last=first)
    for first, (to, transport, port, purpose, packets, size) in enumerate(
        (
            ("192.168.1.5", "udp", 3232, "is anybody there (knock)", 1, 1),
            ("192.168.1.9", "udp", 3232, "is anybody there (knock)", 2, 2),
            ("192.168.1.10", "udp", 3232, "is anybody there (knock)", 1, 1),
            ("192.168.1.10", "arp", 0, "is anybody there (ARP request)", 1, 0),
            ("192.168.1.66", "tcp", 80, "read-only GET /a|b", 1, 90),
            ("ff02::1", "icmp6", 0, "ping to all IPv6 nodes", 2, 16),
            ("224.0.0.251", "mdns", 5353, "mDNS query", 3, 300),
        )
    )
)
EMPTY = Snapshot(generated=NOW, scan=ScanSummary(), devices=())

texts = st.text(max_size=40) | st.sampled_from(
    [HOSTILE, "=1", "\uff1d1", "a\r\nb", "|", "\\|", "``", "\x85", "a;=1", " =1", "\t=1", "<!--", "www.a.b"]
)
lists = st.lists(texts, max_size=3).map(tuple)
seconds = st.floats(min_value=0, max_value=4e9)
listeners = st.builds(
    Listener,
    port=st.integers(min_value=0, max_value=65535),
    transport=st.sampled_from(["tcp", "udp"]),
    direction=st.sampled_from(Direction),
    state=st.sampled_from(PortState),
    service=texts,
    source=st.sampled_from(Source),
)
families = st.builds(
    FamilyVerdict, id=texts, title=texts, confidence=st.sampled_from(Confidence), score=st.integers(min_value=0, max_value=100)
)
presences = st.builds(
    Presence,
    state=st.sampled_from(PresenceState),
    first_seen=seconds,
    last_seen=seconds,
    heard=st.lists(st.builds(Heard, source=st.sampled_from(Source), last=seconds, expires=seconds), max_size=2).map(tuple),
)
evidences = st.builds(
    Evidence,
    claim=texts,
    value=texts,
    weight=st.integers(min_value=1, max_value=100),
    rule=texts,
    source=st.sampled_from(Source),
    when=seconds,
    why=texts,
)
otas = st.builds(
    OtaStatus,
    kind=texts,
    port=st.integers(min_value=0, max_value=65535),
    transport=texts,
    password=st.sampled_from(Password),
    verdict=texts,
    checked=st.none() | seconds,
    note=texts,
)
devices = st.builds(
    Device,
    id=texts.map(lambda text: f"mdns:eth0/{text}"),
    name=texts,
    label=texts,
    notes=lists,
    tags=lists,
    interfaces=lists,
    hostname=texts,
    addresses=lists,
    mac=st.sampled_from(["", "24:6f:28:aa:bb:cc"]),
    vendor=texts,
    family=families,
    alternatives=st.lists(families, max_size=2).map(tuple),
    kind=texts,
    model=texts,
    chip=texts,
    firmware=st.none() | st.builds(Firmware, name=texts, version=texts),
    listeners=st.lists(listeners, max_size=2).map(tuple),
    ota=st.none() | otas,
    presence=presences,
    evidence=st.lists(evidences, max_size=2).map(tuple),
)
tallies = st.lists(
    st.builds(
        Tally,
        to=st.sampled_from(["192.168.1.5", "192.168.1.66", "ff02::1", "fe80::1%eth0", "255.255.255.255"]) | texts,
        transport=st.sampled_from(["udp", "tcp", "mdns", "arp", "icmp6"]),
        port=st.integers(0, 65535),
        purpose=texts,
        packets=st.integers(1, 1000),
        size=st.integers(0, 100_000),
        first=st.floats(0, 100),
        last=st.floats(0, 100),
    ),
    max_size=4,
)
snapshots = st.builds(
    lambda generated, found: Snapshot(
        generated=generated, scan=SCAN, devices=tuple(sorted({one.id: one for one in found}.values(), key=lambda one: one.id))
    ),
    seconds,
    st.lists(devices, max_size=3),
)
