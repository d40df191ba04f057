from __future__ import annotations

from pathlib import Path

from discover.inventory.store import Store
from tests.present.samples import DEVICES, KITCHEN, NOW, SNAPSHOT, WORKBENCH
from tests.tui.fakes import FakeFeed
from tests.tui.kit import LARGE, make_app, running, settled, shown, titles, until
from tui.app.keeper import Keeper


class LiveFake(FakeFeed):
    live = True


def in_store(path: Path) -> set[str]:
    with Store.open(path) as store:
        return {device.id for device in store.load(NOW).devices}


async def test_what_a_live_feed_finds_is_kept(tmp_path: Path) -> None:
    database = tmp_path / "espied.db"
    async with running(make_app(LiveFake(), database=database)) as pilot:
        await settled(pilot)
        await pilot.press("q")
    assert KITCHEN.id in in_store(database)
    assert len(in_store(database)) == len(DEVICES)


async def test_labels_of_the_stored_inventory_are_shown(tmp_path: Path) -> None:
    database = tmp_path / "espied.db"
    with Store.open(database) as store:
        store.save(SNAPSHOT)
        store.name(WORKBENCH.id, "Bench [/red]")
    async with running(make_app(LiveFake(), database=database)) as pilot:
        await until(pilot, lambda: "Bench [/red]" in titles(pilot))
        await pilot.press("q")


async def test_a_database_that_cannot_be_used_is_a_notice_and_the_app_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "espied.db"
    folder.mkdir()
    async with running(make_app(LiveFake(), database=folder), LARGE) as pilot:
        assert len(titles(pilot)) == 6
        assert "kept in memory only" in " ".join(pilot.app.screen_stack[1]._notices)  # type: ignore[attr-defined]
        assert "!" in shown(pilot).split("\n")[1]
        await pilot.press("q")
    assert not pilot.app.is_running


def test_a_save_that_fails_is_told_at_the_end(tmp_path: Path) -> None:
    database = tmp_path / "espied.db"
    keeper = Keeper(database)
    keeper.open()
    with Store.open(database) as other, other._transaction():
        said = keeper.finish(SNAPSHOT)
    assert said
    assert in_store(database) == set()


def test_without_a_database_nothing_is_kept_and_nothing_is_said() -> None:
    keeper = Keeper(None)
    keeper.open()
    keeper.save(SNAPSHOT)
    assert keeper.overlay(SNAPSHOT) is SNAPSHOT
    assert keeper.finish(SNAPSHOT) == ""
    assert keeper.notices == ()


def test_an_unchanged_device_keeps_being_the_same_object_under_its_label(tmp_path: Path) -> None:
    database = tmp_path / "espied.db"
    with Store.open(database) as store:
        store.save(SNAPSHOT)
        store.name(KITCHEN.id, "Kitchen")
    keeper = Keeper(database)
    keeper.open()
    first, second = keeper.overlay(SNAPSHOT), keeper.overlay(SNAPSHOT)
    assert first.device(KITCHEN.id) is second.device(KITCHEN.id)
    assert (found := first.device(KITCHEN.id)) is not None
    assert found.label == "Kitchen"
    keeper.finish(None)
