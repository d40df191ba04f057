"""Who takes part: the command of each program, whether it runs as root, and who reads its output."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import findings
from tests.bench.airlab.avahi import NEEDS as AVAHI_NEEDS
from tests.bench.airlab.lan import INTERFACE
from tests.bench.airlab.truth import TCP, TCP_PORTS, UDP, UDP_PORTS, Truth
from tests.bench.scenarios import Fleet

HERE: Final = Path(__file__).parent
MDNS_TYPE: Final = "_esphomelib._tcp"
_NONE: Final[frozenset[str]] = frozenset()
_UDP: Final = "U:" + ",".join(map(str, UDP_PORTS))
_TCP: Final = "T:" + ",".join(map(str, TCP_PORTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a program is told to do: a network, and the mDNS fleet that is there."""

    truth: Truth
    fleet: Fleet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One program with its options. ``argv`` makes the command; ``asks``: the ports it asks, of those that count here.

    ``needs`` are the programs that must be installed; ``bus``: it talks to an avahi-daemon of the scanner's own.
    ``slow``: its run takes so long that one for each seed is enough.
    """

    name: str
    argv: Callable[[Work], list[str]]
    parse: findings.Parser
    root: bool = False
    asks: frozenset[str] = UDP | TCP
    needs: tuple[str, ...] = ()
    bus: bool = False
    slow: bool = False
    timeout: float = 60.0

    def missing(self) -> str:
        """Return the programs that are not installed here, "" where all are."""
        return ", ".join(tool for tool in self.needs if shutil.which(tool) is None)


def _script(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(HERE / name), *arguments]


def _nmap(name: str, *options: str, slow: bool = False) -> Contestant:
    ports = _UDP if "-sS" not in options else f"{_UDP},{_TCP}"
    return Contestant(
        name=name,
        argv=lambda work: ["nmap", *options, "-p", ports, "-oX", "-", str(work.truth.network)],
        parse=findings.parse_nmap,
        root=True,
        asks=UDP | TCP if "-sS" in options else UDP,
        needs=("nmap",),
        slow=slow,
        timeout=300.0,
    )


def _sweep(name: str, *options: str, root: bool = False, asks: frozenset[str] = UDP | TCP) -> Contestant:
    return Contestant(
        name=name,
        argv=lambda work: _script("espied_sweep.py", INTERFACE, str(work.truth.network), *options),
        parse=findings.parse_json,
        root=root,
        asks=asks,
    )


def _scan(name: str, *options: str) -> Contestant:
    return Contestant(
        name=name,
        argv=lambda _: [sys.executable, "-m", "tui", "--quiet", "scan", "-i", INTERFACE, "--no-save", "--format", "json", *options],
        parse=findings.parse_espied,
        asks=UDP | {"tcp/80"},  # it connects to no port where a mere connect has side effects
    )


def _prototype(name: str, *options: str) -> Contestant:
    return Contestant(
        name=name,
        argv=lambda work: _script("prototype.py", str(work.truth.network), work.truth.scanner, *options),
        parse=findings.parse_json,
    )


def _browse(name: str, script: str, *, on: str = "") -> Contestant:
    def argv(work: Work) -> list[str]:
        assert work.fleet is not None
        return _script(script, on or work.truth.scanner, MDNS_TYPE, str(work.fleet.count), str(work.fleet.seconds))

    return Contestant(name=name, argv=argv, parse=findings.parse_json)


def _avahi(name: str, argv: Callable[[Work], list[str]]) -> Contestant:
    return Contestant(name=name, argv=argv, parse=findings.parse_avahi, needs=("avahi-browse", *AVAHI_NEEDS), bus=True)


def _until_the_end(work: Work) -> list[str]:
    assert work.fleet is not None
    return ["timeout", f"{work.fleet.seconds:g}", "stdbuf", "-oL", "avahi-browse", "-rp", MDNS_TYPE]


_FAST = ("-sS", "-sU", "-n", "-T5", "--min-rate", "5000", "--max-retries")
_ALL = (
    _sweep("espied"),
    _sweep("espied, root", root=True),
    _sweep("espied, UDP", "--udp-only", asks=UDP),
    _sweep("espied, UDP, root", "--udp-only", root=True, asks=UDP),
    _sweep("espied, hosts", "--hosts-only", asks=_NONE),
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
        argv=lambda work: ["arp-scan", "-q", "-x", "-I", INTERFACE, str(work.truth.network)],
        parse=findings.parse_arp_scan,
        root=True,
        asks=_NONE,
        needs=("arp-scan",),
    ),
    Contestant(
        name="fping",
        argv=lambda work: ["fping", "-a", "-q", "-g", str(work.truth.network)],
        parse=findings.parse_fping,
        root=True,  # its socket needs CAP_NET_RAW in a new namespace, whose ping_group_range is empty
        asks=_NONE,
        needs=("fping",),
        slow=True,
    ),
    _browse("espied browse", "espied_browse.py", on=INTERFACE),
    _browse("python-zeroconf", "plain_zeroconf.py"),
    _avahi("avahi-browse -t", lambda _: ["avahi-browse", "-rpt", MDNS_TYPE]),
    _avahi("avahi-browse", _until_the_end),
)
CONTESTANTS: Final = {one.name: one for one in _ALL}
