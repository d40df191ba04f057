"""Running a feed from the command line on bad days: a reader that leaves, a disk that fills up."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from discover.atlas.catalogue import Catalogue
from discover.engine.feed import OnProgress, OnSignal
from discover.engine.replay import ReplayFeed
from discover.model.recording import decode_lines
from discover.model.scan import ScanSummary
from discover.model.signal import Signal, Source
from discover.model.snapshot import Snapshot
from tui.cli.narrate import Narrator
from tui.cli.session import run_feed

NOTHING = Catalogue(families=())
HEARD = [
    Signal(
        when=1000.0 + at, mono=float(at), source=Source.UDP, interface="lan0", peer=f"10.0.0.{at}", kind="udp.refused", fields={"port": 1}
    )
    for at in range(1, 4)
]


class Fed(ReplayFeed):
    """A feed that goes on for ``turns`` of the event loop after its signals, as a watch would for ever."""

    def __init__(self, between: Callable[[], None] = lambda: None, *, turns: int = 0) -> None:
        super().__init__(HEARD)
        self.between = between
        self.turns = turns
        self.ended = False

    async def run(self, on_signal: OnSignal, on_progress: OnProgress | None = None) -> ScanSummary:
        on_signal(HEARD[0])
        self.between()
        summary = await super().run(on_signal, on_progress)
        for _ in range(self.turns):
            await asyncio.sleep(0.01)
        self.ended = True
        return summary


def test_a_reader_that_leaves_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.session.AFTER_FIRST_PACKETS", 0.0)

    def every(_snapshot: Snapshot) -> None:
        raise BrokenPipeError

    feed = Fed(turns=1000)
    with pytest.raises(BrokenPipeError):
        run_feed(feed, NOTHING, Narrator(quiet=True), every=every)
    assert not feed.ended


def test_signals_are_in_the_file_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "lan.ndjson"
    seen: list[int] = []
    found = run_feed(Fed(lambda: seen.append(path.read_text().count("\n"))), NOTHING, Narrator(quiet=True), record=path)
    assert seen == [2]  # the header and the first signal
    assert found.trouble is None
    assert len(list(decode_lines(path.read_text().splitlines()))) == len(HEARD) + 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a named pipe in the file system")
def test_a_recording_that_cannot_go_on_takes_nothing_from_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    found = run_feed(Fed(lambda: os.close(reader)), NOTHING, Narrator(quiet=True), record=path)
    assert len(found.snapshot.devices) == len(HEARD)
    assert found.trouble is not None
    assert "incomplete" in found.trouble.message
