from __future__ import annotations

import pytest
from textual.pilot import Pilot

from discover.errors import NoInterfaceError
from discover.model.scan import ScanSummary
from tests.present.samples import DEVICES, KITCHEN, SPA
from tests.tui.fakes import FakeFeed, FakeInventory
from tests.tui.kit import LARGE, SMALL, main, make_app, play, running, settled, shown, titles, until


def told(pilot: Pilot[None]) -> str:
    """Return the newest short sentence of the app."""
    return [one.message for one in pilot.app._notifications][-1]


async def test_the_table_fills_and_says_how_many() -> None:
    async with running(make_app()) as pilot:
        assert titles(pilot) == ["192.168.1.2", "node-9", "node-10", "kitchen-light", "Hot tub", "[/red] attic sensor"]
        screen = shown(pilot)
        assert "6 devices" in screen
        assert "done  254 addresses tested · 731 packets sent" in screen
        assert "[/red] attic" in screen


async def test_progress_is_shown_while_the_sweep_runs() -> None:
    feed = FakeFeed(forever=True)
    async with running(make_app(feed), LARGE, settle=False) as pilot:
        await until(pilot, lambda: "knocking" in shown(pilot))
        assert "knocking  ━━━━━╌╌╌╌╌ about 2 s left · 6 hosts found · 127 of 254 addresses tested · 1,200 packets sent" in shown(pilot)


async def test_quitting_cancels_the_feed() -> None:
    feed = FakeFeed(forever=True)
    async with running(make_app(feed), settle=False) as pilot:
        await until(pilot, lambda: feed.runs == 1)
        await pilot.press("q")
    assert feed.cancelled
    assert pilot.app.return_code == 0


async def test_ctrl_c_quits_from_a_dialog_and_from_the_filter() -> None:
    for keys in (("question_mark",), ("slash", "x"), ("p", "1")):
        async with running(make_app()) as pilot:
            await pilot.press(*keys)
            await pilot.press("ctrl+c")
            await pilot.pause()
        assert not pilot.app.is_running


async def test_the_feed_is_made_after_the_first_paint() -> None:
    painted: list[str] = []

    def factory() -> FakeFeed:
        painted.append("made")
        return FakeFeed()

    app = make_app()
    app._feed_factory = factory
    async with app.run_test(size=SMALL) as pilot:
        assert app.screen.is_mounted
        await settled(pilot)
        assert painted == ["made"]
        assert len(titles(pilot)) == len(DEVICES)


async def test_moving_chooses_devices_and_shows_their_detail() -> None:
    async with running(make_app()) as pilot:
        assert main(pilot).device is not None
        await pilot.press("down", "down", "down")
        assert main(pilot).device is KITCHEN
        assert "ESPHome  certain, 95 of 100" in main(pilot).detail.lines.plain
        await pilot.press("end")
        assert main(pilot).table.selected == "addr:eth0:192.168.1.200"
        await pilot.press("home", "pagedown", "k", "j", "up")
        assert main(pilot).device is SPA


async def test_the_selection_follows_the_device_not_the_row() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("down", "down", "down")
        await pilot.press("S")
        assert titles(pilot)[0] == "[/red] attic sensor"
        assert main(pilot).device is KITCHEN
        await pilot.press("slash", *"esp")
        assert main(pilot).device is KITCHEN


async def test_a_device_that_comes_later_does_not_move_the_choice() -> None:
    order = (SPA, KITCHEN, *(device for device in DEVICES if device not in (SPA, KITCHEN)))
    feed = FakeFeed(1, forever=True)
    async with running(make_app(feed, lambda: FakeInventory(order)), settle=False) as pilot:
        await until(pilot, lambda: titles(pilot) == ["Hot tub"])
        session, inventory = play(pilot)
        while len(inventory.signals) < len(order):
            inventory.add(inventory.signals[0])
            session._flush()
            await until(pilot, lambda: len(titles(pilot)) == len(inventory.signals))
            assert main(pilot).device is SPA
        assert titles(pilot)[4] == "Hot tub"


async def test_s_sorts_by_the_next_column_and_a_heading_by_its_own() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("s")  # from address to OTA
        assert "OTA ▲" in shown(pilot)
        assert titles(pilot)[:3] == ["kitchen-light", "node-9", "Hot tub"]
        await pilot.click("DeviceTable", offset=(4, 0))
        await pilot.pause()
        assert titles(pilot) == ["192.168.1.2", "[/red] attic sensor", "Hot tub", "kitchen-light", "node-9", "node-10"]
        assert "Name ▲" in shown(pilot)
        await pilot.click("DeviceTable", offset=(4, 0))
        await pilot.pause()
        assert titles(pilot)[0] == "node-10"
        assert "Name ▼" in shown(pilot)


async def test_a_click_chooses_a_row_and_a_second_one_opens_it() -> None:
    async with running(make_app()) as pilot:
        await pilot.click("DeviceTable", offset=(4, 4))
        assert main(pilot).device is KITCHEN
        await pilot.click("DeviceTable", offset=(4, 4), times=2)
        await pilot.pause()
        assert main(pilot).has_class("-reading")


async def test_filter_narrows_says_so_and_escape_drops_it() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("slash", *"family:esphome")
        await pilot.pause()
        assert titles(pilot) == ["kitchen-light"]
        assert "1 of 6 devices" in shown(pilot)
        await pilot.press("enter")
        assert main(pilot).table.has_focus
        assert "/ family:esphome" in shown(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert len(titles(pilot)) == 6
        assert "family:esphome" not in shown(pilot)


async def test_o_shows_only_devices_that_say_they_are_open_and_all_again() -> None:
    async with running(make_app()) as pilot:
        for wanted in (["node-9"], 6, ["node-9"], 6):
            await pilot.press("o")
            await pilot.pause()
            assert (titles(pilot) if isinstance(wanted, list) else len(titles(pilot))) == wanted
            assert main(pilot).table.has_focus
        await pilot.press("slash", *"kitchen", "enter", "o")
        await pilot.pause()
        assert titles(pilot) == ["node-9"], "it takes the place of another filter"


async def test_y_copies_the_upload_commands_one_after_the_other() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("y")
        assert "no command to copy" in told(pilot)
        await pilot.press("down", "y")
        assert pilot.app.clipboard == "python3 espota.py -i 192.168.1.9 -p 3232 -P 40000 -f FIRMWARE.bin"
        assert "Copied the line for espota.py, 1 of 4; y for the next." in told(pilot)
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("arduino-cli upload")
        await pilot.press("y", "y", "y")
        assert pilot.app.clipboard.startswith("python3 espota.py"), "round and round"
        await pilot.press("down", "down", "y")
        assert pilot.app.clipboard == "esphome run kitchen-light.yaml --device 192.168.1.23"


async def test_a_filter_that_is_not_understood_is_said_not_raised() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("slash", *"famly:x")
        await pilot.pause()
        assert "there is no field 'famly'; did you mean 'family'?" in shown(pilot)
        assert len(titles(pilot)) == 6
        await pilot.press("escape")
        await pilot.pause()
        assert "famly" not in shown(pilot)


async def test_a_filter_that_matches_nothing_keeps_the_table() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("slash", *"zzz")
        await pilot.pause()
        assert titles(pilot) == []
        assert main(pilot).device is None
        assert "No device is chosen." in shown(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert len(titles(pilot)) == 6


async def test_tabs_by_number_arrows_and_click() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("down", "down", "down", "2")
        await settled(pilot)
        assert main(pilot).detail.tab.key == "ports"
        assert "We conclude" in main(pilot).detail.lines.plain
        await pilot.press("right")
        assert "sources disagree" in main(pilot).detail.lines.plain
        await pilot.press("right")
        assert "board=esp32dev" in main(pilot).detail.lines.plain
        await pilot.press("right", "right")
        assert main(pilot).detail.tab.key == "what"
        await pilot.press("left")
        assert main(pilot).detail.tab.key == "sent"
        await pilot.click("TabStrip", offset=(2, 0))
        await pilot.pause()
        assert main(pilot).detail.tab.key == "what"


async def test_ports_of_the_device_chosen_last_are_shown_however_fast_one_moves() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("2", "down", "down", "down", "up", "down", "down", "up")
        await settled(pilot)
        assert main(pilot).device is KITCHEN
        assert "6053/tcp listens" in main(pilot).detail.lines.plain
        await pilot.press("home")
        await settled(pilot)
        assert "No port of this device is known." in main(pilot).detail.lines.plain


async def test_enter_reads_the_detail_and_escape_comes_back() -> None:
    async with running(make_app()) as pilot:
        await pilot.press("down", "down", "down", "enter")
        await pilot.pause()
        assert main(pilot).detail.lines.has_focus
        assert not main(pilot).table.display or main(pilot).table.region.height == 0
        assert "neighbour 40 s ago" in shown(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert main(pilot).table.has_focus
        assert "node-9" in shown(pilot)


async def test_on_a_wide_terminal_the_detail_stands_beside_the_table() -> None:
    async with running(make_app(), LARGE) as pilot:
        table, detail = main(pilot).table.region, main(pilot).detail.region
        assert table.right <= detail.x
        assert table.y == detail.y
        await pilot.press("enter")
        assert main(pilot).table.region.width > 0
        assert main(pilot).detail.lines.has_focus


async def test_on_a_small_terminal_it_stands_below_and_on_a_flat_one_it_waits() -> None:
    async with running(make_app(), SMALL) as pilot:
        assert main(pilot).table.region.bottom <= main(pilot).detail.region.y
    async with running(make_app(), (60, 12)) as pilot:
        assert main(pilot).detail.region.height == 0
        await pilot.press("3")
        await pilot.pause()
        assert main(pilot).detail.region.height > 5


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (80, 24), (140, 40), (250, 70)])
async def test_every_size_is_drawn_to_its_edges(size: tuple[int, int]) -> None:
    async with running(make_app(), size) as pilot:
        for key in ("2", "slash", "escape", "question_mark", "escape", "e", "escape", "p", "escape", "l", "escape"):
            await pilot.press(key)
            await pilot.pause()
            lines = shown(pilot).split("\n")
            assert len(lines) == size[1]


async def test_resizing_keeps_the_chosen_row_in_sight() -> None:
    async with running(make_app(), (80, 40)) as pilot:
        await pilot.press("end")
        await pilot.resize_terminal(80, 11)
        await pilot.pause()
        assert "[/red] attic" in shown(pilot)


async def test_the_empty_state_says_what_was_done_and_what_to_try() -> None:
    async with running(make_app(FakeFeed(0, notices=("eth1: it has no multicast.",))), SMALL) as pilot:
        screen = shown(pilot)
        for said in (
            "No device was found.",
            "eth0 as 192.168.1.5",
            "254 addresses tested",
            "eth1: it has no multicast.",
            "espied doctor",
            "espied demo",
        ):
            assert said in screen


async def test_before_anything_is_heard_it_says_that_it_looks() -> None:
    feed = FakeFeed(0, forever=True, progress=None, summary=ScanSummary())
    async with running(make_app(feed), settle=False) as pilot:
        await until(pilot, lambda: feed.runs == 1)
        assert "Looking for devices" in shown(pilot)


async def test_how_long_a_large_sweep_takes_is_said_before_the_first_device() -> None:
    feed = FakeFeed(0, forever=True, notices=("4,093 addresses take about 20 seconds.",))
    async with running(make_app(feed), settle=False) as pilot:
        await until(pilot, lambda: "4,093 addresses take about 20 seconds." in shown(pilot))
        assert "Looking for devices" in shown(pilot)
        await until(pilot, lambda: "about 2 s left" in shown(pilot))


async def test_an_error_of_the_feed_is_a_sentence_with_a_hint() -> None:
    error = NoInterfaceError("No interface here can be used.", "`espied doctor` says what is missing.")
    async with running(make_app(FakeFeed(0, error=error))) as pilot:
        screen = shown(pilot)
        assert "No interface here can be used." in screen
        assert "do: `espied doctor` says what is missing." in screen
        assert "Traceback" not in screen


async def test_an_error_after_the_first_devices_keeps_them() -> None:
    error = NoInterfaceError("eth0 has vanished.", "Plug it in again.")
    async with running(make_app(FakeFeed(error=error)), LARGE) as pilot:
        assert len(titles(pilot)) == 6
        assert "✗ eth0 has vanished. Plug it in again." in shown(pilot)


async def test_an_error_of_the_factory_is_shown_too() -> None:
    def broken() -> FakeFeed:
        raise NoInterfaceError("this machine has no network interface")

    app = make_app()
    app._feed_factory = broken
    async with running(app) as pilot:
        assert "this machine has no network interface" in shown(pilot)


async def test_rescan_runs_the_feed_again_and_keeps_what_is_known() -> None:
    feed = FakeFeed()
    async with running(make_app(feed)) as pilot:
        await pilot.press("r")
        await settled(pilot)
        assert feed.runs == 2
        assert len(titles(pilot)) == 6
        await pilot.press("l")
        assert "Sent: 20 packets with 100 bytes of payload to 5 addresses." in shown(pilot)


async def test_a_rescan_waits_for_the_running_scan() -> None:
    feed = FakeFeed(forever=True)
    async with running(make_app(feed), settle=False) as pilot:
        await until(pilot, lambda: feed.runs == 1)
        await pilot.press("r")
        await pilot.pause()
        assert feed.runs == 1
        assert "still running" in shown(pilot)


async def test_notices_are_shown_with_their_number() -> None:
    async with running(make_app(FakeFeed(notices=("first thing", "second thing"))), LARGE) as pilot:
        (bar,) = (one for one in shown(pilot).splitlines() if "! second thing" in one)
        assert bar.endswith("n 2 notices")


async def test_dark_and_light_change_places() -> None:
    async with running(make_app()) as pilot:
        before = pilot.app.theme
        await pilot.press("d")
        assert pilot.app.theme != before
        await pilot.press("d")
        assert pilot.app.theme == before


async def test_a_click_in_the_footer_does_what_the_key_does() -> None:
    async with running(make_app()) as pilot:
        column = shown(pilot).split("\n")[-1].index("? Help")
        await pilot.click(offset=(column, 23))
        await pilot.pause()
        assert "Main screen" in shown(pilot)


async def test_text_of_the_detail_can_be_selected_and_copied() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("down", "down", "down")
        lines = main(pilot).detail.lines
        row = next(number for number, one in enumerate(lines._wrapped) if one.plain.startswith("chip"))
        await pilot.mouse_down(lines, offset=(14, row))
        await pilot.hover(lines, offset=(18, row))
        await pilot.mouse_up(lines, offset=(18, row))
        assert pilot.app.screen.get_selected_text() == "ESP32"
        strips = pilot.app.screen._compositor.render_strips()
        marked = pilot.app.screen.get_component_rich_style("screen--selection").bgcolor
        painted = [part.text for part in strips[lines.region.y + row] if part.style and part.style.bgcolor == marked]
        assert "".join(painted) == "ESP32"
