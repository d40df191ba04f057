"""A small LAN of network namespaces: one bridge, one namespace a host, nothing of this machine touched.

Linux and root only. Every host has a MAC and an address of its own, because addresses that share a MAC
are one device (or a proxy) to espied.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

TIMEOUT = 20.0
"""Seconds any set-up command may take."""
PREFIX = "espied"
_PIDS = 100_000
"""Process ids are shortened to five digits in the names of namespaces."""


def why_not() -> str:
    """Return "" where a lab can be built, else the reason in one line."""
    if os.name != "posix" or not Path("/proc/net").exists():
        return "the lab needs Linux network namespaces"
    if os.geteuid() != 0:
        return "the lab needs root to make network namespaces"
    missing = [tool for tool in ("ip", "tcpdump", "avahi-daemon", "nft") if shutil.which(tool) is None]
    if missing:
        return f"the lab needs {', '.join(missing)}"
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False, timeout=TIMEOUT)
    return "" if probe.returncode == 0 else "this system does not let us make network namespaces"


def run(*argv: str, check: bool = True) -> str:
    """Run a set-up command and return what it printed; its stderr is in the error."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if check and done.returncode != 0:
        msg = f"{' '.join(argv)}: {done.stderr.strip()}"
        raise RuntimeError(msg)
    return done.stdout


def remove_leftovers() -> None:
    """Remove what a killed run left: namespaces named after a process id that nobody has, and what still runs in them."""
    alive = {int(entry.name) % _PIDS for entry in Path("/proc").iterdir() if entry.name.isdecimal()}
    for line in run("ip", "netns", "list", check=False).splitlines():
        name = line.split()[0]
        owner = re.match(rf"{PREFIX}(\d+)[a-z]?-", name)
        if owner is None or int(owner[1]) in alive:
            continue
        for pid in run("ip", "netns", "pids", name, check=False).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", name, check=False)
        shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)


@dataclass
class Host:
    """One namespace with one interface, ``eth0``."""

    lan: Lan
    name: str
    namespace: str
    address: str
    mac: str
    port: str = ""
    """The interface at the switch's end of its cable."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def argv(self, command: Sequence[str]) -> list[str]:
        """Return the command as it runs in this namespace."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def run(
        self, *command: str, timeout: float = 60.0, env: Mapping[str, str] | None = None, check: bool = False
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        return subprocess.run(self.argv(command), capture_output=True, check=check, timeout=timeout, env={**os.environ, **(env or {})})

    def start(self, *command: str, log: Path | None = None, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a command that the LAN stops by its process id when it ends."""
        stream = log.open("wb") if log else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                self.argv(command), stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
            )
        finally:
            if log:
                stream.close()  # type: ignore[union-attr]
        self.processes.append(process)
        return process

    def avahi(self, folder: Path, services: Mapping[str, str], name: str = "", others: Mapping[str, str] | None = None) -> None:
        """Announce a host name (this host's own by default) and services (file name -> avahi service group XML).

        An avahi-daemon of this namespace's own does it; ``others`` are more host names and their addresses.
        """
        where = folder / f"avahi-{self.name}"
        (where / "services").mkdir(parents=True)
        for file, text in services.items():
            (where / "services" / f"{file}.service").write_text(text, encoding="utf-8")
        (where / "avahi.conf").write_text(
            f"[server]\nhost-name={name or self.name}\nuse-ipv4=yes\nuse-ipv6=yes\nenable-dbus=no\nallow-interfaces=eth0\n"
            "[publish]\npublish-workstation=no\npublish-hinfo=no\n[wide-area]\nenable-wide-area=no\n",
            encoding="utf-8",
        )
        lines = [f"{address} {other}.local" for other, address in (others or {}).items()]
        (where / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        script = (
            'mount --bind "$0/services" /etc/avahi/services && mount --bind "$0/hosts" /etc/avahi/hosts && mount -t tmpfs none /run'
            ' && exec avahi-daemon -f "$0/avahi.conf" --no-drop-root --no-rlimits --no-chroot'
        )
        self.start("unshare", "-m", "sh", "-c", script, str(where), log=where / "log")

    def stop(self) -> None:
        """End what was started here."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.processes.clear()


class Lan:
    """The bridge and its hosts; a context manager that leaves nothing behind.

    ``tag`` keeps the namespaces of a second LAN in the same process apart.
    """

    def __init__(self, network: str = "10.79.0.0/24", tag: str = "") -> None:
        self.network = ipaddress.ip_network(network)
        self.prefix = f"{PREFIX}{os.getpid() % _PIDS}{tag}"
        self.switch = f"{self.prefix}-sw"
        self.hosts: list[Host] = []
        self._ports = 0

    def __enter__(self) -> Self:
        remove_leftovers()
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "set", "lo", "up")
        # Snooping would hold multicast back until the first query; a home switch floods it.
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for host in self.hosts:
            host.stop()
        for name in [*(host.namespace for host in self.hosts), self.switch]:
            run("ip", "netns", "del", name, check=False)

    def host(self, name: str, number: int, mac: str) -> Host:
        """Add a host with the network's ``number``-th address and the MAC."""
        namespace = f"{self.prefix}-{name}"
        address = str(self.network[number])
        self._ports += 1
        port = f"p{self._ports}"
        run("ip", "netns", "add", namespace)
        host = Host(self, name, namespace, address, mac, port)
        self.hosts.append(host)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "link", "add", port, "netns", self.switch, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        # Duplicate address detection would keep link-local addresses tentative for two seconds.
        for key in ("all", "default", "eth0"):
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{key}.accept_dad=0", check=False)
        run("ip", "-n", namespace, "link", "set", "eth0", "address", mac)
        run("ip", "-n", self.switch, "link", "set", port, "master", "br0", "up")
        run("ip", "-n", namespace, "addr", "add", f"{address}/{self.network.prefixlen}", "brd", "+", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        run("ip", "-n", namespace, "route", "add", "default", "dev", "eth0")
        return host

    def remove(self, host: Host) -> None:
        """Take a host off the LAN."""
        host.stop()
        self.hosts.remove(host)
        run("ip", "netns", "del", host.namespace, check=False)

    def flush(self) -> None:
        """Empty the neighbour tables, as on a machine that has just joined."""
        for host in self.hosts:
            run("ip", "-n", host.namespace, "neigh", "flush", "all", check=False)


@dataclass(frozen=True)
class Sent:
    """One packet of a capture that left the captured host."""

    transport: str
    to: str
    port: int
    payload: bytes
    fresh: bool
    """For TCP: a SYN that is no retransmission."""


def busiest_second(data: bytes) -> dict[str, int]:
    """Read a pcap file of Ethernet frames: for each IPv4 address, the most packets of any kind that went to it in one second."""
    order: Literal["little", "big"] = "little" if data[:4] == b"\xd4\xc3\xb2\xa1" else "big"
    times: dict[str, list[float]] = {}
    offset = 24
    while offset + 16 <= len(data):
        seconds, micros, length = (int.from_bytes(data[offset + at : offset + at + 4], order) for at in (0, 4, 8))
        frame = data[offset + 16 : offset + 16 + length]
        offset += 16 + length
        if frame[12:14] == b"\x08\x00":
            times.setdefault(str(ipaddress.ip_address(frame[30:34])), []).append(seconds + micros / 1e6)
    return {to: max(bisect_left(when, start + 1.0) - at for at, start in enumerate(when)) for to, when in times.items()}


@contextlib.contextmanager
def capture(host: Host, file: Path) -> Iterator[list[Sent]]:
    """Capture what ``host`` sends while the block runs, with tcpdump; the list is filled when the block ends."""
    sent: list[Sent] = []
    process = subprocess.Popen(
        host.argv(["tcpdump", "-i", "eth0", "--immediate-mode", "-Q", "out", "-U", "-B", "16384", "-s", "0", "-w", str(file), "ip or ip6"]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert b"listening" in line or b"tcpdump" in line, line
        while not file.exists() or file.stat().st_size < 24:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        yield sent
        time.sleep(0.3)
    finally:
        process.terminate()
        process.communicate(timeout=10)
    sent.extend(parse_capture(file.read_bytes()))


def parse_capture(data: bytes) -> list[Sent]:
    """Read a pcap file of Ethernet frames: UDP datagrams and TCP SYNs, in order."""
    order: str = "little" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else "big"
    offset, out, seen = 24, [], set()
    while offset + 16 <= len(data):
        length = int.from_bytes(data[offset + 8 : offset + 12], order)  # type: ignore[arg-type]
        frame = data[offset + 16 : offset + 16 + length]
        offset += 16 + length
        if len(frame) < 34:
            continue
        kind = int.from_bytes(frame[12:14], "big")
        if kind == 0x0800:
            header, protocol, to, total = (
                (frame[14] & 15) * 4,
                frame[23],
                str(ipaddress.ip_address(frame[30:34])),
                int.from_bytes(frame[16:18], "big"),
            )
            body = frame[14 + header : 14 + total]
        elif kind == 0x86DD:
            protocol, to = frame[20], str(ipaddress.ip_address(frame[38:54]))
            body = frame[54 : 54 + int.from_bytes(frame[18:20], "big")]
        else:
            continue
        if protocol == 17:
            out.append(Sent("udp", to, int.from_bytes(body[2:4], "big"), body[8 : int.from_bytes(body[4:6], "big")], fresh=True))
        elif protocol == 6 and body[13] & 0x12 == 0x02:
            key = (to, body[:8])
            out.append(Sent("tcp", to, int.from_bytes(body[2:4], "big"), b"", fresh=key not in seen))
            seen.add(key)
    return out


def read_ledger(file: Path) -> list[dict[str, object]]:
    """Read what ``espied scan --ledger-file`` wrote."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
