"""mDNS responses, parsed by zeroconf (whose only importer in ``net`` this is), in C and with years of hostile packets behind it.

Imported while the first question waits for its moment (RFC 6762 section 5.2): the import takes some 30 ms (measured), and
until then answers wait in the sockets.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from zeroconf import (  # type: ignore[attr-defined]  # exported for whoever uses it, but not for mypy
    DNSAddress,
    DNSIncoming,
    DNSPointer,
    DNSService,
    DNSText,
)

from discover.net.mdns.records import Records

# zeroconf says on its log what we say in our own words; a line on stderr would tear the app's screen.
logging.getLogger("zeroconf").addHandler(logging.NullHandler())


class Pointer(NamedTuple):
    """A PTR: from a name to another, for ``ttl`` seconds (0: no longer)."""

    name: str
    alias: str
    ttl: float


def read(packet: bytes, records: Records, now: float) -> tuple[list[Pointer], dict[str, None]]:
    """Keep a response's SRV, TXT and address records; return its pointers, and the names of which something is different now.

    Nothing of what is no response, and of a broken one as much as can be read. ``now``: monotonic seconds.
    """
    pointers: list[Pointer] = []
    changed: dict[str, None] = {}
    message = DNSIncoming(packet)
    for record in message.answers() if message.valid and message.is_response() else ():
        news = False
        if isinstance(record, DNSPointer):
            pointers.append(Pointer(record.name, record.alias, record.ttl))
        elif isinstance(record, DNSText):
            news = records.take_text(record.name, bytes(record.text), record.ttl, now)
        elif isinstance(record, DNSService):
            news = records.take_service(record.name, record.server, record.port, record.ttl, now)
        elif isinstance(record, DNSAddress):
            news = records.take_address(record.name, bytes(record.address), record.ttl, now, flush=record.unique)
        if news:
            changed[record.name] = None
    return pointers, changed
