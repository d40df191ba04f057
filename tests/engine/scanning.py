"""Running a feed on a scripted network, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from discover.atlas.catalogue import Catalogue
from discover.atlas.family import Family, HttpProbe
from discover.engine import LiveFeed, ScanPlan, plan_scan
from discover.model.network import Packet, Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Field, Signal
from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork

NOTHING = Catalogue(families=())


@dataclass
class Scan:
    """One run: its signals, progress and summary (None where it was cut short)."""

    network: FakeNetwork
    feed: LiveFeed
    signals: list[Signal] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    summary: ScanSummary | None = None

    def of(self, peer: str, *kinds: str) -> list[Signal]:
        """Return the signals of one peer, of these kinds (or all)."""
        return [one for one in self.signals if one.peer == peer and (not kinds or one.kind in kinds)]

    def words(self, peer: str, source: str = "udp") -> dict[int | None, str]:
        """Return for each port of a peer what was said of it: "refused", "silent/refused" (with the control), "reply" ..."""
        found = {}
        for one in self.signals:
            if one.peer == peer and one.kind.startswith(f"{source}."):
                control = one.text("control")
                found[one.number("port")] = one.kind.partition(".")[2] + (f"/{control}" if control else "")
        return found

    @property
    def peers(self) -> set[str]:
        """All peers that anything was said of."""
        return {one.peer for one in self.signals if one.peer}

    @property
    def finished(self) -> list[Signal]:
        """The scan.finished signals."""
        return [one for one in self.signals if one.kind == "scan.finished"]

    def packets(self, transport: str = "") -> list[Packet]:
        """Return what the ledger says was sent."""
        return [one for one in self.network.ledger.packets if transport in ("", one.transport)]


async def scan(
    network: FakeNetwork,
    *,
    catalogue: Catalogue = NOTHING,
    plan: ScanPlan | None = None,
    stop_after: float | None = None,
    forever: bool = False,
    seconds: float = 5.0,
    passive: bool = False,
    cidrs: tuple[str, ...] = (),
    own: bool = False,
) -> Scan:
    """Run a scan to its end, or cancel it after so many virtual seconds. Leaves nothing open, or fails."""
    made = plan or plan_scan(network, seconds=seconds, passive=passive, cidrs=cidrs, own=own)
    result = Scan(network, LiveFeed(network, catalogue, made, forever=forever))
    before = asyncio.all_tasks()
    task = asyncio.create_task(result.feed.run(result.signals.append, result.progress.append))
    if stop_after is not None:
        await network.clock.sleep(stop_after)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            result.summary = await task
        assert task.cancelled()
    else:
        result.summary = await task
    assert network.open_count == 0
    assert asyncio.all_tasks() == before
    return result


def gadget(number: int, **changes: object) -> FakeHost:
    """Return a host at 192.168.1.NUMBER with an Espressif MAC."""
    return FakeHost(**{"address": f"192.168.1.{number}", "mac": f"24:6f:28:00:00:{number:02x}", **changes})  # type: ignore[arg-type]


def service(
    kind: str = "_http._tcp", *, instance: str = "gadget", addresses: tuple[str, ...] = ("192.168.1.20",), port: int = 80, **changes: object
) -> MdnsEvent:
    """Return a resolved service instance on lan0."""
    values: dict[str, object] = {
        "kind": MdnsEventKind.RESOLVED,
        "interface": "lan0",
        "type": kind,
        "instance": instance,
        "host": "gadget.local.",
        "port": port,
        "addresses": addresses,
        "ttl": 4500,
    }
    return MdnsEvent(**(values | changes))  # type: ignore[arg-type]


def asking(path: str, *when: str, port: int = 80) -> Catalogue:
    """Return a catalogue with one family that asks for one page."""
    probe = HttpProbe(port=port, path=path, when=when, side_effects="None.", source="test")
    return Catalogue(families=(Family(id="asked", title="Asked", summary="", kind="light", http=(probe,)),))


def fields(signal: Signal) -> dict[str, Field]:
    """Return a signal's fields as a dict that compares."""
    return dict(signal.fields)
