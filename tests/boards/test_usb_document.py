"""The JSON of boards: its schema is committed, what is written fits it, and nothing hostile gets through."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from discover.atlas.usb import usb_kind
from discover.boards.board import Access, AccessState, Board, Holder, NoChipError, Port, ToldChip, Twin, Usb
from discover.boards.document import boards_schema, render_boards
from discover.boards.usb import Portless
from discover.text import is_clean

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "espied.boards-1.json"
HOSTILE = "\x1b[31m\u202eboard\x07"


def kind_of(vid: int, pid: int) -> Portless:
    kind = usb_kind(vid, pid)
    assert kind is not None
    return Portless(usb=Usb(vid=vid, pid=pid, location="1-1"), kind=kind, driver="usbfs")


FULL = Board(
    port=Port(device="/dev/ttyUSB0", usb=Usb(vid=0x10C4, pid=0xEA60, serial=HOSTILE, manufacturer=HOSTILE, product=HOSTILE)),
    kind=usb_kind(0x10C4, 0xEA60),
    access=Access(state=AccessState.IN_USE, group="dialout", holders=(Holder(pid=7, name=HOSTILE),), detail="d", fix="f"),
    mac="24:6f:28:12:34:50",
    mac_source="chip",
    chip=ToldChip(name="ESP32", description=HOSTILE, revision="v3.0", features=(HOSTILE,), crystal_mhz=40, missing=("x",)),
    error=NoChipError(HOSTILE, HOSTILE),
    twins=(
        Twin(
            id="mac:1", title=HOSTILE, address="192.168.1.2", mac="24:6f:28:12:34:51", face="softap", rule="r", sure="likely", last_seen=1e9
        ),
    ),
)


def test_the_committed_schema_is_fresh() -> None:
    assert SCHEMA.read_bytes() == boards_schema(), "run python scripts/generate.py"


def test_boards_of_every_kind_fit_the_schema() -> None:
    boards = (FULL, Board(port=Port(device="/dev/ttyS0")))
    data = json.loads(render_boards(boards, (kind_of(0x1A86, 0x7523),), asked=True, when=1_760_000_000.0))
    jsonschema.validate(data, json.loads(SCHEMA.read_text()))
    assert (data["schema"], data["generated"], data["asked"]) == ("espied.boards/1", "2025-10-09T08:53:20Z", True)
    assert data["boards"][0]["usb"]["vid"] == "10c4"
    assert data["boards"][0]["twins"][0]["face"] == "softap"
    assert data["without_port"][0]["driver"] == "usbfs"


def test_no_board_is_an_empty_list() -> None:
    data = json.loads(render_boards((), (), asked=False, when=0.0))
    assert (data["boards"], data["without_port"]) == ([], [])


def test_nothing_hostile_gets_through() -> None:
    text = render_boards((FULL,), (), asked=True, when=0.0).decode()
    assert all(is_clean(line.strip()) for line in text.splitlines())
    assert "\\u001b" not in text
