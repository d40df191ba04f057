"""Ports: number, transport, direction, and the word for how sure."""

from __future__ import annotations

import pytest

from discover.atlas.catalogue import Catalogue
from discover.identify import identify
from discover.model.device import Direction, PortState
from discover.model.signal import Field, Signal
from tests.identify.samples import arduino, esphome, service, signal, signal_of


def states(signals: list[Signal], catalogue: Catalogue) -> dict[tuple[int, str, str], str]:
    return {(one.port, one.transport, one.direction.value): one.state.value for one in identify(signals, catalogue).listeners}


@pytest.mark.parametrize(
    ("kind", "fields", "transport", "state"),
    [
        ("udp.reply", {"port": 30303, "protocol": "unknown"}, "udp", "answered"),
        ("udp.refused", {"port": 3231}, "udp", "closed"),
        ("udp.silent", {"port": 3232, "control": "refused"}, "udp", "likely"),
        ("udp.silent", {"port": 3232, "control": "silent"}, "udp", "no-answer"),
        ("udp.silent", {"port": 3232, "control": "none"}, "udp", "no-answer"),
        ("tcp.open", {"port": 3197}, "tcp", "answered"),
        ("tcp.refused", {"port": 3197}, "tcp", "closed"),
        ("tcp.silent", {"port": 3197}, "tcp", "no-answer"),
        ("tcp.reply", {"port": 6053, "protocol": "esphomeapi"}, "tcp", "answered"),
        ("http.reply", {"port": 80, "path": "/"}, "tcp", "answered"),
        ("mdns.service", {"port": 80, "type": "_http._tcp", "instance": "x"}, "tcp", "announced"),
        ("mdns.service", {"port": 49154, "type": "_meshcop._udp", "instance": "x"}, "udp", "announced"),
        ("mdns.service", {"port": 5540, "type": "_matter._tcp", "instance": "x"}, "udp", "announced"),
        ("ota.checked", {"port": 3232, "transport": "udp", "ota": "arduino", "verdict": "ready"}, "udp", "answered"),
        ("ota.checked", {"port": 3232, "transport": "udp", "ota": "arduino", "verdict": "closed"}, "udp", "closed"),
        ("ota.checked", {"port": 3232, "transport": "tcp", "ota": "esphome", "verdict": "wrong-service"}, "tcp", "answered"),
    ],
)
def test_each_signal_has_its_word(catalogue: Catalogue, kind: str, fields: dict[str, Field], transport: str, state: str) -> None:
    assert states([signal_of(kind, fields)], catalogue) == {(fields["port"], transport, "listens"): state}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("udp.unreachable", {"port": 3232, "reason": "host"}),
        ("mdns.service", {"port": 0, "type": "_device-info._tcp", "instance": "x"}),
        ("mdns.service", {"port": 70000, "type": "_http._tcp", "instance": "x"}),
        ("ota.checked", {"port": 3232, "transport": "udp", "ota": "arduino", "verdict": "host-down"}),
        ("ota.checked", {"port": 3232, "transport": "sctp", "ota": "arduino", "verdict": "ready"}),
    ],
)
def test_what_says_nothing_of_a_port_makes_no_listener(catalogue: Catalogue, kind: str, fields: dict[str, Field]) -> None:
    assert states([signal_of(kind, fields)], catalogue) == {}


def test_arduino_ota_is_announced_as_tcp_and_listens_on_udp(catalogue: Catalogue) -> None:
    assert states([arduino(3232)], catalogue) == {(3232, "udp", "listens"): "announced"}


def test_the_arduino_ota_of_other_boards_really_is_tcp(catalogue: Catalogue) -> None:
    assert states([arduino(65280, instance="Arduino", board="mkrwifi1010")], catalogue) == {(65280, "tcp", "listens"): "announced"}


def test_two_transports_of_one_number_are_two_ports(catalogue: Catalogue) -> None:
    found = states([signal("udp.refused", port=3232), signal("tcp.open", port=3232)], catalogue)
    assert found == {(3232, "udp", "listens"): "closed", (3232, "tcp", "listens"): "answered"}


def test_the_surest_word_wins(catalogue: Catalogue) -> None:
    silent = signal("udp.silent", port=3232, tries=2, control="silent")
    assert states([arduino(), silent], catalogue)[3232, "udp", "listens"] == "announced"
    answer = signal("udp.reply", port=3232, protocol="arduinoota")
    assert states([arduino(), silent, answer], catalogue)[3232, "udp", "listens"] == "answered"


def test_a_newer_refusal_outweighs_an_announcement_and_is_pointed_out(catalogue: Catalogue) -> None:
    signals = [arduino(when=1.0), signal("udp.refused", when=2.0, port=3232)]
    found = identify(signals, catalogue)
    assert [(one.port, one.state) for one in found.listeners] == [(3232, PortState.CLOSED)]
    assert [one.value for one in found.evidence if one.claim == "warning"] == ["3232/udp is announced and refuses"]
    assert states([arduino(when=3.0), signals[1]], catalogue)[3232, "udp", "listens"] == "announced"


def test_a_spa_dials_out_to_ports_that_nobody_probed(catalogue: Catalogue) -> None:
    spa = signal("udp.reply", port=30303, protocol="microchip-announce", name="BWGSPA", mac="00:15:27:e4:00:9d")
    refused = signal("tcp.refused", port=3197)
    found = states([spa, refused], catalogue)
    assert found[3197, "tcp", "dials-out"] == "not-probed"
    assert found[3199, "tcp", "dials-out"] == "not-probed"
    assert found[3197, "tcp", "listens"] == "closed"


def test_a_broadcast_is_sent_and_not_listened_to(catalogue: Catalogue) -> None:
    found = identify([signal("udp.reply", port=65506, protocol="wled-sync", name="Shelf", type="ESP32", unit=1, build=1)], catalogue)
    assert [(one.port, one.direction, one.service) for one in found.listeners] == [(65506, Direction.ANNOUNCES, "wled-sync")]


def test_the_telling_service_names_a_shared_port(catalogue: Catalogue) -> None:
    signals = [service("_http._tcp", "Shelf", 80), service("_wled._tcp", "Shelf", 80), signal("http.reply", port=80, path="/json/info")]
    (port,) = identify(signals, catalogue).listeners
    assert (port.state, port.service) == (PortState.ANSWERED, "_wled._tcp")


def test_a_bare_port_is_named_by_what_the_family_uses_it_for(catalogue: Catalogue) -> None:
    found = identify([signal("udp.silent", port=3232, tries=2, control="refused")], catalogue)
    assert [one.service for one in found.listeners] == ["upload invitation"]


def test_the_update_port_of_an_esphome_node_is_known_but_not_probed(catalogue: Catalogue) -> None:
    found = states([esphome("ESP8266"), signal("udp.refused", port=8266)], catalogue)
    assert found[8266, "tcp", "listens"] == "not-probed"
    assert found[8266, "udp", "listens"] == "closed"
    assert found[6053, "tcp", "listens"] == "announced"


def test_listeners_are_sorted(catalogue: Catalogue) -> None:
    signals = [signal("udp.refused", port=port) for port in (8266, 2040, 3232)] + [esphome()]
    found = identify(signals, catalogue).listeners
    assert list(found) == sorted(found)
