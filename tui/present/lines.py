"""Lines of styled text as pure values: what the command line prints and the app draws.

A style is a *name* out of :data:`STYLES`, never markup: peer text can hold ``[..]`` and stays text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tui.present.cells import cell_width, head

STYLES: Final = ("", "title", "dim", "good", "warn", "bad", "accent", "code", "key")
"""The style names: "" is plain text, "code" a command or bytes to copy, "key" a key to press."""

# SGR parameters (ECMA-48 section 8.3.117): bold, faint and the eight colours every palette defines, so that
# dark and light terminals both choose a readable shade. No blue (4): it is hard to read on black.
_SGR: Final = {"title": "1", "dim": "2", "good": "32", "warn": "33", "bad": "31", "accent": "36", "code": "36", "key": "1"}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style (one of STYLES)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``hang`` is the indentation in cells of what does not fit and goes on below.

    ``whole``: a command to copy, which :func:`render` never breaks (a shell would take the second half for another one).
    """

    spans: tuple[Span, ...] = ()
    hang: int = 0
    whole: bool = False

    @property
    def plain(self) -> str:
        """The text without styles."""
        return "".join(span.text for span in self.spans)

    @property
    def width(self) -> int:
        """The line's width in terminal cells."""
        return cell_width(self.plain)


Part = str | tuple[str, str] | Span
BLANK: Final = Line()


def line(*parts: Part, indent: int = 0, hang: int | None = None, whole: bool = False) -> Line:
    """Build a line from texts, ``(text, style)`` pairs and spans, ``indent`` cells in; it hangs at ``indent`` unless told."""
    spans = [Span(" " * indent)] if indent else []
    for part in parts:
        span = part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part)
        if span.text:
            spans.append(span)
    return Line(tuple(spans), indent if hang is None else hang, whole)


def to_plain(lines: Iterable[Line]) -> str:
    """Return the lines as plain text, each with its line end."""
    return "".join(one.plain.rstrip() + "\n" for one in lines)


def to_ansi(lines: Iterable[Line]) -> str:
    """Return the lines with ANSI colours (SGR only), each with its line end."""
    return "".join("".join(_sgr(span) for span in one.spans) + "\n" for one in lines)


def _sgr(span: Span) -> str:
    code = _SGR.get(span.style)
    return f"\x1b[{code}m{span.text}\x1b[0m" if code and span.text else span.text


def render(lines: Iterable[Line], *, width: int = 0, color: bool = False) -> str:
    """Return the lines as text for a terminal ``width`` cells wide (0: never wrapped), with or without colour."""
    wrapped = tuple(piece for one in lines for piece in ((one,) if one.whole else wrap((one,), width))) if width > 0 else tuple(lines)
    return to_ansi(wrapped) if color else to_plain(wrapped)


def wrap(lines: Iterable[Line], width: int) -> tuple[Line, ...]:
    """Break lines at spaces so that none is wider than ``width`` cells; longer words are broken where they must be."""
    return tuple(piece for one in lines for piece in _wrap_one(one, max(width, 1)))


def _words(one: Line) -> Iterator[tuple[bool, list[Span]]]:
    """Yield (is it space, pieces): a word may run over several styles."""
    pieces: list[Span] = []
    spacing: bool | None = None
    for span in one.spans:
        start = 0
        for index, char in enumerate(span.text):
            is_space = char == " "
            if spacing is None:
                spacing = is_space
            elif is_space != spacing:
                if index > start:
                    pieces.append(Span(span.text[start:index], span.style))
                yield spacing, pieces
                pieces, start, spacing = [], index, is_space
        if len(span.text) > start:
            pieces.append(Span(span.text[start:], span.style))
    if pieces and spacing is not None:
        yield spacing, pieces


def _wrap_one(one: Line, width: int) -> Iterator[Line]:
    if one.width <= width:
        yield one
        return
    # A hanging indent that leaves no room for words is no help on a narrow screen.
    hang = one.hang if one.hang <= width // 2 else 0
    lead = [Span(" " * hang)] if hang else []
    current: list[Span] = []
    used = 0
    waiting: list[Span] = []
    gap = 0
    fresh = True
    for is_space, pieces in _words(one):
        size = sum(cell_width(piece.text) for piece in pieces)
        if is_space:
            waiting, gap = pieces, size
            continue
        if not fresh and used + gap + size > width:
            yield Line(tuple(current), hang)
            current, used, waiting, gap = list(lead), hang, [], 0
        elif fresh and gap >= width:
            waiting, gap = [], 0
        current += waiting
        used += gap
        waiting, gap = [], 0
        for piece in pieces:
            rest = piece.text
            while used + cell_width(rest) > width:
                fitting = head(rest, width - used)
                if not fitting and used <= hang:
                    fitting = rest[0]  # a wide character in a one-cell column: better too wide than for ever
                if fitting:
                    current.append(Span(fitting, piece.style))
                yield Line(tuple(current), hang)
                current, used, rest = list(lead), hang, rest[len(fitting) :]
            if rest:
                current.append(Span(rest, piece.style))
                used += cell_width(rest)
        fresh = False
    if current != lead or fresh:
        yield Line(tuple(current), hang)
