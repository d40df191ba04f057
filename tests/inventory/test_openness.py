"""Which devices take firmware without a password: three honest groups, from what they said themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from discover.inventory.openness import CHECKED_RULE, Openness, openness, word_of, words_of
from discover.model.device import (
    Confidence,
    Device,
    Direction,
    Evidence,
    FamilyVerdict,
    Listener,
    OtaStatus,
    Password,
    PortState,
)
from discover.model.signal import Source


def device(kind: str = "arduino", password: Password = Password.UNKNOWN, *, family: str = "x", **more: object) -> Device:
    status = OtaStatus(kind=kind, port=3232, transport="udp", password=password, verdict="announced", checked=None)
    verdict = FamilyVerdict(id=family, title=family, confidence=Confidence.CERTAIN, score=90)
    return Device(id="x", name="x", family=verdict, ota=replace(status, **more))  # type: ignore[arg-type]


def said(value: str, rule: str) -> Evidence:
    return Evidence(claim="ota_password", value=value, weight=90, rule=rule, source=Source.MDNS, when=1.0, why="it says so")


@pytest.mark.parametrize(
    ("one", "says", "why"),
    [
        (device(password=Password.NO), Openness.OPEN, "without a password: auth_upload=no in its announcement."),
        (device(password=Password.YES), Openness.LOCKED, "asks for a password on 3232/udp: auth_upload=yes in its announcement."),
        (device(), Openness.UNSAID, "Nothing that it announced"),
        (device("esphome"), Openness.UNSAID, "an encrypted API says nothing of it"),
        (device("http", family="wled"), Openness.UNSAID, "OTA lock"),
        (device("pull", family="tasmota"), Openness.UNSAID, "WebPassword"),
        (device("http"), Openness.UNSAID, "on its web page"),
        (device("pull"), Openness.UNSAID, "fetches its firmware itself"),
        (device("something-new"), Openness.UNSAID, "does not announce"),
    ],
)
def test_each_device_is_in_one_group_and_says_why(one: Device, says: Openness, why: str) -> None:
    word = word_of(one)
    assert word is not None
    assert openness(one) is word.openness is says
    assert why in word.why


@pytest.mark.parametrize("one", [Device(id="x", name="x"), device("none", Password.NO)])
def test_what_cannot_be_updated_over_the_network_is_in_none(one: Device) -> None:
    assert openness(one) is None
    assert words_of([one]) == ()


def test_a_password_that_only_a_check_found_is_called_that() -> None:
    checked = replace(device("esphome", Password.NO, checked=99.0), evidence=(said("no", CHECKED_RULE),))
    word = word_of(checked)
    assert word is not None
    assert (word.openness, word.checked) == (Openness.OPEN, 99.0)
    assert "its answer to a check" in word.why
    told = replace(device(password=Password.NO, checked=99.0), evidence=(said("no", CHECKED_RULE), said("no", "families/arduino-ota#0")))
    assert "in its announcement" in getattr(word_of(told), "why", "")


def test_a_port_that_refused_when_asked_is_not_kept_quiet() -> None:
    assert "refused when it was last asked" in getattr(word_of(device(password=Password.NO, verdict="closed")), "why", "")


@pytest.mark.parametrize(("state", "says"), [(PortState.ANSWERED, Openness.UNSAID), (PortState.CLOSED, None)])
def test_webrepl_counts_where_its_port_was_heard(state: PortState, says: Openness | None) -> None:
    port = Listener(port=8266, transport="tcp", direction=Direction.LISTENS, state=state, service="", source=Source.TCP)
    board = replace(device(family="micropython-webrepl"), ota=None, listeners=(port,))
    assert openness(board) is says
