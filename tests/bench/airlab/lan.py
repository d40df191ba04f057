"""The fake LAN: a scanner, a device side that answers for every live host, and optional air between them.

One kernel stands in for all devices: each live address is a ``local`` route on the device side (AnyIP), so it
answers ARP, ICMP, TCP RST and ICMP port-unreachable for it; an address without a route is nobody. There is no
model of air time. Nothing touches the machine's own interfaces.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.bench.airlab.namespaces import Namespace, helper, remove_leftovers
from tests.bench.airlab.truth import Truth

INTERFACE: Final = "s0"
"""The scanner's interface."""
_HERE: Final = Path(__file__).parent
_DEVICES: Final = "d0"
_SETTLE: Final = 0.5
"""Seconds for frames of the run before to leave the air: power save holds them up to 300 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """What the air does; see relay.c. Milliseconds, percent, tokens and tokens a second."""

    delay_ms: tuple[float, float] = (0, 0)
    loss: float = 0
    ps_frac: float = 0
    ps_ms: tuple[float, float] = (0, 0)
    icmp_burst: float = 0
    icmp_rate: float = 0

    def arguments(self) -> list[str]:
        """Return the relay's options; what is off is left out."""
        options: list[tuple[str, Sequence[float]]] = [
            ("--delay-ms", self.delay_ms if self.delay_ms[1] else ()),
            ("--loss", (self.loss,) if self.loss else ()),
            ("--ps-frac", (self.ps_frac,) if self.ps_frac else ()),
            ("--ps-ms", self.ps_ms if self.ps_frac else ()),
            ("--icmp-burst", (self.icmp_burst,) if self.icmp_rate else ()),
            ("--icmp-rate", (self.icmp_rate,) if self.icmp_rate else ()),
        ]
        return [word for name, values in options if values for word in (name, *(f"{value:g}" for value in values))]


class Lan:
    """The LAN of a truth; a context manager that leaves nothing behind.

    ``rationed``: leave the device side's kernel its own ICMP limits, which are one ration for all hosts; by
    default they are lifted, and per-device ones are the air's.
    """

    def __init__(self, truth: Truth, *, air: Air | None = None, rationed: bool = False) -> None:
        self.truth = truth
        self.air = air
        self._rationed = rationed
        self._stack = contextlib.ExitStack()
        self.spaces: list[Namespace] = []

    def __enter__(self) -> Self:
        remove_leftovers()
        with contextlib.ExitStack() as stack:
            self._stack = stack
            self._build()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def flush(self) -> None:
        """Empty the neighbour tables, and let the air settle: no frame is on its way, and every device has its whole ration again."""
        if self.air is not None:
            time.sleep(max(_SETTLE, self.air.icmp_burst / self.air.icmp_rate if self.air.icmp_rate else 0))
        self.forget()

    def forget(self) -> None:
        """Empty the neighbour tables of both sides."""
        self.scanner.flush()
        self.devices.flush()

    def neighbours(self) -> int:
        """Return how many entries the neighbour tables of both sides hold."""
        return self.scanner.neighbours() + self.devices.neighbours()

    def lab_cpu(self) -> float:
        """Return the CPU seconds that relay, responders and fleets have used so far."""
        return sum(space.cpu() for space in self.spaces)

    def _space(self, name: str) -> Namespace:
        space = Namespace(name)
        self._stack.callback(space.close)
        self.spaces.append(space)
        return space

    def _build(self) -> None:
        self.scanner, self.devices = self._space("scan"), self._space("dev")
        self._link()
        self._address()
        self._silence()
        lines = [f"{proto} {host.address} {port} {kind}\n" for host in self.truth.hosts for proto, port, kind in host.services]
        if lines:
            self.devices.start(helper("respond"), stdin="".join(lines))
        self.scanner.open_to_all()

    def _link(self) -> None:
        scanner, devices = self.scanner, self.devices
        if self.air is None:
            scanner.command("ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", _DEVICES, "netns", devices.name)
        else:
            air = self._space("air")
            for name, other, space in (("a0", INTERFACE, scanner), ("a1", _DEVICES, devices)):
                air.command("ip", "link", "add", name, "type", "veth", "peer", "name", other, "netns", space.name)
                air.command("ip", "link", "set", name, "arp", "off", "up")
                space.command(sys.executable, str(_HERE / "offload.py"), other)
                air.command(sys.executable, str(_HERE / "offload.py"), name)
            air.start(helper("relay"), "a0", "a1", *self.air.arguments(), "--seed", str(self.truth.seed))
        scanner.command("ip", "link", "set", INTERFACE, "up")
        devices.command("ip", "link", "set", _DEVICES, "up")

    def _address(self) -> None:
        truth, scanner, devices = self.truth, self.scanner, self.devices
        scanner.command("ip", "addr", "add", f"{truth.scanner}/{truth.network.prefixlen}", "brd", "+", "dev", INTERFACE)
        scanner.command("ip", "route", "add", "224.0.0.0/4", "dev", INTERFACE)
        devices.command("ip", "addr", "add", f"{truth.router}/32", "dev", _DEVICES)
        devices.command("ip", "route", "add", f"{truth.scanner}/32", "dev", _DEVICES, "src", truth.router)
        devices.command("ip", "route", "add", "224.0.0.0/4", "dev", _DEVICES)
        keys = ["net.ipv4.conf.all.rp_filter=0", f"net.ipv4.conf.{_DEVICES}.rp_filter=0"]
        if not self._rationed:
            keys += ["net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=10000000", "net.ipv4.icmp_msgs_burst=1000000"]
        for key in keys:
            devices.command("sysctl", "-qw", key, check=False)  # not every kernel has each of them in a namespace
        self.add_addresses([host.address for host in truth.hosts[1:]])

    def add_addresses(self, addresses: Sequence[str]) -> None:
        """Let the device side answer for more addresses."""
        self.devices.command("ip", "-batch", "-", stdin="".join(f"route replace local {one}/32 dev lo\n" for one in addresses))

    def _silence(self) -> None:
        rules = [
            "table inet lab {",
            " set silent { type ipv4_addr; }",
            " set noicmp { type ipv4_addr; }",
            " chain i { type filter hook input priority 0; ip daddr @silent drop; }",
            " chain o { type filter hook output priority 0; ip saddr @noicmp icmp type destination-unreachable drop; }",
            "}",
        ]
        kinds = {name: [host.address for host in self.truth.hosts if host.kind == name] for name in ("silent", "noicmp")}
        rules += [f"add element inet lab {name} {{ {', '.join(members)} }}" for name, members in kinds.items() if members]
        if any(kinds.values()):
            self.devices.command("nft", "-f", "-", stdin="\n".join(rules) + "\n")
