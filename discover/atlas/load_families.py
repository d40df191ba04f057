"""Reading ``families/*.toml``; apart from ``loader.py``, because explaining a port needs none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.atlas.check_family import check_catalogue, check_family
from discover.atlas.family import Family
from discover.atlas.read import convert, read_toml, renamed, where_of

# Python's reserved word.
_NAMES: Final = {"not": "not_"}


def read_catalogue(folder: Path) -> Catalogue:
    """Return the families of a folder, sorted by id. Raises CatalogueError naming file and field."""
    families = tuple(load_family(path) for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem))
    catalogue = Catalogue(families=families)
    check_catalogue(catalogue)
    return catalogue


def load_family(path: Path) -> Family:
    """Return the family that one TOML file describes. Raises CatalogueError naming file and field."""
    where = where_of(path)
    family = convert(renamed(read_toml(path), _NAMES, where), Family, where)
    check_family(family, path.stem, where)
    return family
