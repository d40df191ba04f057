"""The JSON Schema of the inventory, generated from the structs that write it."""

from __future__ import annotations

import json

import msgspec

from discover.inventory.document import SCHEMA, InventoryDocument


def inventory_schema() -> bytes:
    """Return docs/schema/espied.inventory-1.json: JSON Schema 2020-12, stable, ending in a line feed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:espied:inventory:1",
        "title": f"espied inventory ({SCHEMA})",
        **msgspec.json.schema(InventoryDocument),
    }
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()
