"""Hosts of the scripted network: what answers at which port, said as data."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from discover.model.network import Interface, InterfaceAddress

UdpHandler = Callable[[bytes], bytes | Sequence[bytes] | None]
"""One datagram in; the answer, several answers, or None for silence."""
UdpBehaviour = UdpHandler | Literal["silent", "refused"]
TcpHandler = Callable[[], Generator[bytes, bytes, None]]
"""Makes a conversation for each connection: the first ``yield`` is what the host says unasked (b"" for
nothing), every later one the answer to the bytes that the ``yield`` returned; its end closes the connection."""
TcpBehaviour = TcpHandler | Literal["open", "closes", "silent", "refused"]
Delay = float | tuple[float, float] | Callable[[Random], float]
"""Seconds: always the same; from a range (power save); or drawn by a function from the host's own seeded random."""

ARP_TIMEOUT: Final = 3.07
"""Seconds until Linux reports EHOSTUNREACH for an address that answers no ARP (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeHost:
    """A scripted host.

    ``udp`` and ``tcp`` say what each port does. A UDP port that is not listed is closed: an ICMP error
    where ``icmp`` is True, else silence. A TCP port that is not listed does what ``other_tcp`` says.
    ``arp`` False: the address is as good as absent. ``known`` True: the neighbour table knows it
    before anybody asked. ``delay``: seconds until an answer is back (of ARP: half of it). ``loses``: so many
    datagrams to it are lost first (power save). ``loss``: the chance, from 0 to 1, that any packet to or from it is
    lost (ARP, UDP, ICMP and TCP's handshake). ``icmp_limit``: ICMP errors it sends at all (None: no limit);
    ``icmp_burst``, ``icmp_rate``: so many at once, then so many a second (Linux: 6 and 1). ``repeats``: how often it
    sends each UDP reply (a flood). ``stranger``: the address that its UDP replies come from, "" for its own.
    ``interface`` "": the network's first one.
    """

    address: str
    mac: str = ""
    udp: Mapping[int, UdpBehaviour] = field(default_factory=dict)
    tcp: Mapping[int, TcpBehaviour] = field(default_factory=dict)
    icmp: bool = True
    arp: bool = True
    known: bool = False
    delay: Delay = 0.004
    loses: int = 0
    loss: float = 0.0
    icmp_limit: int | None = None
    icmp_burst: int | None = None
    icmp_rate: float = 1.0
    repeats: int = 1
    stranger: str = ""
    other_tcp: Literal["silent", "refused"] = "refused"
    interface: str = ""


def fake_interface(
    name: str = "lan0", *addresses: str, mac: str = "02:00:00:00:00:01", index: int = 2, skip: str = "", loopback: bool = False
) -> Interface:
    """Return an interface with the addresses ("192.168.1.2/24"; that one where none is given)."""
    found = []
    for text in addresses or ("192.168.1.2/24",):
        one = ipaddress.ip_interface(text)
        scope = index if one.version == 6 and one.is_link_local else 0
        found.append(InterfaceAddress(address=one.ip, network=one.network, scope_id=scope))
    return Interface(name=name, index=index, mac=mac, addresses=tuple(found), loopback=loopback, multicast=True, skip=skip)


def answers(*replies: bytes, greeting: bytes = b"") -> TcpHandler:
    """Return a TCP host that says ``greeting``, answers each write with the next reply, and closes on the write after the last one."""

    def conversation() -> Generator[bytes, bytes, None]:
        yield greeting
        for reply in replies:  # noqa: UP028 - `yield from` a tuple cannot take what send() brings
            yield reply

    return conversation
