"""A plain browse with python-zeroconf, as its own examples do it: the peer of goals 7 and 8.

``python plain_zeroconf.py OWN_ADDRESS TYPE COUNT SECONDS`` ends when COUNT instances are resolved or after SECONDS,
and prints one line of JSON: instances found and resolved, and the second (since the browse began) of each resolve.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time

from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

REQUEST_MS = 3000
"""What the library's examples wait for one service."""


async def main() -> None:
    own, kind, count, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    found: set[str] = set()
    resolved: dict[str, float] = {}
    tasks: set[asyncio.Task[None]] = set()
    complete = asyncio.Event()
    zeroconf = AsyncZeroconf(interfaces=[own], ip_version=IPVersion.V4Only)

    async def resolve(service_type: str, name: str) -> None:
        info = AsyncServiceInfo(service_type, name)
        if await info.async_request(zeroconf.zeroconf, REQUEST_MS) and info.parsed_addresses():
            resolved.setdefault(name, round(time.monotonic() - began, 6))
            if len(resolved) >= count:
                complete.set()

    def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf
        if state_change is ServiceStateChange.Added:
            found.add(name)
            task = asyncio.ensure_future(resolve(service_type, name))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    began = time.monotonic()
    browser = AsyncServiceBrowser(zeroconf.zeroconf, [f"{kind}.local."], handlers=[on_change])
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(complete.wait(), seconds)
    print(json.dumps({"found": sorted(found), "resolved": sorted(resolved), "resolved_at": sorted(resolved.values())}))
    for task in tasks:
        task.cancel()
    await browser.async_cancel()
    await zeroconf.async_close()


asyncio.run(main())
