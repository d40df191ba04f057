"""The real ESPHome firmware on the ports of five platforms: checked, then updated by ESPHome's own client, then checked again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.lab.conftest import REASON
from tests.lab.lan import Host, Lan
from tests.lab.services import esphome
from tests.lab.world import ENV, espied
from tests.peers.esphome_host import EsphomeFirmware, build, interpreter, unavailable

pytestmark = [pytest.mark.lab, pytest.mark.peer, pytest.mark.timeout(600)]
T = TypeVar("T")
WORD = "a real password"
STARTED = "Over-The-Air updates"
PLATFORMS = (
    ("esp32", "ESP32", 3232, WORD),
    ("esp8266", "ESP8266", 8266, WORD),
    ("host", "", 8082, WORD),
    ("rp2040", "RP2040", 2040, ""),
    ("bk72xx", "BK7231N", 8892, ""),
)
"""Name, announced platform, its default port (esphome components/esphome/ota/__init__.py), and the password."""
CLIENT = """
import sys
from pathlib import Path
from esphome.espota2 import run_ota
print("RESULT", *run_ota(sys.argv[1], int(sys.argv[2]), sys.argv[3] or None, Path(sys.argv[4])))
"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Node:
    """A running firmware, and what it logs."""

    host: Host
    firmware: EsphomeFirmware
    folder: Path
    scanner: Host
    known: Path
    """The inventory that checks begin with."""

    @property
    def program(self) -> Path:
        return self.folder / "program"

    def log(self) -> list[str]:
        """What the OTA component logged so far."""
        text = _COLOUR.sub("", (self.folder / "log").read_text(encoding="utf-8", errors="replace"))
        return [line.split("]: ", 1)[1] for line in text.splitlines() if "[esphome.ota" in line and "]: " in line]

    def start(self) -> None:
        """Start it; after an update it starts itself."""
        argv = self.host.argv(["stdbuf", "-oL", str(self.program)])
        env = {**os.environ, "HOME": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=env)
        self.host.processes.append(process)

    def said(self, text: str) -> int:
        """How often the log has ``text``."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace").count(text)

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until the log has ``text`` so many times. Raises AssertionError with the log."""
        deadline = time.monotonic() + 20
        while self.said(text) < count:
            assert time.monotonic() < deadline, f"{self.host.name} never said {text!r}:\n" + "\n".join(self.log()[-20:])
            time.sleep(0.05)

    def check(self, *arguments: str, password: str = "") -> dict[str, Any]:
        """Check it from the scanner, by what it announces."""
        database = self.folder / "known.db"
        shutil.copyfile(self.known, database)
        words = ("--db", str(database), "check", self.host.address, "-i", "eth0", "-f", "json", *arguments)
        done = self.scanner.run(*espied(*words), env={**ENV, "ESPIED_OTA_PASSWORD": password})
        assert done.stdout, done.stderr.decode()
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def upload(self) -> str:
        """Let ESPHome's own client replace the firmware by itself; what it said."""
        words = [self.host.address, str(self.firmware.ota_port), self.firmware.password, str(self.firmware.program)]
        done = self.scanner.run(interpreter(), "-c", CLIENT, *words, timeout=120)
        return (done.stdout + done.stderr).decode(errors="replace")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Build five nodes and put them on a LAN of their own, announced by avahi as their platform would be."""
    if reason := REASON or unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("esphome")
    with Lan("10.86.0.0/24", "e") as lan:
        scanner, running = lan.host("scanner", 2, "02:00:5e:00:0d:02"), []
        for index, (name, platform, port, password) in enumerate(PLATFORMS):
            host = lan.host(name, 11 + index, f"24:6f:28:00:0d:{11 + index:02x}")
            firmware = build(folder, password=password, ota_port=port, mac=host.mac, again=True)
            node = Node(host, firmware, tmp_path_factory.mktemp(name), scanner, folder / "known.db")
            shutil.copy2(firmware.program, node.program)  # it updates itself on a valid upload: never run the cached one
            host.avahi(node.folder, {"node": esphome(name, host.mac, version=firmware.version, platform=platform)})
            node.start()
            running.append(node)
        for node in running:
            node.wait_for(STARTED)
        time.sleep(2.0)  # avahi's probes and second announcement
        scan = scanner.run(*espied("--db", str(folder / "known.db"), "scan", "-i", "eth0", "--seconds", "4", "-f", "json"), env=ENV)
        found = {device["mac"]: (device["ota"] or {}).get("port") for device in json.loads(scan.stdout)["devices"]}
        assert [found.get(node.host.mac) for node in running] == [node.firmware.ota_port for node in running], found
        yield running


def each(nodes: list[Node], what: Callable[[Node], T]) -> list[T]:
    """Do the same to all nodes at once."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(what, nodes))


HARMLESS = r"Starting handshake.*|Remote closed at read (magic|feature)|Over-The-Air.*|  (Address|Version|Partition|Password).*"
LEFT = r"Client left after the handshake|Read size failed.*"
"""Of a client that leaves before the size: ESPHome 2026.10, and 2026.6."""
CHECKS: dict[str, tuple[str, str, str]] = {
    # the password to try; what the log may say beyond HARMLESS; the verdict of a node with a password
    "default": ("", "", "ready"),
    "right-password": (WORD, LEFT, "ready-needs-password"),
    "wrong-password": ("not this one", rf"{LEFT}|Auth: Password mismatch", "blocked"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_after_a_check_esphomes_own_client_uploads_at_once(nodes: list[Node], name: str) -> None:
    password, more, locked = CHECKS[name]
    arguments = ("--password", "--yes") if password else ()
    before = {node.host.name: len(node.log()) for node in nodes}
    for node, document in zip(nodes, each(nodes, lambda node: node.check(*arguments, password=password)), strict=True):
        assert (document["kind"], document["port"]) == ("esphome", node.firmware.ota_port), document
        assert document["verdict"] == (locked if node.firmware.password else "ready"), (node.host.name, document)
        news = node.log()[before[node.host.name] :]
        assert any("Starting handshake" in line for line in news), news
        assert [line for line in news if not re.fullmatch(f"{HARMLESS}|{more}", line)] == [], node.host.name
    starts = {node.host.name: node.said(STARTED) for node in nodes}
    for node, said in zip(nodes, each(nodes, Node.upload), strict=True):
        assert "RESULT 0" in said, (node.host.name, said, node.log()[-20:])
        node.wait_for("Update complete")
    # The firmware starts itself anew from the file it was given; a check finds that ready as before.
    for node in nodes:
        node.wait_for(STARTED, starts[node.host.name] + 1)
    assert [document["verdict"] for document in each(nodes, Node.check)] == ["ready"] * len(nodes)
    time.sleep(0.3)  # what the nodes log of that is no news to the next check
