"""Pictures of the app in two sizes, with fixed data: what changes is looked at before it is accepted (--snapshot-update)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from discover.model.scan import ScanSummary
from tests.tui.fakes import FakeFeed
from tests.tui.kit import LARGE, SMALL, make_app, settled, until

Compare = Callable[..., bool]
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show times as they are in UTC, wherever the tests run."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    return before


@SIZES
@pytest.mark.parametrize(
    "keys",
    [
        ("down", "down", "down"),
        ("down", "down", "down", "2"),
        ("down", "down", "down", "3"),
        ("down", "down", "down", "enter", "4"),
        ("s", "s", "S"),
        ("slash", *"esp -node"),
        ("down", "down", "down", "c"),
        ("e",),
        ("p", *"3232/udp"),
        ("down", "down", "down", "5"),
        ("l",),
        ("l", "p"),
        ("question_mark",),
        ("d",),
    ],
    ids=["what", "ports", "evidence", "raw", "sorted", "filter", "check", "export", "port", "sent", "ledger", "purposes", "help", "light"],
)
def test_screens(snap_compare: Compare, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    assert snap_compare(make_app(), terminal_size=size, run_before=pressing(*keys))


@SIZES
def test_empty(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = make_app(FakeFeed(0, notices=("eth1: it has no multicast.",)))
    assert snap_compare(app, terminal_size=size, run_before=pressing())


@SIZES
def test_under_way(snap_compare: Compare, size: tuple[int, int]) -> None:
    feed = FakeFeed(3, forever=True, summary=ScanSummary())

    async def before(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "about 2 s left" in pilot.app.screen.query_one("#status").left.plain)  # type: ignore[attr-defined]
        await pilot.pause()

    assert snap_compare(make_app(feed), terminal_size=size, run_before=before)
