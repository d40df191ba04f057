"""Exports: one pure function snapshot -> bytes per format, and the registry that menus and commands list them from."""

from discover.export.formats import FORMATS, Format
from discover.export.parse import parse_inventory
from discover.export.redact import redact

__all__ = ["FORMATS", "Format", "parse_inventory", "redact"]
