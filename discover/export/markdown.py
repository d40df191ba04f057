"""Markdown (GFM): a table that no device name can break out of, and in which nothing is a link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from discover.export.wording import rfc3339
from discover.inventory.document import text
from discover.inventory.openness import Openness, openness
from discover.inventory.sent import Who, nobody_words, purpose_words, purposes, recipients, sent_words, totals
from discover.model.coverage import coverage, remarks
from discover.model.device import Device, PortState
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally

_HEADINGS: Final = (
    "Device",
    "Addresses",
    "MAC",
    "Vendor",
    "Family",
    "Firmware",
    "Ports",
    "OTA",
    "Update without password",
    "Presence",
    "Notes",
)
_LEDGER_HEADINGS: Final = ("Device", "Addresses", "Packets", "Bytes", "For what")

# Everything that means something to CommonMark, GFM tables, HTML or GitHub's math; as numeric references
# they are text to each of them (CommonMark 0.31 section 2.5). "@" and "#" get an empty comment as well:
# mail addresses, mentions and issue numbers are linked after references have been read.
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>#!|~&@\"$^]")
# What GFM links of itself: a scheme, "www." (GFM 0.29 section 6.9).
_LINKED: Final = re.compile(r"(?<=[a-z0-9]):(?=/|[a-z0-9.+_-]*(?:&#64;|@))|(?<=www)\.", re.IGNORECASE)

_WITHOUT_PASSWORD: Final = {Openness.OPEN: "yes, it says so", Openness.LOCKED: "no", Openness.UNSAID: "it does not say", None: ""}

# Ports that are worth a reader's time; closed and silent ones are in the JSON.
_SHOWN: Final = (PortState.ANSWERED, PortState.ANNOUNCED, PortState.LIKELY)


def render_markdown(snapshot: Snapshot) -> bytes:
    """Return a heading, one sentence about the scan and a table of the devices, UTF-8."""
    return _text(_inventory(snapshot))


def render_markdown_with_ledger(snapshot: Snapshot, tallies: Sequence[Tally]) -> bytes:
    """Return the same, followed by what was sent: one row a device, and one for all addresses without one."""
    return _text([*_inventory(snapshot), "", *_ledger(snapshot, tallies)])


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _inventory(snapshot: Snapshot) -> list[str]:
    count = len(snapshot.devices)
    lines = [
        "# Devices on the network",
        "",
        f"{count} {'device' if count == 1 else 'devices'}, as of {rfc3339(snapshot.generated)}.{_coverage(snapshot)}",
        "",
    ]
    if count:
        lines += [_row(_HEADINGS), _row("---" for _ in _HEADINGS)]
        lines += [_row(_cells(device)) for device in snapshot.devices]
    else:
        lines.append("Nothing was found.")
    return lines


def _ledger(snapshot: Snapshot, tallies: Sequence[Tally]) -> list[str]:
    found = recipients(tallies, snapshot)
    lines = ["## What was sent", "", f"{escape(sent_words(tallies)).capitalize()}."]
    if found:
        lines += ["", _row(_LEDGER_HEADINGS), _row("---" for _ in _LEDGER_HEADINGS)]
    for one in found:
        if one.who is not Who.NOBODY:
            lines.append(_ledger_row(one.name, ", ".join(one.addresses), one.tallies))
    nobody = [one for one in found if one.who is Who.NOBODY]
    if nobody:
        lines.append(_ledger_row(*nobody_words(nobody), [tally for one in nobody for tally in one.tallies]))
    return lines


def _ledger_row(name: str, where: str, tallies: Iterable[Tally]) -> str:
    packets, size = totals(tallies)
    what = "; ".join(f"{one.packets:,} x {purpose_words(one)}" for one in purposes(tallies))
    return _row(escape(cell) or " " for cell in (name, where, f"{packets:,}", f"{size:,}", what))


def escape(value: str) -> str:
    """Return text that every Markdown reader shows as it is, inside a table cell and outside."""

    def reference(match: re.Match[str]) -> str:
        char = match[0]
        return f"&#{ord(char)};" + ("<!-- -->" if char in "@#" else "")

    # Links first: the references that follow contain no ":" and no ".".
    unlinked = _LINKED.sub(lambda match: f"\0{ord(match[0])};", text(value))
    return _SPECIAL.sub(reference, unlinked).replace("\0", "&#")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(device: Device) -> tuple[str, ...]:
    firmware, ota = device.firmware, device.ota
    title = device.title
    names = [title, *(name for name in (device.name, device.hostname) if name and name != title)]
    family = device.family
    notes = [*device.notes, *(f"tag: {tag}" for tag in device.tags)]
    cells = (
        " / ".join(dict.fromkeys(names)),
        ", ".join(device.addresses),
        device.mac,
        device.vendor,
        f"{family.title} ({family.confidence.value})",
        f"{firmware.name} {firmware.version}".strip() if firmware else "",
        ", ".join(f"{one.port}/{one.transport} {one.direction.value}" for one in device.listeners if one.state in _SHOWN),
        f"{ota.kind} {ota.port}/{ota.transport}: {ota.verdict}, password {ota.password.value}" if ota else "",
        _WITHOUT_PASSWORD[openness(device)],
        f"{device.presence.state.value}, last seen {rfc3339(device.presence.last_seen)}",
        "; ".join(notes),
    )
    return tuple(escape(cell) or " " for cell in cells)


def _coverage(snapshot: Snapshot) -> str:
    scan = snapshot.scan
    if not scan.interfaces:
        return ""
    where = ", ".join(f"{escape(one.name)} ({escape(one.network)})" for one in scan.interfaces)
    did = "; ".join(part for part in (coverage(scan), f"{scan.packets_sent:,} packets sent") if part)
    return " ".join((f" Scanned {where}; {did}.", *remarks(scan)))
