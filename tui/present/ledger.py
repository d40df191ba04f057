"""The ledger of what espied sent, by device and purpose, as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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
    """Return the ledger: one block a device, one line a purpose, and the totals."""
    rows = ledger_rows(packets)
    if not rows:
        return (line("Nothing was sent."),)
    lines: list[Line] = []
    last = ""
    for address, port, purpose, packet_count, size in rows:
        if address != last:
            total = sum(row[3] for row in rows if row[0] == address)
            lines.append(line((address, "title"), ("  " + words.count(total, "packet"), "dim")))
            last = address
        lines.append(
            line(f"{packet_count:>5} x ", (f"{port:<10}", "accent"), f" {purpose}", (f"  {words.count(size, 'byte')}", "dim"), indent=2)
        )
    total_packets = sum(row[3] for row in rows)
    devices = len({row[0] for row in rows})
    lines.append(line((f"{words.count(total_packets, 'packet')} to {words.count(devices, 'address', 'addresses')} in all.", "title")))
    return tuple(lines)
