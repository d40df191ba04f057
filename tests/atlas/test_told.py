"""What one device told about its port, and what follows: certain only from an answer, never from silence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.explain import explain
from discover.atlas.port import Explanation
from discover.model.device import (
    Confidence,
    Device,
    Direction,
    FamilyVerdict,
    Listener,
    OtaStatus,
    Password,
    PortState,
)
from discover.model.signal import KINDS, Field, Signal, Source
from discover.text import is_clean

SOURCES = {"mdns": Source.MDNS, "udp": Source.UDP, "tcp": Source.TCP, "http": Source.HTTP, "ota": Source.OTA, "neighbour": Source.NEIGHBOUR}
ESP32 = FamilyVerdict(id="arduino-ota-esp32", title="ESP32 with ArduinoOTA", confidence=Confidence.LIKELY, score=80)
SPA = FamilyVerdict(id="balboa-spa", title="Balboa spa", confidence=Confidence.CERTAIN, score=97)


def signal(kind: str, *, when: float = 1000.0, **fields: Field) -> Signal:
    source = SOURCES.get(kind.split(".", maxsplit=1)[0], Source.SCAN)
    return Signal(when=when, mono=0.0, source=source, interface="eth0", peer="192.168.1.7", kind=kind, fields=fields)


def device(*signals: Signal, **changes: object) -> Device:
    return Device(id="mac:24:6f:28:00:00:01", name="bench", signals=signals, **changes)  # type: ignore[arg-type]


def listener(port: int, transport: str, state: PortState, service: str = "", direction: Direction = Direction.LISTENS) -> Listener:
    return Listener(port=port, transport=transport, direction=direction, state=state, service=service, source=Source.UDP)


def asked(port: int, transport: str, one: Device) -> Explanation:
    return explain(port, transport, device=one, services=lambda _port, _transport: "")


def arduino(*, when: float = 1000.0) -> Signal:
    return signal("mdns.service", when=when, type="_arduino._tcp", instance="bench", port=3232, txt=("board=esp32", "auth_upload=yes"))


def test_an_announcement_of_arduino_is_about_udp_although_it_says_tcp() -> None:
    explanation = asked(3232, "udp", device(arduino()))
    assert [told.text for told in explanation.told] == ["announced _arduino._tcp on port 3232 as 'bench', with a password"]
    assert explanation.told[0].source == "mdns"
    assert explanation.conclusion.confidence == "likely"
    assert explanation.conclusion.text == (
        "bench announces _arduino._tcp (ArduinoOTA invitation (ESP32)) on 3232/udp. "
        "That is its own word; nobody has seen the port answer yet."
    )
    assert asked(3232, "tcp", device(arduino())).told == ()


def test_the_library_for_other_boards_is_announced_alike_and_listens_on_tcp() -> None:
    one = device(signal("mdns.service", type="_arduino._tcp", instance="mkr", port=65280, txt=("auth_upload=yes",)))
    assert asked(65280, "tcp", one).conclusion.confidence == "likely"
    assert asked(65280, "udp", one).told == ()


def test_silence_beside_a_refusing_control_port_is_likely_and_never_open() -> None:
    knocked = device(signal("udp.silent", port=3232, tries=2, control="refused"), family=ESP32)
    explanation = asked(3232, "udp", knocked)
    assert explanation.told[0].text == "stayed silent after 2 knocks on 3232/udp, while a control port refused"
    assert explanation.conclusion.confidence == "possible"
    assert "That is how ArduinoOTA behaves" in explanation.conclusion.text
    assert "open" not in explanation.conclusion.text.replace("opens", "")


def test_silence_and_a_fitting_family_are_likely() -> None:
    role = listener(3232, "udp", PortState.LIKELY, "ArduinoOTA invitation")
    explanation = asked(3232, "udp", device(signal("udp.silent", port=3232, tries=2, control="refused"), family=ESP32, listeners=(role,)))
    assert explanation.conclusion.confidence == "likely"
    assert "As ESP32 with ArduinoOTA it would be: ArduinoOTA invitation (ESP32)." in explanation.conclusion.text
    assert len(explanation.told) == 1  # the listener only repeats the signal


def test_silence_everywhere_means_nothing() -> None:
    explanation = asked(3232, "udp", device(signal("udp.silent", port=3232, tries=2, control="silent")))
    assert explanation.conclusion.confidence == "unknown"
    assert "Silence is never 'open'" in explanation.conclusion.text


def test_an_answer_in_the_protocol_is_certain() -> None:
    explanation = asked(3232, "udp", device(arduino(), signal("udp.reply", port=3232, protocol="arduinoota", text="AUTH", nonce_bits=256)))
    assert explanation.conclusion.confidence == "certain"
    assert explanation.conclusion.text == "bench speaks ArduinoOTA on 3232/udp: it answered in that protocol."
    assert [told.source for told in explanation.told] == ["udp", "mdns"]
    assert "a nonce of 256 bits" in explanation.told[0].text


def test_an_answer_in_an_unknown_protocol_proves_a_listener_and_no_more() -> None:
    explanation = asked(9999, "udp", device(signal("udp.reply", port=9999, protocol="unknown", text="hello")))
    assert explanation.conclusion.confidence == "possible"
    assert "text hello" in explanation.told[0].text


@pytest.mark.parametrize("port", [3197, 3199])
def test_a_host_that_listens_on_an_edp_port_is_odd_and_stays_unidentified(port: int) -> None:
    one = device(signal("tcp.open", port=port), listeners=(listener(port, "tcp", PortState.ANSWERED, "unexpected listener"),))
    explanation = asked(port, "tcp", one)
    assert explanation.direction == "listens"
    assert explanation.conclusion.confidence == "unknown"
    assert "accepts connections" in explanation.conclusion.text
    assert "That is not the normal case" in explanation.conclusion.text
    assert "dial out to" in explanation.conclusion.text
    assert "not the normal case" in explanation.if_unexpected
    assert "switch the suspect device off" in explanation.if_unexpected
    assert "Mydoom" not in explanation.conclusion.text


def test_a_spa_is_expected_to_dial_out_which_nobody_can_see_from_here() -> None:
    dials = listener(3197, "tcp", PortState.NOT_PROBED, "cloud", Direction.DIALS_OUT)
    explanation = asked(3197, "tcp", device(family=SPA, listeners=(dials,)))
    assert explanation.direction == "dials-out"
    assert explanation.told == ()
    assert explanation.conclusion.confidence == "possible"
    assert "bench is taken for Balboa spa, and such devices dial out to 3197/tcp" in explanation.conclusion.text


def test_a_refused_tcp_port_says_nothing_about_udp() -> None:
    one = device(signal("tcp.refused", port=3232), arduino(), listeners=(listener(3232, "udp", PortState.ANNOUNCED, "_arduino._tcp"),))
    explanation = asked(3232, "tcp", one)
    assert explanation.conclusion.confidence == "certain"
    assert explanation.conclusion.text.endswith("Its 3232/udp is another service and not concerned.")


def test_a_newer_refusal_outweighs_an_announcement_and_an_older_one_does_not() -> None:
    newer = asked(3232, "udp", device(arduino(when=1000), signal("udp.refused", port=3232, when=1001)))
    assert newer.conclusion.confidence == "certain"
    assert "the announcement is out of date" in newer.conclusion.text
    older = asked(3232, "udp", device(arduino(when=1001), signal("udp.refused", port=3232, when=1000)))
    assert older.conclusion.confidence == "likely"
    assert len(older.told) == 2


@pytest.mark.parametrize(
    ("verdict", "confidence"),
    [
        ("ready", "certain"),
        ("ready-needs-password", "certain"),
        ("announced", "likely"),
        ("likely", "possible"),
        ("no-answer", "unknown"),
        ("closed", "certain"),
        ("wrong-service", "possible"),
    ],
)
def test_the_verdict_of_a_check_goes_as_far_as_it_goes(verdict: str, confidence: str) -> None:
    checked = signal("ota.checked", ota="arduino", port=3232, transport="udp", level=2, verdict=verdict, password="yes")
    explanation = asked(3232, "udp", device(checked))
    assert explanation.told[0].text.startswith("was checked for OTA on 3232/udp: ")
    assert explanation.conclusion.confidence == confidence
    assert asked(3232, "tcp", device(checked)).told == ()


def test_the_update_port_that_follows_from_an_announcement_was_not_asked() -> None:
    status = OtaStatus(
        kind="esphome", port=3232, transport="tcp", password=Password.UNKNOWN, verdict="announced", checked=None, note="By ESPHome."
    )
    explanation = asked(3232, "tcp", device(ota=status))
    assert explanation.told[0].text == "leads by its announcement to an update port, 3232/tcp. By ESPHome."
    assert explanation.conclusion.confidence == "possible"


def test_a_web_page_names_itself() -> None:
    explanation = asked(80, "tcp", device(signal("http.reply", port=80, path="/", status=200, title="WLED", server="x")))
    assert explanation.told[0].text == "answered GET / with status 200 (WLED; x)"
    assert explanation.conclusion.text == "bench speaks HTTP on 80/tcp: it answered in that protocol."


def test_an_open_port_of_no_known_use_stays_unknown() -> None:
    explanation = asked(4711, "tcp", device(signal("tcp.open", port=4711)))
    assert explanation.conclusion.confidence == "unknown"
    assert "the listener is certain and its protocol is not" in explanation.conclusion.text


def test_a_stored_device_without_signals_still_tells_by_its_listeners() -> None:
    explanation = asked(3232, "udp", device(listeners=(listener(3232, "udp", PortState.ANNOUNCED, "_arduino._tcp"),)))
    assert explanation.told[0].text == "3232/udp (_arduino._tcp): announced"
    assert explanation.conclusion.confidence == "likely"


def test_a_role_from_the_catalogue_is_not_taken_for_a_conversation() -> None:
    explanation = asked(4257, "tcp", device(listeners=(listener(4257, "tcp", PortState.ANSWERED, "spa control"),), family=SPA))
    assert explanation.conclusion.confidence == "likely"
    assert "speaks" not in explanation.conclusion.text


def test_a_device_that_said_nothing_leaves_the_number_alone() -> None:
    explanation = asked(3232, "udp", device(signal("udp.refused", port=8266)))
    assert explanation.told == ()
    assert explanation.conclusion.text.startswith("bench has told nothing about this port. On a home LAN, 3232/udp")
    assert explanation.conclusion.confidence == "possible"


def test_both_transports_are_heard_where_none_is_asked_for() -> None:
    one = device(arduino(), signal("tcp.refused", port=3232))
    assert {told.source for told in asked(3232, "", one).told} == {"mdns", "tcp"}


FIELDS = st.dictionaries(
    st.sampled_from(
        ["port", "type", "instance", "txt", "protocol", "text", "control", "tries", "verdict", "transport", "status", "reason"]
    ),
    st.one_of(st.integers(-1, 70000), st.text(max_size=20), st.booleans(), st.tuples(st.text(max_size=10))),
)


@given(
    kinds=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), FIELDS), max_size=6),
    port=st.sampled_from([0, 80, 3197, 3232, 8266, 65280, 4711]),
    transport=st.sampled_from(["", "tcp", "udp"]),
)
def test_whatever_a_device_sends_is_explained_in_clean_words(kinds: list[tuple[str, dict[str, Field]]], port: int, transport: str) -> None:
    signals = [
        Signal(when=1.0, mono=0.0, source=Source.UDP, interface="eth0", peer="", kind=kind, fields={**fields, "port": port})
        for kind, fields in kinds
    ]
    explanation = asked(port, transport, device(*signals))
    assert explanation.conclusion.confidence in tuple(Confidence)
    for told in explanation.told:
        assert told.source
        assert is_clean(told.text)
    silent = all(one.kind in ("udp.silent", "tcp.silent", "udp.unreachable") for one in signals)
    assert not silent or explanation.conclusion.confidence not in ("certain", "likely")


def test_a_refusal_does_not_turn_a_port_round() -> None:
    """3197 is dialled out to; a device that refuses there does not make it a listener's port."""
    refused = Listener(port=3197, transport="tcp", direction=Direction.LISTENS, state=PortState.CLOSED, service="", source=Source.TCP)
    device = Device(id="addr:eth0/192.168.1.9", name="spa", listeners=(refused,))
    assert explain(3197, "tcp", device=device).direction == "dials-out"
    bound = Device(id=device.id, name="odd", listeners=(replace(refused, state=PortState.ANSWERED),))
    assert explain(3197, "tcp", device=bound).direction == "listens"
