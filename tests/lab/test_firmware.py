"""The real ESPHome firmware in the lab: found, named, explained, checked, and left in peace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.conftest import MACS, Home
from tests.peers.esphome_host import EsphomeFirmware

pytestmark = [pytest.mark.lab, pytest.mark.peer, pytest.mark.timeout(600)]
SCAN = ("scan", "--interface", "eth0", "--seconds", "4", "--format", "json", "--no-save")


def log(home: Home, name: str) -> str:
    return (home.logs / f"lab-{name}.log").read_text(encoding="utf-8", errors="replace")


def check(home: Home, name: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = home.espied("check", "-i", "eth0", "--format", "json", home.hosts[name].address, *arguments)
    assert "Traceback" not in done.err, done.err
    document: dict[str, Any] = json.loads(done.out)
    return done.code, document


def test_a_scan_finds_it_with_family_ports_and_evidence_and_does_not_connect_to_it(home: Home, firmware: EsphomeFirmware) -> None:
    before = {name: log(home, name) for name in ("node", "open")}
    done = home.espied(*SCAN)
    assert done.code == 0, done.err
    found = {device["mac"]: device for device in json.loads(done.out)["devices"]}
    for name in ("node", "open"):
        device = found[MACS[name]]
        assert device["family"] == {"id": "esphome", "title": device["family"]["title"], "confidence": "certain"}
        assert device["firmware"] == {"name": "ESPHome", "version": firmware.version}
        assert device["hostname"].startswith(name)
        assert (6053, "tcp", "announced") in {(one["port"], one["transport"], one["state"]) for one in device["listeners"]}
        assert (device["ota"]["kind"], device["ota"]["port"], device["ota"]["transport"]) == ("esphome", 3232, "tcp")
        assert any("_esphomelib._tcp" in one["why"] for one in device["evidence"])
        # A default scan opens no connection that the firmware would log.
        assert log(home, name) == before[name]


def test_the_check_is_ready_and_the_log_holds_nothing_but_the_handshake(home: Home, firmware: EsphomeFirmware) -> None:
    del firmware
    for name in ("node", "open"):
        before = len(log(home, name).splitlines())
        code, document = check(home, name)
        assert (code, document["kind"], document["level"]) == (0, "esphome", 2), document["steps"]
        # It answers, and whether it wants a password is what this level does not ask: no word claims to know.
        assert (document["verdict"], document["password"]) == ("ready", "unknown"), document["steps"]
        assert [one["bytes_hex"] for one in document["sent"] if one["transport"] != "mdns" and one["bytes_hex"] not in {"", "31"}] == [
            "6c26f75c45"
        ]
        news = [line for line in log(home, name).splitlines()[before:] if "esphome.ota" in line]
        assert news, "the firmware never saw the handshake"
        assert all("Starting handshake" in line or "Remote closed at read feature" in line for line in news), news
