"""All signals of a device together: who it is and what it is called."""

from __future__ import annotations

import pytest

from discover.atlas.catalogue import Catalogue
from discover.identify import evidence_for, identify
from discover.model.device import UNKNOWN_FAMILY, Confidence, Firmware
from discover.model.signal import Signal
from tests.identify.samples import arduino, esphome, service, signal, signal_of


def test_no_signal_no_device(catalogue: Catalogue) -> None:
    found = identify([], catalogue)
    assert found.family == UNKNOWN_FAMILY
    assert (found.name, found.mac, found.listeners, found.ota, found.evidence) == ("", "", (), None, ())


def test_an_esphome_node_is_known_in_all_its_parts(catalogue: Catalogue) -> None:
    found = identify([esphome("ESP32", "friendly_name=Kitchen Sensor")], catalogue)
    assert (found.family.id, found.family.confidence) == ("esphome", Confidence.CERTAIN)
    assert found.name == "Kitchen Sensor"
    assert found.hostname == "kitchen.local"
    assert found.mac == "a4:cf:12:34:56:78"
    assert found.vendor == "Espressif Inc."
    assert (found.chip, found.model, found.kind) == ("ESP32", "esp32dev", "microcontroller")
    assert found.firmware == Firmware(name="ESPHome", version="2026.6.5")


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ([esphome("ESP32", "friendly_name=Friendly")], "Friendly"),
        ([esphome()], "kitchen"),
        ([service("_http._tcp", "Web Page", 80, host="box.local")], "Web Page"),
        ([service("_http._tcp", "Web Page", 80, host="box.local"), service("_thing._tcp", "The Thing", 81, host="box.local")], "The Thing"),
        ([signal("udp.reply", port=30303, protocol="microchip-announce", name="BWGSPA", mac="00:15:27:e4:00:9d")], "BWGSPA"),
        ([service("_matter._tcp", "2906C908D115D362-8FC7772401CD0696", 5540, host="box.local")], "box"),
        ([signal("http.reply", port=80, path="/", status=200, title="Pool Pump")], "Pool Pump"),
        ([signal("http.reply", port=80, path="/", status=404, title="Not Found")], ""),
    ],
)
def test_the_best_name_wins(catalogue: Catalogue, more: list[Signal], name: str) -> None:
    assert identify(more, catalogue).name == name


def test_a_told_mac_outweighs_the_neighbour_table(catalogue: Catalogue) -> None:
    neighbour = signal("neighbour.seen", mac="02:11:22:33:44:55", state="reachable")
    assert identify([neighbour, esphome()], catalogue).mac == "a4:cf:12:34:56:78"
    assert identify([neighbour], catalogue).mac == "02:11:22:33:44:55"


def test_a_bare_espressif_mac_is_only_possible(catalogue: Catalogue) -> None:
    found = identify([signal("neighbour.seen", mac="24:6f:28:00:00:01", state="reachable")], catalogue)
    assert (found.family.id, found.family.confidence) == ("espressif", Confidence.POSSIBLE)
    assert {one.value for one in found.evidence if one.claim == "family"} == {"espressif"}


def test_espressif_mac_and_a_silent_3232_make_arduino_ota_likely(catalogue: Catalogue) -> None:
    found = identify(
        [
            signal("neighbour.seen", mac="24:6f:28:00:00:01", state="reachable"),
            signal("udp.silent", port=3232, tries=2, control="refused"),
        ],
        catalogue,
    )
    assert (found.family.id, found.family.confidence) == ("arduino-ota-esp32", Confidence.LIKELY)


def test_an_unknown_host_stays_unknown(catalogue: Catalogue) -> None:
    found = identify(
        [
            signal("neighbour.seen", mac="00:11:32:00:00:01", state="reachable"),
            service("_ssh._tcp", "nas", 22),
            *(signal("udp.refused", port=port) for port in (3232, 3231, 8266, 2040)),
        ],
        catalogue,
    )
    assert found.family == UNKNOWN_FAMILY
    assert found.kind == ""
    assert found.name == "nas"
    assert found.vendor


def test_a_wled_that_takes_arduino_ota_is_a_wled(catalogue: Catalogue) -> None:
    found = identify(
        [service("_wled._tcp", "Shelf", 80, "mac=a4cf12fedcba"), arduino(auth="yes", instance="shelf", board="esp32")], catalogue
    )
    assert found.family.id == "wled"
    assert [one.id for one in found.alternatives] == ["arduino-ota-esp32"]
    assert found.chip == "ESP32"
    assert found.firmware == Firmware(name="WLED", version="")


def test_an_imitated_bridge_does_not_lend_its_model(catalogue: Catalogue) -> None:
    openbeken = signal("udp.reply", port=1900, protocol="ssdp", server="OpenBk", st="upnp:rootdevice")
    hue = signal("udp.reply", port=1901, protocol="ssdp", server="Linux/3.14.0 UPnP/1.0 IpBridge/1.24.0", st="upnp:rootdevice")
    found = identify([openbeken, hue], catalogue)
    assert found.family.id == "openbeken"
    assert [one.id for one in found.alternatives] == ["hue-bridge"]
    posing = service("_hue._tcp", "Hue Bridge", 443, "modelid=BSB002")
    assert identify([openbeken, posing], catalogue).model == ""


def test_a_family_that_lost_says_nothing_of_the_model(catalogue: Catalogue) -> None:
    spa = signal("udp.reply", port=30303, protocol="microchip-announce", name="BWGSPA", mac="00:15:27:e4:00:9d")
    wled_page = signal_of("http.reply", {"port": 80, "path": "/shelly", "json.type": "SHSW-1", "json.fw": "1", "json.mac": "C45BBE78A8A4"})
    found = identify([esphome("ESP32", "project_name=acme.box"), spa, wled_page], catalogue)
    assert found.family.id == "esphome"
    assert {"balboa-spa", "shelly-gen1"} <= {one.id for one in found.alternatives}
    assert found.model == "acme.box"
    assert found.firmware == Firmware(name="ESPHome", version="2026.6.5")


def test_a_homekit_category_is_the_kind(catalogue: Catalogue) -> None:
    found = identify([service("_hap._tcp", "Door", 1234, "ci=6", "md=Lock 2")], catalogue)
    assert (found.family.id, found.kind, found.model) == ("homekit", "lock", "Lock 2")


def test_the_winner_speaks_first_of_its_own_model(catalogue: Catalogue) -> None:
    found = identify([arduino(board="lolin32"), service("_hap._tcp", "Blinds", 1201, "md=HomeSpan", "ci=14")], catalogue)
    assert (found.family.id, found.model) == ("arduino-ota-esp32", "lolin32")
    assert [one.id for one in found.alternatives] == ["homekit"]


def test_two_generations_of_shelly_are_told_apart(catalogue: Catalogue) -> None:
    one = identify([service("_http._tcp", "shelly1-C45BBE78A8A4", 80)], catalogue)
    two = identify(
        [service("_http._tcp", "ShellyPlus1-A8032AB12345", 80, "gen=2"), service("_shelly._tcp", "ShellyPlus1-A8032AB12345", 80, "gen=2")],
        catalogue,
    )
    assert (one.family.id, one.family.confidence) == ("shelly-gen1", Confidence.LIKELY)
    assert (two.family.id, two.family.confidence) == ("shelly-gen2", Confidence.CERTAIN)


def test_a_listener_on_3197_is_named_and_warned_of(catalogue: Catalogue) -> None:
    found = identify([signal("tcp.open", port=3197), signal("tcp.open", port=3199)], catalogue)
    assert found.family.id == "edp-listener"
    assert {one.value for one in found.evidence if one.claim == "warning"} == {"3197/tcp listens", "3199/tcp listens"}


def test_repetition_is_said_once(catalogue: Catalogue) -> None:
    once = identify([esphome(when=5.0)], catalogue)
    twice = identify([esphome(when=1.0), esphome(when=5.0)], catalogue)
    assert twice.evidence == once.evidence


def test_memoised_evidence_gives_the_same(catalogue: Catalogue) -> None:
    signals = [esphome(), arduino(), signal("udp.refused", port=3232)]
    memo = {id(one): evidence_for(one, catalogue) for one in signals}
    assert identify(signals, catalogue, lambda one: memo[id(one)]) == identify(signals, catalogue)
