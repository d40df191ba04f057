"""What a browser could not take or tell, counted and said in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.mdns.book import MAX_INSTANCES, MAX_TYPES, Book
from discover.net.mdns.link import Link
from discover.net.mdns.records import MAX_TEXT, Records
from discover.text import clean

_BUSY: Final = 20
"""Changes held back before it is worth a word: fewer are an announcement in many pieces."""
_PATIENCE: Final = 60.0
"""Seconds before a count is told that is not the last one: most scans are over by then."""
_COUNTED: Final = ("ignored", "lost")
"""Kinds whose sentence has a count in it."""


class Limits:
    """Says each kind of limit once when it is met, and a count at the end, or after a while in a watch. ``start``: monotonic seconds."""

    def __init__(self, interface: str, book: Book, records: Records, link: Link, start: float) -> None:
        self._interface = interface
        self._book = book
        self._records = records
        self._link = link
        self._start = start
        self._said: dict[str, int] = {}

    def news(self, now: float, *, look: bool = False, final: bool = False) -> Iterator[MdnsEvent]:
        """Yield the notices that are new; ``look``: ask the system, too (it costs reading a file)."""
        book, link = self._book, self._link
        lost = link.lost() if look or final else 0
        for kind, count, least, words in (
            ("instances", book.refused, 1, f"more than {MAX_INSTANCES} mDNS instances are announced; the others are not listed"),
            ("types", book.refused_types, 1, f"more than {MAX_TYPES} mDNS service types are announced; the others are not asked for"),
            ("texts", self._records.refused, 1, f"mDNS announces more than {MAX_TEXT >> 20} MB of TXT records; the others are left out"),
            (
                "busy",
                book.held_back,
                _BUSY,
                f"{clean(book.busiest)!r} changes its mDNS records all the time: told is each second's newest state",
            ),
            ("ignored", link.ignored, 1, f"{link.loudest} floods mDNS: {link.ignored} packets were not looked at"),
            ("lost", lost, 1, f"the system dropped {lost} UDP packets because a receive buffer was full (net.core.rmem_max)"),
        ):
            if kind in _COUNTED:
                new = count > self._said.get(kind, 0) if final else kind not in self._said and now - self._start >= _PATIENCE
            else:
                new = kind not in self._said
            if new and count >= least:
                self._said[kind] = count
                yield MdnsEvent(kind=MdnsEventKind.NOTICE, interface=self._interface, type="", notice=f"{self._interface}: {words}.")
