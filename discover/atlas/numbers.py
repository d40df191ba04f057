"""The three ranges of port numbers (RFC 6335 section 6), and what can be said of a number that the atlas does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from discover.atlas.port import Registry

REGISTRY_PAGE: Final = "https://www.iana.org/assignments/service-names-port-numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One range of RFC 6335 section 6; ``name`` in the singular, ``about`` a sentence."""

    first: int
    last: int
    name: str
    about: str


RANGES: Final = (
    Range(
        first=0, last=1023, name="a system port", about="assigned by IETF procedures, and on most systems bound only with special rights"
    ),
    Range(first=1024, last=49151, name="a user port", about="assigned on request, and technically free for any program"),
    Range(first=49152, last=65535, name="a dynamic port", about="never assigned to anybody, and handed out to programs for a moment"),
)


def range_of(port: int) -> Range:
    """Return the range that holds the port (0..65535)."""
    return next(one for one in RANGES if port <= one.last)


def range_registry(port: int) -> Registry:
    """Return layer 1 for a number without a note: its range, and that this atlas holds no row of the registry for it."""
    its = range_of(port)
    if port == 0:
        said, status = "Port 0 is reserved: nothing can be reached under it.", "reserved"
    elif its is RANGES[-1]:
        said, status = "The registry assigns nothing here.", "dynamic"
    else:
        said, status = f"This atlas holds no row of the registry for {port}; ask the registry itself: {REGISTRY_PAGE}", "not in this atlas"
    return Registry(
        status=status,
        name="",
        description=f"{its.name[0].upper()}{its.name[1:]} ({its.first}-{its.last}): {its.about}. {said}",
        reference="RFC 6335",
        transports=(),
        records=(),
        source="RFC 6335 section 6",
    )
