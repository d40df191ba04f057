from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from discover.text import clean
from tui.present.cells import cell_width, head, pad, truncate
from tui.present.lines import BLANK, STYLES, Line, Span, line, render, to_ansi, to_plain, wrap

clean_text = st.text(max_size=60).map(clean)
a_line = st.builds(
    lambda spans, hang: Line(tuple(Span(text, style) for text, style in spans), hang),
    st.lists(st.tuples(clean_text, st.sampled_from(STYLES)), max_size=5),
    st.integers(0, 12),
)


@pytest.mark.parametrize("text", ["plain", "Küche", "温度計", "🌡 sensor", "a\u0301b", "\uff37\uff49", "Küchenlicht [/red]"])
def test_cell_width_agrees_with_the_terminal_library_of_the_app(text: str) -> None:
    assert cell_width(text) == cell_len(text)


def test_truncate_cuts_by_cells_and_marks_the_cut() -> None:
    assert truncate("kitchen-light", 8) == "kitchen…"
    assert truncate("温度計温度計", 6) == "温度…"
    assert truncate("short", 5) == "short"
    assert truncate("short", 0) == ""


@given(clean_text, st.integers(0, 30), st.sampled_from(["left", "right"]))
def test_pad_is_exactly_as_wide_as_asked(text: str, width: int, align: str) -> None:
    assert cell_width(pad(text, width, align)) == width


@given(clean_text, st.integers(0, 30))
def test_head_is_a_beginning_that_fits(text: str, width: int) -> None:
    cut = head(text, width)
    assert text.startswith(cut)
    assert cell_width(cut) <= width


def test_line_takes_texts_pairs_and_spans_and_hangs_at_its_indent() -> None:
    built = line("Port ", ("3232", "key"), Span("/udp"), "", indent=2)
    assert built.plain == "  Port 3232/udp"
    assert built.hang == 2
    assert [span.style for span in built.spans] == ["", "", "key", ""]


def test_wrap_breaks_at_spaces_and_hangs() -> None:
    wrapped = wrap([line("answers on the knock port", indent=2)], 14)
    assert [one.plain for one in wrapped] == ["  answers on", "  the knock", "  port"]


def test_wrap_breaks_a_word_that_is_longer_than_the_line() -> None:
    assert [one.plain for one in wrap([line("x" * 7)], 3)] == ["xxx", "xxx", "x"]


def test_wrap_keeps_styles_within_a_word() -> None:
    wrapped = wrap([line(("good", "good"), ("bad", "bad"), " end")], 8)
    assert [one.plain for one in wrapped] == ["goodbad", "end"]
    assert wrapped[0].spans == (Span("good", "good"), Span("bad", "bad"))


def test_wrap_keeps_blank_lines() -> None:
    assert wrap([BLANK, line("a"), BLANK], 10) == (BLANK, line("a"), BLANK)


@given(a_line, st.integers(1, 40))
@settings(max_examples=300)
def test_wrap_loses_no_word_and_fits(one: Line, width: int) -> None:
    wrapped = wrap([one], width)
    letters = [char for char in one.plain if char != " "]
    assert [char for piece in wrapped for char in piece.plain if char != " "] == letters
    widest = max((cell_width(char) for char in letters), default=1)
    assert all(piece.width <= max(width, widest) or piece.plain.isspace() for piece in wrapped)


def test_plain_has_no_escape_and_ansi_only_sgr() -> None:
    lines = [line(("Title", "title"), " and ", ("bad", "bad")), BLANK]
    assert to_plain(lines) == "Title and bad\n\n"
    assert to_ansi(lines) == "\x1b[1mTitle\x1b[0m and \x1b[31mbad\x1b[0m\n\n"


@given(st.lists(a_line, max_size=4))
def test_no_control_byte_of_clean_text_reaches_a_terminal_but_our_own_sgr(lines: list[Line]) -> None:
    text = render(lines, width=30, color=True)
    for code in ("0", "1", "2", "31", "32", "33", "36"):
        text = text.replace(f"\x1b[{code}m", "")
    assert not [char for char in text if unicodedata.category(char) == "Cc" and char != "\n"]
