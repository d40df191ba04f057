"""The LAN of the fault matrix: devices that can be broken, and computers that look at them from different places."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.airlab.namespaces import helper
from tests.lab.lan import Host, Lan, run
from tests.lab.matrix import Fault, Gadget, Matrix
from tests.lab.services import group

ROOT = Path(__file__).parents[2]
AIRLAB = ROOT / "tests" / "bench" / "airlab"
NETWORK, AWAY = "10.83.0.0/24", "10.84.0.0/24"
ROUTER, RIVAL, FIRST, SCANNER, SLASH32, AIR = 1, 5, 11, 61, 81, 101
"""Numbers of the hosts in the network; devices and computers come in rows that begin there."""
SLOWEST = 60.0
"""Seconds after which a check is given up."""


@dataclass(frozen=True)
class Outcome:
    """How one check ended: exit code, document, seconds of the whole process, and what the device logged meanwhile."""

    code: int
    out: str
    err: str
    seconds: float
    log: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document. Raises ValueError where there is none."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class World:
    """Who is where."""

    lan: Lan
    folder: Path
    matrix: Matrix
    devices: dict[str, Host] = field(default_factory=dict)
    computers: dict[str, list[Host]] = field(default_factory=dict)
    router: Host | None = None

    @property
    def scanners(self) -> list[Host]:
        """The computers in the devices' own network."""
        return self.computers["scanner"]

    @property
    def rival(self) -> Host:
        """The computer of somebody else."""
        return self.computers["rival"][0]

    def computer(self, place: str, gadget: Gadget) -> Host:
        """The computer at ``place`` that checks this device.

        Each device has its own, because of two programs on one computer that ask by mDNS only one gets the unicast answers.
        """
        row = self.computers[place]
        return row[self.matrix.gadgets.index(gadget) % len(row)]

    # Devices

    def simulate(self, gadgets: Sequence[Gadget]) -> None:
        """Put the devices on the LAN, and wait until they are bound."""
        for index, gadget in enumerate(gadgets):
            host = self.lan.host(gadget.id, FIRST + index, gadget.mac)
            run("ip", "-n", host.namespace, "route", "add", AWAY, "via", str(self.lan.network[ROUTER]))
            unlimited(host)
            host.avahi(self.folder, self._announced(gadget), gadget.host)
            argv = [
                sys.executable,
                str(ROOT / "tests/lab/gadget.py"),
                str(self._log(gadget)),
                str(self._control(gadget)),
                gadget.simulate[0],
            ]
            argv += [host.address, *gadget.simulate[1:]]
            host.start(*argv, env={"PYTHONPATH": str(ROOT)}, log=self.folder / f"{gadget.id}.out")
            self.devices[gadget.id] = host
        deadline = time.monotonic() + 20
        for gadget in gadgets:
            while not (self._log(gadget).exists() and "ready" in self._log(gadget).read_text()):
                assert time.monotonic() < deadline, (self.folder / f"{gadget.id}.out").read_text()
                time.sleep(0.05)

    def become(self, gadget: Gadget, mode: str) -> None:
        """Change what listens on a device (see gadget.py)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(10)
            control.connect(str(self._control(gadget)))
            control.sendall(f"{mode}\n".encode())
            assert control.recv(16) == b"done\n", (self.folder / f"{gadget.id}.out").read_text()

    def log(self, gadget: Gadget) -> list[str]:
        """What happened to a device so far."""
        return self._log(gadget).read_text(encoding="utf-8").splitlines()

    def _announced(self, gadget: Gadget) -> dict[str, str]:
        if not gadget.announce:
            return {}
        return {"all": group(gadget.id, *((one.type, one.port, one.txt) for one in gadget.announce))}

    def _log(self, gadget: Gadget) -> Path:
        return self.folder / f"{gadget.id}.log"

    def _control(self, gadget: Gadget) -> Path:
        return self.folder / f"{gadget.id}.ctl"

    # Computers

    def place(self, name: str, number: int, count: int = 1) -> list[Host]:
        """Put computers into the devices' network."""
        row = [self.lan.host(f"{name}{one}", one, f"02:00:5e:00:0b:{one:02x}") for one in range(number, number + count)]
        for host in row:
            unlimited(host)
        self.computers[name] = row
        return row

    def place_router(self) -> None:
        """Put a router between the devices' network and another one, and a computer into that."""
        lan = self.lan
        self.router = router = lan.host("router", ROUTER, "02:00:5e:00:0b:01")
        namespace = f"{lan.prefix}-routed"
        run("ip", "netns", "add", namespace)
        address = AWAY.replace(".0/24", ".2")
        host = Host(lan, "routed", namespace, address, "02:00:5e:00:0b:02")
        self.computers["routed"] = [host]
        lan.hosts.append(host)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", router.namespace, "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", namespace)
        run("ip", "-n", router.namespace, "addr", "add", AWAY.replace(".0/24", ".1/24"), "dev", "eth1")
        run("ip", "-n", router.namespace, "link", "set", "eth1", "up")
        run("ip", "-n", namespace, "link", "set", "eth0", "address", host.mac)
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        run("ip", "-n", namespace, "route", "add", "default", "via", AWAY.replace(".0/24", ".1"))
        for key in (
            "ip_forward=1",
            "conf.all.send_redirects=0",
            "conf.eth0.send_redirects=0",
            "conf.all.rp_filter=0",
            "conf.eth0.rp_filter=0",
        ):
            router.run("sysctl", "-qw", f"net.ipv4.{key}")

    def place_slash32(self, count: int) -> None:
        """Put computers into the network whose own address has no network around it."""
        gateway = str(self.lan.network[ROUTER])
        for host in self.place("slash32", SLASH32, count):
            run("ip", "-n", host.namespace, "addr", "flush", "dev", "eth0", "scope", "global")
            run("ip", "-n", host.namespace, "addr", "add", f"{host.address}/32", "dev", "eth0")
            run("ip", "-n", host.namespace, "route", "replace", gateway, "dev", "eth0")
            run("ip", "-n", host.namespace, "route", "replace", "default", "via", gateway)
            host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")

    def place_air(self, count: int, *air: str) -> None:
        """Put computers into the network whose frames go through the airlab's relay, as from behind an access point."""
        lan = self.lan
        namespace = f"{lan.prefix}-relay"
        run("ip", "netns", "add", namespace)
        relay = Host(lan, "relay", namespace, "", "")
        lan.hosts.append(relay)
        row = self.place("air", AIR, count)
        # Their cables go to a switch of their own, and from there a0 and a1 lead to the devices' switch.
        run("ip", "-n", lan.switch, "link", "add", "br1", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", lan.switch, "link", "set", "br1", "up")
        for host in row:
            run("ip", "-n", lan.switch, "link", "set", host.port, "master", "br1")
        for near, far, bridge in (("a0", "r0", "br1"), ("a1", "r1", "br0")):
            run("ip", "-n", namespace, "link", "add", near, "type", "veth", "peer", "name", far, "netns", lan.switch)
            run("ip", "-n", namespace, "link", "set", near, "arp", "off", "up")
            run("ip", "-n", lan.switch, "link", "set", far, "master", bridge, "up")
        for where, names in ((namespace, ("a0", "a1")), (lan.switch, ("r0", "r1")), *((host.namespace, ("eth0",)) for host in row)):
            run("ip", "netns", "exec", where, sys.executable, str(AIRLAB / "offload.py"), *names)
        relay.start(helper("relay"), "a0", "a1", *air, log=self.folder / "relay.out")

    # Checks

    def learn(self) -> None:
        """Let a scan of the healthy network fill the inventory that the checks begin with."""
        done = self.scanners[0].run(
            *espied("--db", str(self.folder / "known.db"), "scan", "-i", "eth0", "--seconds", "4", "-f", "json"), env=ENV
        )
        assert done.returncode == 0, done.stderr.decode()
        found = {device["mac"] for device in json.loads(done.stdout)["devices"]}
        assert {gadget.mac for gadget in self.matrix.gadgets} <= found, found

    def ask(self, fault: Fault, gadgets: Sequence[Gadget]) -> dict[str, Outcome]:
        """Check devices at once, as a row says; the outcomes by device."""
        before = {gadget.id: len(self.log(gadget)) for gadget in gadgets}
        running: dict[str, tuple[float, subprocess.Popen[bytes]]] = {}
        for gadget in gadgets:
            running[gadget.id] = (time.monotonic(), self._start(self.computer(fault.scanner, gadget), fault, gadget))
        ended: dict[str, float] = {}
        while len(ended) < len(running):
            for name, (_, process) in running.items():
                if name not in ended and process.poll() is not None:
                    ended[name] = time.monotonic()
            if len(ended) < len(running):
                slow = [name for name, (begun, _) in running.items() if name not in ended and time.monotonic() - begun > SLOWEST]
                for name in slow:
                    running[name][1].kill()
                time.sleep(0.02)
        time.sleep(0.2)  # what the device logs of the last packet
        outcomes = {}
        for gadget in gadgets:
            begun, process = running[gadget.id]
            out, err = (self._file(fault, gadget, kind).read_text(encoding="utf-8", errors="replace") for kind in ("json", "err"))
            news = tuple(self.log(gadget)[before[gadget.id] :])
            outcomes[gadget.id] = Outcome(process.returncode, out, err, ended[gadget.id] - begun, news)
        return outcomes

    def _start(self, host: Host, fault: Fault, gadget: Gadget) -> subprocess.Popen[bytes]:
        database = self._file(fault, gadget, "db")
        database.unlink(missing_ok=True)
        if fault.known:
            shutil.copyfile(self.folder / "known.db", database)
        where = self.devices[gadget.id].address if fault.host == "address" else f"{gadget.host}.local"
        words = ["--db", str(database), "check", f"{where}:{fault.port}" if fault.port else where, "-f", "json", *gadget.args, *fault.args]
        if fault.scanner in {"routed", "slash32"}:
            words += ["--network", NETWORK, "--own"]
        password = fault.password or (gadget.password if "3" in fault.args else "")
        if password:
            words += ["--password"]
        env = {**ENV, "ESPIED_OTA_PASSWORD": password}
        with self._file(fault, gadget, "json").open("wb") as out, self._file(fault, gadget, "err").open("wb") as err:
            return subprocess.Popen(host.argv(espied(*words)), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)

    def _file(self, fault: Fault, gadget: Gadget, kind: str) -> Path:
        return self.folder / f"{fault.id}-{gadget.id}.{kind}"


ENV = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def unlimited(host: Host) -> None:
    """Lift the kernel's limits on ICMP errors, which are one ration for all that a namespace stands for."""
    for key in ("icmp_ratelimit=0", "icmp_msgs_per_sec=100000", "icmp_msgs_burst=100000"):
        host.run("sysctl", "-qw", f"net.ipv4.{key}")


def espied(*arguments: str) -> list[str]:
    """Return the command line of espied from this checkout."""
    return [sys.executable, "-m", "tui", *arguments]


@contextlib.contextmanager
def build_world(folder: Path, matrix: Matrix) -> Iterator[World]:
    """Build the LAN, start the devices, and scan it once."""
    with Lan(NETWORK, "m") as lan:
        world = World(lan, folder, matrix)
        world.place_router()
        world.place("scanner", SCANNER, len(matrix.gadgets))
        world.place("rival", RIVAL)
        world.place_slash32(len(matrix.gadgets))
        world.place_air(len(matrix.gadgets), "--ps-frac", "100", "--ps-ms", "150", "300")
        world.simulate(matrix.gadgets)
        time.sleep(2.0)  # avahi probes for a quarter of a second three times and announces twice, a second apart (RFC 6762 section 8)
        world.learn()
        yield world
