"""The lab's LAN: real responders, simulated devices, and hosts that say little, each in a namespace of its own."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.lan import Host, Lan, why_not
from tests.lab.matrix import load
from tests.lab.services import arduino, esphome, group
from tests.lab.world import World, build_world
from tests.peers.esphome_host import EsphomeFirmware, build, unavailable

ROOT = Path(__file__).parents[2]
REASON = why_not()


@dataclass
class Home:
    """The LAN as the tests know it: who lives where."""

    lan: Lan
    scanner: Host
    hosts: dict[str, Host]
    logs: Path

    def espied(self, *arguments: str, timeout: float = 60.0, host: Host | None = None) -> Run:
        """Run ``espied`` in the scanner's namespace with an inventory of its own."""
        state = self.logs / "state"
        done = (host or self.scanner).run(
            sys.executable,
            "-m",
            "tui",
            *arguments,
            timeout=timeout,
            env={"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(state), "COLUMNS": "120"},
        )
        return Run(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def log(self, name: str) -> list[str]:
        """What happened to a simulated device so far."""
        return (self.logs / f"{name}.log").read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True)
class Run:
    """How a run of espied ended."""

    code: int
    out: bytes
    err: str


def simulate(home: Home, name: str, kind: str, *options: str) -> None:
    """Start a simulated device on a host, and wait until it is bound."""
    host, log = home.hosts[name], home.logs / f"{name}.log"
    argv = [sys.executable, str(Path(__file__).with_name("device.py")), str(log), kind, host.address, *options]
    process = host.start(*argv, env={"PYTHONPATH": str(ROOT)}, log=home.logs / f"{name}.out")
    deadline = time.monotonic() + 15
    while not (log.exists() and "ready" in log.read_text()):
        assert process.poll() is None, (home.logs / f"{name}.out").read_text()
        assert time.monotonic() < deadline, f"{name} did not start"
        time.sleep(0.05)
    log.write_text("")


MACS = {
    "scanner": "02:00:5e:00:00:02",
    "node": "24:6f:28:00:00:11",  # the real firmware, announced by avahi
    "open": "24:6f:28:00:00:12",
    "kitchen": "24:6f:28:00:00:13",
    "bench": "24:6f:28:00:00:14",
    "esp8266": "5c:cf:7f:00:00:15",
    "noauth": "24:6f:28:00:00:16",
    "spa": "00:15:27:00:00:17",
    "dialer": "00:40:9d:00:00:18",
    "mute": "24:6f:28:00:00:19",
    "silent": "24:6f:28:00:00:1a",
    "plain": "02:00:5e:00:00:1b",
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Build the LAN once for all lab tests."""
    if REASON:
        pytest.skip(REASON)
    logs = tmp_path_factory.mktemp("lab")
    with Lan() as lan:
        hosts = {name: lan.host(name, 2 + index, mac) for index, (name, mac) in enumerate(MACS.items())}
        home = Home(lan=lan, scanner=hosts["scanner"], hosts=hosts, logs=logs)
        hosts["kitchen"].avahi(logs, {"node": esphome("kitchen-light", MACS["kitchen"])})
        hosts["bench"].avahi(logs, {"ota": arduino("esp32-246f28000014", 3232, password=True)})
        hosts["esp8266"].avahi(logs, {"ota": arduino("esp8266-000015", 8266, password=True, board="nodemcuv2")})
        hosts["noauth"].avahi(logs, {"ota": arduino("esp32-246f28000016", 3232, password=False)})
        hosts["plain"].avahi(logs, {"web": group("Just a page", ("_http._tcp", 80, ["path=/"]))})
        simulate(home, "bench", "arduino", "variant=esp32", "password=secret")
        simulate(home, "esp8266", "arduino", "variant=esp8266", "password=secret")
        simulate(home, "noauth", "arduino", "variant=esp32")
        simulate(home, "kitchen", "esphome-ota", "password=secret")
        simulate(home, "spa", "balboa", f"mac={MACS['spa']}")
        simulate(home, "dialer", "tcp", "ports=3197,3199")
        simulate(home, "mute", "mute", "port=3232")
        hosts["silent"].run("nft", "add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }", check=True)
        hosts["mute"].run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
        time.sleep(2.0)  # avahi probes for a quarter of a second three times and announces twice, a second apart (RFC 6762 section 8)
        yield home


@pytest.fixture(scope="session")
def firmware(home: Home, tmp_path_factory: pytest.TempPathFactory) -> EsphomeFirmware:
    """The real ESPHome firmware on two hosts of the LAN, announced by avahi: with an OTA password, and without."""
    if reason := unavailable():
        pytest.skip(reason)
    built: EsphomeFirmware | None = None
    for name, password in (("node", "secret"), ("open", "")):
        host, folder = home.hosts[name], tmp_path_factory.mktemp(f"esphome-{name}")
        built = build(folder, name=f"lab-{name}", password=password, mac=host.mac)
        program = folder / f"lab-{name}"
        shutil.copy2(built.program, program)  # it updates itself on a valid upload: never run the cached one
        host.avahi(home.logs, {"node": esphome(f"lab-{name}", host.mac, version=built.version)})
        host.start("stdbuf", "-oL", str(program), log=home.logs / f"lab-{name}.log", env={"HOME": str(folder)})
    deadline = time.monotonic() + 30
    while not all("Over-The-Air" in (home.logs / f"lab-{name}.log").read_text(errors="replace") for name in ("node", "open")):
        assert time.monotonic() < deadline, "the firmware did not come up"
        time.sleep(0.1)
    time.sleep(2.0)  # avahi's probes and second announcement, as above
    assert built is not None
    return built


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Build the LAN of the fault matrix once for all that look at its devices."""
    if REASON:
        pytest.skip(REASON)
    with build_world(tmp_path_factory.mktemp("matrix"), load()) as built:
        yield built


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a line that is seen although a test's output is not."""
    manager = pytestconfig.pluginmanager.getplugin("capturemanager")

    def line(text: str) -> None:
        with manager.global_and_fixture_disabled():
            sys.stdout.write(f"\n{text}")
            sys.stdout.flush()

    return line
