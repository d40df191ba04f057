"""Many services from one python-zeroconf process: ``python one_responder.py OWN_ADDRESS NETWORK COUNT``, on the device side.

Each service has its own host name and address, as behind a bridge that announces for others.
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys

from zeroconf import IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

TYPE = "_esphomelib._tcp.local."
FIRST = 10
AT_ONCE = 100


async def main() -> None:
    own, network, count = sys.argv[1], ipaddress.IPv4Network(sys.argv[2]), int(sys.argv[3])
    zeroconf = AsyncZeroconf(interfaces=[own], ip_version=IPVersion.V4Only)
    infos = [
        ServiceInfo(
            TYPE,
            f"labdev{index:05d}.{TYPE}",
            addresses=[network[FIRST + index].packed],
            port=6053,
            server=f"labdev{index:05d}.local.",
            properties={"version": "2026.1.0", "mac": f"a0b1c2{index:06x}", "platform": "ESP32"},
        )
        for index in range(count)
    ]
    for first in range(0, count, AT_ONCE):
        tasks = [await zeroconf.async_register_service(info, cooperating_responders=True) for info in infos[first : first + AT_ONCE]]
        await asyncio.gather(*tasks)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
