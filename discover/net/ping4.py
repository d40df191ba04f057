"""One ping to one IPv4 host, where this user may: Linux lets the groups of net.ipv4.ping_group_range, macOS everybody."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from typing import Final

from discover.model.network import Interface
from discover.net.gate import Gate, parse_address
from discover.net.trouble import network_error
from discover.proto import icmp4
from discover.proto.icmp6 import Echo
from discover.proto.malformed import Malformed

DATA: Final = b"espied: are you up?"
"""What the request carries, so that its reader knows whose it is."""
_MAX_MESSAGE: Final = 512
_MOST: Final = 32
"""Messages of others that one ping reads."""


def _open() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)


async def ping(gate: Gate, interface: Interface, address: str, *, purpose: str, timeout: float) -> bool | None:
    """Send one echo request and tell whether an answer came within ``timeout`` seconds; None where this user may not ping, or by IPv6.

    Raises NotPrivateError for a foreign address and NetworkError where the system refuses to send.
    """
    gate.check(address)
    if parse_address(address).version != 4:
        return None
    try:
        sock = _open()
    except OSError:
        return None
    with contextlib.closing(sock):
        sock.settimeout(0)
        identifier = secrets.randbelow(0xFFFF) + 1  # Linux puts its own in the place of it
        payload = icmp4.encode_echo_request(Echo(identifier, 1, DATA))
        await gate.admit(interface=interface.name, address=address, port=0, transport="icmp", purpose=purpose, payload=payload)
        try:
            sock.connect((address, 0))
            sock.send(payload)
        except OSError as error:
            raise network_error(error, f"ping {address}") from error
        with contextlib.suppress(TimeoutError, OSError):  # an ICMP error is no answer, either
            async with asyncio.timeout(timeout):
                for _ in range(_MOST):
                    echo = icmp4.decode_echo_reply(await asyncio.get_running_loop().sock_recv(sock, _MAX_MESSAGE))
                    if not isinstance(echo, Malformed) and echo.data == DATA:
                        return True
    return False
