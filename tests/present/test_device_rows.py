from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.device import Device, Password
from tests.present.samples import DEVICES, KITCHEN, NOW, SILENT, SNAPSHOT, SPA, WLED, WORKBENCH, ota
from tui.present.cells import cell_width
from tui.present.device import (
    BY_KEY,
    COLUMNS,
    address_key,
    gap_for,
    main_address,
    natural,
    ota_cell,
    place,
    port_texts,
    row,
    sort_devices,
    wanted,
)
from tui.present.lines import STYLES, to_plain
from tui.present.table import snapshot_lines, table_lines


def cells(device: Device) -> dict[str, str]:
    return {column.key: cell.text for column, cell in zip(COLUMNS, row(device, NOW), strict=True)}


def ids(devices: tuple[Device, ...]) -> list[str]:
    return [device.title for device in devices]


def test_a_row_says_what_is_known() -> None:
    assert cells(KITCHEN) == {
        "presence": "● present",
        "name": "kitchen-light",
        "family": "ESPHome",
        "address": "192.168.1.23",
        "ota": "✓ password",
        "ports": "3232 6053",
        "seen": "now",
        "mac": "24:6f:28:aa:01:02",
        "vendor": "Espressif Inc.",
        "password": "set",
    }


def test_a_row_marks_doubt_and_direction() -> None:
    assert cells(SPA)["family"] == "Balboa spa ?"
    assert cells(WLED)["family"] == "WLED ??"
    assert cells(SPA)["ports"] == "→3197 4257 30303/udp"
    assert cells(SILENT)["family"] == "unknown"
    assert cells(SILENT)["name"] == "192.168.1.2"


def test_the_label_a_person_gave_goes_before_the_told_name() -> None:
    assert cells(SPA)["name"] == "Hot tub"


def test_ports_leave_out_what_was_refused() -> None:
    assert "80" not in port_texts(KITCHEN)


@pytest.mark.parametrize(
    ("verdict", "password", "text", "style"),
    [
        ("announced", Password.NO, "announced, open", "warn"),
        ("announced", Password.YES, "announced, pw", "accent"),
        ("ready", Password.NO, "✓ ready, open", "warn"),
        ("no-answer", Password.UNKNOWN, "no answer", "warn"),
        ("closed", Password.NO, "✗ closed", "bad"),
        ("something-new", Password.NO, "something-new", "dim"),
    ],
)
def test_ota_words(verdict: str, password: Password, text: str, style: str) -> None:
    cell = ota_cell(ota("arduino", 3232, "udp", verdict, password))
    assert (cell.text, cell.style) == (text, style)


def test_no_known_update_leaves_the_cell_empty() -> None:
    assert ota_cell(None).text == ""


def test_every_cell_has_a_known_style() -> None:
    assert {cell.style for device in DEVICES for cell in row(device, NOW)} <= set(STYLES)


def test_names_sort_as_people_count() -> None:
    names = [name for name in ids(sort_devices(DEVICES, "name")) if name.startswith("node")]
    assert names == ["node-9", "node-10"]
    assert natural("Node-9") < natural("node-10")


def test_addresses_sort_by_number_ipv4_first() -> None:
    assert [main_address(device) for device in sort_devices(DEVICES, "address")] == [
        "192.168.1.2",
        "192.168.1.9",
        "192.168.1.10",
        "192.168.1.23",
        "192.168.1.117",
        "192.168.1.200",
    ]
    assert address_key("192.168.1.200") < address_key("fe80::1") < address_key("not an address")


@pytest.mark.parametrize("reverse", [False, True])
def test_devices_without_a_value_come_last_both_ways(reverse: bool) -> None:  # noqa: FBT001 - a parameter of the test
    by_ota = sort_devices(DEVICES, "ota", reverse=reverse)
    assert {device.id for device in by_ota[-3:]} == {device.id for device in DEVICES if device.ota is None}


def test_newest_first_when_sorted_by_seen() -> None:
    assert sort_devices(DEVICES, "seen")[0] is KITCHEN
    assert sort_devices(DEVICES, "presence")[-1].presence.state.value == "gone"


@pytest.mark.parametrize("key", list(BY_KEY))
@pytest.mark.parametrize("reverse", [False, True])
def test_sorting_does_not_depend_on_the_order_before(key: str, reverse: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert sort_devices(DEVICES, key, reverse=reverse) == sort_devices(reversed(DEVICES), key, reverse=reverse)


@given(st.integers(1, 300))
def test_columns_fit_the_width_and_the_name_always_stays(width: int) -> None:
    placed = place(width, wanted([row(device, NOW) for device in DEVICES], cell_width))
    assert "name" in [one.column.key for one in placed]
    assert sum(one.width for one in placed) + gap_for(width) * (len(placed) - 1) <= max(width, 1)
    assert [one.index for one in placed] == sorted(one.index for one in placed)


def test_a_narrow_cell_shows_whole_ports_or_shorter_words() -> None:
    ports = row(SPA, NOW)[5]
    assert ports.fit(20) == "→3197 4257 30303/udp"
    assert ports.fit(14) == "→3197 4257 +1 "
    assert ports.fit(9) == "→3197 +2 "
    assert ports.fit(3) == "+3 "
    assert row(WORKBENCH, NOW)[4].fit(10) == "ann. open "


def test_more_room_never_shows_fewer_columns() -> None:
    wants = wanted([row(device, NOW) for device in DEVICES], cell_width)
    shown = [len(place(width, wants)) for width in range(1, 250)]
    assert shown == sorted(shown)
    assert shown[-1] == len(COLUMNS)


def test_at_80_columns_the_essentials_are_there() -> None:
    placed = place(80, wanted([row(device, NOW) for device in DEVICES], cell_width))
    assert [one.column.key for one in placed] == ["presence", "name", "family", "address", "ota", "ports"]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_text_table_keeps_to_its_width(width: int) -> None:
    assert all(line.width <= width for line in table_lines(DEVICES, now=NOW, width=width))


def test_the_text_table_cuts_nothing_in_a_pipe() -> None:
    text = to_plain(snapshot_lines(SNAPSHOT))
    assert "…" not in text
    assert text.splitlines()[0].split()[:4] == ["PRESENCE", "NAME", "WHAT", "IT"]
    assert "6 devices; 254 addresses tested; 731 packets sent in 5.2 s" in text
    assert WORKBENCH.mac in text


def test_an_empty_result_says_so() -> None:
    empty = SNAPSHOT.__class__(generated=NOW, scan=SNAPSHOT.scan, devices=())
    assert to_plain(snapshot_lines(empty)).startswith("No device was found.\n")


def test_presence_is_a_mark_where_room_is_short_and_a_word_where_there_is_room() -> None:
    cell = row(KITCHEN, NOW)[0]
    assert cell.fit(1) == "●"
    assert cell.fit(9) == "● present"
    marks = {row(device, NOW)[0].fit(1) for device in DEVICES}
    assert len(marks) == len({device.presence.state for device in DEVICES}), "a shape for each, not a colour alone"
    narrow = {one.column.key: one.width for one in place(80, wanted([row(device, NOW) for device in DEVICES], cell_width))}
    wide = {one.column.key: one.width for one in place(180, wanted([row(device, NOW) for device in DEVICES], cell_width))}
    assert (narrow["presence"], wide["presence"]) == (1, 9)
