"""UDP sockets as discovery needs them: tied to one interface, with large buffers, multicast that stays on the link."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from typing import Final

from discover.model.network import Address, Interface, InterfaceAddress
from discover.net.gate import pack_ipv4, parse_address
from discover.net.trouble import network_error

LINUX: Final = sys.platform == "linux"
BUFFER: Final = 4 * 1024 * 1024
"""Bytes of receive buffer: with the default one a burst of 1000 answers loses 5 to 20 % (measured)."""

# Linux's include/uapi: linux/in.h, linux/in6.h, asm-generic/socket.h; Python's socket module names few of them.
SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; also the kind of the message (SCM_TIMESTAMPNS)
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
IP_PKTINFO: Final = 8
IP_MULTICAST_ALL: Final = 49
IPV6_MULTICAST_ALL: Final = 29
_IP_UNICAST_IF: Final = 50
_IPV6_UNICAST_IF: Final = 76
_IP_BIND_ADDRESS_NO_PORT: Final = 24
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SO_BINDTODEVICE: Final = 25
_DARWIN_IP_BOUND_IF: Final = 25
_DARWIN_IPV6_BOUND_IF: Final = 125
_NONBLOCK: Final = getattr(socket, "SOCK_NONBLOCK", 0)


FILES: Final = 4096
"""Files that a scan may have open where each target has a socket of its own: some 1100 at once, and macOS gives 256."""


def raise_file_limit(wanted: int = FILES) -> None:
    """Let this process open ``wanted`` files, as far as the system's hard limit allows; nothing on Windows, which has no such limit."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # then a scan may say that there are too many open files, and what to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def raise_buffers(sock: socket.socket, size: int = BUFFER) -> None:
    """Ask for ``size`` bytes of receive buffer; the system gives what it allows (all of it where CAP_NET_ADMIN is there)."""
    with contextlib.suppress(OSError):  # a smaller buffer is a slower scan, not a failed one
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    if LINUX:
        for option in (_SO_RCVBUFFORCE, _SO_SNDBUFFORCE):
            with contextlib.suppress(OSError):  # not permitted to most users
                sock.setsockopt(socket.SOL_SOCKET, option, size)


def source_address(interface: Interface, family: int, target: Address | None = None) -> InterfaceAddress | None:
    """Return the interface's address to send from: the one in the target's network, else the first of the family."""
    found = interface.ipv4 if family == socket.AF_INET else interface.ipv6
    if target is not None:
        for one in found:
            if target in one.network:
                return one
    # A link-local source can only reach link-local targets, so it comes last for all others.
    return min(found, key=lambda one: one.address.is_link_local, default=None) if target is not None else next(iter(found), None)


def sockaddr(interface: Interface | None, address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return the address as the socket calls take it, with the interface as scope for link-local IPv6."""
    if pack_ipv4(address):
        return (address, port)
    parsed = parse_address(address)
    if parsed.version == 4:
        return (str(parsed), port)
    scoped = parsed.is_link_local or parsed.is_multicast
    return (str(parsed), port, 0, interface.index if interface is not None and scoped else 0)


def udp_socket(
    interface: Interface,
    family: int,
    *,
    local_port: int = 0,
    groups: tuple[str, ...] = (),
    broadcast: bool = False,
    exact: bool = False,
    doing: str = "",
) -> tuple[socket.socket, bool]:
    """Return a non-blocking UDP socket of the interface, and whether it hears other interfaces, too.

    Endpoints that only ask are bound to the interface's address. Those that listen (a local port,
    groups) or ask everyone are bound to all addresses of the device, because a socket that is bound
    to one address hears neither broadcasts nor multicasts on Linux and macOS. ``exact``: bound to the
    interface's own address all the same (the link-local one of IPv6), and with a local port several of our
    sockets may be, each of which hears its share of the senders (Linux's SO_REUSEPORT).
    Raises NetworkError, which names what was ``doing``.
    """
    sock: socket.socket | None = None
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        return sock, _prepare(sock, interface, family, local_port, groups, broadcast=broadcast, exact=exact)
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError):
            where = f" (port {local_port})" if local_port else ""
            raise network_error(error, doing or f"open a UDP socket on {interface.name}{where}") from error
        raise


Route = tuple[int, tuple[str, int] | tuple[str, int, int, int] | None]
"""The family of a TCP socket, and what it is bound to (None: the routing table chooses)."""


def tcp_route(interface: Interface | None, address: str) -> Route:
    """Return how a TCP socket reaches ``address`` from the interface's own address; without one the routing table chooses."""
    target = parse_address(address)
    family = socket.AF_INET if target.version == 4 else socket.AF_INET6
    own = None if interface is None or target.is_loopback else source_address(interface, family, target)
    return family, None if own is None else sockaddr(interface, str(own.address), 0)


def tcp_socket(route: Route) -> socket.socket:
    """Return a non-blocking TCP socket for the route. Raises OSError."""
    family, own = route
    sock = socket.socket(family, socket.SOCK_STREAM | _NONBLOCK)
    try:
        if not _NONBLOCK:
            sock.settimeout(0)
        if own is not None:
            if LINUX:
                with contextlib.suppress(OSError):  # then each source port serves one connection at a time
                    sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind(own)
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(
    sock: socket.socket, interface: Interface, family: int, local_port: int, groups: tuple[str, ...], *, broadcast: bool, exact: bool
) -> bool:
    sock.settimeout(0)
    raise_buffers(sock)
    if local_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin" or (exact and LINUX):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if broadcast and family == socket.AF_INET:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    own = source_address(interface, family)
    if exact and family == socket.AF_INET6:
        own = next((one for one in interface.ipv6 if one.address.is_link_local), own)
    if own is None:
        raise OSError(errno.EADDRNOTAVAIL, f"{interface.name} has no IPv{4 if family == socket.AF_INET else 6} address")
    _send_there(sock, interface, family, own)
    wide = bool(local_port or groups or broadcast) and not exact and sys.platform != "win32"
    hears_all = (wide or (exact and sys.platform != "win32")) and not _tie(sock, interface, family) and wide
    scope = interface.index if family == socket.AF_INET6 and own.address.is_link_local else 0
    host = ("0.0.0.0" if family == socket.AF_INET else "::") if wide else str(own.address)
    sock.bind((host, local_port) if family == socket.AF_INET else (host, local_port, 0, 0 if wide else scope))
    if hears_all and LINUX and family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    for group in groups:
        _join(sock, interface, family, group, own)
    if LINUX:
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        with contextlib.suppress(OSError):  # round trips are measured without it, too, our own delays included
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        only_joined(sock)
    return hears_all


def _send_there(sock: socket.socket, interface: Interface, family: int, own: InterfaceAddress) -> None:
    """Let unicast, broadcast and multicast leave by the interface, multicast with one hop."""
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own.address.packed)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
    if LINUX and interface.index:
        # Needs no privilege and, unlike SO_BINDTODEVICE, still hears what this machine itself answers.
        with contextlib.suppress(OSError):
            if family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, _IP_UNICAST_IF, struct.pack("!I", interface.index))
            else:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_IF, struct.pack("!I", interface.index))


def _tie(sock: socket.socket, interface: Interface, family: int) -> bool:
    """Tie the socket to the device; False where the system does not permit it (Linux before 5.7 without CAP_NET_RAW)."""
    try:
        if LINUX:
            sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, interface.name.encode() + b"\0")
        elif sys.platform == "darwin":
            level, option = (
                (socket.IPPROTO_IP, _DARWIN_IP_BOUND_IF) if family == socket.AF_INET else (socket.IPPROTO_IPV6, _DARWIN_IPV6_BOUND_IF)
            )
            sock.setsockopt(level, option, interface.index)
    except PermissionError:
        return False
    return True


def only_joined(sock: socket.socket) -> None:
    """Let a socket that is bound to all addresses hear only the groups that it joined itself (Linux: others' too by default)."""
    if LINUX:
        for level, option in ((socket.IPPROTO_IP, IP_MULTICAST_ALL), (socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL)):
            with contextlib.suppress(OSError):  # IPv6 since Linux 4.20; an IPv4 socket knows only the first
                sock.setsockopt(level, option, 0)


def _join(sock: socket.socket, interface: Interface, family: int, group: str, own: InterfaceAddress) -> None:
    packed = parse_address(group).packed
    if family == socket.AF_INET6 and len(packed) == 16:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, packed + struct.pack("@I", interface.index))
    elif family == socket.AF_INET and len(packed) == 4:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, packed + own.address.packed)
