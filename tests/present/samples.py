"""Fixed devices, an explanation and a check: what the tests of the view-models and of the app show."""

from __future__ import annotations

from collections.abc import Iterable

from discover.atlas.port import Claim, Conclusion, Explanation, Practice, Registry, Told
from discover.model.check import OtaCheck, Sent, Step, StepState, Verdict
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
from discover.model.network import Packet, Progress
from discover.model.scan import ScanInterface, ScanSummary
from discover.model.signal import Signal, Source
from discover.model.snapshot import Snapshot
from discover.net.ledger import MemoryLedger, Tally

NOW = 1_772_000_000.0
"""The moment all samples are seen at: 2026-02-25 06:13:20 UTC."""

HOSTILE = "\x1b]0;owned\x07\x1b[31m[/red][@click=app.bell]x[/]\u202eevil\x9b2J"
"""A name as a hostile device could announce it: OSC, CSI, C1, bidi and two kinds of markup."""


def listener(port: int, transport: str = "tcp", state: PortState = PortState.ANNOUNCED, service: str = "", **more: object) -> Listener:
    return Listener(
        port=port,
        transport=transport,
        direction=more.get("direction", Direction.LISTENS),  # type: ignore[arg-type]
        state=state,
        service=service,
        source=more.get("source", Source.MDNS),  # type: ignore[arg-type]
    )


def presence(state: PresenceState = PresenceState.PRESENT, age: float = 1.0) -> Presence:
    heard = (
        Heard(source=Source.MDNS, last=NOW - age, expires=NOW - age + 4500),
        Heard(source=Source.NEIGHBOUR, last=NOW - age - 40, expires=NOW - 10 if age > 60 else NOW + 20),
    )
    return Presence(state=state, first_seen=NOW - 7200, last_seen=NOW - age, heard=heard)


def family(family_id: str, title: str, confidence: Confidence = Confidence.CERTAIN, score: int = 95) -> FamilyVerdict:
    return FamilyVerdict(id=family_id, title=title, confidence=confidence, score=score)


def evidence(claim: str, value: str, weight: int, why: str, *, rule: str = "families/esphome#0") -> Evidence:
    return Evidence(claim=claim, value=value, weight=weight, rule=rule, source=Source.MDNS, when=NOW - 1, why=why)


def ota(kind: str, port: int, transport: str, verdict: str, password: Password = Password.UNKNOWN, **more: object) -> OtaStatus:
    return OtaStatus(
        kind=kind,
        port=port,
        transport=transport,
        verdict=verdict,
        password=password,
        checked=more.get("checked"),  # type: ignore[arg-type]
        note=str(more.get("note", "")),
    )


KITCHEN = Device(
    id="mac:24:6f:28:aa:01:02",
    name="kitchen-light",
    hostname="kitchen-light.local",
    addresses=("192.168.1.23", "fe80::266f:28ff:feaa:102"),
    interfaces=("eth0",),
    mac="24:6f:28:aa:01:02",
    vendor="Espressif Inc.",
    family=family("esphome", "ESPHome"),
    alternatives=(family("espressif", "Espressif board", Confidence.POSSIBLE, 30),),
    kind="microcontroller",
    model="esp32dev",
    chip="ESP32",
    firmware=Firmware(name="ESPHome", version="2026.1.3"),
    listeners=(
        listener(6053, service="esphomelib"),
        listener(3232, state=PortState.ANSWERED, service="esphome-ota", source=Source.OTA),
        listener(80, state=PortState.CLOSED, source=Source.TCP),
    ),
    ota=ota("esphome", 3232, "tcp", "ready-needs-password", Password.YES, checked=NOW - 90, note="The native OTA service of ESPHome."),
    presence=presence(),
    evidence=(
        evidence("family", "esphome", 90, "It announces _esphomelib._tcp, which only ESPHome does."),
        evidence("name", "kitchen-light", 80, "The service instance is called kitchen-light."),
        evidence("name", "esp-aa0102", 20, "The host name of its DHCP lease.", rule="identify.hostname"),
        evidence("chip", "ESP32", 70, "TXT platform=ESP32."),
    ),
    signals=(
        Signal(
            when=NOW - 1,
            mono=0.214,
            source=Source.MDNS,
            interface="eth0",
            peer="192.168.1.23",
            kind="mdns.service",
            fields={
                "type": "_esphomelib._tcp",
                "instance": "kitchen-light",
                "host": "kitchen-light.local",
                "port": 6053,
                "addresses": ("192.168.1.23",),
                "txt": ("version=2026.1.3", "platform=ESP32", "board=esp32dev", "mac=246f28aa0102"),
                "ttl": 4500,
            },
            raw=b"\x10version=2026.1.3\x0eplatform=ESP32",
        ),
    ),
)

SPA = Device(
    id="mac:00:15:27:12:34:56",
    name="BWGSPA",
    label="Hot tub",
    notes=("Fuse 7 in the garage",),
    tags=("garden",),
    addresses=("192.168.1.117",),
    interfaces=("eth0",),
    mac="00:15:27:12:34:56",
    vendor="Balboa Instruments",
    family=family("balboa", "Balboa spa", Confidence.LIKELY, 74),
    kind="spa",
    listeners=(
        listener(4257, state=PortState.ANSWERED, service="balboa", source=Source.TCP),
        listener(30303, "udp", PortState.ANSWERED, "microchip-announce", source=Source.UDP),
        listener(3197, direction=Direction.DIALS_OUT, service="spa cloud"),
    ),
    ota=ota("pull", 0, "tcp", "not-applicable"),
    presence=presence(age=8),
)

WORKBENCH = Device(
    id="mac:30:ae:a4:00:00:09",
    name="node-9",
    hostname="node-9.local",
    addresses=("192.168.1.9",),
    interfaces=("eth0",),
    mac="30:ae:a4:00:00:09",
    vendor="Espressif Inc.",
    family=family("arduinoota-esp32", "Arduino (ESP32)"),
    kind="microcontroller",
    chip="ESP32",
    listeners=(listener(3232, "udp", PortState.LIKELY, "arduino", source=Source.UDP),),
    ota=ota("arduino", 3232, "udp", "announced", Password.NO),
    presence=presence(age=3700, state=PresenceState.STALE),
)

WLED = Device(
    id="mac:30:ae:a4:00:00:10",
    name="node-10",
    addresses=("192.168.1.10",),
    mac="30:ae:a4:00:00:10",
    vendor="Espressif Inc.",
    family=family("wled", "WLED", Confidence.POSSIBLE, 40),
    kind="light",
    listeners=(listener(80, state=PortState.ANSWERED, service="http", source=Source.HTTP),),
    presence=presence(age=200, state=PresenceState.ASLEEP),
)

SILENT = Device(
    id="mac:02:00:00:00:00:01",
    name="",
    addresses=("192.168.1.2",),
    mac="02:00:00:00:00:01",
    vendor="locally administered",
    presence=presence(age=30),
)

GONE = Device(
    id="addr:eth0:192.168.1.200", name="[/red] attic sensor", addresses=("192.168.1.200",), presence=presence(PresenceState.GONE, 90_000)
)

DEVICES = tuple(sorted((KITCHEN, SPA, WORKBENCH, WLED, SILENT, GONE), key=lambda device: device.id))

SUMMARY = ScanSummary(
    interfaces=(ScanInterface(name="eth0", address="192.168.1.5", network="192.168.1.0/24"),),
    seconds=5.2,
    planned=254,
    tested=254,
    packets_sent=731,
    complete=True,
)

SNAPSHOT = Snapshot(generated=NOW, scan=SUMMARY, devices=DEVICES)

PROGRESS = Progress(phase="knocking", planned=254, tested=127, hosts=6, packets_sent=1200, elapsed=2.0, remaining=1.6)


def packet(to: str, port: int, purpose: str, payload: bytes = b"1", transport: str = "udp", at: float = 0.0) -> Packet:
    return Packet(mono=at, interface="eth0", to=to, port=port, transport=transport, purpose=purpose, payload=payload)


PACKETS = (
    packet("192.168.1.23", 3232, "is anybody there (knock)", at=0.1),
    packet("192.168.1.77", 3232, "is anybody there (knock)", at=0.1),
    packet("192.168.1.78", 3232, "is anybody there (knock)", at=0.1),
    packet("192.168.1.23", 0, "is anybody there (ARP request)", b"", "arp", at=0.2),
    packet("ff02::1%eth0", 0, "ping to all IPv6 nodes", b"ping", "icmp6", at=0.2),
    packet("224.0.0.251", 5353, "mDNS query", b"x" * 40, "mdns", at=0.3),
    packet("192.168.1.23", 3232, "OTA knock", at=0.4),
    packet("192.168.1.23", 2040, "OTA knock", at=0.4),
    packet("192.168.1.23", 3232, "OTA knock", at=1.4),
    packet("192.168.1.23", 80, "is the port open (connect)", b"", "tcp", at=0.5),
)
"""What a small scan sends: to one device, two addresses where nobody is, and two groups."""


def ledger_of(packets: Iterable[Packet]) -> MemoryLedger:
    ledger = MemoryLedger()
    for one in packets:
        ledger.record(one)
    return ledger


def tallied(packets: Iterable[Packet]) -> tuple[Tally, ...]:
    return ledger_of(packets).tallies()


TALLIES = tallied(PACKETS)

CHECK = OtaCheck(
    host="kitchen-light.local",
    address="192.168.1.23",
    port=3232,
    transport="tcp",
    kind="esphome",
    level=2,
    verdict=Verdict.READY_NEEDS_PASSWORD,
    password=Password.YES,
    steps=(
        Step(name="resolve", state=StepState.PASS, detail="kitchen-light.local is 192.168.1.23."),
        Step(name="reach", state=StepState.PASS, detail="It answers to ARP; its MAC is 24:6f:28:aa:01:02."),
        Step(
            name="announcement",
            state=StepState.WARN,
            detail="It does not announce an update service.",
            fix="Look whether mdns: is switched off in its YAML.",
        ),
        Step(name="connect", state=StepState.PASS, detail="3232/tcp accepted the connection."),
        Step(name="knock", state=StepState.SKIP, detail="ESPHome listens by TCP."),
        Step(name="handshake", state=StepState.FAIL, detail="It asked for a password.", fix="Have the password of ota: at hand."),
    ),
    sent=(
        Sent(to="192.168.1.23:3232", transport="tcp", bytes_hex="", why="see whether the port accepts"),
        Sent(to="192.168.1.23:3232", transport="tcp", bytes_hex="6c26f75c45", why="the magic that asks for the version"),
    ),
    when=NOW,
    sentence="It is ready for an upload: ESPHome OTA answers on 3232/tcp and wants its password.",
    fix="Have the password of ota: at hand.",
)

EXPLANATION = Explanation(
    port=3232,
    transport="udp",
    direction="listens",
    title="3232/udp - Update over the air of ESP32 boards",
    registry=Registry(
        status="assigned",
        name="mdtp",
        description="MDT port",
        reference="RFC6513",
        transports=("tcp", "udp"),
        records=(),
        source="IANA registry, copy of 2026-02-13",
    ),
    system_name="mdtp",
    practice=(
        Practice(
            who="ESP32 with ArduinoOTA",
            what="waits for an upload invitation",
            transport="udp",
            direction="listens",
            confidence="confirmed",
            source="espressif/arduino-esp32 libraries/ArduinoOTA",
        ),
    ),
    told=(Told(text="It announces _arduino._tcp on 3232.", source="mdns"),),
    conclusion=Conclusion(text="This is the update port of an ESP32 sketch.", confidence="likely"),
    claims=(
        Claim(
            id="c1",
            text="3232 is assigned to ESP32 OTA",
            verdict="refuted",
            correction="The registry assigns it to mdtp.",
            source="IANA registry",
        ),
    ),
    risk="Without a password anybody on the LAN can replace the firmware.",
    check_local={
        "udp": {"linux": "ss -H -lun 'sport = :3232'", "remote": "sudo nmap -sU -p 3232 HOST"},
        "tcp": {"linux": "ss -H -ltn 'sport = :3232'"},
    },
    families=("ESP32 Arduino", "ESPHome"),
)


def explain(port: int, transport: str = "", *, device: Device | None = None) -> Explanation:
    """Explain any port as EXPLANATION does, with the number that was asked for."""
    told = EXPLANATION.told if device is not None else ()
    return Explanation(
        port=port,
        transport=transport,
        direction="listens",
        title=EXPLANATION.title,
        registry=EXPLANATION.registry,
        system_name="",
        practice=EXPLANATION.practice,
        told=told,
        conclusion=EXPLANATION.conclusion,
        check_local=EXPLANATION.check_local,
    )
