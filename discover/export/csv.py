"""CSV by RFC 4180, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from discover.export.wording import port_words, rfc3339
from discover.inventory.document import text
from discover.inventory.openness import Openness, openness
from discover.model.device import Device
from discover.model.snapshot import Snapshot

COLUMNS: Final = (
    "id",
    "label",
    "name",
    "hostname",
    "addresses",
    "mac",
    "vendor",
    "family",
    "confidence",
    "kind",
    "model",
    "chip",
    "firmware",
    "firmware_version",
    "listeners",
    "ota",
    "ota_port",
    "ota_transport",
    "ota_password",
    "ota_verdict",
    "ota_checked",
    "presence",
    "first_seen",
    "last_seen",
    "tags",
    "notes",
    "update_without_password",
)

WITHOUT_PASSWORD: Final = {Openness.OPEN: "yes", Openness.LOCKED: "no", Openness.UNSAID: "unsaid", None: ""}
"""The last column: what the device says of a password for updates; "" where no way to update it is known."""

# Characters that make a spreadsheet read a cell as a formula (OWASP, "CSV Injection"), with their full-width
# forms, which Excel takes for the same. Looked for at the start and after every separator a spreadsheet may
# split at instead of the comma, because where it splits depends on the reader's language settings.
_FORMULA: Final = re.compile(r"(^|[;,|\t\r\n])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def render_csv(snapshot: Snapshot) -> bytes:
    """Return one device a row under a row of names, CRLF line ends, UTF-8.

    Lists are joined by "; ". With text beyond ASCII the file begins with a byte order mark, without which
    Excel does not read UTF-8; a reader that does not skip it should be told "utf-8-sig".
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for device in snapshot.devices:
        writer.writerow([cell(value) for value in _row(device)])
    content = out.getvalue()
    return content.encode("ascii" if content.isascii() else "utf-8-sig")


def cell(value: str) -> str:
    """Return one cell's text: clean, and with an apostrophe before what a spreadsheet would take for a formula."""
    return _FORMULA.sub(r"\1\2'", text(value))


def _row(device: Device) -> tuple[str, ...]:
    firmware, ota, presence = device.firmware, device.ota, device.presence
    return (
        device.id,
        device.label,
        device.name,
        device.hostname,
        "; ".join(device.addresses),
        device.mac,
        device.vendor,
        device.family.id,
        device.family.confidence.value,
        device.kind,
        device.model,
        device.chip,
        firmware.name if firmware else "",
        firmware.version if firmware else "",
        "; ".join(port_words(one) for one in device.listeners),
        ota.kind if ota else "",
        str(ota.port) if ota else "",
        ota.transport if ota else "",
        ota.password.value if ota else "",
        ota.verdict if ota else "",
        rfc3339(ota.checked) if ota and ota.checked is not None else "",
        presence.state.value,
        rfc3339(presence.first_seen),
        rfc3339(presence.last_seen),
        "; ".join(device.tags),
        "; ".join(device.notes),
        WITHOUT_PASSWORD[openness(device)],
    )
