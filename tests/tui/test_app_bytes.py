"""What reaches the terminal: hostile peer text, drawn by the app, brings no control byte of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from pathlib import Path

import pyte
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tui.fakes import FakeFeed, FakeInventory
from tests.tui.hostile import NAMES, hostile_devices
from tests.tui.kit import LARGE, make_app, running, settled, shown

ROOT = Path(__file__).parents[2]
# ECMA-48 section 5.4: a control sequence is CSI, parameters, intermediates, final byte.
CSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

# Textual tells xterm which shape the mouse pointer has (OSC 22).
POINTER = re.compile(r"\x1b\]22;[a-z-]+(?:\x07|\x1b\\)")


class Terminal:
    """A program on a real pseudo-terminal, with pyte as the eyes."""

    def __init__(self, *arguments: str, size: tuple[int, int] = LARGE) -> None:
        self.master, slave = pty.openpty()
        columns, rows = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tui.hostile", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""

    def read(self, until: str = "", *, gone: str = "", seconds: float = 30.0) -> None:
        """Read until a text is on the screen, or another gone from it; without either until the program has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._reached(until, gone):
            if not select.select([self.master], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:  # Linux: the other side is closed
                data = b""
            if not data:
                return
            self.output += data
            # pyte knows no private CSI with ">", "=" or "<" (xterm's modifyOtherKeys, kitty's keys) and would print it.
            self._stream.feed(re.sub(rb"\x1b\[[<>=][0-?]*[ -/]*[@-~]", b"", data))
        assert self._reached(until, gone), "\n".join(self.screen.display)

    def _reached(self, until: str, gone: str) -> bool:
        text = "\n".join(self.screen.display)
        return bool(until or gone) and (until in text) and not (gone and gone in text)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> int:
        try:
            return self.process.wait(timeout=10)
        finally:
            os.close(self.master)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


def test_on_a_real_terminal_no_peer_byte_is_obeyed_and_q_ends_it() -> None:
    terminal = Terminal()
    terminal.read("4 devices")
    for key, said in (("4", "mdns.service"), ("3", "It is called"), ("2", "The registry says"), ("1", "kind"), ("p", "Ports and messages")):
        terminal.press(key)
        terminal.read(said)
    terminal.press("\x1b")
    terminal.read(gone="Ports and messages")
    terminal.press("q")
    terminal.read()
    assert terminal.close() == 0
    text = terminal.output.decode()  # valid UTF-8 to the last byte
    assert "666" not in "".join(CSI.findall(text)), "a colour that only the peer asked for"
    rest = POINTER.sub("", CSI.sub("", text))
    assert "\x1b]" not in rest, "no OSC: nobody sets titles or clipboards"
    allowed = set("\r\n")
    left = {char for char in rest.replace("\x1b7", "").replace("\x1b8", "") if unicodedata.category(char) in ("Cc", "Cf")} - allowed
    assert left == set(), f"control characters reached the terminal: {left!r}"
    assert "owned" not in terminal.screen.title
    assert "[/red][@" in text


@pytest.mark.parametrize("how", ["key", "signal"])
def test_a_running_scan_ends_soon_after_ctrl_c(how: str) -> None:
    terminal = Terminal("forever")
    terminal.read("4 devices")
    if how == "key":
        terminal.press("\x03")
    else:
        terminal.process.send_signal(signal.SIGINT)
    terminal.read()
    assert terminal.close() == 0
    assert b"Traceback" not in terminal.output


async def test_hostile_names_are_text_and_nothing_else() -> None:
    devices = hostile_devices()
    async with running(make_app(FakeFeed(len(devices)), lambda: FakeInventory(devices)), LARGE) as pilot:
        assert "[/red][@click" in shown(pilot)
        bells: list[bool] = []
        pilot.app.bell = lambda: bells.append(True)  # type: ignore[method-assign]
        for key in ("down", "1", "2", "3", "4", "enter", "escape", "c", "escape", "end"):
            await pilot.press(key)
            await settled(pilot)
            for y, line in enumerate(shown(pilot).split("\n")):
                assert not [char for char in line if unicodedata.category(char) in ("Cc", "Cf")], (key, y)
        await pilot.click("DeviceTable", offset=(16, 2))
        assert bells == []


@given(st.lists(st.text(alphabet=st.characters(), max_size=30), min_size=1, max_size=4))
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
async def test_no_text_at_all_brings_a_control_byte(names: list[str]) -> None:
    devices = hostile_devices(tuple(names))
    async with running(make_app(FakeFeed(len(devices)), lambda: FakeInventory(devices)), LARGE) as pilot:
        await pilot.press("4")
        await settled(pilot)
        rendered = [strip.render(pilot.app.console) for strip in pilot.app.screen._compositor.render_strips()]
    rest = CSI.sub("", "".join(rendered))
    assert not [char for char in rest if unicodedata.category(char) in ("Cc", "Cf")]


def test_the_hostile_names_are_hostile() -> None:
    assert all(any(byte in NAMES[0] for byte in bytes_) for bytes_ in ("\x1b", "\x07", "\x9b", "\u202e", "\x00"))
