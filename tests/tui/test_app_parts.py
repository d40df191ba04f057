from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import Theme

from tests.present.samples import DEVICES, KITCHEN, NOW, SPA
from tui.app.keys import KEYS, bindings, footer_keys
from tui.app.roster import Roster
from tui.app.themes import DARK, LIGHT, is_light_terminal
from tui.app.widgets.bars import fit
from tui.present.filter import parse
from tui.present.lines import line

TEXTS = ("espied-dim", "espied-good", "espied-warn", "espied-bad", "espied-accent", "espied-code", "espied-key")
GROUNDS = ("espied-bar", "espied-panel", "espied-cursor-blurred", "espied-hover")


def luminance(color: str) -> float:
    """WCAG 2.1, relative luminance."""
    parts = [part / 255 for part in Color.parse(color).rgb]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_every_ground(theme: Theme) -> None:
    assert theme.foreground
    assert theme.background
    texts = [theme.foreground, *(theme.variables[name] for name in TEXTS)]
    grounds = [theme.background, *(theme.variables[name] for name in GROUNDS)]
    for ground in grounds:
        for text in texts:
            assert contrast(text, ground) >= 4.5, f"{text} on {ground}"
    for text in texts:
        assert contrast(text, theme.variables["espied-cursor"]) >= 3.0, f"{text} on the cursor, where it is bold"


@pytest.mark.parametrize(
    ("value", "light"), [("", False), ("15;0", False), ("0;15", True), ("0;default;7", True), ("7;8", False), ("x", False)]
)
def test_a_light_terminal_says_so(monkeypatch: pytest.MonkeyPatch, value: str, light: bool) -> None:  # noqa: FBT001 - a parameter of the test
    monkeypatch.setenv("COLORFGBG", value)
    assert is_light_terminal() is light


def test_bindings_and_footer_come_from_the_one_list() -> None:
    assert {binding.action for binding in bindings("main")} == {key.action for key in KEYS if key.where == "main"}
    labels = [key.label for key in footer_keys("table", "main", "app")]
    assert labels == ["Detail", "Filter", "Sort", "Check", "Export", "Port", "Ledger", "Help", "Quit"]


def test_no_owner_has_a_key_twice() -> None:
    for where in {key.where for key in KEYS}:
        keys = [name for key in KEYS if key.where == where for name in key.keys.split(",")]
        assert len(keys) == len(set(keys)), where


def test_a_line_is_cut_with_an_ellipsis_and_keeps_its_styles() -> None:
    whole = line(("done", "good"), "  254 addresses")
    assert fit(whole, 40) is whole
    cut = fit(whole, 10)
    assert cut.plain == "done  254…"
    assert cut.spans[0].style == "good"
    assert all(fit(whole, width).width <= width for width in range(30))


def test_the_roster_makes_rows_anew_only_where_something_changed() -> None:
    roster = Roster()
    roster.take(DEVICES, NOW)
    first = {row.device.id: row for row in roster.rows()}
    roster.take(DEVICES, NOW)
    assert all(first[row.device.id] is row for row in roster.rows())
    roster.take(DEVICES, NOW + 3600)
    assert first[KITCHEN.id] is not {row.device.id: row for row in roster.rows()}[KITCHEN.id], "it was seen an hour longer ago"


def test_the_roster_keeps_filter_and_sort_over_new_states() -> None:
    roster = Roster()
    roster.order_by("name", reverse=True)
    roster.narrow(parse("192.168"))
    roster.take(DEVICES[:2], NOW)
    roster.take(DEVICES, NOW)
    assert [row.device.title for row in roster.rows()][:3] == ["node-10", "node-9", "kitchen-light"]
    roster.take((SPA,), NOW)
    assert roster.total == 1
    assert roster.device(KITCHEN.id) is None
