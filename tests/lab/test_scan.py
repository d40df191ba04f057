"""A default scan of the lab: what it finds, what it sends, and how it ends on bad days."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from discover.probe.ports import CONTROLS
from discover.proto.arduinoota import KNOCK
from tests.lab.conftest import MACS, ROOT, Home
from tests.lab.lan import Host, capture, read_ledger, run
from tests.lab.services import esphome

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
SCAN = ("scan", "--interface", "eth0", "--seconds", "4", "--format", "json")
KNOCKED = {3232, 3231, 3197, 3199, 8266, 2040}


def devices(data: bytes) -> dict[str, dict[str, Any]]:
    """The devices of an exported inventory, by MAC."""
    return {device["mac"]: device for device in json.loads(data)["devices"]}


def states(device: dict[str, Any]) -> dict[tuple[int, str], str]:
    return {(one["port"], one["transport"]): one["state"] for one in device["listeners"]}


@pytest.fixture(scope="module")
def scanned(home: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    """One default scan, recorded."""
    home.lan.flush()
    recording = tmp_path_factory.mktemp("scan") / "lan.ndjson"
    done = home.espied(*SCAN, "--record", str(recording))
    assert done.code == 0, done.err
    return done.out, recording


def test_every_host_of_the_lan_is_listed_even_one_that_answers_nothing_but_arp(home: Home, scanned: tuple[bytes, Path]) -> None:
    found = devices(scanned[0])
    assert {mac for name, mac in MACS.items() if name != "scanner"} <= set(found)
    silent = found[MACS["silent"]]
    assert silent["family"]["id"] == "espressif"
    assert silent["family"]["confidence"] == "possible"
    assert silent["addresses"] == [home.hosts["silent"].address]


@pytest.mark.parametrize(
    ("name", "family", "confidence", "listener", "state"),
    [
        ("kitchen", "esphome", "certain", (6053, "tcp"), "announced"),
        ("bench", "arduino-ota-esp32", "certain", (3232, "udp"), "announced"),
        ("esp8266", "arduino-ota-esp8266", "certain", (8266, "udp"), "announced"),
        ("spa", "balboa-spa", "certain", (30303, "udp"), "answered"),
        ("dialer", "edp-listener", "likely", (3197, "tcp"), "answered"),
        ("mute", None, None, (3232, "udp"), "likely"),
    ],
)
def test_each_device_is_what_it_is(
    scanned: tuple[bytes, Path], name: str, family: str | None, confidence: str | None, listener: tuple[int, str], state: str
) -> None:
    device = devices(scanned[0])[MACS[name]]
    if family is not None:
        assert device["family"]["id"] == family, device["evidence"]
    if confidence is not None:
        assert device["family"]["confidence"] == confidence
    seen = states(device)[listener]
    # A listener that was announced and then stayed silent to a knock beside a refused control may also be "likely".
    assert seen == state or (state == "announced" and seen in {"likely", "answered"}), device["listeners"]
    assert all(one["why"] and one["weight"] for one in device["evidence"])


def test_a_password_is_told_from_the_announcement_alone(scanned: tuple[bytes, Path]) -> None:
    found = devices(scanned[0])
    assert found[MACS["bench"]]["ota"]["password"] == "yes"
    assert found[MACS["noauth"]]["ota"]["password"] == "no"
    assert found[MACS["kitchen"]]["ota"]["kind"] == "esphome"


def test_a_digi_module_that_listens_on_3197_is_a_finding_of_its_own(scanned: tuple[bytes, Path]) -> None:
    device = devices(scanned[0])[MACS["dialer"]]
    assert {(3197, "tcp"), (3199, "tcp")} <= {key for key, state in states(device).items() if state == "answered"}
    assert any(one["claim"] == "warning" and "3197" in one["why"] for one in device["evidence"]), device["evidence"]


def test_coverage_is_complete_and_counted(scanned: tuple[bytes, Path]) -> None:
    scan = json.loads(scanned[0])["scan"]
    assert scan["complete"] is True
    counts = scan["addresses"]
    assert (counts["planned"], counts["tested"], counts["untested"]) == (253, 253, 0)
    assert counts["unanswered"] == 253 - len(
        {address for device in json.loads(scanned[0])["devices"] for address in device["addresses"] if "." in address}
    )
    assert scan["packets_sent"] > 253


def test_replaying_the_recording_gives_the_same_bytes(home: Home, scanned: tuple[bytes, Path]) -> None:
    replayed = home.espied("replay", str(scanned[1]), "--scan", "--format", "json")
    assert replayed.code == 0, replayed.err
    assert replayed.out == scanned[0]


def allowed(to: str, port: int, payload: bytes) -> bool:
    """Tell whether the design allows a datagram of a default scan."""
    if port == 5353:
        return to in {"224.0.0.251", "ff02::fb"} and len(payload) >= 12 and payload[2] & 0x80 == 0  # a question, never an answer
    if port == 30303:
        return payload in {b"Discovery: Who is out there?", b"D"}
    if port == 10022:
        return payload == b"<HELLO>1</HELLO>"
    if port == 2362:
        return payload == b"DIGI\x00\x01\x00\x06\xff\xff\xff\xff\xff\xff"
    if port == 1900:
        return to == "239.255.255.250" and payload.startswith(b"M-SEARCH * HTTP/1.1\r\n")
    return payload == KNOCK and (port in KNOCKED or port >= 1024)


def test_a_default_scan_sends_only_what_the_design_allows_and_the_ledger_agrees_with_the_capture(home: Home, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.ndjson"
    home.lan.flush()
    with capture(home.scanner, tmp_path / "scan.pcap") as sent:
        done = home.espied(*SCAN, "--ledger-file", str(ledger))
    assert done.code == 0, done.err
    datagrams = [one for one in sent if one.transport == "udp"]
    assert [one for one in datagrams if not allowed(one.to, one.port, one.payload)] == []
    assert {one.port for one in sent if one.transport == "tcp"} <= {3197, 3199, 80}
    # What is no known port is a control, in the range that no gadget listens in.
    known = KNOCKED | {30303, 10022, 2362, 5353, 1900}
    controls = {to: {one.port for one in datagrams if one.to == to} - known for to in {one.to for one in datagrams}}
    assert {
        to: ports for to, ports in controls.items() if len(ports) > CONTROLS or any(not 61_000 <= port <= 65_000 for port in ports)
    } == {}

    written = read_ledger(ledger)
    booked = Counter((row["to"], row["port"], row["bytes_hex"]) for row in written if row["transport"] in {"udp", "mdns"})
    # A datagram to an address that nobody has is booked and never leaves: the kernel asks by ARP in vain.
    live = {host.address for host in home.lan.hosts if host.address}

    def reaches(to: object) -> bool:
        return to in live or not str(to).startswith("10.79.0.") or str(to).endswith(".255")

    seen = Counter((one.to, one.port, one.payload.hex()) for one in datagrams)
    assert {key: count for key, count in booked.items() if reaches(key[0])} == dict(seen)
    connects = Counter((row["to"], row["port"]) for row in written if row["transport"] == "tcp" and not row["bytes_hex"])
    syns = Counter((one.to, one.port) for one in sent if one.transport == "tcp" and one.fresh)
    assert {key: count for key, count in connects.items() if key[0] in live} == dict(syns)


def test_a_scan_makes_no_device_run_anything(home: Home) -> None:
    names = ("bench", "esp8266", "noauth", "kitchen")
    before = {name: len(home.log(name)) for name in names}
    home.lan.flush()
    assert home.espied(*SCAN, "--no-save").code == 0
    for name in names:
        news = home.log(name)[before[name] :]
        assert [line for line in news if re.search("callback|flash|restart|state", line)] == [], name
    assert any(line.startswith("received") for line in home.log("bench")[before["bench"] :])


def test_no_host_gets_more_than_forty_packets_in_any_second(home: Home, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.ndjson"
    home.lan.flush()
    assert home.espied(*SCAN, "--ledger-file", str(ledger)).code == 0
    times: dict[str, list[float]] = {}
    for row in read_ledger(ledger):
        times.setdefault(str(row["to"]), []).append(float(str(row["mono"])))
    hosts = {host.address for host in home.hosts.values()}
    for to, sent in times.items():
        if to in hosts:
            assert max(sum(1 for one in sent if start <= one < start + 1.0) for start in sent) <= 40, to


def test_ctrl_c_ends_within_a_second_and_prints_what_was_found(home: Home) -> None:
    argv = home.scanner.argv([sys.executable, "-m", "tui", "scan", "-i", "eth0", "--seconds", "60", "--format", "json", "--no-save"])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    time.sleep(4.0)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - start < 1.0, err.decode()
    assert process.returncode == 130, err.decode()
    document = json.loads(out)
    assert document["scan"]["complete"] is False
    assert len(document["devices"]) >= 8


def test_an_interface_that_vanishes_during_a_scan_is_said_and_what_was_found_is_kept(home: Home) -> None:
    lan = home.lan
    visitor = lan.host("visitor", 99, "02:00:5e:00:00:63")
    time.sleep(1.0)
    argv = visitor.argv([sys.executable, "-m", "tui", "scan", "-i", "eth0", "--seconds", "6", "--format", "json", "--no-save"])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    time.sleep(2.5)
    run("ip", "-n", visitor.namespace, "link", "del", "eth0")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3, err.decode()
    assert b"vanished" in err
    assert b"Traceback" not in err
    document = json.loads(out)
    assert document["devices"], err.decode()


def test_without_an_interface_the_exit_code_is_3_and_the_sentence_helps(home: Home) -> None:
    lonely = Host(home.lan, "lonely", f"{home.lan.prefix}-lonely", "", "")
    run("ip", "netns", "add", lonely.namespace)
    home.lan.hosts.append(lonely)
    done = home.espied("scan", "--format", "json", host=lonely)
    assert done.code == 3
    assert done.out == b""
    assert "espied doctor" in done.err
    assert "Traceback" not in done.err
    told = home.espied("doctor", host=lonely)
    assert told.code == 3
    assert b"No interface" in told.out


def test_a_read_only_state_folder_loses_nothing(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "ro", "none", str(folder))
    try:
        done = home.espied("--db", str(folder / "inventory.db"), *SCAN)
    finally:
        run("umount", str(folder))
    assert done.code == 3, done.err
    assert len(devices(done.out)) >= 8
    assert "Traceback" not in done.err


def test_a_full_disk_loses_nothing(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder))
    try:
        done = home.espied("--db", str(folder / "inventory.db"), *SCAN)
    finally:
        run("umount", str(folder))
    assert done.code == 3, done.err
    assert len(devices(done.out)) >= 8
    assert "Traceback" not in done.err


def test_a_foreign_network_is_refused_before_a_packet_is_sent(home: Home, tmp_path: Path) -> None:
    with capture(home.scanner, tmp_path / "foreign.pcap") as sent:
        done = home.espied("scan", "--network", "10.99.0.0/24", "--format", "json")
    assert done.code == 2
    assert [one for one in sent if one.to.startswith("10.99.")] == []
    assert "10.99.0.0/24" in done.err


def test_goodbye_and_power_cut_are_different_words(home: Home) -> None:
    """A responder that ends says goodbye; one that is killed does not."""
    polite = home.lan.host("polite", 60, "24:6f:28:00:00:3c")
    rude = home.lan.host("rude", 61, "24:6f:28:00:00:3d")
    polite.avahi(home.logs, {"node": esphome("polite", polite.mac)})
    rude.avahi(home.logs, {"node": esphome("rude", rude.mac)})
    time.sleep(2.5)
    argv = home.scanner.argv([sys.executable, "-m", "tui", "scan", "-i", "eth0", "--seconds", "8", "--format", "json", "--no-save"])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    time.sleep(4.0)
    for process_of in polite.processes:
        process_of.terminate()
    for process_of in rude.processes:
        process_of.kill()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err.decode()
    found = {device["name"].lower(): device for device in json.loads(out)["devices"]}
    heard = {name: {one["source"]: one for one in found[name]["presence"]["heard"]} for name in ("polite", "rude")}
    generated = json.loads(out)["generated"]
    assert heard["polite"]["mdns"]["expires"] <= generated
    assert heard["rude"]["mdns"]["expires"] > generated
