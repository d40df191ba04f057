"""This machine's interfaces, and why a default scan leaves one out.

The only importer of ``netifaces`` (the netifaces-plus wheel) and, as its fallback, ``ifaddr``.
Networks are computed from address and mask: on a veth the reported broadcast can be the own address (measured).
"""

# ruff: noqa: PTH110, PTH112, PTH119, PTH123 - pathlib takes a scan 0.7 ms to load, for three small files of the kernel
from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from discover.errors import NetworkError
from discover.model.network import Interface, InterfaceAddress
from discover.net.gate import is_private

# linux/if.h
_IFF_UP: Final = 0x1
_IFF_LOOPBACK: Final = 0x8
_IFF_POINTOPOINT: Final = 0x10
_IFF_MULTICAST: Final = 0x1000

SYS: Final = "/sys/class/net"

_CONTAINER: Final = re.compile(
    r"docker\d*|docker_gwbridge|br-[0-9a-f]{12}|veth.*|vnet\d+|virbr\d+(-nic)?|lxc.*|lxd.*|incusbr.*|cni\d*|cni-.*|podman\d*|"
    r"flannel.*|cali[0-9a-f]{11}|cilium.*|kube-.*|weave.*|vmnet\d+|vboxnet\d+|bridge1\d\d|vEthernet.*|tap\d*_.*|fwbr.*|fwln.*|fwpr.*",
    re.IGNORECASE,
)
"""Bridges and virtual cables of Docker, Podman, libvirt, LXC, Incus, Kubernetes, VMware, VirtualBox, Hyper-V, Proxmox and macOS sharing."""
_POINT: Final = re.compile(
    r"(tun|tap|wg|ppp|utun|ipsec|gif|stf|sit|gre|ip6tnl|zt|tailscale|nordlynx|proton|wwan|rmnet)[\w.-]*", re.IGNORECASE
)
_APPLE: Final = re.compile(r"(awdl|llw|anpi|ap)\d+")
"""Apple's own links between devices (AirDrop and the like): no LAN."""


class RawInterface(NamedTuple):
    """What a library and the system tell of an interface; ``addresses`` as "address/prefix" without scope."""

    name: str
    number: int
    """Its index."""
    mac: str = ""
    addresses: tuple[str, ...] = ()
    flags: int | None = None
    bridge: bool = False
    port_of: str = ""
    """The bridge that this interface is a port of, "" where it is none."""


def list_interfaces(raw: Iterable[RawInterface] | None = None) -> tuple[Interface, ...]:
    """List the interfaces, each with the reason why a default scan skips it. Raises NetworkError where they cannot be read.

    ``raw`` replaces what the system tells, for tests.
    """
    return tuple(build(one) for one in (_read() if raw is None else raw))


def build(raw: RawInterface) -> Interface:
    """Return the interface's value; pure."""
    found = []
    for text in raw.addresses:
        try:
            one = ipaddress.ip_interface(text)
        except ValueError:
            continue  # an address the library could not tell in full (no mask yet while a lease is asked for)
        scope = raw.number if one.version == 6 and one.is_link_local else 0
        found.append(InterfaceAddress(address=one.ip, network=one.network, scope_id=scope))
    flags = raw.flags
    loopback = bool(flags & _IFF_LOOPBACK) if flags is not None else bool(found) and all(one.address.is_loopback for one in found)
    point = bool(flags & _IFF_POINTOPOINT) if flags is not None else False
    interface = Interface(
        name=raw.name,
        index=raw.number,
        mac=raw.mac if raw.mac.strip("0:") else "",
        addresses=tuple(found),
        up=bool(flags & _IFF_UP) if flags is not None else bool(found),
        loopback=loopback,
        point_to_point=point or _POINT.fullmatch(raw.name) is not None,
        multicast=bool(flags & _IFF_MULTICAST) if flags is not None else not loopback,
    )
    return replace(interface, skip=_reason(interface, raw))


def _reason(interface: Interface, raw: RawInterface) -> str:
    """Return one sentence that says why a default scan leaves the interface out, "" where it uses it."""
    name = interface.name
    use = f"Use it with --interface {name}."
    what = "a bridge" if raw.bridge else "a virtual cable"
    reasons = (
        (interface.loopback, f"This is the loopback interface: only this machine is there. {use}"),
        (not interface.up, "It is down."),
        (raw.port_of, f"It is a port of the bridge {raw.port_of}, which is scanned in its place."),
        (not interface.addresses, "It has no address."),
        (interface.point_to_point, f"It is a tunnel or point-to-point link (VPN, modem), not a LAN. {use}"),
        (_CONTAINER.fullmatch(name), f"It looks like {what} of containers or virtual machines. {use}"),
        (_APPLE.fullmatch(name), "It is a link between Apple devices, not a LAN."),
        (
            not any(is_private(one.network) for one in interface.addresses),
            "It has no private address; name a network that is yours with --network CIDR --own.",
        ),
    )
    return next((sentence for holds, sentence in reasons if holds), "")


def _read() -> Sequence[RawInterface]:
    try:
        return _by_netifaces()
    except ImportError:
        return _by_ifaddr()
    except (OSError, ValueError) as error:
        raise NetworkError(f"cannot list the interfaces: {error}", "`espied doctor` says what this system allows.") from error


def _by_netifaces() -> list[RawInterface]:
    import netifaces  # noqa: PLC0415 - an extension module; a failed import is the fallback's signal

    result = []
    nice = _windows_names()
    for name in netifaces.interfaces():
        try:
            table: Mapping[int, Sequence[Mapping[str, str]]] = netifaces.ifaddresses(name)
        except ValueError:
            continue  # it vanished between the two calls
        addresses = [
            f"{row['addr'].partition('%')[0]}/{_prefix(row.get('netmask', ''))}"
            for family in (netifaces.AF_INET, netifaces.AF_INET6)
            for row in table.get(family, ())
            if "addr" in row
        ]
        links = [row["addr"].lower().replace("-", ":") for row in table.get(netifaces.AF_LINK, ()) if "addr" in row]
        shown, index = nice.get(name, (name, None))
        result.append(_system(shown, tuple(addresses), links[0] if links else "", index))
    return result


def _windows_names() -> dict[str, tuple[str, int | None]]:
    """Return name and index by GUID: netifaces names Windows' interfaces by GUID, which nobody could type."""
    if sys.platform != "win32":
        return {}
    import ifaddr  # noqa: PLC0415 - only here and in the fallback

    return {one.name: (one.nice_name, one.index) for one in ifaddr.get_adapters(include_unconfigured=True)}


def _by_ifaddr() -> list[RawInterface]:
    import ifaddr  # noqa: PLC0415 - the fallback: loaded only where netifaces cannot be

    result = []
    for adapter in ifaddr.get_adapters(include_unconfigured=True):
        addresses = [f"{one.ip[0] if isinstance(one.ip, tuple) else one.ip}/{one.network_prefix}" for one in adapter.ips]
        name = adapter.nice_name if adapter.name.startswith("{") else adapter.name  # Windows names adapters by GUID
        result.append(_system(name, tuple(addresses), "", adapter.index))
    return result


def _prefix(netmask: str) -> str:
    """Return the prefix length of what netifaces calls a netmask: "255.255.255.0", "ffff:ffff::/64" or "ffff:ffff::"."""
    if "/" in netmask:
        return netmask.partition("/")[2]
    if ":" in netmask:
        return str(int(ipaddress.IPv6Address(netmask)).bit_count())
    return netmask or "32"


def _first_line(path: str) -> str:
    """Return what a file of the kernel holds. Raises OSError."""
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()


def _system(name: str, addresses: tuple[str, ...], mac: str, index: int | None = None) -> RawInterface:
    """Add what the system itself tells: index, flags, bridges (Linux)."""
    folder = f"{SYS}/{name}"
    flags: int | None = None
    with contextlib.suppress(OSError, ValueError):  # no sysfs elsewhere, or the interface has just gone
        flags = int(_first_line(f"{folder}/flags"), 16)
    if not mac:
        with contextlib.suppress(OSError):  # likewise
            mac = _first_line(f"{folder}/address").lower()
    if index is None:
        index = 0
        with contextlib.suppress(OSError):  # Windows names interfaces otherwise here; the index only scopes IPv6
            index = socket.if_nametoindex(name)
    master = f"{folder}/brport/bridge"
    return RawInterface(
        name=name,
        number=index,
        mac=mac if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac) else "",
        addresses=addresses,
        flags=flags,
        bridge=os.path.isdir(f"{folder}/bridge"),
        port_of=os.path.basename(os.path.realpath(master)) if os.path.exists(master) else "",
    )
