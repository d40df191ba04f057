"""Reading what ``espied export --format json`` wrote, from whoever sends it."""

from __future__ import annotations

from typing import Final

import msgspec

from discover.errors import UsageError
from discover.inventory.document import SCHEMA, InventoryDocument, snapshot_of
from discover.model.snapshot import Snapshot
from discover.proto.mac import canonical_mac
from discover.text import clean

MAX_BYTES: Final = 256 * 1024 * 1024
"""Largest file that is read: 10,000 devices with all their evidence take 45 to 100 MB (measured)."""

_HINT: Final = "Give a file that `espied export --format json` wrote."


class _Header(msgspec.Struct):
    schema: str = ""


def parse_inventory(data: bytes) -> Snapshot:
    """Return the snapshot of an exported JSON document. Raises UsageError that names the place of what is wrong."""
    if len(data) > MAX_BYTES:
        raise UsageError(f"The file has {len(data)} bytes, more than the {MAX_BYTES} that are read.", _HINT)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        header = msgspec.json.decode(data, type=_Header)
        if header.schema != SCHEMA:
            told = f"its schema is {clean(header.schema, 60)!r}" if header.schema else "it names no schema"
            newer = header.schema.startswith("espied.inventory/")
            raise UsageError(
                f"This is not an inventory that this espied reads: {told}, {SCHEMA!r} is expected.",
                "Update espied, or export again with this version." if newer else _HINT,
            )
        document = msgspec.json.decode(data, type=InventoryDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The file cannot be read as an inventory: {clean(str(error), 300)}", _HINT) from error
    _check(document)
    return snapshot_of(document)


def _check(document: InventoryDocument) -> None:
    seen: dict[str, int] = {}
    for index, device in enumerate(document.devices):
        place = f"$.devices[{index}]"
        name = clean(device.id)
        if not name.strip():
            raise UsageError(f"The file cannot be read as an inventory: the id is empty - at `{place}.id`", _HINT)
        if name in seen:
            raise UsageError(
                f"The file cannot be read as an inventory: the id {name!r} stands at `$.devices[{seen[name]}]` already - at `{place}.id`",
                _HINT,
            )
        seen[name] = index
        if device.mac and canonical_mac(device.mac) != device.mac:
            raise UsageError(
                f"The file cannot be read as an inventory: {clean(device.mac, 40)!r} is no MAC address in the form aa:bb:cc:dd:ee:ff "
                f"- at `{place}.mac`",
                _HINT,
            )
