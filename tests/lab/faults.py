"""The faults of the matrix, each as a context that makes it and takes it away again."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.lab.lan import Host, run
from tests.lab.matrix import Fault, Gadget
from tests.lab.world import AWAY, ENV, ROOT, World

CALLBACK_PORT = 40000
LOSS = 20
"""One frame in so many is lost."""

Inject = Callable[[World, Sequence[Gadget]], AbstractContextManager[None]]


@contextlib.contextmanager
def nothing(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
    """Change nothing."""
    del world, gadgets
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
    def inject(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
        table = f"table inet filter {{\nchain {hook} {{\ntype filter hook {hook} priority 0; policy {policy}; {rules}\n}}\n}}\n"
        with contextlib.ExitStack() as stack:
            for gadget in gadgets:
                stack.enter_context(firewall(world.computer("scanner", gadget), table))
            yield

    return inject


def routed(rules: str, kind: str = "type filter hook forward priority 0;") -> Inject:
    """Return the fault of a router that has a chain of rules."""

    @contextlib.contextmanager
    def inject(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
        del gadgets
        assert world.router is not None
        with firewall(world.router, f"table ip path {{\nchain c {{\n{kind} {rules}\n}}\n}}\n"):
            yield

    return inject


def switched(rules: Callable[[World, Sequence[Gadget]], str]) -> Inject:
    """Return the fault of a switch that has a chain of rules."""

    @contextlib.contextmanager
    def inject(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
        switch = Host(world.lan, "sw", world.lan.switch, "", "")
        hook = "type filter hook forward priority 0;"
        with firewall(switch, f"table bridge path {{\nchain c {{\n{hook} {rules(world, gadgets)}\n}}\n}}\n"):
            yield

    return inject


def cut(world: World, gadgets: Sequence[Gadget]) -> str:
    """Rules that let no frame of the devices pass, either way."""
    return " ".join(f'iifname "{port}" drop; oifname "{port}" drop;' for port in ports(world, gadgets))


def lossy(world: World, gadgets: Sequence[Gadget]) -> str:
    """Rules that drop every LOSS-th frame to a device, and every LOSS-th from it."""
    one = f"numgen inc mod {LOSS} == {LOSS // 2} drop;"
    return " ".join(f'iifname "{port}" {one} oifname "{port}" {one}' for port in ports(world, gadgets))


def mute(world: World, gadgets: Sequence[Gadget]) -> str:
    """Rules that let no mDNS pass."""
    del world, gadgets
    return "udp dport 5353 drop;"


def ports(world: World, gadgets: Sequence[Gadget]) -> list[str]:
    """The switch's ports of the devices."""
    return [world.devices[gadget.id].port for gadget in gadgets]


@contextlib.contextmanager
def asleep(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
    """Nobody answers, and the neighbour table still knows them."""
    with switched(cut)(world, gadgets):
        for gadget in gadgets:
            device, scanner = world.devices[gadget.id], world.computer("scanner", gadget)
            row = (device.address, "lladdr", device.mac, "dev", "eth0", "nud", "stale")
            run("ip", "-n", scanner.namespace, "neigh", "replace", *row)
        yield


@contextlib.contextmanager
def isolated(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
    """Bridge port isolation: isolated ports reach only those that are not."""
    every = [*ports(world, gadgets), *(host.port for host in world.scanners)]

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
    def inject(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
        try:
            for gadget in gadgets:
                world.become(gadget, mode)
            yield
        finally:
            for gadget in gadgets:
                world.become(gadget, "normal")

    return inject


def rivalled(kind: str) -> Inject:
    """Return the fault of another computer whose uploads are under way (rival.py)."""

    @contextlib.contextmanager
    def inject(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
        rival, words = world.rival, []
        for gadget in gadgets:
            what = "esphome" if gadget.simulate[0] == "esphome" else kind
            words.append(f"{what}={world.devices[gadget.id].address}:{gadget.number}:{gadget.password}")
        argv = rival.argv([sys.executable, str(ROOT / "tests/lab/rival.py"), rival.address, *words])
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"ready\n", process.stderr.read().decode()
            time.sleep(0.2)  # what the devices log of it is not espied's
            yield
        finally:
            process.terminate()
            process.communicate(timeout=10)
            for gadget in gadgets:  # an ESP8266 waits for ever for what was held back
                world.become(gadget, "normal")

    return inject


@contextlib.contextmanager
def elsewhere(world: World, gadgets: Sequence[Gadget]) -> Iterator[None]:
    """Lead the devices' names to the rival's address, in each scanner's own /etc/hosts."""
    # `ip netns exec` shows these files in /etc, to that namespace alone.
    folders = {gadget.id: Path("/etc/netns") / world.computer("scanner", gadget).namespace for gadget in gadgets}
    try:
        for gadget in gadgets:
            folders[gadget.id].mkdir(parents=True)
            lines = f"127.0.0.1 localhost\n{world.rival.address} {gadget.host}.local\n"
            (folders[gadget.id] / "hosts").write_text(lines, encoding="utf-8")
        yield
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others may have theirs there
            Path("/etc/netns").rmdir()


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
def inject(world: World, fault: Fault, gadgets: Sequence[Gadget]) -> Iterator[None]:
    """Make a fault for a row's devices, with empty neighbour tables to begin with."""
    world.lan.flush()
    with FAULTS[fault.id](world, gadgets):
        yield
