"""Devices that speak unasked: their broadcasts and multicasts, heard on sockets of their own.

WLED's node list (65506), ESPEasy's peer-to-peer (8266), SSDP's NOTIFY (1900). A port that another
program holds is told as trouble, and the others are still heard.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.model.signal import Source
from discover.net.api import Clock, Network, UdpEndpoint, UdpEvent, UdpEventKind
from discover.net.emitter import Emitter
from discover.proto import wellknown
from discover.proto.replies import decode_udp

REPEAT_AFTER: Final = 10.0
"""Seconds in which the same datagram of the same device is one signal: WLED repeats its own every 30 s, a flood does it at once."""
MAX_REMEMBERED: Final = 4096
MAX_DIFFERENT: Final = 128
"""Different datagrams of one device that are signals within REPEAT_AFTER; a chatty media box sends about 30 NOTIFYs at once."""
_LONG: Final = 3600.0


class Channel(NamedTuple):
    """A port that devices broadcast to, and the multicast groups they use."""

    name: str
    port: int
    groups: tuple[str, ...] = ()
    protocol: str = ""
    """Codec name that a datagram must have to be a signal; everything else on the port is other people's talk."""


CHANNELS: Final = (
    Channel("WLED node list", wellknown.WLED_PORT, protocol="wled-sync"),
    Channel("ESPEasy peer-to-peer", wellknown.ESPEASY_PORT, protocol="espeasy"),
    Channel("SSDP NOTIFY", wellknown.SSDP_PORT, (wellknown.SSDP_GROUP,), protocol="ssdp"),
)


async def hear_channel(
    network: Network,
    interface: Interface,
    emit: Emitter,
    channel: Channel,
    *,
    own: Collection[str],
    on_trouble: Callable[[str, NetworkError], None],
    on_peer: Callable[[str], None],
) -> None:
    """Listen to one channel until cancelled, and emit udp.reply for what its codec understands.

    ``own`` are our addresses, whose datagrams are our own; ``on_trouble(channel name, error)`` is told why
    it cannot be heard, and then this returns. ``on_peer`` is told who spoke.
    """
    try:
        endpoint = network.udp(interface, broadcast=True, local_port=channel.port, groups=channel.groups)
    except NetworkError as error:
        on_trouble(channel.name, error)
        return
    try:
        await _hear(endpoint, network.clock, emit, channel, own=own, on_peer=on_peer)
    except NetworkError as error:
        on_trouble(channel.name, error)
    finally:
        endpoint.close()


async def _hear(
    endpoint: UdpEndpoint, clock: Clock, emit: Emitter, channel: Channel, *, own: Collection[str], on_peer: Callable[[str], None]
) -> None:
    heard: dict[tuple[str, int], float] = {}
    counts: dict[str, int] = {}
    since = clock.mono()
    while True:
        event = await endpoint.receive(_LONG)
        if event is None or event.kind is not UdpEventKind.REPLY or event.address in own:
            continue
        now = clock.mono()
        key = (event.address, hash(event.payload))  # not the bytes: a flood could bring 64 kB each
        if key in heard and now - heard[key] < REPEAT_AFTER:
            continue
        if now - since >= REPEAT_AFTER or len(counts) >= MAX_REMEMBERED:
            counts.clear()
            since = now
        if counts.get(event.address, 0) >= MAX_DIFFERENT:
            continue  # a flood of ever new datagrams: each would be a signal, and a line of a recording
        if len(heard) >= MAX_REMEMBERED:
            heard.clear()  # a flood; what repeats itself is told once more
        if _tell(emit, channel, event):
            heard[key] = now
            counts[event.address] = counts.get(event.address, 0) + 1
            on_peer(event.address)


def _tell(emit: Emitter, channel: Channel, event: UdpEvent) -> bool:
    protocol, fields = decode_udp(channel.port, event.payload)
    if protocol != channel.protocol:
        return False
    # The well-known port, not the source port of this datagram: SSDP's come from ephemeral ones.
    emit(Source.UDP, "udp.reply", event.address, {**fields, "port": channel.port, "protocol": protocol}, event.payload)
    return True
