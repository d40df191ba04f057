"""The neighbour table (ARP and NDP) of each system: who was heard at which address, with its MAC.

Linux tells it by netlink, else by /proc/net/arp; macOS by ``arp -an`` and ``ndp -an``, Windows by
``arp -a`` and ``netsh``. Parsers are pure. Reading sends nothing.
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface, Neighbour
from discover.net import netlink
from discover.net.gate import pack_ipv4

PROC_ARP: Final = "/proc/net/arp"
_COMMAND_SECONDS: Final = 10.0
_MAC: Final = re.compile(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}")
# A field of `netsh interface ipv6 show neighbors` is localised; MAC and address are not, and these words are English's.
_WINDOWS_STATES: Final = {
    "reachable": "reachable",
    "stale": "stale",
    "delay": "delay",
    "probe": "probe",
    "permanent": "permanent",
    "unreachable": "failed",
    "incomplete": "incomplete",
    "static": "permanent",
}
_NDP_STATES: Final = {"R": "reachable", "S": "stale", "D": "delay", "P": "probe", "I": "incomplete", "N": "incomplete", "W": "failed"}


def read_neighbours(interface: Interface) -> tuple[Neighbour, ...]:
    """Return one interface's rows, both families; blocks for milliseconds (Linux) or a command's time.

    Raises NetworkError where the system gives no table at all.
    """
    if sys.platform == "linux":
        return _linux(interface)
    if sys.platform == "win32":
        found = (
            *parse_windows_arp(_run("arp", "-a"), interface),
            *parse_netsh(_run("netsh", "interface", "ipv6", "show", "neighbors"), interface),
        )
    else:
        found = (*parse_arp_an(_run("arp", "-an"), interface.name), *parse_ndp_an(_run("ndp", "-an"), interface.name))
    return found


def _linux(interface: Interface) -> tuple[Neighbour, ...]:
    try:
        rows = netlink.dump()
    except OSError:
        # No netlink socket in this sandbox; the old file tells IPv4 only.
        try:
            with open(PROC_ARP, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib takes a scan 0.7 ms to load
                return parse_proc_arp(file.read(), interface.name)
        except OSError as error:
            raise NetworkError(
                f"cannot read the neighbour table: {error.strerror}",
                "Hosts that answer nothing cannot be seen here; `ip neigh` should work.",
            ) from error
    return tuple(found for row in rows if (found := host_row(row, interface)) is not None)


def host_row(row: netlink.Row, interface: Interface) -> Neighbour | None:
    """Return the row as a neighbour of the interface; None for another interface's, and for what is no host.

    Broadcast and multicast rows (and the loopback's own) are the kernel's bookkeeping.
    """
    if row.link != interface.index or _is_group_mac(row.mac) or not (row.mac or row.state != "noarp") or not _is_host(row.address):
        return None
    return Neighbour(address=row.address, mac=row.mac, interface=interface.name, state=row.state)


def parse_proc_arp(text: str, interface: str) -> tuple[Neighbour, ...]:
    """Parse /proc/net/arp (proc(5)): address, hardware type, flags (0x2 complete, 0x4 permanent), MAC, mask, device."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 6 or fields[5] != interface or not _is_host(fields[0]):
            continue
        try:
            flags = int(fields[2], 16)
        except ValueError:
            continue
        mac = canonical_mac(fields[3])
        state = "permanent" if flags & 0x4 else "stale" if flags & 0x2 else "incomplete"
        found.append(Neighbour(address=fields[0], mac=mac if flags & 0x6 else "", interface=interface, state=state))
    return tuple(found)


def parse_arp_an(text: str, interface: str) -> tuple[Neighbour, ...]:
    """Parse macOS's ``arp -an``: "? (192.168.1.1) at 0:11:22:33:44:55 on en0 ifscope [ethernet]"."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\S+ \(([0-9.]+)\) at (\S+) on (\S+)(.*)", line)
        if match is None or match[3] != interface or not _is_host(match[1]):
            continue
        mac = canonical_mac(match[2])
        state = "permanent" if "permanent" in match[4] else "stale" if mac else "incomplete"
        found.append(Neighbour(address=match[1], mac=mac, interface=interface, state=state))
    return tuple(found)


def parse_ndp_an(text: str, interface: str) -> tuple[Neighbour, ...]:
    """Parse macOS's ``ndp -an``: neighbour, link-layer address, netif, expire, state letter, flags."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 5 or fields[2] != interface:
            continue
        address = fields[0].partition("%")[0]
        if not _is_host(address):
            continue
        mac = canonical_mac(fields[1])
        state = "permanent" if fields[3] == "permanent" else _NDP_STATES.get(fields[4], "stale")
        found.append(
            Neighbour(address=str(ipaddress.ip_address(address)), mac=mac, interface=interface, state=state if mac else "incomplete")
        )
    return tuple(found)


def parse_windows_arp(text: str, interface: Interface) -> tuple[Neighbour, ...]:
    """Parse Windows' ``arp -a``: blocks "Interface: 192.168.1.5 --- 0xb", then address, MAC, type; whatever the language."""
    own = {str(one.address) for one in interface.ipv4}
    found = []
    ours = False
    for line in text.splitlines():
        fields = line.split()
        if "---" in fields:
            ours = fields[fields.index("---") - 1] in own
        elif ours and len(fields) >= 3 and _is_host(fields[0]):
            mac = canonical_mac(fields[1])
            # Broadcast and multicast rows are fixed entries of the system, not hosts.
            if mac and not _is_group_mac(mac):
                state = "permanent" if _WINDOWS_STATES.get(fields[2].lower()) == "permanent" else "stale"
                found.append(Neighbour(address=fields[0], mac=mac, interface=interface.name, state=state))
    return tuple(found)


def parse_netsh(text: str, interface: Interface) -> tuple[Neighbour, ...]:
    """Parse ``netsh interface ipv6 show neighbors``: blocks "Interface 11: Ethernet", then address, MAC, state."""
    found = []
    ours = False
    for line in text.splitlines():
        head = re.match(r"\S+ (\d+): (.*)", line)
        if head is not None:
            ours = int(head[1]) == interface.index or head[2].strip() == interface.name
            continue
        fields = line.split()
        if not ours or len(fields) < 2 or not _is_host(fields[0]):
            continue
        mac = canonical_mac(fields[1])
        state = _WINDOWS_STATES.get(fields[-1].strip("()").lower(), "stale" if mac else "incomplete")
        if "(" in fields[-2]:  # "Stale (Router)"
            state = _WINDOWS_STATES.get(fields[-2].strip("()").lower(), state)
        if not _is_group_mac(mac):
            found.append(Neighbour(address=str(ipaddress.ip_address(fields[0])), mac=mac, interface=interface.name, state=state))
    return tuple(found)


def canonical_mac(text: str) -> str:
    """Return "0:11:22:a:b:c" or "00-11-22-0a-0b-0c" as "00:11:22:0a:0b:0c"; "" for what is no MAC or all zeros."""
    if not _MAC.fullmatch(text):
        return ""
    parts = [f"{int(part, 16):02x}" for part in re.split("[:-]", text)]
    return ":".join(parts) if any(part != "00" for part in parts) else ""


_FIRST_MULTICAST: Final = 224
_LAST_MULTICAST: Final = 239
_NOBODY: Final = (bytes(4), b"\xff" * 4)
"""The unspecified address and the limited broadcast."""


def _is_group_mac(mac: str) -> bool:
    return bool(mac) and bool(int(mac[:2], 16) & 1)


def _is_host(text: str) -> bool:
    """Tell whether the text is a unicast address (tables hold multicast and broadcast rows, too)."""
    packed = pack_ipv4(text)
    if packed:
        return not _FIRST_MULTICAST <= packed[0] <= _LAST_MULTICAST and packed not in _NOBODY
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified)


def _run(program: str, *arguments: str) -> str:
    """Return what a system command printed. Raises NetworkError where it cannot be run."""
    import shutil  # noqa: PLC0415 - loads three compressors: only where a command is run

    path = shutil.which(program)
    if path is None:
        raise NetworkError(
            f"cannot read the neighbour table: the command {program} is not there", "It belongs to the system: look at PATH."
        )
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command of the system, found by its name, no shell
            [path, *arguments], capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetworkError(
            f"cannot read the neighbour table: {program}: {error}", "`espied doctor` says what this system allows."
        ) from error
    return done.stdout.decode("utf-8", "replace")
