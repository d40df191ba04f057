"""Where this program runs: container, WSL, Wi-Fi, routes. Read from the system's files, without sending anything."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from discover.model.network import Interface

PROC_ROUTE: Final = Path("/proc/net/route")
_RTF_GATEWAY: Final = 0x2
"""linux/route.h: the destination is behind a gateway."""


def default_route(table: Path = PROC_ROUTE) -> str:
    """Return the interface of the IPv4 default route with the lowest metric (Linux's /proc/net/route), "" where unknown or none."""
    default = [(int(row[6]), row[0]) for row in _rows(table) if row[1] == "00000000" and row[7] == "00000000"]
    return min(default)[1] if default else ""


def default_gateway(interface: str, table: Path = PROC_ROUTE) -> str:
    """Return the IPv4 address of the interface's default gateway, "" where it has none or the system does not tell (Linux only)."""
    found = [
        (int(row[6]), row[2])
        for row in _rows(table)
        if row[0] == interface and row[1] == "00000000" and row[7] == "00000000" and int(row[3], 16) & _RTF_GATEWAY
    ]
    # The kernel prints the 32 bits as a number of this machine's byte order.
    return socket.inet_ntoa(struct.pack("=I", int(min(found)[1], 16))) if found else ""


def _rows(table: Path) -> list[list[str]]:
    """Return the rows that are whole: interface, destination, gateway, flags, two counters, metric, mask."""
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return []
    return [row for row in map(str.split, lines) if len(row) > 7 and row[6].isdecimal()]


def wireless(interfaces: Sequence[Interface], folder: Path = Path("/sys/class/net")) -> tuple[str, ...]:
    """Return the names of the interfaces that are Wi-Fi (Linux)."""
    return tuple(one.name for one in interfaces if (folder / one.name / "wireless").exists())


def container(root: Path = Path("/")) -> str:
    """Return what kind of container this is, "" where it is none."""
    for name, kind in ((".dockerenv", "Docker"), ("run/.containerenv", "Podman")):
        if (root / name).exists():
            return kind
    return os.environ.get("container", "")  # noqa: SIM112 - systemd-nspawn and podman spell it in lower case


def wsl(version: Path = Path("/proc/version")) -> bool:
    """Tell whether this is the Windows Subsystem for Linux."""
    try:
        return "microsoft" in version.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False
