"""Opening the app in a test: fixed devices, no terminal, no network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.present.samples import explain
from tests.tui.fakes import FakeFeed, FakeInventory
from tui.app.app import EspiedApp
from tui.app.screens.main import MainScreen
from tui.app.session import Session

SMALL = (80, 24)
LARGE = (140, 40)


def make_app(feed: FakeFeed | None = None, inventory: Callable[[], FakeInventory] = FakeInventory, **more: Any) -> EspiedApp:
    played = feed or FakeFeed()
    return EspiedApp(lambda: played, inventory=inventory, explain=explain, title="demo LAN", **more)


@asynccontextmanager
async def running(app: EspiedApp, size: tuple[int, int] = SMALL, *, settle: bool = True) -> AsyncIterator[Pilot[None]]:
    """Run the app; ``settle`` waits for the feed to end (not for one that never does)."""
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        if settle:
            await settled(pilot)
        yield pilot


async def settled(pilot: Pilot[None]) -> None:
    """Wait for all workers and for what they posted."""
    app = pilot.app
    assert isinstance(app, EspiedApp)
    await until(pilot, lambda: app._session is not None)
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait until something holds; a minute of it is a failure of the test (pytest-timeout)."""
    while not condition():
        await pilot.pause(0.01)


def main(pilot: Pilot[None]) -> MainScreen:
    screen = pilot.app.screen_stack[1]
    assert isinstance(screen, MainScreen)
    return screen


def play(pilot: Pilot[None]) -> tuple[Session, FakeInventory]:
    """Return the app's session and its stand-in for an inventory."""
    app = pilot.app
    assert isinstance(app, EspiedApp)
    assert app._session is not None
    assert isinstance(app._session.inventory, FakeInventory)
    return app._session, app._session.inventory


def titles(pilot: Pilot[None]) -> list[str]:
    return [row.device.title for row in main(pilot).table.rows]


def shown(pilot: Pilot[None]) -> str:
    """Return what the terminal shows, as text."""
    width, height = pilot.app.size
    strips = pilot.app.screen._compositor.render_strips()
    assert len(strips) == height
    return "\n".join(strip.text[:width].rstrip() for strip in strips)


def in_folder(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))
