"""Raw ARP on one interface of Linux, for those who may (CAP_NET_RAW): ask for an address, and hear who is there.

Unlike the kernel's own question it leaves no row in the neighbour table, so no address waits for another.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock
from discover.net.drain import Drain
from discover.net.gate import Gate
from discover.net.sockets import raise_buffers
from discover.net.trouble import network_error
from discover.proto import arp
from discover.proto.mac import mac_from_bytes
from discover.proto.malformed import Malformed

ETH_P_ARP: Final = 0x0806  # linux/if_ether.h
ARPHRD_ETHER: Final = 1  # linux/if_arp.h; Wi-Fi shows itself as Ethernet, loopback (772) and tunnels do not
EVERYONE: Final = b"\xff" * 6
FULL: Final = 0.005
"""Seconds to wait where the interface's queue or the socket's buffer is full: both drain within milliseconds."""
_MAX_PACKET: Final = 64
"""Bytes read: 28 of ARP, and Ethernet pads them to 46."""


class RawArp:
    """An asker by raw ARP; see :class:`discover.net.api.ArpAsker`. Needs a running event loop. Raises OSError where the system refuses."""

    def __init__(self, gate: Gate, clock: Clock, interface: Interface, on_reply: Callable[[str, str], None]) -> None:
        self._gate = gate
        self._interface = interface
        self._on_reply = on_reply
        self._link = OnLink(interface)
        self._sock, self._mac = _socket(interface)
        # An error (the interface is down, or has gone) is left to who asks: sending raises the same one.
        self._drain: Drain[bytes] = Drain(clock, self._sock, partial(self._sock.recv, _MAX_PACKET), self._batch)

    def try_ask(self, address: str, *, purpose: str) -> float:
        """Ask; see :class:`discover.net.api.ArpAsker`. Raises NetworkError for an address that is no host's of the interface's networks."""
        doing = f"ask for {address} by ARP on {self._interface.name}"
        if self._drain.closed:
            raise NetworkError(f"cannot {doing}: the socket is closed")
        self._gate.check(address)
        payload = self._link.request(self._mac, address, doing)
        wait = self._gate.wait(address, liveness=True, transport="arp", payload=payload)
        if wait > 0:
            return wait
        try:
            self._sock.sendto(payload, (self._interface.name, ETH_P_ARP, 0, ARPHRD_ETHER, EVERYONE))
        except (BlockingIOError, InterruptedError):
            return FULL
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return FULL
            raise network_error(error, doing) from error
        self._gate.note(
            interface=self._interface.name, address=address, port=0, transport="arp", purpose=purpose, payload=payload, liveness=True
        )
        return 0.0

    def _batch(self, packets: list[bytes]) -> None:
        for payload in packets:
            packet = arp.decode(payload)
            if isinstance(packet, Malformed) or packet.sender_mac in ("", self._mac) or not self._link.ours(packet.sender_address):
                continue
            if self._drain.closed:
                return  # who was told has closed us
            self._on_reply(packet.sender_address, packet.sender_mac)

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._drain.close()


def _socket(interface: Interface) -> tuple[socket.socket, str]:
    """Return a socket that hears and sends ARP on the interface, and its MAC. Raises OSError."""
    # Without a protocol it hears nothing before it is bound to its interface (packet(7)).
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        sock.settimeout(0)
        sock.bind((interface.name, ETH_P_ARP))
        raise_buffers(sock)
    except BaseException:
        sock.close()
        raise
    _name, _protocol, _kind, hardware, own = sock.getsockname()
    mac = mac_from_bytes(own) if hardware == ARPHRD_ETHER else ""
    if not mac:
        sock.close()
        raise OSError(errno.EAFNOSUPPORT, f"{interface.name} is no Ethernet")
    return sock, mac


class OnLink:
    """Which IPv4 addresses another host of an interface's networks can have: not ours, no network's first or last one."""

    def __init__(self, interface: Interface) -> None:
        self._own = frozenset(str(one.address) for one in interface.ipv4)
        # (first, mask, ends, ours); all addresses of a /31 and a /32 are hosts' (RFC 3021).
        self._networks = tuple(
            (
                int(net.network_address),
                int(net.netmask),
                () if net.prefixlen > 30 else (int(net.network_address), int(net.broadcast_address)),
                str(one.address),
            )
            for one in interface.ipv4
            for net in (one.network,)
        )

    def ours(self, address: str) -> str:
        """Return our address in the network of ``address``, "" where no neighbour can have that."""
        if address in self._own:
            return ""
        try:
            number = int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
        except (OSError, ValueError):  # ValueError: a zero byte in the text
            return ""
        return next((own for first, mask, ends, own in self._networks if number & mask == first and number not in ends), "")

    def request(self, mac: str, address: str, doing: str) -> bytes:
        """Return the question for ``address``. Raises NetworkError, which names what was ``doing``, where no neighbour can have that."""
        own = self.ours(address)
        if not own:
            raise NetworkError(
                f"cannot {doing}: no host of the interface's networks can have that address", "ARP asks only for hosts of the same network."
            )
        return arp.encode_request(mac, own, address)


def open_arp(gate: Gate, clock: Clock, interface: Interface, on_reply: Callable[[str, str], None]) -> RawArp | None:
    """Return the asker, None off Linux, without the privilege, and where the interface is no Ethernet or has no IPv4 address."""
    if sys.platform != "linux" or interface.loopback or interface.point_to_point or not interface.ipv4:
        return None
    try:
        return RawArp(gate, clock, interface, on_reply)
    except OSError:
        return None
