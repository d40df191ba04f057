"""Errors of the operating system in words: what was refused, the usual cause, and what to do."""

from __future__ import annotations

import errno
import os
from typing import Final

from discover.errors import NetworkError

_GONE: Final = "The interface or its address is gone: a cable, the Wi-Fi, a VPN or a lease. `espied doctor` lists what is there now."
_BLOCKED: Final = (
    "A local firewall or a missing permission forbids it: allow espied (or UDP out, and mDNS on 5353/udp) in the firewall; "
    "in a container use the host's network; on macOS allow Terminal under Privacy & Security > Local Network."
)
_NO_ROUTE: Final = (
    "There is no route out of that interface. A VPN may have taken the routes, multicast may be off on it, or on macOS the "
    "Local Network permission is missing (Privacy & Security > Local Network)."
)
_HINTS: Final = {
    errno.EPERM: _BLOCKED,
    errno.EACCES: _BLOCKED,
    errno.ENETUNREACH: _NO_ROUTE,
    errno.EHOSTUNREACH: _NO_ROUTE,
    errno.ENETDOWN: "The interface is down: bring it up (`ip link set IF up`) and try again.",
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.EADDRNOTAVAIL: _GONE,
    errno.EADDRINUSE: "Another program holds that port without sharing it: close it, or leave this listener out.",
    errno.EMFILE: "Too many open files: raise the limit (`ulimit -n 4096`).",
    errno.ENFILE: "The system has too many open files.",
    errno.ENOBUFS: "The system has no buffers left (on Linux also: too many multicast groups, see net.ipv4.igmp_max_memberships).",
    errno.ENOMEM: "The system has no memory left for sockets.",
    errno.EMSGSIZE: "The datagram is larger than the interface takes.",
}


def errno_name(number: int | None) -> str:
    """Return the errno's symbolic name ("EHOSTUNREACH"), or "errno N" where it has none."""
    return errno.errorcode.get(number or 0, f"errno {number or 0}")


def network_error(error: OSError, doing: str) -> NetworkError:
    """Return the NetworkError that says what was ``doing``, what the system answered and what to do.

    ``doing`` completes the sentence "cannot ...": "send to 10.0.0.7:3232 on eth0".
    """
    words = error.strerror or (os.strerror(error.errno) if error.errno else str(error)) or "no reason given"
    name = errno_name(error.errno)
    return NetworkError(f"cannot {doing}: {words} ({name})", _HINTS.get(error.errno or 0, "`espied doctor` says what this system allows."))
