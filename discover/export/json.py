"""JSON and NDJSON: the contract of DESIGN section 4, stable in key order and free of control characters."""

from __future__ import annotations

import msgspec

from discover.inventory.document import device_document, inventory_document
from discover.model.snapshot import Snapshot


def render_json(snapshot: Snapshot) -> bytes:
    """Return the inventory as one JSON document, indented by two spaces, UTF-8, ending in a line feed."""
    return msgspec.json.format(msgspec.json.encode(inventory_document(snapshot)), indent=2) + b"\n"


def render_ndjson(snapshot: Snapshot) -> bytes:
    """Return one device a line, each as in the document's "devices"."""
    return b"".join(msgspec.json.encode(device_document(device)) + b"\n" for device in snapshot.devices)
