"""Why is nothing found here: facts about this machine's network, and what follows from them.

``gather`` does the I/O (read-only, and nothing is sent), ``diagnose`` is pure.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from discover.model.check import Step, StepState
from discover.model.network import Interface
from discover.net.api import Network
from discover.net.place import container, default_route, wireless, wsl

MDNS_GROUP = "224.0.0.251"
"""RFC 6762 section 3."""
COMMAND_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinResult:
    """Whether the mDNS group can be joined on one interface; ``error`` is the system's word, "" where it worked."""

    interface: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What :func:`gather` read from this machine."""

    platform: str
    interfaces: tuple[Interface, ...]
    joins: tuple[JoinResult, ...] = ()
    neighbours: int = -1
    """Rows of the neighbour tables with a MAC; -1 where they could not be read."""
    default_route: str = ""
    """Name of the interface that holds the IPv4 default route, "" where unknown or none."""
    container: str = ""
    """What kind of container this is, "" where it is none."""
    wsl: bool = False
    wireless: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ()
    """Firewalls that are switched on, as far as this user may know."""
    icmp_errors: bool = True
    """Whether an unconnected socket sees ICMP errors (Linux IP_RECVERR); elsewhere connected sockets do it."""
    packages: tuple[tuple[str, str], ...] = field(default=())


async def gather(network: Network) -> Facts:
    """Read the facts; takes at most a few seconds and sends nothing. Raises NetworkError where interfaces cannot be listed."""
    interfaces = tuple(network.interfaces())
    chosen = [interface for interface in interfaces if not interface.skip]
    rows = 0
    try:
        for interface in chosen:
            rows += sum(1 for neighbour in await network.neighbours(interface) if neighbour.mac)
    except OSError:
        rows = -1
    return Facts(
        platform=sys.platform,
        interfaces=interfaces,
        joins=tuple(JoinResult(interface=one.name, error=_join(one)) for one in chosen),
        neighbours=rows,
        default_route=default_route(),
        container=container(),
        wsl=wsl(),
        wireless=wireless(interfaces),
        firewalls=await asyncio.to_thread(_firewalls),
        icmp_errors=sys.platform == "linux",
        packages=_packages(),
    )


def _join(interface: Interface) -> str:
    """Join the mDNS group for a moment; return the system's word where it refuses."""
    if not interface.ipv4:
        return ""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        try:
            sock.setsockopt(
                socket.IPPROTO_IP,
                socket.IP_ADD_MEMBERSHIP,
                socket.inet_aton(MDNS_GROUP) + socket.inet_aton(str(interface.ipv4[0].address)),
            )
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _firewalls() -> tuple[str, ...]:
    """Ask the usual front ends whether they are on; what this user may not know is left out."""
    asks = (
        ("ufw", ["ufw", "status"], "status: active"),
        ("firewalld", ["firewall-cmd", "--state"], "running"),
        ("nftables", ["nft", "list", "ruleset"], "hook input"),
        ("iptables", ["iptables", "-S", "INPUT"], "-P INPUT DROP"),
        (
            "the macOS application firewall",
            ["/usr/libexec/ApplicationFirewall/socketfilterfw", "--getglobalstate"],
            "enabled",
        ),
    )
    found = []
    for name, command, sign in asks:
        if shutil.which(command[0]) is None:
            continue
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)  # noqa: S603 - fixed words
        except (OSError, subprocess.TimeoutExpired):
            continue
        # "not running" must not be taken for "running".
        if done.returncode == 0 and sign.lower() in done.stdout.lower() and "not " + sign not in done.stdout.lower():
            found.append(name)
    return tuple(found)


def _packages() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 20 ms that only the doctor needs

    rows = []
    for name in ("zeroconf", "netifaces-plus", "ifaddr"):
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            rows.append((name, ""))
    return tuple(rows)


def diagnose(facts: Facts) -> tuple[Step, ...]:
    """Say what the facts mean: one step a matter, each with what to do where it stands in the way."""
    return (
        *_interface_steps(facts),
        *(_join_step(join) for join in facts.joins),
        _neighbour_step(facts),
        *_route_steps(facts),
        *_place_steps(facts),
        _firewall_step(facts),
        *_wireless_steps(facts),
        _package_step(facts),
    )


def _interface_steps(facts: Facts) -> list[Step]:
    steps = []
    for one in facts.interfaces:
        where = ", ".join(f"{item.address}/{item.network.prefixlen}" for item in one.addresses) or "no address"
        steps.append(
            Step(
                name=f"interface {one.name}",
                state=StepState.SKIP if one.skip else StepState.PASS,
                detail=f"{where}. " + (f"Left out: {one.skip}" if one.skip else "A default scan looks here."),
                fix=f"To look there all the same: espied scan --interface {one.name}" if one.skip and one.addresses and one.up else "",
            )
        )
    if not any(not one.skip for one in facts.interfaces):
        steps.append(
            Step(
                name="an interface to use",
                state=StepState.FAIL,
                detail="No interface of this machine is up with a private address.",
                fix="Connect to the network that your devices are on; if it is one of the interfaces above, name it with --interface.",
            )
        )
    return steps


def _join_step(join: JoinResult) -> Step:
    if not join.error:
        return Step(name=f"multicast on {join.interface}", state=StepState.PASS, detail="The mDNS group 224.0.0.251 can be joined.")
    return Step(
        name=f"multicast on {join.interface}",
        state=StepState.FAIL,
        detail=f"The system does not let us join the mDNS group 224.0.0.251: {join.error}.",
        fix=f"Give the interface a multicast route (Linux: sudo ip route add 224.0.0.0/4 dev {join.interface}) or leave the sandbox.",
    )


def _neighbour_step(facts: Facts) -> Step:
    if facts.neighbours < 0:
        return Step(
            name="neighbour table",
            state=StepState.WARN,
            detail="The neighbour table cannot be read, so MAC addresses and silent devices stay unknown.",
            fix="On Linux it is read through netlink or /proc/net/arp: allow one of them to this user or container.",
        )
    return Step(name="neighbour table", state=StepState.PASS, detail=f"Readable; {facts.neighbours} neighbours have a MAC right now.")


def _route_steps(facts: Facts) -> list[Step]:
    via = next((one for one in facts.interfaces if one.name == facts.default_route), None)
    if via is None or not via.point_to_point:
        return []
    return [
        Step(
            name="VPN",
            state=StepState.WARN,
            detail=f"The default route goes through {via.name}, a point-to-point link: a VPN may keep local traffic away from your LAN.",
            fix='Switch the VPN off, or allow "local network access" in it, and try again.',
        )
    ]


def _place_steps(facts: Facts) -> list[Step]:
    steps = []
    if facts.container:
        steps.append(
            Step(
                name="container",
                state=StepState.WARN,
                detail=f"This is a {facts.container} container: its own network is usually not your LAN, and multicast stays inside.",
                fix="Run the container with --network host (Linux), or run espied outside of it.",
            )
        )
    if facts.wsl:
        steps.append(
            Step(
                name="WSL",
                state=StepState.WARN,
                detail="This is the Windows Subsystem for Linux; with its default NAT it sees a network of its own, not your LAN.",
                fix="Set networkingMode=mirrored in .wslconfig, or run espied on Windows itself.",
            )
        )
    return steps


def _firewall_step(facts: Facts) -> Step:
    if not facts.firewalls:
        return Step(name="firewall", state=StepState.PASS, detail="No local firewall was seen (as far as this user may look).")
    return Step(
        name="firewall",
        state=StepState.WARN,
        detail=f"On here: {', '.join(facts.firewalls)}. It must let 5353/udp in, and answers to datagrams that espied sent.",
        fix="With ufw: sudo ufw allow in proto udp to any port 5353. With firewalld: sudo firewall-cmd --add-service=mdns.",
    )


def _wireless_steps(facts: Facts) -> Sequence[Step]:
    used = [name for name in facts.wireless if any(one.name == name and not one.skip for one in facts.interfaces)]
    return [
        Step(
            name=f"Wi-Fi on {name}",
            state=StepState.WARN,
            detail="Guest networks and access points with client isolation hide devices from each other, and no program can see past that.",
            fix="Join the same network as your devices, not its guest network; switch client isolation off in the access point.",
        )
        for name in used
    ]


def _package_step(facts: Facts) -> Step:
    missing = [name for name, version in facts.packages if not version]
    have = ", ".join(f"{name} {version}" for name, version in facts.packages if version)
    if "netifaces-plus" in missing:
        return Step(
            name="packages",
            state=StepState.WARN,
            detail=f"netifaces-plus is not installed, so interfaces are read through ifaddr. Here: {have}.",
            fix="pip install netifaces-plus",
        )
    return Step(name="packages", state=StepState.PASS, detail=have)
