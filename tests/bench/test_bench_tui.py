"""The device table against a DataTable with the same rows: CPU at 100 updates a second, and how fast a key answers.

Run it: ``python -m pytest tests/bench/test_bench_tui.py -m bench -s``. It prints figures and asserts none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import pytest
from textual.app import App, ComposeResult
from textual.widgets import DataTable

from discover.model.device import Device
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from tests.present.samples import DEVICES, NOW
from tests.tui.fakes import FakeFeed, FakeInventory
from tests.tui.kit import make_app, settled
from tui.app.messages import FeedUpdate
from tui.app.screens.main import MainScreen
from tui.present.device import COLUMNS, row

ROWS = 1000
SECONDS = 4.0
RATE = 100
"""Updates of one device each, a second."""
SIZE = (140, 40)
RUNS = 2

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Result:
    cpu: float
    """CPU seconds a second."""
    latency: float
    """Milliseconds from a key to the painted cursor: 95th percentile."""


def devices(count: int) -> list[Device]:
    made = []
    for number in range(count):
        model = DEVICES[number % len(DEVICES)]
        address = f"10.0.{number // 250}.{number % 250 + 1}"
        made.append(replace(model, id=f"mac:02:00:00:00:{number >> 8:02x}:{number & 255:02x}", name=f"node-{number}", addresses=(address,)))
    return made


def touched(device: Device, when: float) -> Device:
    return replace(
        device, presence=replace(device.presence, last_seen=when), name=f"{device.name.partition(' ')[0]} {int(when * 100) % 97}"
    )


async def measured(update: Callable[[int], None], press: Callable[[], Awaitable[None]]) -> Result:
    """Feed updates at RATE: for SECONDS to see what they cost, then for SECONDS with ten keys a second to see what a key waits."""
    latencies: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    number, next_key, spent = 0, began + SECONDS, 0.0
    while (now := time.perf_counter()) < began + 2 * SECONDS:
        while number < (now - began) * RATE:
            update(number)
            number += 1
        if now < began + SECONDS:
            spent = (time.process_time() - cpu) / (now - began) if now > began + SECONDS / 2 else 0.0
        elif now >= next_key:
            next_key += 0.1
            start = time.perf_counter()
            await press()
            latencies.append(time.perf_counter() - start)
        await asyncio.sleep(0.01)
    latencies.sort()
    return Result(spent, 1000 * latencies[int(len(latencies) * 0.95)])


async def ours() -> Result:
    rows = devices(ROWS)
    app = make_app(FakeFeed(0), lambda: FakeInventory([]))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, MainScreen)
        pending = False

        def flush() -> None:
            nonlocal pending
            pending = False
            screen.post_message(FeedUpdate(Snapshot(generated=NOW, scan=ScanSummary(), devices=tuple(rows)), None, (), None))

        def update(number: int) -> None:
            # As the session does: everything is folded, at most ten updates a second are shown.
            nonlocal pending
            at = number * 7 % ROWS
            rows[at] = touched(rows[at], NOW + number / RATE)
            if not pending:
                pending = True
                asyncio.get_running_loop().call_later(0.1, flush)

        flush()
        await pilot.pause()
        table = screen.table

        async def press() -> None:
            before = table.painted
            app.simulate_key("down")
            while table.painted == before:  # noqa: ASYNC110 - painting has no event; both sides wait alike
                await asyncio.sleep(0.001)

        result = await measured(update, press)
        await asyncio.sleep(0.2)
        return result


class Rival(App[None]):
    """The same rows in Textual's own table, updated cell by cell."""

    painted = 0

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for column in COLUMNS:
            table.add_column(column.title, key=column.key, width=column.max)
        for device in devices(ROWS):
            table.add_row(*(cell.text.replace("[", "(") for cell in row(device, NOW)), key=device.id)


async def rival() -> Result:
    rows = devices(ROWS)
    app = Rival()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        table = app.query_one(DataTable)

        def update(number: int) -> None:
            at = number * 7 % ROWS
            before, rows[at] = rows[at], touched(rows[at], NOW + number / RATE)
            for column, old, new in zip(COLUMNS, row(before, NOW), row(rows[at], NOW), strict=True):
                if old != new:
                    table.update_cell(rows[at].id, column.key, new.text)

        painted = 0
        render = table.render_line

        def counting(y: int) -> object:
            nonlocal painted
            painted += 1
            return render(y)

        table.render_line = counting  # type: ignore[method-assign,assignment]

        async def press() -> None:
            before, at = painted, table.cursor_row
            app.simulate_key("down")
            while table.cursor_row == at or painted == before:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.001)

        return await measured(update, press)


async def idle() -> float:
    """Return the CPU seconds a second of the app with 1000 devices and nothing going on."""
    rows: Sequence[Device] = devices(ROWS)
    app = make_app(FakeFeed(ROWS), lambda: FakeInventory(rows))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await asyncio.sleep(0.5)
        cpu = time.process_time()
        await asyncio.sleep(SECONDS)
        return (time.process_time() - cpu) / SECONDS


async def test_device_table_against_a_data_table() -> None:
    results: dict[str, list[Result]] = {"device table": [], "DataTable": []}
    for _ in range(RUNS):  # interleaved, so that a busy machine is busy for both
        results["device table"].append(await ours())
        results["DataTable"].append(await rival())
    print(f"\n{ROWS} rows, {RATE} updates a second, {SIZE[0]}x{SIZE[1]}, best of {RUNS}")
    best = {name: Result(min(one.cpu for one in all_), median(one.latency for one in all_)) for name, all_ in results.items()}
    for name, result in best.items():
        print(f"  {name:<13} CPU {result.cpu:6.1%}   key p95 {result.latency:6.1f} ms")
    mine, theirs = best["device table"], best["DataTable"]
    print(f"  ratio         CPU {mine.cpu / theirs.cpu:6.2f}   key     {mine.latency / theirs.latency:6.2f}   (goals: 0.25 and 0.33)")
    print(f"  idle          CPU {await idle():6.2%}")
