"""JSON contracts: a document's bytes, and the schema that says what a document may hold (DESIGN section 4).

A contract is a tree of ``msgspec.Struct`` whose root has a field ``schema``, as "espied.ota-check/1". Its schema is committed
under docs/schema/ and checked fresh.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec


def render(document: msgspec.Struct) -> bytes:
    """Return the document as UTF-8 JSON with a line end, keys in the contract's order."""
    return json.dumps(msgspec.to_builtins(document), indent=2, ensure_ascii=False).encode() + b"\n"


def render_line(document: msgspec.Struct) -> bytes:
    """Return the same on one line, for one of several documents (NDJSON)."""
    return json.dumps(msgspec.to_builtins(document), ensure_ascii=False).encode() + b"\n"


def schema(root: type[msgspec.Struct], title: str) -> bytes:
    """Return the JSON schema (draft 2020-12) of what :func:`render` makes of ``root``; ``title`` is the contract's name."""
    (_,), components = msgspec.json.schema_components([root], ref_template="#/$defs/{name}")
    top = components.pop(root.__name__)
    top.pop("title", None)
    found: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **top}
    found["$defs"] = dict(sorted(components.items()))
    return json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n"
