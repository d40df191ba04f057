"""What one user hears of a link, run in a namespace of its own: ``link.py SECONDS [arp] [ping] [ADDRESS ...]``.

It subscribes to neighbour events, asks every address (by raw ARP if told so, else by one datagram), pings all IPv6 nodes if
told so, and writes one line of JSON for each thing heard: what, the seconds since it asked, and the rest. Last comes the ledger.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence

from discover.model.network import Neighbour
from discover.net.real import RealNetwork

PORT = 9  # discard (RFC 863)


async def main(arguments: Sequence[str]) -> None:
    """Ask, listen for so many seconds, and tell."""
    seconds, words = float(arguments[0]), arguments[1:]
    network = RealNetwork()
    face = next(one for one in network.interfaces() if one.name == "eth0")
    begun = time.monotonic()

    def tell(what: str, *rest: str) -> None:
        sys.stdout.write(json.dumps([what, round(time.monotonic() - begun, 4), *rest]) + "\n")

    def changed(row: Neighbour | None) -> None:
        tell("lost") if row is None else tell("event", row.address, row.mac, row.state)

    asker = network.arp(face, lambda address, mac: tell("arp", address, mac)) if "arp" in words else None
    opened = {
        "events": network.neighbour_events(face, changed),
        "arp": asker,
        "ping": network.ping_nodes(face, lambda address: tell("ping", address)) if "ping" in words else None,
    }
    tell("opened", *(name for name, one in opened.items() if one is not None))
    end = network.udp(face)
    for address in (word for word in words if word not in opened):
        if asker is not None:
            asker.try_ask(address, purpose="who is there")
        else:
            await end.send(b"\n", address, PORT, purpose="who is there")
    await asyncio.sleep(seconds)
    for one in (*opened.values(), end):
        if one is not None:
            one.close()
    for packet in network.ledger.packets:
        tell("sent", packet.transport, packet.to, packet.payload.hex())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
