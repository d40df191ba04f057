"""The feed of the demo LAN: simulated devices start with it and end with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from discover.atlas.loader import load_catalogue
from discover.demo import DEMO_INTERFACE, DEMO_NETWORK, DemoLan, demo_supported
from discover.engine import Feed, LiveFeed, OnProgress, OnSignal, ReplayFeed, plan_scan
from discover.model.scan import ScanSummary
from discover.net.real import RealNetwork

RECORDED: Final = Path(__file__).parents[2] / "discover" / "demo" / "recorded.ndjson"
"""A scan of the demo LAN, made by scripts/demo_recording.py."""
NOT_LIVE: Final = "This system's loopback has no room for the demo's devices, so a recording of them is played; checks need the real ones."


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


def demo_or_recording(*, seconds: float = 5.0, forever: bool = False, speed: float = 1.0) -> Feed:
    """Return the live demo, or its recording where the devices cannot be started (``speed`` as in ReplayFeed)."""
    if demo_supported():
        return demo_feed(seconds=seconds, forever=forever)
    from tui.cli.session import read_recording  # noqa: PLC0415 - most systems do not need it

    return ReplayFeed(read_recording(RECORDED), speed=speed)
