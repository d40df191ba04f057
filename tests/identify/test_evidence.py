"""What one signal says."""

from __future__ import annotations

import pytest

from discover.atlas.catalogue import Catalogue
from discover.identify import evidence_for
from discover.model.device import Evidence
from discover.model.signal import Field, Signal, Source
from tests.identify.samples import arduino, esphome, service, signal, signal_of


def claims(found: tuple[Evidence, ...], claim: str) -> dict[str, int]:
    return {one.value: one.weight for one in found if one.claim == claim}


def test_every_piece_says_rule_source_time_and_a_sentence(catalogue: Catalogue) -> None:
    found = evidence_for(esphome("ESP32", when=42.5), catalogue)
    assert found
    for one in found:
        assert one.source is Source.MDNS
        assert one.when == 42.5
        assert one.rule
        assert len(one.why) > 10
        assert 1 <= one.weight <= 100
        assert "{" not in one.why


@pytest.mark.parametrize(
    ("name", "mac"),
    [
        ("esp32-246f28a1b2c3", "24:6f:28:a1:b2:c3"),
        ("ESP32-246F28A1B2C3", "24:6f:28:a1:b2:c3"),
        ("shellyplus1pm-a8032ab12345", "a8:03:2a:b1:23:45"),
        ("shelly-plug-s-a8032ab12345", "a8:03:2a:b1:23:45"),
    ],
)
def test_a_mac_in_a_name_of_known_form_is_told(catalogue: Catalogue, name: str, mac: str) -> None:
    found = evidence_for(service("_http._tcp", "x", 80, host=f"{name}.local"), catalogue)
    assert list(claims(found, "mac")) == [mac]
    assert [one.rule for one in found if one.claim == "mac"] == ["identify.mac-in-name"]


@pytest.mark.parametrize(
    "name",
    [
        "printer-246f28a1b2c3",  # a serial number may have twelve hex digits
        "esp8266-a1b2c3",  # a chip id, half a MAC
        "esp32-000000000000",
        "esp32-ffffffffffff",
        "my-esp32-246f28a1b2c3-x",
    ],
)
def test_other_names_tell_no_mac(catalogue: Catalogue, name: str) -> None:
    assert claims(evidence_for(service("_http._tcp", "x", 80, host=f"{name}.local"), catalogue), "mac") == {}


@pytest.mark.parametrize("written", ["a4cf12345678", "A4:CF:12:34:56:78", "a4-cf-12-34-56-78"])
def test_a_mac_in_the_txt_record_is_told_in_one_form(catalogue: Catalogue, written: str) -> None:
    found = evidence_for(service("_wled._tcp", "Shelf", 80, f"MAC={written}"), catalogue)
    assert list(claims(found, "mac")) == ["a4:cf:12:34:56:78"]


def test_the_neighbour_table_is_not_the_device_speaking(catalogue: Catalogue) -> None:
    found = evidence_for(signal("neighbour.seen", mac="24:6f:28:00:00:01", state="reachable"), catalogue)
    assert claims(found, "mac") == {}
    assert list(claims(found, "vendor")) == ["Espressif Inc."]


def test_a_random_address_is_called_random(catalogue: Catalogue) -> None:
    (vendor,) = (
        one
        for one in evidence_for(signal("neighbour.seen", mac="26:6f:28:00:00:01", state="reachable"), catalogue)
        if one.claim == "vendor"
    )
    assert "locally administered" in vendor.value
    assert "no maker" in vendor.why


def test_vendor_ids_are_told_apart_by_their_kind(catalogue: Catalogue) -> None:
    hap = evidence_for(service("_hap._tcp", "Lamp", 51826, "id=7A:9B:11:22:33:44", "md=L1", "ci=5"), catalogue)
    matter = evidence_for(service("_matter._tcp", "2906C908D115D362-8FC7772401CD0696", 5540), catalogue)
    assert list(claims(hap, "identity")) == ["hap:7A:9B:11:22:33:44"]
    assert list(claims(matter, "identity")) == ["matter:2906C908D115D362-8FC7772401CD0696"]
    assert claims(hap, "mac") == {}, "a HomeKit id looks like a MAC address and is none"


def test_a_claim_without_anything_told_is_left_out(catalogue: Catalogue) -> None:
    found = evidence_for(service("_hap._tcp", "Lamp", 51826), catalogue)
    assert claims(found, "identity") == {}
    assert claims(found, "model") == {}
    assert claims(found, "kind") == {}
    assert "homekit" in claims(found, "family")


def test_a_category_that_nobody_defined_says_no_kind(catalogue: Catalogue) -> None:
    assert claims(evidence_for(service("_hap._tcp", "Lamp", 51826, "ci=99"), catalogue), "kind") == {}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("tcp.open", {"port": 3197}),
        ("tcp.open", {"port": 3199}),
        ("udp.reply", {"port": 3199, "protocol": "unknown"}),
        ("udp.silent", {"port": 3197, "tries": 2, "control": "refused"}),
    ],
)
def test_a_listener_on_a_port_that_devices_dial_out_to_is_a_warning(catalogue: Catalogue, kind: str, fields: dict[str, Field]) -> None:
    found = evidence_for(signal_of(kind, fields), catalogue)
    (warning,) = (one for one in found if one.claim == "warning")
    assert str(fields["port"]) in warning.value
    assert "dial out" in warning.why


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("tcp.refused", {"port": 3197}),
        ("tcp.silent", {"port": 3197}),
        ("udp.refused", {"port": 3199}),
        ("udp.silent", {"port": 3197, "tries": 2, "control": "silent"}),
        ("udp.silent", {"port": 3197, "tries": 2, "control": "none"}),
        ("tcp.open", {"port": 3198}),
    ],
)
def test_silence_and_refusal_are_no_listener(catalogue: Catalogue, kind: str, fields: dict[str, Field]) -> None:
    found = evidence_for(signal_of(kind, fields), catalogue)
    assert claims(found, "warning") == {}
    assert kind == "tcp.open" or found == ()


def test_a_password_is_told_by_announcement_and_by_check(catalogue: Catalogue) -> None:
    assert list(claims(evidence_for(arduino(auth="yes"), catalogue), "ota_password")) == ["yes"]
    checked = signal("ota.checked", ota="arduino", port=3232, transport="udp", level=2, verdict="ready", password="no")
    assert list(claims(evidence_for(checked, catalogue), "ota_password")) == ["no"]
    assert claims(evidence_for(arduino(auth="maybe"), catalogue), "ota_password") == {}


def test_type_and_host_are_compared_without_case_dot_and_local(catalogue: Catalogue) -> None:
    odd = service("_ESPhomelib._TCP.local.", "Node", 6053, "PLATFORM=esp32", host="Node.LOCAL.")
    found = evidence_for(odd, catalogue)
    assert "esphome" in claims(found, "family")
    assert list(claims(found, "chip")) == ["ESP32"]
    assert list(claims(found, "hostname")) == ["Node.LOCAL"]
    assert list(claims(found, "name")) == ["Node"]


@pytest.mark.parametrize(
    "instance",
    ["2906C908D115D362-8FC7772401CD0696", "a4cf12345678", "A4:CF:12:34:56:78"],
)
def test_an_identifier_is_no_name(catalogue: Catalogue, instance: str) -> None:
    found = evidence_for(service("_thing._tcp", instance, 80, host="lamp.local"), catalogue)
    assert list(claims(found, "name")) == ["lamp"]


@pytest.mark.parametrize("kind", ["_workstation._tcp", "_raop._tcp", "_googlecast._tcp"])
def test_some_services_name_their_instances_for_machines(catalogue: Catalogue, kind: str) -> None:
    found = evidence_for(service(kind, "box [a4:cf:12:34:56:78]", 9, host="box.local"), catalogue)
    assert list(claims(found, "name")) == ["box"]


def test_peer_text_with_braces_is_not_read_as_a_placeholder(catalogue: Catalogue) -> None:
    hostile = service("_esphomelib._tcp", "{txt.version}", 6053, "friendly_name={host}{mac}{0.__class__}", "platform={x}", "version=%s")
    found = evidence_for(hostile, catalogue)
    assert "{host}{mac}{0.__class__}" in claims(found, "name")
    assert "{txt.version}" in claims(found, "name")


def test_hostile_txt_stays_clean_in_every_sentence(catalogue: Catalogue) -> None:
    hostile = service("_arduino._tcp", "\x1b[31mred\x07", 3232, "board=\u202eesp32\x9b2J", "auth_upload=\x00yes", host="\x1b]0;x\x07.local")
    for one in evidence_for(hostile, catalogue):
        assert (one.value + one.why).isprintable()


def test_the_first_of_duplicate_txt_keys_counts(catalogue: Catalogue) -> None:
    found = evidence_for(service("_wled._tcp", "Shelf", 80, "mac", "mac=a4cf12345678"), catalogue)
    assert claims(found, "mac") == {}, "RFC 6763 section 6.4: the first occurrence counts, and it has no value"


@pytest.mark.parametrize(
    ("told", "chip"),
    [
        ("esp32", "ESP32"),
        ("ESP32S3", "ESP32-S3"),
        ("esp32-c3", "ESP32-C3"),
        ("rp2040", "RP2040"),
        ("bk7231n", "BK7231N"),
        ("nRF52840", "nRF52840"),
    ],
)
def test_a_chip_is_written_as_its_maker_does(catalogue: Catalogue, told: str, chip: str) -> None:
    assert list(claims(evidence_for(esphome(told), catalogue), "chip")) == [chip]


def test_the_same_signal_always_gives_the_same_evidence(catalogue: Catalogue) -> None:
    one, two = esphome(), esphome()
    assert evidence_for(one, catalogue) == evidence_for(two, catalogue)


def test_another_catalogue_gives_other_evidence(catalogue: Catalogue) -> None:
    small = Catalogue(families=tuple(family for family in catalogue.families if family.id == "wled"))
    assert "esphome" in claims(evidence_for(esphome(), catalogue), "family")
    assert claims(evidence_for(esphome(), small), "family") == {}
    assert "esphome" in claims(evidence_for(esphome(), catalogue), "family")


def test_scans_say_nothing_of_a_device(catalogue: Catalogue) -> None:
    started: Signal = signal("scan.started", interfaces=("lan0 192.168.1.2 192.168.1.0/24",), passive=False)
    assert evidence_for(started, catalogue) == ()


def test_a_surer_rule_of_a_family_refines_and_does_not_contradict(catalogue: Catalogue) -> None:
    found = evidence_for(arduino(board="esp32s3"), catalogue)
    assert claims(found, "chip") == {"ESP32-S3": 95}
    assert len([one for one in found if one.claim == "family" and one.value == "arduino-ota-esp32"]) > 2, "each rule is evidence of its own"


def test_a_friendly_name_and_an_instance_name_are_both_kept(catalogue: Catalogue) -> None:
    found = evidence_for(esphome("ESP32", "friendly_name=Kitchen Sensor"), catalogue)
    assert list(claims(found, "name")) == ["Kitchen Sensor", "kitchen"]
