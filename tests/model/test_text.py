from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.text import MAX_TEXT, clean, is_clean


@given(st.text(alphabet=st.characters(), max_size=700))
def test_cleaned_text_holds_nothing_that_can_drive_a_terminal(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= MAX_TEXT
    assert {unicodedata.category(char) for char in cleaned} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()


@given(st.text(alphabet=st.characters(), max_size=300))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert is_clean(cleaned)


@given(st.binary(max_size=400))
def test_any_bytes_become_text(data: bytes) -> None:
    assert is_clean(clean(data))


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("spa", "spa"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("\x9b31mred", "\ufffd31mred"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("abc\u202edcba", "abc\ufffddcba"),
        ("a\u200bb\u2066c", "a\ufffdb\ufffdc"),
        ("line\nbreak\tand tab", "line break and tab"),
        ("Caf\u0065\u0301", "Caf\u00e9"),
        ("\ud800", "\ufffd"),
        ("\U000e0041tag", "\ufffdtag"),
        ("no\u00a0break", "no break"),
        ("\u3164\u115f", "\ufffd"),
        (b"gr\xfc\xdfe", "gr\ufffd\ufffde"),
        ("[/red][@click=app.quit]x[/]", "[/red][@click=app.quit]x[/]"),
    ],
)
def test_known_tricks(dirty: str | bytes, shown: str) -> None:
    assert clean(dirty) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 10_000) == "x" * (MAX_TEXT - 1) + "…"
    assert clean("abcdef", limit=3) == "ab…"


def test_a_pile_of_marks_is_thinned() -> None:
    assert len(clean("Z" + "\u0301\u0302\u0316\u0317\u0318\u0319\u031a\u031b" * 40)) <= 6
