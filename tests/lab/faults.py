"""The faults of the matrix, each as a context that makes it and takes it away again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.lab.lan import Host, run
from tests.lab.matrix import Cell, Fault
from tests.lab.world import AWAY, ROOT, World

CALLBACK_PORT = 40000
LOSS = 20
"""One frame in so many is lost."""

Inject = Callable[[World, Sequence[Cell]], AbstractContextManager[None]]


@contextlib.contextmanager
def nothing(world: World, cells: Sequence[Cell]) -> Iterator[None]:
    """Change nothing."""
    del world, cells
    yield


@contextlib.contextmanager
def firewall(host: Host, rules: str) -> Iterator[None]:
    """Load an nftables ruleset in a host's namespace. Raises RuntimeError with nft's words."""
    done = subprocess.run(host.argv(["nft", "-f", "-"]), input=rules, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        host.run("nft", "flush", "ruleset", check=True)


def guarded(rules: str, hook: str = "input", policy: str = "accept") -> Inject:
    """Return the fault of a firewall on the computer that asks."""

    @contextlib.contextmanager
    def inject(world: World, cells: Sequence[Cell]) -> Iterator[None]:
        table = f"table inet filter {{\nchain {hook} {{\ntype filter hook {hook} priority 0; policy {policy}; {rules}\n}}\n}}\n"
        with firewall(world.computers[cells[0].fault.scanner], table):
            yield

    return inject


def routed(rules: str, kind: str = "type filter hook forward priority 0;") -> Inject:
    """Return the fault of a router that has a chain of rules."""

    @contextlib.contextmanager
    def inject(world: World, cells: Sequence[Cell]) -> Iterator[None]:
        del cells
        assert world.router is not None
        with firewall(world.router, f"table ip path {{\nchain c {{\n{kind} {rules}\n}}\n}}\n"):
            yield

    return inject


def switched(rules: Callable[[World, Sequence[Cell]], str]) -> Inject:
    """Return the fault of a switch that has a chain of rules."""

    @contextlib.contextmanager
    def inject(world: World, cells: Sequence[Cell]) -> Iterator[None]:
        switch = Host(world.lan, "sw", world.lan.switch, "", "")
        hook = "type filter hook forward priority 0;"
        with firewall(switch, f"table bridge path {{\nchain c {{\n{hook} {rules(world, cells)}\n}}\n}}\n"):
            yield

    return inject


def cut(world: World, cells: Sequence[Cell]) -> str:
    """Rules that let no frame of the devices pass, either way."""
    return " ".join(f'iifname "{port}" drop; oifname "{port}" drop;' for port in ports(world, cells))


def lossy(world: World, cells: Sequence[Cell]) -> str:
    """Rules that drop every LOSS-th frame to a device, and every LOSS-th from it."""
    one = f"numgen inc mod {LOSS} == {LOSS // 2} drop;"
    return " ".join(f'iifname "{port}" {one} oifname "{port}" {one}' for port in ports(world, cells))


def mute(world: World, cells: Sequence[Cell]) -> str:
    """Rules that let no mDNS pass."""
    del world, cells
    return "udp dport 5353 drop;"


def ports(world: World, cells: Sequence[Cell]) -> list[str]:
    """The switch's ports of the devices."""
    return [world.devices[cell.gadget.id].port for cell in cells]


@contextlib.contextmanager
def asleep(world: World, cells: Sequence[Cell]) -> Iterator[None]:
    """Nobody answers, and the neighbour table still knows them."""
    with switched(cut)(world, cells):
        for cell in cells:
            device = world.devices[cell.gadget.id]
            run(
                "ip", "-n", world.scanner.namespace, "neigh", "replace", device.address, "lladdr", device.mac, "dev", "eth0", "nud", "stale"
            )
        yield


@contextlib.contextmanager
def isolated(world: World, cells: Sequence[Cell]) -> Iterator[None]:
    """Bridge port isolation: isolated ports reach only those that are not."""
    every = [*ports(world, cells), *(host.port for name, host in world.computers.items() if name != "routed")]

    def set_all(word: str) -> None:
        for port in every:
            run("ip", "netns", "exec", world.lan.switch, "bridge", "link", "set", "dev", port, "isolated", word)

    set_all("on")
    try:
        yield
    finally:
        set_all("off")


def turned(mode: str) -> Inject:
    """Return the fault of devices that listen otherwise (gadget.py)."""

    @contextlib.contextmanager
    def inject(world: World, cells: Sequence[Cell]) -> Iterator[None]:
        try:
            for cell in cells:
                world.become(cell.gadget, mode)
            yield
        finally:
            for cell in cells:
                world.become(cell.gadget, "normal")

    return inject


def rivalled(kind: str) -> Inject:
    """Return the fault of another computer whose uploads are under way (rival.py)."""

    @contextlib.contextmanager
    def inject(world: World, cells: Sequence[Cell]) -> Iterator[None]:
        rival, words = world.computers["rival"], []
        for cell in cells:
            gadget = cell.gadget
            what = "esphome" if gadget.simulate[0] == "esphome" else kind
            words.append(f"{what}={world.devices[gadget.id].address}:{gadget.number}:{gadget.password}")
        argv = rival.argv([sys.executable, str(ROOT / "tests/lab/rival.py"), rival.address, *words])
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"ready\n", process.stderr.read().decode()
            time.sleep(0.2)  # what the devices log of it is not espied's
            yield
        finally:
            process.terminate()
            process.communicate(timeout=10)
            for cell in cells:  # an ESP8266 waits for ever for what was held back
                world.become(cell.gadget, "normal")

    return inject


@contextlib.contextmanager
def elsewhere(world: World, cells: Sequence[Cell]) -> Iterator[None]:
    """Lead the devices' names to the rival's address, in the scanner's own /etc/hosts."""
    rival = world.computers["rival"].address
    folder = Path("/etc/netns") / world.scanner.namespace  # ip netns exec shows its files in /etc of that namespace alone
    folder.mkdir(parents=True)
    try:
        lines = ["127.0.0.1 localhost", *(f"{rival} {cell.gadget.host}.local" for cell in cells)]
        (folder / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield
    finally:
        (folder / "hosts").unlink(missing_ok=True)
        folder.rmdir()
        with contextlib.suppress(OSError):  # others may have theirs there
            folder.parent.rmdir()


_ANSWERS = "ct state established,related accept; icmp type echo-request accept; udp dport 5353 accept; iifname lo accept;"

FAULTS: dict[str, Inject] = {
    "healthy": nothing,
    "absent": switched(cut),
    "asleep": asleep,
    "wrong-port": nothing,
    "closed": turned("closed"),
    "http-on-port": turned("http"),
    "echo-on-port": turned("echo"),
    "firewall-drop": guarded(f"tcp dport {CALLBACK_PORT} drop;"),
    "firewall-reject": guarded(f"tcp dport {CALLBACK_PORT} reject with tcp reset;"),
    "firewall-default": guarded(_ANSWERS, policy="drop"),
    "firewall-out": guarded("udp dport 5353 accept; ip daddr 10.83.0.0/24 reject;", hook="output"),
    "other-subnet": nothing,
    "path-drops-udp": routed("meta l4proto udp drop;"),
    "path-drops-callback": routed(f"ip daddr {AWAY} tcp flags & (syn | ack) == syn drop;"),
    "nat": routed("oifname eth0 masquerade;", "type nat hook postrouting priority 100;"),
    "callback": nothing,
    "slash-32": nothing,
    "isolated": isolated,
    "waitauth": rivalled("waitauth"),
    "busy": rivalled("update"),
    "loss": switched(lossy),
    "power-save": nothing,
    "unresolvable": switched(mute),
    "elsewhere": elsewhere,
    "wrong-password": nothing,
}


@contextlib.contextmanager
def inject(world: World, fault: Fault, cells: Sequence[Cell]) -> Iterator[None]:
    """Make a fault for a row's devices, with empty neighbour tables to begin with."""
    world.lan.flush()
    with FAULTS[fault.id](world, cells):
        yield
