"""Which devices take firmware without a password, as JSON (espied.open-updates/1) and CSV: pure, as every export is."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Final, Literal

import msgspec

from discover import contract
from discover.export.csv import cell
from discover.export.wording import rfc3339
from discover.inventory.document import text
from discover.inventory.openness import Word, words_of
from discover.model.snapshot import Snapshot

SCHEMA: Final = "espied.open-updates/1"


class DeviceDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device: what it ``says`` of a password, and ``why`` we say so. ``checked`` is "" where its announcement says it."""

    says: Literal["open", "locked", "unsaid"]
    id: str
    title: str
    addresses: tuple[str, ...]
    mac: str
    family: str
    kind: str
    port: int
    transport: str
    why: str
    checked: str
    presence: str
    last_seen: str


class CountsDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"no_update": "no-update"}):
    """How many devices say what; "no-update" are those for which no way to update them over the network is known."""

    open: int
    locked: int
    unsaid: int
    no_update: int


class OpenDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole list. ``listened`` are the seconds that were listened for it, ``packets_sent`` the mDNS questions that took."""

    schema: Literal["espied.open-updates/1"]
    generated: str
    listened: float
    packets_sent: int
    counts: CountsDocument
    devices: tuple[DeviceDocument, ...]


COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(DeviceDocument))


def render_open_json(snapshot: Snapshot, *, listened: float = 0.0, packets_sent: int = 0) -> bytes:
    """Return the list as one JSON document, indented by two spaces, UTF-8, ending in a line feed."""
    words = words_of(snapshot.devices)
    counts = Counter(word.openness.value for word in words)
    document = OpenDocument(
        schema="espied.open-updates/1",
        generated=rfc3339(snapshot.generated),
        listened=listened,
        packets_sent=packets_sent,
        counts=CountsDocument(
            open=counts["open"], locked=counts["locked"], unsaid=counts["unsaid"], no_update=len(snapshot.devices) - len(words)
        ),
        devices=tuple(map(_device, words)),
    )
    return contract.render(document)


def render_open_csv(snapshot: Snapshot) -> bytes:
    """Return one device a row under a row of names, as :func:`discover.export.csv.render_csv` does it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for word in words_of(snapshot.devices):
        values = msgspec.structs.astuple(_device(word))
        writer.writerow(["; ".join(map(cell, one)) if isinstance(one, tuple) else cell(str(one)) for one in values])
    content = out.getvalue()
    return content.encode("ascii" if content.isascii() else "utf-8-sig")


def _device(word: Word) -> DeviceDocument:
    device, ota = word.device, word.device.ota
    return DeviceDocument(
        says=word.openness.value,
        id=text(device.id),
        title=text(device.title),
        addresses=tuple(map(text, device.addresses)),
        mac=text(device.mac),
        family=text(device.family.id),
        kind=text(ota.kind) if ota else "",
        port=ota.port if ota else 0,
        transport=text(ota.transport) if ota else "",
        why=text(word.why),
        checked=rfc3339(word.checked) if word.checked is not None else "",
        presence=device.presence.state.value,
        last_seen=rfc3339(device.presence.last_seen),
    )


def open_updates_schema() -> bytes:
    """Return the JSON schema of :func:`render_open_json`'s output (draft 2020-12), as it is committed under docs/schema/."""
    return contract.schema(OpenDocument, SCHEMA)
