"""One run of a feed, without a screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Signal, Source
from tests.present.samples import NOW
from tests.tui.fakes import FakeFeed, FakeInventory
from tui.app.session import Session


class LateFeed(FakeFeed):
    """A feed whose session is closed while it runs."""

    session: Session

    async def run(self, on_signal: Callable[[Signal], None], on_progress: Callable[[Progress], None]) -> ScanSummary:
        del on_progress
        on_signal(finished(1.0))
        self.session.close()
        on_signal(finished(2.0))
        return self.summary


def finished(at: float) -> Signal:
    return Signal(when=NOW, mono=at, source=Source.SCAN, interface="", peer="", kind="scan.finished")


async def test_what_a_feed_says_after_its_session_was_closed_is_not_taken_for_the_next_ones() -> None:
    # A new scan has begun over the same inventory when the old one, cancelled, still says that it is finished.
    inventory = FakeInventory()
    posted: list[Message] = []
    feed = LateFeed()
    feed.session = Session(lambda: feed, lambda: inventory, posted.append)
    await feed.session.run()
    assert [one.mono for one in inventory.signals] == [1.0]
