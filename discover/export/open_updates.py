"""Which devices take firmware without a password, as JSON (espied.open-updates/1) and CSV: pure, as every export is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Final

from discover.export.csv import cell
from discover.export.wording import rfc3339
from discover.inventory.document import text
from discover.inventory.openness import Openness, Word, words_of
from discover.model.snapshot import Snapshot

SCHEMA: Final = "espied.open-updates/1"
COLUMNS: Final = (
    *("says", "id", "name", "addresses", "mac", "family", "kind", "port", "transport"),
    *("why", "checked", "presence", "last_seen"),
)


def render_open_json(snapshot: Snapshot, *, listened: float = 0.0, packets_sent: int = 0) -> bytes:
    """Return the list as one JSON document: what each device says, why, and how old that word is.

    ``listened`` is for how many seconds the network was listened to for it, ``packets_sent`` what that took (mDNS questions).
    """
    words = words_of(snapshot.devices)
    counts = {says.value: sum(word.openness is says for word in words) for says in Openness}
    document = {
        "schema": SCHEMA,
        "generated": rfc3339(snapshot.generated),
        "listened": listened,
        "packets_sent": packets_sent,
        "counts": {**counts, "no-update": len(snapshot.devices) - len(words)},
        "devices": [dict(zip(COLUMNS, _values(word), strict=True)) for word in words],
    }
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def render_open_csv(snapshot: Snapshot) -> bytes:
    """Return one device a row under a row of names, as :func:`discover.export.csv.render_csv` does it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for word in words_of(snapshot.devices):
        writer.writerow(["; ".join(map(cell, one)) if isinstance(one, list) else cell(str(one)) for one in _values(word)])
    content = out.getvalue()
    return content.encode("ascii" if content.isascii() else "utf-8-sig")


def _values(word: Word) -> Sequence[object]:
    device = word.device
    ota = device.ota
    return (
        word.openness.value,
        text(device.id),
        text(device.title),
        [text(one) for one in device.addresses],
        text(device.mac),
        text(device.family.id),
        text(ota.kind) if ota else "",
        ota.port if ota else 0,
        text(ota.transport) if ota else "",
        text(word.why),
        rfc3339(word.checked) if word.checked is not None else "",
        device.presence.state.value,
        rfc3339(device.presence.last_seen),
    )
