"""What the system refuses: a sentence with what to do, exit code 3, and nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import MACS, Home
from tests.lab.lan import Host, run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
SCAN = ("scan", "--interface", "eth0", "--seconds", "3", "--format", "json", "--no-save")


@pytest.fixture
def visitor(home: Home) -> Iterator[Host]:
    """A second computer on the LAN, for as long as one test."""
    host = home.lan.host("visitor", 70, "02:00:5e:00:01:46")
    time.sleep(0.5)
    yield host
    home.lan.remove(host)


def forbid(host: Host, rule: str) -> None:
    host.run("nft", f"add table inet t; add chain inet t o {{ type filter hook output priority 0; {rule} }}", check=True)


def test_a_firewall_that_forbids_mdns_is_named_and_the_sweep_goes_on(home: Home, visitor: Host) -> None:
    forbid(visitor, "udp dport 5353 drop;")
    done = home.espied(*SCAN, host=visitor)
    assert done.code == 3, done.err
    document = json.loads(done.out)
    assert document["scan"]["complete"] is False
    assert {MACS["silent"], MACS["kitchen"]} <= {device["mac"] for device in document["devices"]}
    assert "no mDNS" in done.err
    assert "firewall" in done.err
    assert "Traceback" not in done.err


def test_a_firewall_that_forbids_all_udp_is_named_once_and_raw_arp_still_tells_who_is_there(home: Home, visitor: Host) -> None:
    forbid(visitor, "meta l4proto udp drop;")
    done = home.espied(*SCAN, host=visitor)
    assert done.code == 3, done.err
    document = json.loads(done.out)
    assert (document["scan"]["addresses"]["tested"], document["scan"]["complete"]) == (253, False)
    assert {MACS["silent"], MACS["kitchen"]} <= {device["mac"] for device in document["devices"]}
    assert "some ports were not asked" in done.err
    assert done.err.count("allow espied") == 1
    assert "Traceback" not in done.err


def test_without_privileges_such_a_firewall_leaves_nothing_tested(visitor: Host, tmp_path: Path) -> None:
    forbid(visitor, "meta l4proto udp drop;")
    done = as_nobody(visitor, tmp_path)
    error = done.stderr.decode()
    assert done.returncode == 3, error
    addresses = json.loads(done.stdout)["scan"]["addresses"]
    assert (addresses["tested"], addresses["untested"]) == (0, 253)
    assert error.count("allow espied") == 1
    assert "Traceback" not in error


def test_a_multicast_route_is_not_needed(home: Home, visitor: Host) -> None:
    run("ip", "-n", visitor.namespace, "route", "del", "default")
    done = home.espied(*SCAN, host=visitor)
    # Multicast goes out by interface, not by route, so nothing is missing.
    assert done.code == 0, done.err
    assert {MACS["silent"], MACS["kitchen"]} <= {device["mac"] for device in json.loads(done.out)["devices"]}
    assert "Traceback" not in done.err


def as_nobody(host: Host, home: Path) -> subprocess.CompletedProcess[bytes]:
    """Scan as user nobody."""
    home.chmod(0o777)
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", sys.executable, "-m", "tui", *SCAN]
    root = str(Path(__file__).parents[2])
    done = host.run(*argv, env={"PYTHONPATH": root, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"})
    if b"No module named" in done.stderr or b"Permission denied" in done.stderr:
        pytest.skip("an unprivileged user may not read this checkout")
    return done


def test_a_scan_needs_no_privileges(visitor: Host, tmp_path: Path) -> None:
    done = as_nobody(visitor, tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    found = {device["mac"]: device for device in json.loads(done.stdout)["devices"]}
    assert MACS["silent"] in found
    states = {(one["port"], one["transport"]): one["state"] for one in found[MACS["plain"]]["listeners"]}
    assert states[3232, "udp"] == "closed"  # ICMP errors are seen without privileges


def test_a_port_in_use_is_no_reason_to_stop(home: Home, visitor: Host) -> None:
    code = "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 1900)); time.sleep(30)"
    visitor.start(sys.executable, "-c", code)
    time.sleep(0.5)
    done = home.espied(*SCAN, host=visitor)
    assert done.code == 0, done.err
    assert "1900" in done.err
    assert MACS["kitchen"] in {device["mac"] for device in json.loads(done.out)["devices"]}


def test_an_empty_lan_says_what_was_done(home: Home) -> None:
    """A network of its own, with nobody in it."""
    lonely = Host(home.lan, "island", f"{home.lan.prefix}-island", "", "")
    run("ip", "netns", "add", lonely.namespace)
    home.lan.hosts.append(lonely)
    for command in (
        ("link", "set", "lo", "up"),
        ("link", "add", "eth0", "type", "veth", "peer", "name", "other"),
        ("addr", "add", "10.81.0.1/28", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "other", "up"),
    ):
        run("ip", "-n", lonely.namespace, *command)
    time.sleep(0.5)
    done = home.espied("scan", "--interface", "eth0", "--seconds", "1", "--no-save", host=lonely)
    assert done.code == 0, done.err
    assert b"No device was found." in done.out
    assert b"13 addresses tested" in done.out
