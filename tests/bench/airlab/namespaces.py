"""Network namespaces that surely go away: named after our process id, each held by a process that dies with us."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]
PREFIX = "bench"
TIMEOUT = 30.0
"""Seconds any set-up command may take."""
_numbers = itertools.count(1)


class LabError(RuntimeError):
    """The lab could not be built; the message says what is missing."""


def why_not() -> str:
    """Return "" where a lab can be built, else the reason in one sentence."""
    if not sys.platform.startswith("linux"):
        return "The lab needs Linux network namespaces."
    if os.geteuid() != 0:
        return "The lab needs root to make network namespaces."
    missing = [tool for tool in ("ip", "nft", "sysctl") if shutil.which(tool) is None]
    if compiler() is None:
        missing.append("gcc or cc")
    if missing:
        return f"The lab needs {', '.join(missing)}."
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False, timeout=TIMEOUT)
    return "" if probe.returncode == 0 else "This system does not let us make network namespaces."


def run(*argv: str, check: bool = True, stdin: str | None = None) -> str:
    """Run a set-up command and return what it printed. Raises LabError with its stderr."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if check and done.returncode != 0:
        msg = f"{' '.join(argv)}: {done.stderr.strip()}"
        raise LabError(msg)
    return done.stdout


def compiler() -> str | None:
    """Return the path of a C compiler."""
    return shutil.which("cc") or shutil.which("gcc")


@functools.cache
def workshop() -> Path:
    """Make the folder of this process for compiled helpers and reports: readable by all, gone at exit."""
    folder = Path(tempfile.mkdtemp(prefix="espied-bench-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def helper(name: str) -> str:
    """Compile ``name``.c and return the program's path. Raises LabError."""
    found, program = compiler(), workshop() / name
    if found is None:
        msg = "no C compiler here"
        raise LabError(msg)
    run(found, "-O2", "-Wall", "-o", str(program), str(HERE / f"{name}.c"))
    return str(program)


class Namespace:
    """One network namespace with a mount namespace of its own, held by a process until it is closed."""

    def __init__(self, name: str) -> None:
        self.name = f"{PREFIX}{os.getpid()}-{name}{next(_numbers)}"
        self._processes: list[subprocess.Popen[bytes]] = []
        run("ip", "netns", "add", self.name)
        # `ip netns exec` mounts a /sys that shows this namespace's interfaces; whoever enters later sees it, too.
        argv = ["ip", "netns", "exec", self.name, helper("within"), "self", "--", "sh", "-c", "echo ready; exec sleep infinity"]
        try:
            self.holder = self._start(argv)
            self.command("ip", "link", "set", "lo", "up")
            keys = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            self.command("sysctl", "-qw", *keys, check=False)  # a kernel without IPv6 has none of them
        except BaseException:
            self.close()
            raise

    def argv(self, command: Sequence[str], *options: str) -> list[str]:
        """Return the command as it runs in here; ``options`` are those of within.c."""
        return [helper("within"), str(self.holder.pid), *options, "--", *command]

    def command(self, *command: str, check: bool = True, stdin: str | None = None) -> str:
        """Run a set-up command in here."""
        return run(*self.argv(command), check=check, stdin=stdin)

    def start(self, *command: str, stdin: str = "", env: Mapping[str, str] | None = None, ready: str = "ready") -> subprocess.Popen[bytes]:
        """Start a program in here and wait for the line ``ready`` on its stdout ("": do not wait). Raises LabError."""
        return self._start(self.argv(command), stdin=stdin, env=env, ready=ready)

    def _start(
        self, argv: Sequence[str], *, stdin: str = "", env: Mapping[str, str] | None = None, ready: str = "ready"
    ) -> subprocess.Popen[bytes]:
        log = workshop() / f"{self.name}-{next(_numbers)}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **(env or {})}
            )
        self._processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(stdin.encode())
        process.stdin.close()
        if ready and not process.stdout.readline().decode(errors="replace").startswith(ready):
            msg = f"{' '.join(argv)} did not start: {log.read_text(errors='replace').strip()}"
            raise LabError(msg)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that was started here."""
        if process in self._processes:
            self._processes.remove(process)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        if process.stdout is not None:
            process.stdout.close()

    def packets(self, interface: str) -> tuple[int, int]:
        """Return how many packets the interface has sent and received."""
        for line in Path(f"/proc/{self.holder.pid}/net/dev").read_text(encoding="ascii").splitlines():
            name, _, counters = line.partition(":")
            if name.strip() == interface:
                numbers = counters.split()
                return int(numbers[9]), int(numbers[1])
        msg = f"no interface {interface} in {self.name}"
        raise LabError(msg)

    def cpu(self) -> float:
        """Return the CPU seconds that the processes started here have used."""
        return sum(process_cpu(process.pid) for process in self._processes)

    def neighbours(self) -> int:
        """Return how many entries the neighbour table holds, in whatever state."""
        return len(run("ip", "-n", self.name, "neigh", "show", "nud", "all").splitlines())

    def flush(self) -> None:
        """Empty the neighbour table, as on a machine that has just joined. Raises LabError where it does not become empty."""
        for _ in range(20):
            run("ip", "-n", self.name, "neigh", "flush", "all", check=False)
            run("ip", "-n", self.name, "neigh", "flush", "nud", "failed", check=False)
            left = run("ip", "-n", self.name, "neigh", "show", "nud", "all").splitlines()
            if all("NOARP" in line for line in left):  # multicast and broadcast addresses need no ARP
                return
            time.sleep(0.1)
        msg = f"the neighbour table of {self.name} does not become empty"
        raise LabError(msg)

    def close(self) -> None:
        """End what was started here and remove the namespace; idempotent."""
        for process in reversed(self._processes.copy()):
            self.stop(process)
        run("ip", "netns", "del", self.name, check=False)

    def open_to_all(self) -> None:
        """Let an unprivileged user in here reach the interpreter and this checkout, wherever root keeps them.

        A folder that only root may enter (a pyenv in /root) is covered, in this mount namespace alone, by one
        that all may enter and that holds the needed parts.
        """
        needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT, Path(sysconfig.get_paths()["purelib"]).resolve()}
        covers: dict[Path, set[Path]] = {}
        for path in needed:
            shut = next((one for one in reversed([path, *path.parents]) if not one.stat().st_mode & 0o001), None)
            if shut == path:
                msg = f"{path} cannot be entered by an unprivileged user"
                raise LabError(msg)
            if shut is not None:
                covers.setdefault(shut, set()).add(path)
        for shut, parts in covers.items():
            cover = workshop() / f"{self.name}-cover-{next(_numbers)}"
            cover.mkdir(mode=0o755)
            for part in parts:
                inside = cover / part.relative_to(shut)
                inside.mkdir(parents=True, exist_ok=True)
                self.command("mount", "--bind", str(part), str(inside))
            self.command("mount", "--rbind", str(cover), str(shut))


def process_cpu(pid: int) -> float:
    """Return the CPU seconds (user and system) of a living process, 0.0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def remove_leftovers() -> None:
    """Remove namespaces that a benchmark left behind when it was killed: those named after a process that is gone."""
    for line in run("ip", "netns", "list", check=False).splitlines():
        name = line.split()[0]
        owner = name.removeprefix(PREFIX).partition("-")[0]
        if name.startswith(PREFIX) and owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            run("ip", "netns", "del", name, check=False)
