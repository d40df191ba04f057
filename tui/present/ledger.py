"""The ledger of what espied sent, by device and by purpose, as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from discover.inventory.sent import (
    Purpose,
    Recipient,
    Who,
    nobody_words,
    ports_words,
    purpose_words,
    purposes,
    recipients,
    sent_words,
    totals,
)
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally
from tui.present import words
from tui.present.cells import cell_width, pad
from tui.present.lines import BLANK, Line, line

_PURPOSE: Final = 30
"""Cells that a purpose takes before its ports; a longer one takes what it needs."""
_NUMBER: Final = 5
"""Cells of a number of packets."""


def ledger_lines(tallies: Sequence[Tally], snapshot: Snapshot) -> tuple[Line, ...]:
    """Return the ledger: the totals, then a block for each device, group and address, and one line for all addresses without a device."""
    found = recipients(tallies, snapshot)
    lines = [_heading(tallies)]
    for one in found:
        if one.who is not Who.NOBODY:
            lines += [BLANK, _whose(one), *sent_lines(one.tallies)]
    nobody = [one for one in found if one.who is Who.NOBODY]
    return (*lines, BLANK, _nobody_line(nobody)) if nobody else tuple(lines)


def purpose_lines(tallies: Sequence[Tally]) -> tuple[Line, ...]:
    """Return the ledger the other way round: the totals, then each purpose with its packets, ports and how many addresses got it."""
    lines = [_heading(tallies)]
    reached: dict[tuple[str, str], set[str]] = {}
    for tally in tallies:
        reached.setdefault((tally.purpose, tally.transport), set()).add(tally.to)
    lines.append(BLANK)
    for one in sorted(purposes(tallies), key=lambda each: -each.packets):
        addresses = reached[one.purpose, one.transport]
        to = next(iter(addresses)) if len(addresses) == 1 else words.count(len(addresses), "address", "addresses")
        lines.append(_purpose_line(one, f"  to {to}"))
    return tuple(lines)


def sent_lines(tallies: Iterable[Tally]) -> tuple[Line, ...]:
    """Return what one recipient got, a line a purpose: packets, purpose, ports."""
    return tuple(_purpose_line(one) for one in purposes(tallies))


def device_sent_lines(tallies: Sequence[Tally]) -> tuple[Line, ...]:
    """Return what one device got, for its detail: the total, then a line a purpose."""
    if not tallies:
        return (
            line("Nothing was sent to this device itself."),
            line(("What it said, it announced of its own accord or in answer to a question to all.", "dim")),
        )
    packets, size = totals(tallies)
    heading = line((f"{words.count(packets, 'packet')} to this device", "title"), (f"  {words.count(size, 'byte')} of payload", "dim"))
    return (heading, BLANK, *(_purpose_line(one, column=0) for one in purposes(tallies)))  # the detail is narrow: no columns


def _heading(tallies: Sequence[Tally]) -> Line:
    return line(("Sent: ", "accent"), (f"{sent_words(tallies)}.", "title"), hang=2)


def _whose(one: Recipient) -> Line:
    where = ", ".join(one.addresses)
    name = f"{one.name}  " if one.name else ""
    return line((name, "title"), (where, "" if name else "title"), (f"  {_amount(one.packets, one.size)}", "dim"), hang=2)


def _amount(packets: int, size: int) -> str:
    return f"{words.count(packets, 'packet')}, {words.count(size, 'byte')}"


def _purpose_line(one: Purpose, more: str = "", column: int = _PURPOSE) -> Line:
    width = max(column, cell_width(one.purpose))
    where = ports_words(one)
    return line(
        f"{one.packets:>{_NUMBER},}  ",
        pad(one.purpose, width),
        (f"  {where}" if where else "", "accent"),
        more,
        hang=_NUMBER + 4,
    )


def _nobody_line(nobody: Sequence[Recipient]) -> Line:
    """Say in one line what went to addresses where no device was found: a sweep of a /24 is no list of 192 blocks."""
    who, which = nobody_words(nobody)
    tallies = [tally for one in nobody for tally in one.tallies]
    got: dict[tuple[str, str], Counter[str]] = {}
    for tally in tallies:
        got.setdefault((tally.purpose, tally.transport), Counter())[tally.to] += tally.packets
    said = []
    for each in purposes(tallies):
        numbers = got[each.purpose, each.transport]
        least = min(numbers.values())
        alike = each.packets == least * len(nobody)
        said.append(f"{purpose_words(each)}, {f'{least:,} each' if alike else f'{each.packets:,} in all'}")
    return line((who, "title"), (f"  {which}: ", "dim"), "; ".join(said), hang=2)
