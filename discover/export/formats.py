"""The registry of export formats: what is in here is on the command line and in the app's menu."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from discover.errors import UsageError
from discover.export.csv import render_csv
from discover.export.json import render_json, render_json_with_ledger, render_ndjson
from discover.export.markdown import render_markdown, render_markdown_with_ledger
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. ``name`` is the word of ``--format``, ``suffix`` of files ("json"), ``render`` pure.

    ``render_with_ledger`` adds what was sent; None where the format has no place for it (one device a row, and no more).
    """

    name: str
    title: str
    suffix: str
    media_type: str
    render: Callable[[Snapshot], bytes]
    render_with_ledger: Callable[[Snapshot, Sequence[Tally]], bytes] | None = None


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Format(
                name="json",
                title="JSON, the whole inventory (schema espied.inventory/1)",
                suffix="json",
                media_type="application/json",
                render=render_json,
                render_with_ledger=render_json_with_ledger,
            ),
            Format(
                name="ndjson",
                title="NDJSON, one device a line",
                suffix="ndjson",
                media_type="application/x-ndjson",
                render=render_ndjson,
            ),
            Format(name="csv", title="CSV, one device a row, for spreadsheets", suffix="csv", media_type="text/csv", render=render_csv),
            Format(
                name="markdown",
                title="Markdown, a table for wikis and issues",
                suffix="md",
                media_type="text/markdown",
                render=render_markdown,
                render_with_ledger=render_markdown_with_ledger,
            ),
        )
    }
)


def format_named(name: str) -> Format:
    """Return the format called ``name``. Raises UsageError that lists the formats there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise UsageError(f"There is no export format {name!r}.", f"Choose one of {', '.join(FORMATS)}.") from None
