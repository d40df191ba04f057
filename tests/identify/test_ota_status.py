"""How a device is updated, as far as announcement, knock and check tell."""

from __future__ import annotations

import pytest

from discover.atlas.catalogue import Catalogue
from discover.identify import identify
from discover.model.device import OtaStatus, Password
from discover.model.signal import Signal
from tests.identify.samples import arduino, esphome, service, signal


def ota(signals: list[Signal], catalogue: Catalogue) -> OtaStatus:
    status = identify(signals, catalogue).ota
    assert status is not None
    return status


@pytest.mark.parametrize(("told", "password"), [("yes", Password.YES), ("no", Password.NO), ("", Password.UNKNOWN)])
def test_arduino_ota_announces_port_and_password(catalogue: Catalogue, told: str, password: Password) -> None:
    status = ota([arduino(4000, told)], catalogue)
    assert (status.kind, status.port, status.transport, status.verdict) == ("arduino", 4000, "udp", "announced")
    assert status.password == password
    assert status.checked is None
    assert status.note


@pytest.mark.parametrize(
    ("platform", "port"),
    [
        ("ESP32", 3232),
        ("esp8266", 8266),
        ("RP2040", 2040),
        ("BK7231N", 8892),
        ("RTL8710B", 8892),
        ("LN882H", 8820),
        ("", 8082),
        ("nRF52840", 3232),
    ],
)
def test_an_esphome_nodes_port_follows_from_its_platform(catalogue: Catalogue, platform: str, port: int) -> None:
    status = ota([esphome(platform)], catalogue)
    assert (status.kind, status.port, status.transport, status.verdict) == ("esphome", port, "tcp", "announced")
    assert status.password == Password.UNKNOWN


def test_the_api_port_is_never_taken_for_the_update_port(catalogue: Catalogue) -> None:
    assert ota([esphome(), signal("tcp.open", port=6053)], catalogue).port == 3232


def test_a_silent_port_beside_a_refused_one_is_likely(catalogue: Catalogue) -> None:
    status = ota([signal("udp.silent", port=3232, tries=2, control="refused")], catalogue)
    assert (status.kind, status.port, status.verdict) == ("arduino", 3232, "likely")


def test_a_refused_port_is_closed_although_announced(catalogue: Catalogue) -> None:
    assert ota([arduino(when=1.0), signal("udp.refused", when=2.0, port=3232)], catalogue).verdict == "closed"


def test_the_newest_check_has_the_last_word(catalogue: Catalogue) -> None:
    first = signal("ota.checked", when=10.0, ota="arduino", port=3232, transport="udp", level=1, verdict="no-answer", password="unknown")
    second = signal(
        "ota.checked", when=20.0, ota="arduino", port=3232, transport="udp", level=2, verdict="ready-needs-password", password="yes"
    )
    status = ota([second, arduino(auth="no"), first], catalogue)
    assert (status.verdict, status.password, status.checked) == ("ready-needs-password", Password.YES, 20.0)
    assert status.note, "the note of the announced way still holds"


def test_a_check_that_learned_no_password_leaves_the_announced_one(catalogue: Catalogue) -> None:
    checked = signal("ota.checked", when=10.0, ota="arduino", port=3232, transport="udp", level=1, verdict="likely", password="unknown")
    assert ota([arduino(auth="yes"), checked], catalogue).password == Password.YES


def test_a_check_of_an_unknown_host_is_kept(catalogue: Catalogue) -> None:
    checked = signal("ota.checked", when=10.0, ota="unknown", port=3232, transport="udp", level=1, verdict="no-answer", password="unknown")
    status = ota([checked], catalogue)
    assert (status.kind, status.port, status.verdict, status.checked) == ("unknown", 3232, "no-answer", 10.0)


def test_a_verdict_word_that_is_none_is_not_repeated(catalogue: Catalogue) -> None:
    checked = signal("ota.checked", when=10.0, ota="arduino", port=3232, transport="udp", verdict="<b>ready</b>", password="perhaps")
    status = ota([checked], catalogue)
    assert (status.verdict, status.password) == ("not-applicable", Password.UNKNOWN)


def test_an_esphome_handshake_identifies_an_unannounced_node(catalogue: Catalogue) -> None:
    checked = signal("ota.checked", when=10.0, ota="esphome", port=8266, transport="tcp", level=2, verdict="ready", password="unknown")
    found = identify([checked], catalogue)
    assert found.family.id == "esphome"
    assert found.ota is not None
    assert (found.ota.port, found.ota.verdict) == (8266, "ready")


def test_devices_that_pull_their_firmware_have_nothing_to_check(catalogue: Catalogue) -> None:
    status = ota([service("_http._tcp", "tasmota-AB12CD-1234", 80, "devicetype=tasmota")], catalogue)
    assert (status.kind, status.verdict) == ("pull", "not-applicable")


def test_a_wled_is_updated_on_its_page_unless_it_announces_arduino_ota(catalogue: Catalogue) -> None:
    page = service("_wled._tcp", "Shelf", 80, "mac=a4cf12fedcba")
    assert (ota([page], catalogue).kind, ota([page], catalogue).port, ota([page], catalogue).verdict) == ("http", 80, "announced")
    answered = signal("http.reply", port=80, path="/json/info", status=200)
    assert ota([page, answered], catalogue).verdict == "announced", "an answer takes nothing from the announcement"
    both = ota([page, arduino(auth="yes")], catalogue)
    assert (both.kind, both.port, both.transport, both.password) == ("arduino", 3232, "udp", Password.YES)


@pytest.mark.parametrize(
    "signals",
    [
        [signal("neighbour.seen", mac="24:6f:28:00:00:01", state="reachable")],
        [signal("tcp.open", port=6053)],
        [service("_http._tcp", "web", 80, host="wled-fedcba.local")],  # a host name alone is a guess
        [signal("udp.refused", port=3232)],
        [signal("udp.reply", port=10022, protocol="gecko-hello", identifier="SPA1", name="Spa")],
    ],
)
def test_nothing_is_promised_where_nothing_speaks_for_an_update(catalogue: Catalogue, signals: list[Signal]) -> None:
    assert identify(signals, catalogue).ota is None


@pytest.mark.parametrize("port", [-1, 65536, 10**30])
def test_a_port_that_is_none_is_not_taken_from_a_recording(catalogue: Catalogue, port: int) -> None:
    # The store could not read back what it was given.
    checked = signal("ota.checked", when=10.0, ota="arduino", port=port, transport="udp", level=1, verdict="likely", password="no")
    assert ota([arduino(4000), checked], catalogue).port == 4000
    assert ota([checked], catalogue).port == 0
