"""The ledger of what espied sent, by device and purpose, as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from discover.model.network import Packet
from tui.present import words
from tui.present.device import address_key
from tui.present.lines import Line, line


def ledger_rows(packets: Iterable[Packet]) -> tuple[tuple[str, str, str, int, int], ...]:
    """Return (address, port/transport, purpose, packets, payload bytes), in natural address order."""
    count: Counter[tuple[str, str, str]] = Counter()
    size: Counter[tuple[str, str, str]] = Counter()
    for packet in packets:
        key = (packet.to, f"{packet.port}/{'udp' if packet.transport == 'mdns' else packet.transport}", packet.purpose)
        count[key] += 1
        size[key] += len(packet.payload)
    ordered = sorted(count, key=lambda key: (address_key(key[0]), key[1:]))
    return tuple((*key, count[key], size[key]) for key in ordered)


def ledger_lines(packets: Iterable[Packet]) -> tuple[Line, ...]:
    """Return the ledger: one block a device, one line a purpose, and the totals.

    Addresses that were sent exactly the same share a block: a sweep of a /24 is one, not 254.
    """
    rows = ledger_rows(packets)
    if not rows:
        return (line("Nothing was sent."),)
    sent: dict[str, list[_Purpose]] = {}
    for address, port, purpose, count, size in rows:
        sent.setdefault(address, []).append(_Purpose(port, purpose, count, size))
    alike: dict[tuple[_Purpose, ...], list[str]] = {}
    for address, purposes in sent.items():
        alike.setdefault(tuple(purposes), []).append(address)
    lines: list[Line] = []
    for same, addresses in alike.items():
        each = words.count(sum(one.packets for one in same), "packet")
        if len(addresses) == 1:
            lines.append(line((addresses[0], "title"), (f"  {each}", "dim")))
        else:
            who = f"{words.count(len(addresses), 'address', 'addresses')}, {addresses[0]} to {addresses[-1]}"
            lines.append(line((who, "title"), (f"  {each} each", "dim"), hang=2))
        lines += [
            line(
                f"{one.packets:>5} x ",
                (f"{one.port:<10}", "accent"),
                f" {one.purpose}",
                (f"  {words.count(one.size, 'byte')}", "dim"),
                indent=2,
            )
            for one in same
        ]
    total = sum(row[3] for row in rows)
    lines.append(line((f"{words.count(total, 'packet')} to {words.count(len(sent), 'address', 'addresses')} in all.", "title")))
    return tuple(lines)


class _Purpose(NamedTuple):
    port: str
    purpose: str
    packets: int
    size: int
