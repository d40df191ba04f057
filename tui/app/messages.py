"""Messages of the app: what the feed's worker tells the screens."""

from __future__ import annotations

from textual.message import Message

from discover.errors import EspiedError
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot


class FeedUpdate(Message, bubble=False):
    """The newest state of everything. A later one takes the place of one that was not handled yet."""

    def __init__(self, snapshot: Snapshot, progress: Progress | None, notices: tuple[str, ...], summary: ScanSummary | None) -> None:
        """Keep the state; ``summary`` is None while the feed still runs."""
        super().__init__()
        self.snapshot = snapshot
        self.progress = progress
        self.notices = notices
        self.summary = summary

    def can_replace(self, message: Message) -> bool:
        """Let a pending later update take this one's place."""
        return isinstance(message, FeedUpdate)


class FeedTrouble(Message, bubble=False):
    """The feed could not go on: what happened and what to do, in sentences."""

    def __init__(self, error: EspiedError) -> None:
        """Keep the error."""
        super().__init__()
        self.error = error
