"""The feed of the demo LAN: simulated devices start with it and end with it."""

from __future__ import annotations

from discover.atlas.loader import load_catalogue
from discover.demo import DEMO_INTERFACE, DEMO_NETWORK, DemoLan
from discover.engine import LiveFeed, OnProgress, OnSignal, plan_scan
from discover.model.snapshot import ScanSummary
from discover.net.real import RealNetwork


class DemoFeed(LiveFeed):
    """A live feed over the demo LAN, which it starts first. Raises NetworkError where loopback has no room for it."""

    async def run(self, on_signal: OnSignal, on_progress: OnProgress | None = None) -> ScanSummary:
        """Start the devices, scan them as any others, and stop them whatever happens."""
        async with DemoLan():
            return await super().run(on_signal, on_progress)


def demo_feed(*, seconds: float = 5.0, forever: bool = False) -> DemoFeed:
    """Return a feed that sees the demo LAN and nothing else. Nothing is started before it runs."""
    network = RealNetwork()
    plan = plan_scan(network, names=(DEMO_INTERFACE,), cidrs=(str(DEMO_NETWORK),), seconds=seconds)
    return DemoFeed(network, load_catalogue(), plan, forever=forever)
