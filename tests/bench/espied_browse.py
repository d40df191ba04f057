"""Browse one interface with espied's mDNS browser, and print what was resolved when, as one line of JSON.

``python espied_browse.py INTERFACE TYPE COUNT SECONDS`` ends when COUNT instances of the type are resolved or after
SECONDS. The line: {"found": [instance], "resolved": [instance], "resolved_at": [seconds since the browse began],
"packets": sent}. espied tells an instance once it is resolved, so the two lists are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.real import RealNetwork


async def main() -> None:
    interface, kind, count, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    network = RealNetwork()
    face = next(one for one in network.interfaces() if one.name == interface)
    resolved: dict[str, float] = {}
    complete = asyncio.Event()

    def on_event(event: MdnsEvent) -> None:
        if event.kind is MdnsEventKind.RESOLVED and event.type == kind and event.addresses:
            resolved.setdefault(event.instance, round(network.clock.mono() - began, 6))
            if len(resolved) >= count:
                complete.set()

    began = network.clock.mono()
    browser = await network.browse(face, (kind,), on_event)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(complete.wait(), seconds)
    told = {"found": sorted(resolved), "resolved": sorted(resolved), "resolved_at": sorted(resolved.values())}
    print(json.dumps({**told, "packets": network.ledger.count}))
    await browser.close()


asyncio.run(main())
