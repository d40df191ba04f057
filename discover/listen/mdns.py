"""mDNS: what the browser learns, as signals. Goodbye, expiry and silence stay three different things."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from discover.model.network import Interface
from discover.model.signal import Field, Source
from discover.net.api import MdnsBrowser, MdnsEvent, MdnsEventKind, Network
from discover.net.emitter import Emitter
from discover.proto.txt import decode as decode_txt
from discover.proto.txt import to_text

EMBEDDED_TYPES: Final = (
    "_airgradient._tcp",
    "_arduino._tcp",
    "_circuitpython._tcp",
    "_coap._udp",
    "_elg._tcp",
    "_esp_local_ctrl._tcp",
    "_esp_rmaker_chal_resp._tcp",
    "_esphomelib._tcp",
    "_ewelink._tcp",
    "_hap._tcp",
    "_hap._udp",
    "_http._tcp",
    "_hue._tcp",
    "_hwenergy._tcp",
    "_ipp._tcp",
    "_matter._tcp",
    "_matterc._udp",
    "_meshcop._udp",
    "_meshtastic._tcp",
    "_miio._udp",
    "_moonraker._tcp",
    "_mqtt._tcp",
    "_octoprint._tcp",
    "_openevse._tcp",
    "_prometheus-http._tcp",
    "_shelly._tcp",
    "_slzb-06._tcp",
    "_telnet._tcp",
    "_webrepl._tcp",
    "_wled._tcp",
    "_workstation._tcp",
    "_wyoming._tcp",
)
"""Types that embedded gear is known to announce (facts: gear), asked for beside the catalogue's own and the meta-query."""

MAX_REMEMBERED: Final = 10_000
"""Instances whose last address is remembered for their goodbye; a flood of made-up names must not fill the memory."""


async def browse_signals(
    network: Network,
    interface: Interface,
    emit: Emitter,
    types: Iterable[str] = (),
    *,
    on_event: Callable[[MdnsEvent], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> MdnsBrowser:
    """Browse ``types`` and :data:`EMBEDDED_TYPES` on one interface and emit mdns.* signals until the browser is closed.

    ``on_event`` sees every event after its signal; ``on_notice`` is told in a sentence what was not taken or got
    lost, the last one while the browser closes. Raises NetworkError where multicast is not allowed.
    """
    peers: dict[tuple[str, str], str] = {}

    def take(event: MdnsEvent) -> None:
        key = (event.type.lower(), event.instance.lower())
        match event.kind:
            case MdnsEventKind.TYPE:
                pass  # a type is no device; its instances follow
            case MdnsEventKind.RESOLVED:
                peer = choose_peer(event.addresses, interface)
                if peer and (key in peers or len(peers) < MAX_REMEMBERED):
                    peers[key] = peer
                emit(Source.MDNS, "mdns.service", peer, _service(event), event.txt)
            case MdnsEventKind.GOODBYE:
                emit(Source.MDNS, "mdns.goodbye", peers.pop(key, ""), {"type": event.type, "instance": event.instance})
            case MdnsEventKind.EXPIRED:
                emit(Source.MDNS, "mdns.expired", peers.pop(key, ""), {"type": event.type, "instance": event.instance})
            case MdnsEventKind.NOTICE if on_notice is not None:
                on_notice(event.notice)
        if on_event is not None:
            on_event(event)

    return await network.browse(interface, sorted({*EMBEDDED_TYPES, *types}), take)


def choose_peer(addresses: Sequence[str], interface: Interface) -> str:
    """Return the first address that lies in one of the interface's networks, else the first one, "" where there is none.

    A device with several interfaces (or a stale record) announces addresses that we cannot reach; the
    one in our network is the one that everything else about it will be heard from.
    """
    known = []
    for text in addresses:
        try:
            known.append(ipaddress.ip_address(text.partition("%")[0]))  # the scope is our interface, which the signal tells
        except ValueError:
            continue
    for address in known:
        if any(address in one.network for one in interface.addresses if one.network.version == address.version):
            return str(address)
    return str(known[0]) if known else ""


def _service(event: MdnsEvent) -> dict[str, Field]:
    return {
        "type": event.type,
        "instance": event.instance,
        "host": event.host.rstrip("."),
        "port": event.port,
        "addresses": event.addresses,
        "txt": to_text(decode_txt(event.txt)),
        "ttl": event.ttl,
    }
