"""Who takes part: the command of each program, whether it runs as root, and who reads its output."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import findings
from tests.bench.airlab.lan import INTERFACE
from tests.bench.airlab.truth import TCP_PORTS, UDP_PORTS, Truth

HERE: Final = Path(__file__).parent
MDNS_TYPE: Final = "_esphomelib._tcp"
_UDP: Final = "U:" + ",".join(map(str, UDP_PORTS))
_TCP: Final = "T:" + ",".join(map(str, TCP_PORTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One program with its options. ``argv`` makes the command for a truth; ``services``: it asks for ports at all.

    ``needs`` are the programs that must be installed; ``bus``: it talks to an avahi-daemon of the scanner's own.
    ``slow``: its run takes so long that one for each seed is enough.
    """

    name: str
    argv: Callable[[Truth], list[str]]
    parse: findings.Parser
    root: bool = False
    services: bool = True
    needs: tuple[str, ...] = ()
    bus: bool = False
    slow: bool = False
    timeout: float = 180.0

    def missing(self) -> str:
        """Return the programs that are not installed here, "" where all are."""
        return ", ".join(tool for tool in self.needs if shutil.which(tool) is None)


def _script(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(HERE / name), *arguments]


def _nmap(name: str, *options: str, slow: bool = False) -> Contestant:
    ports = _UDP if "-sS" not in options else f"{_UDP},{_TCP}"
    return Contestant(
        name=name,
        argv=lambda truth: ["nmap", *options, "-p", ports, "-oX", "-", str(truth.network)],
        parse=findings.parse_nmap,
        root=True,
        needs=("nmap",),
        slow=slow,
        timeout=400.0,
    )


def _sweep(name: str, *options: str, root: bool = False, services: bool = True) -> Contestant:
    return Contestant(
        name=name,
        argv=lambda truth: _script("espied_sweep.py", INTERFACE, str(truth.network), *options),
        parse=findings.parse_json,
        root=root,
        services=services,
    )


def _scan(name: str, *options: str) -> Contestant:
    return Contestant(
        name=name,
        argv=lambda _: [sys.executable, "-m", "tui", "--quiet", "scan", "-i", INTERFACE, "--no-save", "--format", "json", *options],
        parse=findings.parse_espied,
    )


def _prototype(name: str, *options: str) -> Contestant:
    return Contestant(
        name=name,
        argv=lambda truth: _script("prototype.py", str(truth.network), truth.scanner, *options),
        parse=findings.parse_json,
    )


_FAST = ("-sS", "-sU", "-n", "-T5", "--min-rate", "5000", "--max-retries")
_ALL = (
    _sweep("espied"),
    _sweep("espied, root", root=True),
    _sweep("espied, UDP", "--udp-only"),
    _sweep("espied, UDP, root", "--udp-only", root=True),
    _sweep("espied, hosts", "--hosts-only", services=False),
    _scan("espied scan -s 0", "--seconds", "0"),
    _scan("espied scan"),
    _prototype("prototype"),
    _prototype("prototype, patient", "--liveness", "1.2"),
    _nmap("nmap -T5 r1", *_FAST, "1"),
    _nmap("nmap -T5 r2", *_FAST, "2"),
    _nmap("nmap -T5 r3", *_FAST, "3"),
    _nmap("nmap -T4", "-sS", "-sU", "-n", "-T4", slow=True),
    _nmap("nmap -sU -T5 r1", "-sU", "-n", "-T5", "--max-retries", "1"),
    Contestant(
        name="arp-scan",
        argv=lambda truth: ["arp-scan", "-q", "-x", "-I", INTERFACE, str(truth.network)],
        parse=findings.parse_arp_scan,
        root=True,
        services=False,
        needs=("arp-scan",),
    ),
    Contestant(
        name="fping",
        argv=lambda truth: ["fping", "-a", "-q", "-g", str(truth.network)],
        parse=findings.parse_fping,
        root=True,  # its socket needs CAP_NET_RAW in a new namespace, whose ping_group_range is empty
        services=False,
        needs=("fping",),
    ),
)
CONTESTANTS: Final = {one.name: one for one in _ALL}
