"""The JSON of a check: golden bytes, and a schema that is generated, committed and kept fresh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from discover.demo.arduino import ArduinoOtaDevice
from discover.model.check import OtaCheck, Sent, Step, StepState, Verdict
from discover.model.device import Password
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from discover.ota.report import check_schema, render_check, signal_of
from tests.ota.lan import ADDRESS, MAC, arduino, listener

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden")
SCHEMA = ROOT / "docs" / "schema" / "espied.ota-check-1.json"

HOSTILE = OtaCheck(
    host="kitchen\x1b[31m.local",
    address="fe80::20%lan0",
    port=0,
    transport="",
    kind="unknown",
    level=0,
    verdict=Verdict.HOST_DOWN,
    password=Password.UNKNOWN,
    steps=(Step(name="name", state=StepState.FAIL, detail="it said \x1b]0;owned\x07 and \u202ebackwards", fix=""),),
    sent=(Sent(to="[fe80::20%lan0]:3232", transport="udp", bytes_hex="31", why="knock"),),
    when=1_760_000_000.75,
)


async def examined() -> OtaCheck:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: listener(ArduinoOtaDevice(password="secret"))}))
    return await check(network, ADDRESS, device=arduino())


async def test_the_document_is_the_golden_one() -> None:
    assert render_check(await examined()) == (GOLDEN / "arduino-password.json").read_bytes()


async def test_documents_keep_to_the_schema() -> None:
    schema = json.loads(check_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for result in (await examined(), HOSTILE):
        jsonschema.validate(json.loads(render_check(result)), schema)


@pytest.mark.parametrize(
    ("key", "value"), [("schema", "espied.ota-check/2"), ("verdict", "open"), ("password", True), ("steps", [{"name": "x"}]), ("extra", 1)]
)
async def test_the_schema_refuses_what_the_contract_does_not_have(key: str, value: Any) -> None:
    broken = json.loads(render_check(await examined())) | {key: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, json.loads(check_schema()))


def test_the_committed_schema_is_fresh() -> None:
    assert SCHEMA.read_bytes() == check_schema(), "write check_schema() to docs/schema/espied.ota-check-1.json"


def test_no_control_character_reaches_the_document() -> None:
    text = render_check(HOSTILE).decode()
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\\u001b" not in text
    assert "\u202e" not in text


def test_the_time_is_whole_seconds_in_utc() -> None:
    assert json.loads(render_check(HOSTILE))["checked"] == "2025-10-09T08:53:20Z"


async def test_a_check_becomes_a_signal_for_the_inventory() -> None:
    signal = signal_of(await examined(), interface="lan0", mono=7.5)
    assert (signal.kind, signal.peer, signal.interface, signal.mono) == ("ota.checked", ADDRESS, "lan0", 7.5)
    assert dict(signal.fields) == {
        "ota": "arduino",
        "port": 3232,
        "transport": "udp",
        "level": 2,
        "verdict": "ready-needs-password",
        "password": "yes",
    }
