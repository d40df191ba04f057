from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from discover.errors import NetworkError
from discover.model.check import Command
from discover.model.device import OtaStatus, Password
from tests.present.samples import CHECK, KITCHEN, SUMMARY, packet
from tests.tui.fakes import FakeFeed
from tests.tui.kit import LARGE, SMALL, in_folder, main, make_app, play, running, settled, shown, titles, until
from tui.app.app import EspiedApp
from tui.app.keys import KEYS
from tui.app.screens.check import CheckScreen
from tui.app.screens.dialog import Dialog
from tui.app.screens.export import ExportScreen
from tui.app.screens.help import help_lines
from tui.app.screens.ledger import LedgerScreen
from tui.app.screens.main import MainScreen
from tui.app.screens.ports import PortScreen
from tui.app.widgets.device_table import DeviceTable
from tui.app.widgets.lines_view import LinesView
from tui.present.lines import to_plain


async def test_check_shows_steps_verdict_and_what_was_sent() -> None:
    feed = FakeFeed()
    async with running(make_app(feed), LARGE) as pilot:
        await pilot.press("down", "down", "down", "c")
        await settled(pilot)
        screen = shown(pilot)
        assert feed.checked == [("192.168.1.23", KITCHEN.id)]
        for said in (
            "✓ pass  resolve",
            "✗ fail  handshake",
            "ready-needs-password: It is ready for an upload",
            "What was sent (2 packets)",
            "6c26f75c45",
        ):
            assert said in screen
        await pilot.press("escape")
        assert main(pilot).table.has_focus


async def test_y_copies_the_commands_of_a_check() -> None:
    result = replace(CHECK, commands=(Command("espota.py", "python3 espota.py -i 10.0.0.1 ..."),))
    async with running(make_app(FakeFeed(check=result)), LARGE) as pilot:
        await pilot.press("down", "down", "down", "c")
        await settled(pilot)
        assert "Upload with" in shown(pilot)
        await pilot.press("y")
        assert pilot.app.clipboard == "python3 espota.py -i 10.0.0.1 ..."


async def test_check_shows_each_step_as_it_comes() -> None:
    gate = asyncio.Event()
    async with running(make_app(FakeFeed(gate=gate)), LARGE) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: "handshake" in shown(pilot))
        assert "… asking" in shown(pilot)
        assert "What was sent" not in shown(pilot)
        gate.set()
        await settled(pilot)
        assert "What was sent" in shown(pilot)


async def test_closing_the_check_ends_it_and_it_can_run_again() -> None:
    gate = asyncio.Event()
    feed = FakeFeed(gate=gate)
    async with running(make_app(feed), LARGE) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: len(feed.checked) == 1)
        await pilot.press("r")
        assert len(feed.checked) == 1, "one check at a time"
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, CheckScreen)
        await pilot.press("c")
        gate.set()
        await settled(pilot)
        await pilot.press("r")
        await settled(pilot)
        assert len(feed.checked) == 3


async def test_a_level_that_may_disturb_is_warned_of_and_asked_for_twice() -> None:
    feed = FakeFeed()
    sketch = OtaStatus(kind="arduino", port=3232, transport="udp", password=Password.NO, verdict="announced", checked=None)
    device = replace(KITCHEN, ota=sketch, signals=())
    async with running(make_app(feed), LARGE) as pilot:
        pilot.app.push_screen(CheckScreen(feed, device, lambda _: None))
        await settled(pilot)
        assert feed.levels == [(None, False)]
        await pilot.press("3")
        await pilot.pause()
        assert "onStart" in shown(pilot)
        assert "3 once more where that does no harm" in shown(pilot)
        assert len(feed.levels) == 1, "nothing is done on the first key"
        await pilot.press("2")
        await pilot.pause()
        assert "onError" in shown(pilot)
        assert len(feed.levels) == 1, "another level is another question"
        await pilot.press("2")
        await settled(pilot)
        await pilot.press("3", "r")
        await settled(pilot)
        assert feed.levels[1:] == [(2, True), (None, False)], "checking again takes no word for a warning that was only read"


async def test_a_level_that_disturbs_nothing_needs_no_word() -> None:
    feed = FakeFeed()
    safe = OtaStatus(kind="arduino", port=3232, transport="udp", password=Password.YES, verdict="announced", checked=None)
    async with running(make_app(feed), LARGE) as pilot:
        pilot.app.push_screen(CheckScreen(feed, replace(KITCHEN, ota=safe, signals=()), lambda _: None))
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        assert feed.levels == [(None, False), (2, False)]


async def test_the_result_of_a_check_reaches_the_inventory() -> None:
    async with running(make_app(), LARGE) as pilot:
        _, inventory = play(pilot)
        before = len(inventory.signals)
        await pilot.press("c")
        await settled(pilot)
        assert inventory.signals[before].kind == "ota.checked"
        assert inventory.signals[before].text("verdict") == "ready-needs-password"


async def test_a_check_that_cannot_run_says_why() -> None:
    error = NetworkError("The system refuses to send.", "Look at the firewall.")
    async with running(make_app(FakeFeed(check=error)), LARGE) as pilot:
        await pilot.press("c")
        await settled(pilot)
        assert "✗ The system refuses to send." in shown(pilot)
        assert "do: Look at the firewall." in shown(pilot)


async def test_check_without_a_device_says_so() -> None:
    async with running(make_app(FakeFeed(0))) as pilot:
        await pilot.press("c")
        await pilot.pause()
        assert "No device is chosen." in shown(pilot)


async def test_export_writes_the_file_and_says_where(tmp_path: Path) -> None:
    async with running(make_app(export_dir=tmp_path)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        await pilot.press("enter")
        await settled(pilot)
        (written,) = in_folder(tmp_path, ".json")
        assert len(json.loads(written.read_bytes())["devices"]) == 6
        assert "6 devices written to" in shown(pilot)


async def test_export_takes_format_and_name(tmp_path: Path) -> None:
    async with running(make_app(export_dir=tmp_path)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        await pilot.press("down", "down")
        await pilot.pause()
        assert pilot.app.screen.query_one(Input).value.endswith(".csv")
        await pilot.press("tab")
        pilot.app.screen.query_one(Input).value = "mine.csv"
        await pilot.press("enter")
        await settled(pilot)
        assert (tmp_path / "mine.csv").read_bytes().count(b"\n") >= 6


async def test_a_name_that_the_user_wrote_survives_another_format(tmp_path: Path) -> None:
    async with running(make_app(export_dir=tmp_path)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "mine.txt"
        await pilot.press("down")
        await pilot.pause()
        assert pilot.app.screen.query_one(Input).value == "mine.txt"


async def test_export_replaces_a_file_only_when_asked_twice(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("precious")
    async with running(make_app(export_dir=tmp_path), (200, 30)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "x.json"
        await pilot.press("enter")
        await settled(pilot)
        assert "already" in shown(pilot)
        assert (tmp_path / "x.json").read_text() == "precious"
        await pilot.press("enter")
        await settled(pilot)
        assert (tmp_path / "x.json").read_text() != "precious"


@pytest.mark.parametrize("name", ["missing/folder/x.json", "", "~nobody-of-that-name/x.json"])
async def test_an_export_that_cannot_be_written_says_why(tmp_path: Path, name: str) -> None:
    async with running(make_app(export_dir=tmp_path)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = name
        await pilot.press("enter")
        await settled(pilot)
        assert "✗" in shown(pilot)
    assert in_folder(tmp_path, "") == []


async def test_export_says_that_the_filter_hides_nothing_from_the_file() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("slash", *"node", "enter", "e")
        await pilot.pause()
        assert "also the 4 that the filter hides" in shown(pilot)


async def test_there_is_nothing_to_export_from_an_empty_inventory() -> None:
    async with running(make_app(FakeFeed(0))) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert "nothing to export" in shown(pilot)


async def test_port_lookup_is_live_and_in_four_layers() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("p", *"3232")
        await settled(pilot)
        screen = shown(pilot)
        for layer in ("The registry says", "Found in practice", "This device told us", "We conclude"):
            assert layer in screen
        assert "Port 3232 listens" in screen
        await pilot.press("slash", *"udp")
        await settled(pilot)
        assert "Port 3232/udp listens" in shown(pilot)


async def test_enter_shows_all_of_an_explanation_and_less_again() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("p", *"3232/udp")
        await settled(pilot)
        assert "source: IANA registry" not in shown(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "source: IANA registry" in shown(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "source: IANA registry" not in shown(pilot)


async def test_a_long_explanation_is_read_on_while_typing() -> None:
    async with running(make_app(), (80, 16)) as pilot:
        await pilot.press("p", *"3232/udp", "enter")
        await settled(pilot)
        assert "Port 3232/udp" in shown(pilot)
        await pilot.press("pagedown", "down")
        await pilot.pause()
        assert "Port 3232/udp" not in shown(pilot)
        await pilot.press("pageup", "up")
        await pilot.pause()
        assert "Port 3232/udp" in shown(pilot)


async def test_port_lookup_adds_what_the_chosen_device_told_about_that_port_only() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("down", "down", "down", "p", *"3232/tcp")
        await settled(pilot)
        assert "It announces _arduino._tcp on 3232." in shown(pilot)
        pilot.app.screen.query_one(Input).value = "1883"
        await settled(pilot)
        assert "It announces" not in shown(pilot)


async def test_port_lookup_says_what_is_no_port() -> None:
    async with running(make_app(), SMALL) as pilot:
        await pilot.press("p", *"99999")
        await settled(pilot)
        assert "'99999' is no port." in shown(pilot)


async def test_help_lists_every_key_that_has_a_word() -> None:
    text = to_plain(help_lines())
    assert all(key.help in text for key in KEYS)
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert "check whether the device can be updated over the air" in shown(pilot)


def test_every_key_is_bound_to_an_action_that_exists() -> None:
    owners = {
        "app": EspiedApp,
        "main": MainScreen,
        "table": DeviceTable,
        "lines": LinesView,
        "dialog": Dialog,
        "check": CheckScreen,
        "export": ExportScreen,
        "port": PortScreen,
        "ledger": LedgerScreen,
    }
    for key in KEYS:
        assert hasattr(owners[key.where], "action_" + key.action.partition("(")[0]), key
        if key.where == "table" and key.label:
            assert hasattr(MainScreen, "action_" + key.action), "the footer runs it on the screen"


async def test_a_message_is_explained_where_a_port_is_and_for_the_chosen_device() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("down", "down", "down", "p")
        await pilot.pause()
        typed = pilot.app.screen.query_one(Input)
        for text, said in (
            ("No Answer", ('"No Answer"', "Hop: listener", "Causes, the likeliest first")),
            ("No response from device", ("espied check 192.168.1.23",)),
            ("Host attic.local Not Found", ("espied check attic.local",)),
            ("all is well", ("No message is known that has these words.",)),
            ("99999", ("'99999' is no port.",)),
            ("3232", ("The registry says",)),
        ):
            typed.value = text
            await settled(pilot)
            lines = to_plain(pilot.app.screen.query_one(LinesView)._lines)
            for words in said:
                assert words in lines, (text, words)


async def test_the_ledger_shows_totals_and_purposes_by_device() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("l")
        await pilot.pause()
        screen = shown(pilot)
        for said in (
            "Sent: 10 packets with 50 bytes of payload to 5 addresses.",
            "kitchen-light  192.168.1.23  6 packets, 4 bytes",
            "3  OTA knock                       2040 3232/udp",
            "2 addresses without a device",
            "p By device or purpose",
        ):
            assert said in screen
        await pilot.press("q")
        await pilot.pause()
        assert len(titles(pilot)) == 6
        assert pilot.app.is_running


async def test_the_ledger_turns_to_purposes_and_back() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("l", "p")
        await pilot.pause()
        assert "3  is anybody there (knock)        3232/udp  to 3 addresses" in shown(pilot)
        await pilot.press("p")
        await pilot.pause()
        assert "kitchen-light  192.168.1.23" in shown(pilot)


async def test_the_ledger_counts_on_while_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.app.screens.ledger._EVERY", 0.01)
    feed = FakeFeed()
    async with running(make_app(feed), LARGE) as pilot:
        await pilot.press("l")
        await until(pilot, lambda: "10 packets" in shown(pilot))
        feed.ledger.record(packet("192.168.1.23", 80, "read-only GET /json/info", b"GET", "tcp"))
        await until(pilot, lambda: "11 packets" in shown(pilot))


async def test_the_detail_shows_what_the_device_was_sent() -> None:
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("down", "down", "down", "5")
        await settled(pilot)
        assert "6 packets to this device" in shown(pilot)
        assert "is the port open (connect)" in shown(pilot)
        await pilot.press("up")
        await settled(pilot)
        assert "Nothing was sent to this device itself." in shown(pilot)


async def test_all_notices_can_be_read() -> None:
    async with running(make_app(FakeFeed(notices=("first thing", "second thing"), summary=SUMMARY._replace(strangers=2))), LARGE) as pilot:
        await pilot.press("n")
        await pilot.pause()
        for said in ("! first thing", "! second thing", "! 2 addresses answered that had not been asked"):
            assert said in shown(pilot)
    async with running(make_app(), LARGE) as pilot:
        await pilot.press("n")
        await pilot.pause()
        assert "There is nothing to say" in shown(pilot)


async def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "NO_COLOR" not in os.environ
    async with running(app) as pilot:
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                filtered = [one for line_filter in app._filters for one in line_filter.apply([segment], app.screen.background_colors[1])]
                for one in filtered:
                    for color in (one.style.color, one.style.bgcolor) if one.style else ():
                        if color is not None and color.triplet is not None:
                            red, green, blue = color.triplet
                            assert max(red, green, blue) - min(red, green, blue) <= 1
        assert "● kitchen-light" in shown(pilot), "marks and words remain"
        assert "○ node-9" in shown(pilot)
