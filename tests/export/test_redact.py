from __future__ import annotations

import ipaddress
import re
from dataclasses import replace

from hypothesis import given

from discover.export import FORMATS, redact
from discover.model.device import Confidence, Device, Evidence, FamilyVerdict
from discover.model.scan import ScanSummary
from discover.model.signal import Signal, Source
from discover.model.snapshot import Snapshot
from tests.export.kit import FULL, SNAPSHOT, snapshots

MACS = [f"24:6f:28:aa:bb:{last:02x}" for last in (0xCC, 0xCD)]


def why(text: str, claim: str = "name", value: str = "x") -> Evidence:
    return Evidence(claim=claim, value=value, weight=50, rule="r", source=Source.MDNS, when=0, why=text)


def one(**changes: object) -> Device:
    (device,) = redact(Snapshot(generated=0, scan=ScanSummary(), devices=(replace(FULL, **changes),))).devices  # type: ignore[arg-type]
    return device


def test_nothing_of_the_household_is_left_in_any_format() -> None:
    secret = redact(SNAPSHOT)
    for export in FORMATS.values():
        text = export.render(secret).decode("utf-8").casefold()
        for word in ("küche", "kueche", "kitchen node", "bought", "spare", "192.168", "aabbcc", "aa:bb:cc", "feaa:bbcc", "evil", "calc"):
            assert word not in text, (export.name, word)


def test_what_helps_with_a_bug_is_kept() -> None:
    device = one()
    assert device.mac.startswith("24:6f:28:")
    assert device.vendor == FULL.vendor
    assert (device.family, device.chip, device.model, device.firmware) == (FULL.family, FULL.chip, FULL.model, FULL.firmware)
    assert device.listeners == FULL.listeners
    assert device.presence == FULL.presence
    assert device.hostname.endswith(".local")
    assert len(device.notes) == len(FULL.notes)
    assert "_esphomelib._tcp" in device.evidence[1].why


def test_one_thing_has_one_pseudonym_wherever_it_stands() -> None:
    device = one()
    assert device.id == f"mac:{device.mac}"
    assert device.evidence[0].value == device.mac
    assert device.mac.replace(":", "") in device.evidence[0].why
    assert device.name in device.evidence[1].why
    assert device.addresses[0] in device.evidence[1].why
    assert device.evidence[2].value == device.id


def test_addresses_come_from_the_documentation_ranges_and_stay_apart() -> None:
    found = (*(f"10.{number >> 8}.{number & 255}.7" for number in range(1000)), "fd00::1", "fe80::1%eth0")
    addresses = one(addresses=found).addresses
    assert len(set(addresses)) == len(found)
    ranges = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32")
    for address in map(ipaddress.ip_address, addresses):
        assert any(address in ipaddress.ip_network(network) for network in ranges)


def test_a_locally_administered_mac_keeps_no_prefix() -> None:
    assert one(id="mac:da:a1:19:12:34:56", mac="da:a1:19:12:34:56").mac.startswith("02:00:00:")


def test_sentences_lose_macs_addresses_serials_and_tails_but_not_words() -> None:
    device = one(
        evidence=(
            why("wled-aabbcc at 10.0.0.7 and fd12::7, MAC 24-6F-28-AA-BB-CD, serial 0a1b2c3d4e, id 38323636-4558-4dda-9188-cda0e6aabbcc"),
            why("port 3232/udp was refused at 12:30:05 by version 2026.1.0, decade facade"),
        )
    )
    text = device.evidence[0].why
    for secret in ("aabbcc", "10.0.0.7", "fd12", "AA-BB", "0a1b2c", "38323636"):
        assert secret not in text
    assert text.startswith("wled-")
    assert device.evidence[1].why == "port 3232/udp was refused at 12:30:05 by version 2026.1.0, decade facade"


def test_long_serial_numbers_leave_nothing_behind() -> None:
    device = one(evidence=(why("serial 0a1b2c3d4e5f60718293 and a1b2c3d4e5f6071"),))
    assert device.evidence[0].why == "serial id-1 and id-2"


def test_names_quoted_in_raw_signals_are_known_too_and_the_signals_are_left_out() -> None:
    raw = Signal(
        when=0,
        mono=0,
        source=Source.MDNS,
        interface="eth0",
        peer="10.0.0.1",
        kind="mdns.service",
        fields={"instance": "Oma Erna"},
        raw=b"Erna",
    )
    device = one(signals=(raw,), evidence=(why("announced as Oma Erna", claim="family"),))
    assert device.signals == ()
    assert "Erna" not in device.evidence[0].why


def test_a_device_called_like_its_family_does_not_blank_every_sentence() -> None:
    wled = FamilyVerdict(id="wled", title="WLED", confidence=Confidence.CERTAIN, score=95)
    device = one(name="WLED", family=wled, evidence=(why("only WLED announces this", claim="family"),))
    assert device.name != "WLED"
    assert device.evidence[0].why == "only WLED announces this"


def test_ids_of_every_kind_are_redacted() -> None:
    for identifier in ("mdns:eth0/_http._tcp/erna", "addr:eth0/10.9.8.7", "addr:eth0/10.9.8.7#24:6f:28:aa:bb:cc", "id:erna-77", "id:4711"):
        redacted = one(id=identifier, name="", hostname="").id
        assert redacted.partition(":")[0] == identifier.partition(":")[0]
        assert not re.search(r"erna|10\.9|4711|aa:bb", redacted)


def test_an_interface_named_after_its_mac_is_redacted() -> None:
    (name,) = one(interfaces=("enx246f28aabbcc",)).interfaces
    assert name.startswith("enx246f28")
    assert "aabbcc" not in name


@given(snapshots)
def test_redaction_is_deterministic_and_keeps_every_device(snapshot: Snapshot) -> None:
    redacted = redact(snapshot)
    assert redacted == redact(snapshot)
    assert len({device.id for device in redacted.devices}) == len({device.id.casefold() for device in snapshot.devices})
    assert [device.id for device in redacted.devices] == sorted(device.id for device in redacted.devices)
