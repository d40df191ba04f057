"""JSON and NDJSON: the contract of DESIGN section 4, stable in key order and free of control characters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from discover.inventory.document import device_document, inventory_document
from discover.inventory.ledger_document import ledger_document
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally


def render_json(snapshot: Snapshot) -> bytes:
    """Return the inventory as one JSON document, indented by two spaces, UTF-8, ending in a line feed."""
    return _document(snapshot, b"")


def render_json_with_ledger(snapshot: Snapshot, tallies: Iterable[Tally]) -> bytes:
    """Return the same with what was sent under "ledger", the last key."""
    return _document(snapshot, b',"ledger":' + msgspec.json.encode(ledger_document(tallies, snapshot.devices)))


def _document(snapshot: Snapshot, more: bytes) -> bytes:
    # Device by device, because the structs of 10,000 devices at once take 100 MB (measured). The contract's last key is "devices".
    frame = msgspec.json.encode(inventory_document(replace(snapshot, devices=()))).removesuffix(b"]}")
    devices = b",".join(msgspec.json.encode(device_document(device)) for device in snapshot.devices)
    return msgspec.json.format(b"".join((frame, devices, b"]", more, b"}")), indent=2) + b"\n"


def render_ndjson(snapshot: Snapshot) -> bytes:
    """Return one device a line, each as in the document's "devices"."""
    return b"".join(msgspec.json.encode(device_document(device)) + b"\n" for device in snapshot.devices)
