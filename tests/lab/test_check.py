"""What ``espied check`` says of the lab's devices, and what it does to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import Home
from tests.lab.lan import capture

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]


def check(home: Home, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = home.espied("check", "--interface", "eth0", "--format", "json", *arguments)
    assert "Traceback" not in done.err, done.err
    document: dict[str, Any] = json.loads(done.out)
    assert document["schema"] == "espied.ota-check/1"
    return done.code, document


def happened(home: Home, name: str) -> list[str]:
    return [line for line in home.log(name) if "callback" in line or "flash" in line or "restart" in line]


@pytest.mark.parametrize(
    ("name", "code", "verdict", "level", "kind"),
    [
        ("bench", 0, "ready-needs-password", 2, "arduino"),
        ("esp8266", 0, "ready-needs-password", 2, "arduino"),
        ("noauth", 0, "likely", 1, "arduino"),
        ("mute", 0, "likely", 1, "arduino"),
        ("plain", 1, "closed", 1, "unknown"),
        ("silent", 1, "no-answer", 1, "unknown"),
    ],
)
def test_the_check_says_the_truth(home: Home, name: str, code: int, verdict: str, level: int, kind: str) -> None:
    got, document = check(home, home.hosts[name].address)
    assert (document["verdict"], document["level"], document["kind"]) == (verdict, level, kind), document["steps"]
    assert got == code
    assert all(step["detail"] for step in document["steps"])
    if name in {"bench", "esp8266", "noauth"}:
        assert happened(home, name) == []


def test_an_absent_host_is_down(home: Home) -> None:
    code, document = check(home, str(home.lan.network[200]))
    assert (code, document["verdict"]) == (1, "host-down"), document["steps"]


def test_without_a_password_the_handshake_needs_the_users_word(home: Home) -> None:
    code, document = check(home, home.hosts["noauth"].address, "--level", "2", "--yes")
    assert (code, document["verdict"]) == (0, "ready"), document["steps"]
    # The one thing that level 2 does to a device without a password: its error callback, and nothing else.
    assert happened(home, "noauth") == ["callback onError(BEGIN)"]


def test_the_next_upload_is_not_swallowed_after_a_check(home: Home) -> None:
    """A protected device waits for a password after an invitation; the check must not leave it there."""
    address = home.hosts["bench"].address
    first = check(home, address)[1]
    second = check(home, address)[1]
    assert first["verdict"] == second["verdict"] == "ready-needs-password"
    states = [line for line in home.log("bench") if line.startswith("state")]
    assert states[-1] == "state idle"


@pytest.mark.parametrize("name", ["bench", "esp8266", "noauth", "mute", "plain", "silent", "kitchen"])
def test_default_checks_send_only_what_the_design_allows_and_say_all_of_it(home: Home, tmp_path: Path, name: str) -> None:
    address = home.hosts[name].address
    with capture(home.scanner, tmp_path / "check.pcap") as sent:
        document = check(home, address)[1]
    to_device = [one for one in sent if one.to == address and (one.transport == "udp" or one.fresh)]
    for one in to_device:
        invitation = one.payload.split()
        harmless = len(invitation) == 4 and invitation[0] == b"0" and invitation[2] == b"0"
        assert one.transport == "tcp" or one.payload == b"1" or harmless, one
    told = sorted((one["to"], one["bytes_hex"]) for one in document["sent"] if one["transport"] == "udp")
    assert told == sorted((f"{one.to}:{one.port}", one.payload.hex()) for one in to_device if one.transport == "udp")
    asked = sorted(one.payload.hex() for one in sent if one.transport == "udp" and one.port == 5353)
    assert asked == sorted(one["bytes_hex"] for one in document["sent"] if one["transport"] == "mdns")
