"""The ledger as a document: the optional last key of an inventory ("espied scan --format json --ledger")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from discover.inventory.sent import address_order, owner_names, totals
from discover.model.device import Device
from discover.net.ledger import Tally
from discover.text import clean

Count = Annotated[int, msgspec.Meta(ge=0)]
Transport = Annotated[str, msgspec.Meta(description="udp, tcp, mdns, arp, icmp or icmp6")]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535, description="0 for arp, icmp and icmp6, which have no ports")]


class SentDocument(msgspec.Struct, frozen=True):
    """What an address was sent for one purpose; "bytes" are payload."""

    transport: Transport
    port: Port
    purpose: str
    packets: Count
    bytes: Count


class RecipientDocument(msgspec.Struct, frozen=True):
    """One address that was sent something, and the name of the device there ("" where none is known)."""

    to: str
    name: str
    packets: Count
    bytes: Count
    sent: tuple[SentDocument, ...]


class LedgerDocument(msgspec.Struct, frozen=True):
    """Every packet that the scan sent, by address and purpose; "bytes" are payload."""

    packets: Count
    bytes: Count
    devices: tuple[RecipientDocument, ...]


def ledger_document(tallies: Iterable[Tally], devices: Sequence[Device]) -> LedgerDocument:
    """Return the ledger's document, in the order of addresses; what an address got stands in the order of the first packet."""
    names = owner_names(devices)
    by_address: dict[str, list[Tally]] = {}
    for tally in tallies:
        by_address.setdefault(tally.to, []).append(tally)
    rows = tuple(
        RecipientDocument(
            to=clean(address, 64),
            name=clean(names(address)),
            packets=totals(some)[0],
            bytes=totals(some)[1],
            sent=tuple(
                SentDocument(tally.transport, tally.port, clean(tally.purpose), tally.packets, tally.size)
                for tally in sorted(some, key=lambda one: (one.first, one.transport, one.port, one.purpose))
            ),
        )
        for address, some in sorted(by_address.items(), key=lambda item: address_order(item[0]))
    )
    return LedgerDocument(sum(row.packets for row in rows), sum(row.bytes for row in rows), rows)
