"""The budgets of DESIGN section 6: CPU per process, best of N, printed and never asserted.

python -m pytest -m bench -s tests/bench
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import resource
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
ESPIED = [sys.executable, "-m", "tui"]
TICK = os.sysconf("SC_CLK_TCK")


def show(name: str, value: str, budget: str) -> None:
    print(f"  {name:<44} {value:>14}   budget {budget}")


def cpu_ms(argv: list[str]) -> float:
    """User and system CPU of one process that ends by itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def best(measure: Callable[[], float], runs: int = 7) -> float:
    measure()
    return min(measure() for _ in range(runs))


def test_command_line_start() -> None:
    print()
    show("bare python", f"{best(lambda: cpu_ms([sys.executable, '-c', 'pass'])):.0f} ms CPU", "-")
    show("espied --help", f"{best(lambda: cpu_ms([*ESPIED, '--help'])):.0f} ms CPU", "120 ms")
    show("espied explain 3232/udp", f"{best(lambda: cpu_ms([*ESPIED, 'explain', '3232/udp'])):.0f} ms CPU", "150 ms")


FIRST_PACKET = """
import os, resource, sys
def hook(event, args):
    if event in ("socket.sendto", "socket.sendmsg", "socket.connect") and args[1] and isinstance(args[1], tuple):
        used = resource.getrusage(resource.RUSAGE_SELF)
        os.write(2, f"CPU {1000 * (used.ru_utime + used.ru_stime):.1f}\\n".encode())
        os._exit(0)
sys.addaudithook(hook)
sys.argv = ["espied", "scan", "--interface", "lo", "--network", "127.77.0.0/29", "--seconds", "0", "--no-save"]
from tui.cli.main import main
main()
"""


def test_first_packet_of_a_scan() -> None:
    def once() -> float:
        done = subprocess.run([sys.executable, "-c", FIRST_PACKET], capture_output=True, text=True, check=False, timeout=60)
        lines = [line for line in done.stderr.splitlines() if line.startswith("CPU ")]
        assert lines, done.stderr
        return float(lines[0][4:])

    print()
    show("first packet of a scan", f"{best(once, 5):.0f} ms CPU", "250 ms")


@contextlib.contextmanager
def terminal(argv: list[str], columns: int = 100, rows: int = 30) -> Iterator[tuple[int, int]]:
    """Run a program on a pseudo-terminal; yield its process id and the terminal's file descriptor."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(argv[0], argv)  # noqa: S606 - the child becomes the program under test
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    try:
        yield pid, descriptor
    finally:
        with contextlib.suppress(OSError):
            os.write(descriptor, b"q")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and os.waitpid(pid, os.WNOHANG)[0] == 0:
            drain(descriptor, 0.05)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        os.close(descriptor)


def drain(descriptor: int, seconds: float, until: bytes = b"") -> bytes:
    """Read what the program writes for so long, or until it wrote ``until``."""
    out, deadline = b"", time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            try:
                out += os.read(descriptor, 65536)
            except OSError:
                break
            if until and until in out:
                break
    return out


def process_ms(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stream:  # noqa: PTH123 - a kernel file
        fields = stream.read().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICK


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_app_first_paint_and_idle(tmp_path: object) -> None:
    argv = [sys.executable, "-m", "tui", "--db", f"{tmp_path}/bench.db", "demo"]

    def paint() -> float:
        with terminal(argv) as (pid, descriptor):
            drain(descriptor, 20, b"espied")
            return process_ms(pid)

    print()
    show("app: first paint", f"{best(paint, 5):.0f} ms CPU", "450 ms")
    with terminal(argv) as (pid, descriptor):
        drain(descriptor, 20)
        before = process_ms(pid)
        drain(descriptor, 10)
        show("app: idle on the demo LAN for 10 s", f"{(process_ms(pid) - before) / 100:.2f} % CPU", "0 %")


MEMORY = """
import resource, sys
from discover.atlas.loader import load_catalogue
from discover.inventory.fold import Inventory
from discover.model.signal import Signal, Source
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
inventory = Inventory(load_catalogue())
for i in range(10_000):
    mac = f"246f28{i:06x}"
    address = f"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}"
    inventory.add(Signal(when=1.0 + i / 1000, mono=i / 1000, source=Source.MDNS, interface="eth0", peer=address, kind="mdns.service",
        fields={"type": "_esphomelib._tcp", "instance": f"node-{i}", "host": f"node-{i}.local", "port": 6053, "addresses": (address,),
                "txt": (f"mac={mac}", "version=2026.6.5", "platform=ESP32", "board=esp32dev"), "ttl": 4500}))
    if len(sys.argv) > 1:
        told = ":".join(mac[at:at + 2] for at in range(0, 12, 2))
        inventory.add(Signal(when=1.0 + i / 1000, mono=i / 1000, source=Source.NEIGHBOUR, interface="eth0", peer=address,
            kind="neighbour.seen", fields={"mac": told, "state": "reachable"}))
        inventory.add(Signal(when=1.0 + i / 1000, mono=i / 1000, source=Source.UDP, interface="eth0", peer=address,
            kind="udp.refused", fields={"port": 3232}))
snapshot = inventory.snapshot()
assert len(snapshot.devices) == 10_000
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss / 1024, base / 1024, used.ru_utime + used.ru_stime)
"""


def test_memory_of_ten_thousand_devices() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=300)
    peak, base, cpu = map(float, done.stdout.split())
    print()
    show("10,000 devices folded, peak memory", f"{peak:.0f} MB", "150 MB")
    show("  of which before the first signal", f"{base:.0f} MB", "-")
    show("  CPU of folding and the snapshot", f"{cpu:.2f} s", "-")
    more = subprocess.run([sys.executable, "-c", MEMORY, "three"], capture_output=True, text=True, check=True, timeout=300)
    show("with three signals each, peak memory", f"{float(more.stdout.split()[0]):.0f} MB", "150 MB")
