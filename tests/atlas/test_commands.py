"""The local check commands: exact, one set per system, and none that harms the device that is asked."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.check_note import PLACES
from discover.atlas.commands import Remote, check_commands
from discover.atlas.explain import explain
from discover.atlas.loader import all_ports

SINGLE = [note.first for note in all_ports() if note.first == note.last]


@pytest.mark.parametrize("port", SINGLE)
def test_every_port_of_the_atlas_has_commands_for_every_system(port: int) -> None:
    commands = explain(port).check_local
    assert set(commands) <= set(PLACES)
    for looked_for, places in commands.items():
        assert {"linux", "macos", "windows"} <= set(places)
        assert set(places) <= set(PLACES[looked_for])


@given(port=st.integers(min_value=1, max_value=65535))
def test_commands_filter_exactly_and_ask_for_no_more_rights_than_they_need(port: int) -> None:
    commands = check_commands(port, port, ("tcp", "udp"), outbound=True)
    for places in commands.values():
        for place, command in places.items():
            assert "grep" not in command
            assert "findstr" not in command
            assert str(port) in command
            assert command.startswith("sudo ") == (place == "remote" and "nmap -sU" in command)
    assert commands["udp"]["linux"] == f"ss -H -lun 'sport = :{port}'"
    assert "dport" in commands["outbound"]["linux"]
    assert "-RemotePort" in commands["outbound"]["windows"]


@pytest.mark.parametrize("port", [3155, 3232, 2362, 12345])
def test_no_advised_scan_sends_an_empty_datagram(port: int) -> None:
    remote = explain(port, "udp").check_local["udp"].get("remote", "")
    assert "nmap -sU" not in remote or "--data-string 1" in remote


@pytest.mark.parametrize("port", [port for port in SINGLE if port in (2040, 3231, 3232, 8266, 8892)])
def test_update_ports_are_checked_by_espied_and_not_scanned(port: int) -> None:
    for places in explain(port).check_local.values():
        assert places["remote"].startswith("espied check ")
        assert places["remote"].endswith(f" HOST:{port}")


@pytest.mark.parametrize("port", [502, 4257, 4403, 6668, 65280])
def test_no_command_connects_to_a_port_that_suffers_from_it(port: int) -> None:
    explanation = explain(port)
    assert not any("remote" in places for places in explanation.check_local.values())
    assert explanation.notes[0].startswith("Do not connect to it to find out.")


def test_ranges_are_filtered_as_ranges() -> None:
    commands = check_commands(3127, 3198, ("tcp",))["tcp"]
    assert commands["linux"] == "ss -H -ltn 'sport >= :3127 and sport <= :3198'"
    assert commands["macos"] == "lsof -nP -iTCP:3127-3198 -sTCP:LISTEN"
    assert commands["windows"] == "Get-NetTCPConnection -State Listen -LocalPort (3127..3198)"


def test_nothing_remote_where_hands_are_off() -> None:
    assert "remote" not in check_commands(4257, 4257, ("tcp",), remote=Remote.NONE)["tcp"]


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs ss")
def test_the_command_for_linux_finds_the_listener_and_only_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = _run(check_commands(port, port, ("tcp",))["tcp"]["linux"])
        assert f"127.0.0.1:{port} " in found
        # A number that is the beginning of the other: what grep would have found.
        assert f":{port} " not in _run(check_commands(port // 10, port // 10, ("tcp",))["tcp"]["linux"])
        assert f":{port} " in _run(check_commands(port - 1, port, ("tcp",))["tcp"]["linux"])


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs ss")
def test_the_command_for_linux_finds_a_udp_listener_that_a_tcp_search_misses() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        commands = check_commands(port, port, ("tcp", "udp"))
        assert f":{port} " in _run(commands["udp"]["linux"])
        assert f"127.0.0.1:{port} " not in _run(commands["tcp"]["linux"])


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs ss")
def test_the_command_for_outgoing_connections_finds_the_far_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            found = _run(check_commands(port, port, (), outbound=True)["outbound"]["linux"])
            assert len(found.splitlines()) == 1  # the client's side alone, not the accepted one


def _run(command: str) -> str:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=20).stdout


def test_every_combination_gives_what_was_asked_for() -> None:
    for tcp, udp, outbound in itertools.product((False, True), repeat=3):
        wanted = [name for name, on in (("tcp", tcp), ("udp", udp)) if on]
        assert set(check_commands(80, 80, wanted, outbound=outbound)) == {*wanted, *(("outbound",) if outbound else ())}
