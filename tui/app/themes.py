"""Two palettes, dark and light, with a contrast of at least 4.5 to 1 for every text (WCAG 2.1, 1.4.3)."""

from __future__ import annotations

import os
from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="espied-dark",
    primary="#5fb3d9",
    foreground="#dfe3e6",
    background="#14171a",
    surface="#14171a",
    panel="#1e2327",
    accent="#6cc3e8",
    success="#8ccf7e",
    warning="#e5c76b",
    error="#f08a8a",
    dark=True,
    variables={
        "espied-dim": "#98a2aa",
        "espied-good": "#8ccf7e",
        "espied-warn": "#e5c76b",
        "espied-bad": "#f08a8a",
        "espied-accent": "#6cc3e8",
        "espied-code": "#b9c7f0",
        "espied-key": "#f0c987",
        "espied-bar": "#22282d",
        "espied-panel": "#1c2125",
        "espied-edge": "#4a555d",
        "espied-cursor": "#24506a",
        "espied-cursor-blurred": "#2a333a",
        "espied-hover": "#20272c",
    },
)
LIGHT: Final = Theme(
    name="espied-light",
    primary="#0b5f8a",
    foreground="#1d2327",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#edeeec",
    accent="#0b5f8a",
    success="#2b6b1e",
    warning="#7a5600",
    error="#a8201f",
    dark=False,
    variables={
        "espied-dim": "#565f66",
        "espied-good": "#2b6b1e",
        "espied-warn": "#7a5600",
        "espied-bad": "#a8201f",
        "espied-accent": "#0b5f8a",
        "espied-code": "#3b4a94",
        "espied-key": "#8a4b00",
        "espied-bar": "#e4e7e8",
        "espied-panel": "#eceeee",
        "espied-edge": "#9aa5ab",
        "espied-cursor": "#bfdff0",
        "espied-cursor-blurred": "#dfe6ea",
        "espied-hover": "#eef2f4",
    },
)


def is_light_terminal() -> bool:
    """Tell whether the terminal says that its background is light: COLORFGBG "fg;bg" as rxvt began it, bg 7 or 9 to 15."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdecimal() and int(background) in {7, *range(9, 16)}
