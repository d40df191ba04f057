"""One ping to all IPv6 nodes of a link."""

from __future__ import annotations

import ipaddress
from typing import Final

from discover.model.network import Interface

PING_AGAIN: Final = 1.0
PURPOSE: Final = "ping all IPv6 nodes"
_UNIQUE_LOCAL: Final = ipaddress.ip_network("fc00::/7")


def own_address(interface: Interface) -> ipaddress.IPv6Address | None:
    """Return the address to ask from: a link-local one, so that link-local ones answer; else a unique-local one; else None."""
    found = [one.address for one in interface.ipv6 if isinstance(one.address, ipaddress.IPv6Address) and answers_count(str(one.address))]
    return min(found, key=lambda one: not one.is_link_local, default=None)


def answers_count(address: str) -> bool:
    """Tell whether the address is a link-local or unique-local IPv6 one."""
    try:
        one = ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return one.is_link_local or one in _UNIQUE_LOCAL


def token_of(number: int) -> bytes:
    """Return the data of a request."""
    return b"espied\0\0" + number.to_bytes(8, "big")
