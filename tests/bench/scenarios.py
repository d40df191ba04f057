"""The work: which LAN, which air, who takes part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tests.bench.airlab.lan import Air
from tests.bench.airlab.truth import MIX

SMALL: Final = "10.77.0.0/24"
LARGE: Final = "10.77.0.0/22"
LOSSY: Final = Air(delay_ms=(1, 8), loss=5, ps_frac=50, ps_ms=(0, 300))
RATIONED: Final = Air(icmp_burst=6, icmp_rate=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """mDNS devices: ``count`` of them, each on its own or all from ``one_process``; see airlab/fleet.py, one_responder.py.

    ``seconds``: how long a browse may take until it ends with what it has.
    """

    count: int
    seconds: float
    delay_ms: tuple[float, float] = (20, 120)
    additional: bool = True
    one_process: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One LAN and the contestants that work on it, in the order of the table."""

    name: str
    title: str
    network: str = SMALL
    air: Air | None = None
    mix: Mapping[str, int] = field(default_factory=lambda: MIX)
    fleet: Fleet | None = None
    contestants: tuple[str, ...] = ()


_SWEEPS: Final = (
    Scenario(
        name="clean",
        title="clean /24, 61 live hosts, 78 services on 7 UDP and 4 TCP ports",
        contestants=("espied", "nmap -T5 r1", "prototype", "espied scan -s 0", "espied scan", "arp-scan", "fping"),
    ),
    Scenario(
        name="lossy",
        title="the same, 1-8 ms delay and 5 % loss each way, half of the devices in power save (0-300 ms)",
        air=LOSSY,
        contestants=(
            "espied",
            "nmap -T5 r3",
            "nmap -T5 r2",
            "nmap -T5 r1",
            "nmap -T4",
            "prototype, patient",
            "espied scan -s 0",
            "espied, hosts",
            "arp-scan",
            "fping",
        ),
    ),
    Scenario(
        name="large",
        title="clean /22, 61 live hosts, 7 UDP ports",
        network=LARGE,
        contestants=("espied, UDP", "espied, UDP, root", "nmap -sU -T5 r1", "espied", "prototype", "espied scan -s 0", "arp-scan", "fping"),
    ),
    Scenario(
        name="icmp",
        title="/24 whose devices send 6 ICMP errors at once and then one a second",
        air=RATIONED,
        contestants=("espied", "nmap -T5 r1", "nmap -T5 r3", "nmap -T4", "prototype", "espied scan -s 0"),
    ),
)
_BROWSERS: Final = ("espied browse", "python-zeroconf", "avahi-browse -t")
_NOBODY: Final[Mapping[str, int]] = MappingProxyType({})
_MDNS: Final = (
    Scenario(
        name="mdns200",
        title="200 mDNS devices",
        mix=_NOBODY,
        fleet=Fleet(count=200, seconds=6),
        contestants=_BROWSERS,
    ),
    Scenario(
        name="mdns-one",
        title="200 services announced by one python-zeroconf process",
        mix=_NOBODY,
        fleet=Fleet(count=200, seconds=6, one_process=True),
        contestants=_BROWSERS,
    ),
    Scenario(
        name="mdns-bare",
        title="200 mDNS devices that answer a browse with a PTR alone",
        mix=_NOBODY,
        fleet=Fleet(count=200, seconds=6, additional=False),
        contestants=_BROWSERS,
    ),
    Scenario(
        name="mdns-lossy",
        title="200 mDNS devices, 1-8 ms delay and 5 % loss each way",
        mix=_NOBODY,
        air=Air(delay_ms=(1, 8), loss=5),
        fleet=Fleet(count=200, seconds=6),
        contestants=_BROWSERS,
    ),
    Scenario(
        name="mdns1000",
        title="1000 mDNS devices that answer at once",
        network=LARGE,
        mix=_NOBODY,
        fleet=Fleet(count=1000, seconds=6),
        contestants=(*_BROWSERS, "avahi-browse"),
    ),
    Scenario(
        name="mdns-burst",
        title="1000 mDNS devices that answer within 20 ms instead of 20-120 ms",
        network=LARGE,
        mix=_NOBODY,
        fleet=Fleet(count=1000, seconds=6, delay_ms=(0, 20)),
        contestants=(*_BROWSERS, "avahi-browse"),
    ),
)
SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType({one.name: one for one in (*_SWEEPS, *_MDNS)})
