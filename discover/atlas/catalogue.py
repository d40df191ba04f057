"""The catalogue: all device families, and what a scan needs to know from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # a sweep takes a catalogue and looks into no family
    from discover.atlas.family import Family


class Catalogue(NamedTuple):
    """All families, and what a scan needs to know from them."""

    families: tuple[Family, ...]

    def family(self, family_id: str) -> Family | None:
        """Return the family with that id, None where there is none."""
        return next((family for family in self.families if family.id == family_id), None)

    @property
    def service_types(self) -> tuple[str, ...]:
        """Every mDNS service type that some rule asks for, sorted."""
        types = {match.mdns for family in self.families for match in family.match if match.mdns}
        return tuple(sorted(types))
