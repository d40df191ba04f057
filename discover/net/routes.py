"""Which way this machine's packets take to a device: asked of the kernel, nothing is sent.

An upload tool binds nothing, so its packets take the kernel's choice of interface and address, which need not be the
interface that the check asks on. Linux tells the next hop by rtnetlink(7); macOS by ``route -n get``.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import struct
import subprocess
import sys
from typing import Final, NamedTuple

# linux/netlink.h, linux/rtnetlink.h
_NLMSG_ERROR: Final = 2
_RTM_NEWROUTE: Final = 24
_RTM_GETROUTE: Final = 26
_NLM_F_REQUEST: Final = 0x1
_RTA_DST: Final = 1
_RTA_OIF: Final = 4
_RTA_GATEWAY: Final = 5
_RTA_PREFSRC: Final = 7
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")
_RTMSG: Final = struct.Struct("=BBBBBBBBI")  # family, destination's and source's prefix, tos, table, protocol, scope, type, flags

_DISCARD: Final = 9
"""Any port will do: connecting a UDP socket sends nothing. This one is discard (RFC 863)."""
_COMMAND_SECONDS: Final = 2.0


class Path(NamedTuple):
    """The kernel's way to an address: our interface's index (0 unknown), the next hop ("" on the link), our address ("" unknown)."""

    link: int = 0
    gateway: str = ""
    local: str = ""
    trouble: str = ""
    """The system's word where there is no way."""
    interface: str = ""
    """The interface's name where it is known instead of the index."""


def path_to(address: str) -> Path:
    """Return the way to an address (IPv6 with its zone); blocks for milliseconds. Raises nothing: what is not known stays empty."""
    local, link, trouble = _local(address)
    bare = address.partition("%")[0]
    found = Path()
    if sys.platform == "linux" and not trouble:
        with contextlib.suppress(OSError, ValueError):  # no netlink socket in this sandbox: the address says the rest
            found = parse(_ask(bare, link))
    elif sys.platform == "darwin" and not trouble:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            family = "-inet6" if ":" in bare else "-inet"
            done = subprocess.run(  # noqa: S603 - fixed words and an address
                ["/sbin/route", "-n", "get", family, bare], capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
            )
            found = parse_route_get(done.stdout)
    return found._replace(local=local or found.local, link=found.link or link, trouble=trouble)


def _local(address: str) -> tuple[str, int, str]:
    """Return our address towards a device, the zone's index, and the system's word where there is no way."""
    bare, _, zone = address.partition("%")
    link = 0
    if zone:
        try:
            link = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
        except OSError as error:
            return "", 0, error.strerror or str(error)
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((bare, _DISCARD, 0, link) if family == socket.AF_INET6 else (bare, _DISCARD))
            return str(sock.getsockname()[0]).partition("%")[0], link, ""
    except OSError as error:
        return "", link, error.strerror or str(error)


def request(address: str, link: int = 0, sequence: int = 1) -> bytes:
    """Return the message that asks the kernel for the route to an address, by the interface ``link`` where it is not 0."""
    parsed = ipaddress.ip_address(address)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    body = _RTMSG.pack(family, parsed.max_prefixlen, 0, 0, 0, 0, 0, 0, 0)
    body += _ATTRIBUTE.pack(4 + len(parsed.packed), _RTA_DST) + parsed.packed
    if link:
        body += _ATTRIBUTE.pack(8, _RTA_OIF) + struct.pack("=I", link)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _NLM_F_REQUEST, sequence, 0) + body


def parse(data: bytes) -> Path:
    """Return the route in the kernel's answer; an empty Path where there is none. Never fails, whatever the bytes.

    Raises OSError where the kernel answered with an error message.
    """
    if len(data) < _HEADER.size:
        return Path()
    length, kind, _flags, _sequence, _port = _HEADER.unpack_from(data)
    body = data[_HEADER.size : length]
    if kind == _NLMSG_ERROR and len(body) >= 4:
        raise OSError(-struct.unpack_from("=i", body)[0], "the kernel names no route")
    if kind != _RTM_NEWROUTE or len(body) < _RTMSG.size:
        return Path()
    link, gateway, local = 0, "", ""
    position = _RTMSG.size
    while position + 4 <= len(body):
        size, attribute = _ATTRIBUTE.unpack_from(body, position)
        if size < 4:
            break
        value = body[position + 4 : position + size]
        if attribute == _RTA_OIF and len(value) == 4:
            link = struct.unpack("=I", value)[0]
        elif attribute in (_RTA_GATEWAY, _RTA_PREFSRC) and len(value) in (4, 16):
            text = str(ipaddress.ip_address(value))
            gateway, local = (text, local) if attribute == _RTA_GATEWAY else (gateway, text)
        position += (size + 3) & ~3
    return Path(link=link, gateway=gateway, local=local)


def parse_route_get(text: str) -> Path:
    """Return what macOS's ``route -n get ADDRESS`` printed: "gateway: 192.168.1.1" and "interface: en0"."""
    rows = dict(re.findall(r"^\s*(gateway|interface):\s+(\S+)\s*$", text, re.MULTILINE))
    gateway = rows.get("gateway", "").partition("%")[0]
    try:
        ipaddress.ip_address(gateway)
    except ValueError:
        gateway = ""  # "link#6": on the link
    return Path(gateway=gateway, interface=rows.get("interface", ""))


def _ask(address: str, link: int) -> bytes:
    with contextlib.closing(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)) as sock:
        sock.settimeout(_COMMAND_SECONDS)  # the kernel answers from memory; this only keeps a broken one from holding us
        sock.send(request(address, link))
        return sock.recv(1 << 14)
