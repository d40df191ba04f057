"""Run one program in the scanner's namespace, and say what it cost: time, CPU, memory, packets, and what else the machine did."""

from __future__ import annotations

import compileall
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.airlab.lan import INTERFACE, Lan
from tests.bench.airlab.namespaces import ROOT, workshop

NOBODY: Final = "65534"
"""User and group "nobody": no capability, no privilege."""
QUIET: Final = 0.15
"""CPUs' worth of other work at which the machine counts as quiet."""
FOREIGN: Final = 100
"""Neighbours that other namespaces may hold: of the table's 1024, a /22 needs nearly all."""
PATIENCE: Final = 120.0
"""Seconds to wait for a quiet machine before a run is made anyway (and says so)."""
_LOOK: Final = 0.25
_LOCK: Final = Path("/tmp/espied-bench.lock")  # noqa: S108 - one name for all: the kernel's neighbour table is one for all, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one program. Seconds, megabytes, packets on the scanner's interface.

    ``start``: CLOCK_MONOTONIC just before the program was started; ``cpu``: of it and its children; ``others``:
    CPU that neither it nor the lab used while it ran, by which a disturbed run is known.
    """

    stdout: str
    stderr: str
    start: float
    wall: float
    cpu: float
    rss: float
    status: int
    tx: int
    rx: int
    others: float
    crowded: bool
    """Somebody else's namespaces held so many neighbours that the kernel's table, which is one for all, may have been full."""

    @property
    def disturbed(self) -> bool:
        """Tell whether something else took a noticeable part of the machine."""
        return self.crowded or self.others > QUIET + 0.25 * self.wall


def measure(lan: Lan, argv: Sequence[str], *, root: bool, timeout: float, env: Mapping[str, str] | None = None) -> Run:
    """Run ``argv`` to its end in the scanner's namespace, as nobody unless ``root``; it is killed after ``timeout`` seconds."""
    report, home = workshop() / "report.json", workshop() / "home"
    report.unlink(missing_ok=True)
    home.mkdir(exist_ok=True)
    os.chown(home, int(NOBODY), int(NOBODY))
    options = ["-d", str(home), "-o", str(report), *([] if root else ["-u", NOBODY])]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ESPIED_", "PYTHON"))},
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        **(env or {}),
    }
    before, busy, lab, full = lan.scanner.packets(INTERFACE), machine_cpu(), lan.lab_cpu(), neighbour_table().full
    process = subprocess.Popen(
        lan.scanner.argv(argv, *options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
    )
    began = time.monotonic()
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()  # what it measures dies with it (PR_SET_PDEATHSIG)
        stdout, stderr = process.communicate()
        stderr += f"\nkilled after {timeout:.0f} s"
    except BaseException:
        process.kill()
        process.communicate()
        raise
    after = lan.scanner.packets(INTERFACE)
    text = report.read_text(encoding="ascii") if report.exists() else ""
    used = json.loads(text) if text else {"start": began, "wall": timeout, "cpu": 0.0, "rss_kb": 0, "status": -9}
    others = machine_cpu() - busy - (lan.lab_cpu() - lab) - used["cpu"]
    table = neighbour_table()
    # A /24 alone cannot fill the table; in a larger network only what others hold now tells.
    crowded = (table.full > full and lan.truth.network.num_addresses <= FOREIGN * 4) or table.entries - lan.neighbours() > FOREIGN
    return Run(
        stdout=stdout,
        stderr=stderr,
        start=used["start"],
        wall=used["wall"],
        cpu=used["cpu"],
        rss=used["rss_kb"] / 1024,
        status=int(used["status"]),
        tx=after[0] - before[0],
        rx=after[1] - before[1],
        others=max(0.0, others),
        crowded=crowded,
    )


@dataclass(frozen=True, slots=True)
class NeighbourTable:
    """The kernel's IPv4 neighbour table, one for all namespaces: entries now, and how often it was full since the start."""

    entries: int
    full: int


def neighbour_table() -> NeighbourTable:
    """Read the table's statistics: one line of hexadecimal numbers a CPU, under a line of names; zeros where there are none."""
    try:
        names, *lines = Path("/proc/net/stat/arp_cache").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return NeighbourTable(0, 0)
    columns = names.split()
    rows = [dict(zip(columns, (int(word, 16) for word in line.split()), strict=False)) for line in lines]
    return NeighbourTable(
        entries=max((row.get("entries", 0) for row in rows), default=0), full=sum(row.get("table_fulls", 0) for row in rows)
    )


def machine_cpu() -> float:
    """Return the CPU seconds that this machine has worked since it started, on all CPUs."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq = map(int, fields[:7])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(patience: float = PATIENCE) -> bool:
    """Wait until nothing else works on this machine or fills its neighbour table; False after ``patience`` seconds without that."""
    deadline = time.monotonic() + patience
    while True:
        before, began = machine_cpu(), time.monotonic()
        time.sleep(_LOOK)
        if (machine_cpu() - before) / (time.monotonic() - began) <= QUIET and neighbour_table().entries <= FOREIGN:
            return True
        if time.monotonic() > deadline:
            return False


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock by which the runs of several benchmarks on one machine come one after the other."""
    with _LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compile_ours() -> None:
    """Write the byte code of our own modules now: an unprivileged user cannot, and would compile them in every run."""
    for folder in ("discover", "tui", "tests/bench"):
        compileall.compile_dir(ROOT / folder, quiet=2)
