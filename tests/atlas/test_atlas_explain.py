"""Explaining a port from its number alone: four layers, honest about what a number cannot tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.explain import GADGET_ADVICE, QUIET_ADVICE, explain, system_service
from discover.atlas.family import Family, FamilyPort
from discover.atlas.loader import all_ports
from discover.atlas.port import Explanation, PortNote
from discover.errors import UsageError
from discover.model.device import Confidence, Direction

NOTES = [note for note in all_ports() if note.first == note.last]
TRANSPORTS = ("", "tcp", "udp")


def no_services(_port: int, _transport: str) -> str:
    return ""


def explained(port: int, transport: str = "") -> Explanation:
    return explain(port, transport, services=no_services)


def everything(explanation: Explanation) -> str:
    parts = [
        explanation.title,
        explanation.conclusion.text,
        explanation.risk,
        explanation.expected_when,
        explanation.if_unexpected,
        *explanation.notes,
        *(f"{one.who} {one.what}" for one in explanation.practice),
        *(event.what for event in explanation.history),
        *(f"{claim.text} {claim.correction}" for claim in explanation.claims),
    ]
    return "\n".join(parts)


# -- any number ------------------------------------------------------------------------------------------


@given(port=st.integers(min_value=0, max_value=65535), transport=st.sampled_from(TRANSPORTS))
def test_any_port_is_explained_and_a_number_alone_is_never_an_identification(port: int, transport: str) -> None:
    explanation = explained(port, transport)
    assert explanation.title.startswith(f"{port}/{transport} - " if transport else f"{port} - ")
    assert explanation.registry.source
    assert explanation.conclusion.text.endswith(".")
    assert explanation.conclusion.confidence in (Confidence.POSSIBLE, Confidence.UNKNOWN)
    assert explanation.told == ()
    assert explanation.if_unexpected
    assert all(one.transport == transport for one in explanation.practice if transport)
    assert set(explanation.check_local) >= ({transport} if transport else set())


@pytest.mark.parametrize("note", NOTES, ids=lambda note: str(note.first))
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_port_of_the_atlas_is_explained_in_every_transport(note: PortNote, transport: str) -> None:
    explanation = explained(note.first, transport)
    assert explanation.registry == note.registry
    assert explanation.claims == note.claims
    assert explanation.history == note.history
    assert "without a note" not in explanation.title
    known = [one for one in note.practice if transport in ("", one.transport)]
    assert list(explanation.practice) == known
    credible = any(one.confidence in ("confirmed", "reported") for one in known)
    assert explanation.conclusion.confidence == ("possible" if credible else "unknown")


@given(port=st.one_of(st.integers(max_value=-1), st.integers(min_value=65536)))
def test_what_is_no_port_is_a_usage_error(port: int) -> None:
    with pytest.raises(UsageError, match="not a port"):
        explained(port)


@given(transport=st.text(max_size=8).filter(lambda text: text.strip().lower() not in TRANSPORTS))
def test_what_is_no_transport_is_a_usage_error(transport: str) -> None:
    with pytest.raises(UsageError, match="not a transport"):
        explained(3232, transport)


def test_transports_are_read_without_case() -> None:
    assert explained(3232, " UDP ").transport == "udp"


@pytest.mark.parametrize(
    ("port", "status", "said"),
    [
        (0, "reserved", "Port 0 is reserved"),
        (999, "not in this atlas", "System port"),
        (12345, "not in this atlas", "ask the registry itself: https://www.iana.org/"),
        (60000, "dynamic", "never assigned to anybody"),
    ],
)
def test_a_number_without_a_note_is_placed_in_its_range_and_no_more(port: int, status: str, said: str) -> None:
    explanation = explained(port)
    assert explanation.registry.status == status
    assert said in explanation.registry.description.replace("A s", "S")
    assert explanation.registry.name == ""
    assert explanation.practice == ()
    assert explanation.conclusion.confidence == "unknown"
    assert explanation.direction == ""


def test_high_numbers_are_said_to_be_mostly_the_clients_side() -> None:
    assert any("32768-60999" in note for note in explained(40000).notes)
    assert any("client's side" in note for note in explained(65280).notes)
    assert not any("32768" in note for note in explained(3232).notes)


@pytest.mark.parametrize("port", [3232, 8266])
def test_a_port_with_two_update_services_names_each_ones_devices_and_check(port: int) -> None:
    udp, tcp, both = explained(port, "udp"), explained(port, "tcp"), explained(port)
    assert any("ArduinoOTA" in one for one in udp.families)
    assert not any("ESPHome" in one for one in udp.families)
    assert any("ESPHome" in one for one in tcp.families)
    assert not any("ArduinoOTA" in one for one in tcp.families)
    assert set(both.families) == {*udp.families, *tcp.families}
    assert udp.check_local["udp"]["remote"] == f"espied check HOST:{port}"
    assert tcp.check_local["tcp"]["remote"] == f"espied check --kind esphome HOST:{port}"


# -- the system's own list -----------------------------------------------------------------------------------


def test_the_systems_name_is_kept_apart_from_the_registrys() -> None:
    explanation = explain(3232, "udp", services=lambda port, transport: f"name-of-{port}-{transport}")
    assert explanation.system_name == "name-of-3232-udp"
    assert explanation.registry.name == "mdtp"
    assert "name-of" not in explanation.title + explanation.conclusion.text


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"tcp": "x11", "udp": "x11"}, "x11"),
        ({"tcp": "http"}, "http"),
        ({"tcp": "irc", "udp": "tuya"}, "irc (tcp), tuya (udp)"),
        ({}, ""),
    ],
)
def test_names_that_differ_by_transport_are_told_apart(names: dict[str, str], said: str) -> None:
    assert explain(6667, services=lambda _port, transport: names.get(transport, "")).system_name == said


def test_a_system_without_a_services_list_has_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_port: int, _transport: str) -> str:
        raise OSError("port/proto not found")

    monkeypatch.setattr("socket.getservbyport", missing)
    assert system_service(80, "tcp") == ""
    assert explain(80, "tcp").system_name == ""


# -- what an expert wants to see (facts/ports.md, section 5) --------------------------------------------------


@pytest.mark.parametrize(
    ("port", "transport", "direction", "title"),
    [
        (3232, "udp", "listens", "3232/udp - ArduinoOTA invitation (ESP32)"),
        (3232, "tcp", "listens", "3232/tcp - ESPHome OTA (ESP32)"),
        (3232, "", "listens", "3232 - ArduinoOTA invitation (ESP32) (udp); ESPHome OTA (ESP32) (tcp)"),
        (3197, "tcp", "dials-out", "3197/tcp - Digi EDP to the cloud, unencrypted (outgoing)"),
        (3197, "", "dials-out", "3197 - Digi EDP to the cloud, unencrypted (outgoing, TCP)"),
        (3197, "udp", "", "3197/udp - registered with 3197/tcp, no known use"),
        (3199, "tcp", "dials-out", "3199/tcp - Digi EDP to the cloud over TLS (outgoing)"),
        (3237, "", "listens", "3237 - appareNet Test Packet Sequencer by registration (2002)"),
        (3155, "tcp", "", "3155/tcp - jpegmpeg by registration, no known use"),
        (3297, "udp", "listens", "3297/udp - Cytel licence manager by registration"),
        (8266, "udp", "listens", "8266/udp - ArduinoOTA invitation (ESP8266) or ESPEasy"),
        (8266, "tcp", "listens", "8266/tcp - ESPHome OTA (ESP8266) or MicroPython WebREPL"),
        (6666, "udp", "announces", "6666/udp - Tuya broadcast (protocol 3.1)"),
        (4257, "udp", "", "4257/udp - no known use on UDP (TCP: Balboa spa control)"),
        (12345, "tcp", "", "12345/tcp - a user port without a note in this atlas"),
    ],
)
def test_number_transport_and_direction_stand_together(port: int, transport: str, direction: str, title: str) -> None:
    explanation = explained(port, transport)
    assert explanation.title == title
    assert explanation.direction == direction


def test_3197_dials_out_and_is_not_to_be_probed_but_looked_for_in_the_router() -> None:
    explanation = explained(3197, "tcp")
    assert explanation.conclusion.text == (
        "3197/tcp is a port that Digi-based modules (a Balboa spa's Wi-Fi module among them) dial out to, in Digi's cloud and unencrypted. "
        "It is no listener of the gadget, so probing it finds nothing; an outgoing connection to it points to such a module. A host on the "
        "LAN that does listen on 3197/tcp is something else and worth a look."
    )
    assert set(explanation.check_local) == {"tcp", "outbound"}
    assert any("router's connection or NAT table" in note for note in explanation.notes)
    assert any("UDP 30303" in note and "UDP 2362" in note and "00:15:27" in note for note in explanation.notes)
    assert [(note.first, note.last) for note in explanation.ranges] == [(3127, 3198)]


def test_3232_udp_is_the_invitation_and_the_firmware_travels_by_tcp() -> None:
    explanation = explained(3232, "udp")
    assert "ArduinoOTA listener of an ESP32" in explanation.conclusion.text
    assert "does not prove it" in explanation.conclusion.text
    assert "TCP connection which the ESP32 opens back" in explanation.practice[0].what
    assert any("two legs" in note and "firewall" in note for note in explanation.notes)
    assert any("no harmless test" in note for note in explanation.notes)
    assert not any("ESPHome" in one.who for one in explanation.practice)


def test_3232_tcp_is_esphome_and_not_arduino() -> None:
    explanation = explained(3232, "tcp")
    assert [one.who for one in explanation.practice] == ["ESPHome node on ESP32"]
    assert "not ArduinoOTA, which listens on UDP" in explanation.conclusion.text


def test_8266_belongs_to_four() -> None:
    conclusion = explained(8266).conclusion.text
    assert all(name in conclusion for name in ("ArduinoOTA", "ESPEasy", "ESPHome", "WebREPL"))


@pytest.mark.parametrize("port", [3155, 3237, 3297])
def test_registered_names_without_a_use_at_home_point_to_the_host(port: int) -> None:
    explanation = explained(port)
    assert "identify the host, not the number" in explanation.conclusion.text
    assert explanation.if_unexpected == QUIET_ADVICE
    assert GADGET_ADVICE not in everything(explanation)


def test_history_never_becomes_a_conclusion() -> None:
    for port in (3127, 3155, 3197, 3198, 3232, 54321):
        for transport in TRANSPORTS:
            text = explained(port, transport).conclusion.text
            assert not any(word in text for word in ("Slao", "bo2k", "Back Orifice", "infected"))
            assert "Mydoom" not in text or "nor the Mydoom range" in text


def test_frightening_names_stand_only_under_the_registry() -> None:
    assert explained(6053, "tcp").registry.name == "x11"
    assert "false alarm" in explained(6053, "tcp").conclusion.text
    assert "bo2k" not in explained(54321).title + explained(54321).conclusion.text
    assert "ircu" not in explained(6668).title + explained(6668).conclusion.text


def test_silence_is_never_called_open() -> None:
    for port in (2362, 3155, 12345):
        notes = "\n".join(explained(port, "udp").notes)
        assert "never 'open'" in notes


def test_the_other_transport_is_named_where_this_one_has_no_use() -> None:
    assert "what is known of the number is 22/tcp: Raspberry Pi" in explained(22, "udp").conclusion.text


def test_receivers_on_the_computer_are_said_to_be_that() -> None:
    for port in (4002, 38900):
        assert "the computer that controls" in explained(port, "udp").practice[0].who


def test_doubtful_uses_are_said_to_be_doubtful() -> None:
    explanation = explained(12121, "tcp")
    assert explanation.conclusion.confidence == "unknown"
    assert "No source for that was found" in explanation.conclusion.text


# -- families of the catalogue ----------------------------------------------------------------------------


LAMP = Family(
    id="lamp",
    title="Lamp",
    summary="A lamp.",
    kind="light",
    port=(
        FamilyPort(port=4712, transport="udp", direction=Direction.ANNOUNCES, role="beacon", explanation="says hello", source="lamp.c"),
        FamilyPort(port=80, transport="tcp", direction=Direction.LISTENS, role="web page", explanation="shows", source="lamp.c"),
    ),
)


def test_families_explain_a_number_that_the_atlas_does_not_hold() -> None:
    explanation = explain(4712, families=[LAMP], services=no_services)
    assert explanation.title == "4712 - beacon (Lamp)"
    assert explanation.direction == "announces"
    assert explanation.practice[0].source == "lamp.c"
    assert explanation.families == ("Lamp",)
    assert "listen instead of probing" in explanation.conclusion.text
    assert explanation.conclusion.confidence == "possible"


def test_families_are_named_beside_what_the_atlas_knows() -> None:
    explanation = explain(80, "tcp", families=[LAMP], services=no_services)
    assert "Lamp" in explanation.families
    assert not any(one.who == "Lamp" for one in explanation.practice)


def test_families_of_the_other_transport_are_left_out() -> None:
    assert explain(4712, "tcp", families=[LAMP], services=no_services).practice == ()
