"""The atlas: ``ports/*.toml`` and ``families/*.toml`` as the types of ``port.py`` and ``family.py``.

Each file is checked as it is read. A mistake raises CatalogueError, which names the file and the
field: unknown keys, wrong types and words outside a vocabulary are all mistakes, so that a typo in a
catalogue file never becomes a rule that silently does not match.

Nothing is compiled: the families load in about 1 ms of CPU each (measured), and a port note alone in one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from discover.atlas.check_note import check_note
from discover.atlas.port import PortNote
from discover.atlas.read import convert, read_toml, renamed, where_of
from discover.errors import CatalogueError

if TYPE_CHECKING:
    from discover.atlas.catalogue import Catalogue

_HERE: Final = Path(__file__).parent
FAMILIES: Final = _HERE / "families"
PORTS: Final = _HERE / "ports"

# What a TOML file says in the singular, because it stands there once per table.
_NOTE_NAMES: Final = {"claim": "claims"}
_REGISTRY_NAMES: Final = {"record": "records"}


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Return all families, sorted by id.

    ``folder`` holds the TOML files (one family each, named by its id); without it the package's own are
    read, once per process. Raises CatalogueError naming file and field.
    """
    return _packaged() if folder is None else _read(folder)


@functools.cache
def _packaged() -> Catalogue:
    return _read(FAMILIES)


def _read(folder: Path) -> Catalogue:
    from discover.atlas.load_families import read_catalogue  # noqa: PLC0415 - `espied explain` needs neither families nor the device model

    return read_catalogue(folder)


def all_ports(folder: Path | None = None) -> tuple[PortNote, ...]:
    """Return every note of the atlas, ranges too, by first and last number. Raises CatalogueError."""
    notes = [load_note(path) for path in (folder or PORTS).glob("*.toml")]
    return tuple(sorted(notes, key=lambda note: (note.first, note.last)))


@functools.lru_cache(maxsize=512)
def load_port(number: int) -> PortNote | None:
    """Return the note of one number, None where the atlas has none; reads that one file only."""
    path = PORTS / f"{number}.toml"
    return load_note(path) if path.is_file() else None


@functools.lru_cache(maxsize=512)
def load_ranges(number: int) -> tuple[PortNote, ...]:
    """Return the notes of the ranges that contain the number, narrowest first; reads only those files."""
    found = [(last - first, path) for first, last, path in _ranges() if first <= number <= last]
    return tuple(load_note(path) for _, path in sorted(found))


def _ranges() -> Iterator[tuple[int, int, Path]]:
    # The file name carries the range, so that no file has to be read to know that it does not apply.
    for path in PORTS.glob("*-*.toml"):
        first, _, last = path.stem.partition("-")
        yield int(first), int(last), path


def load_note(path: Path) -> PortNote:
    """Return the note that one TOML file holds. Raises CatalogueError naming file and field."""
    where = where_of(path)
    data = renamed(read_toml(path), _NOTE_NAMES, where)
    number = data.pop("port", None)
    if number is not None:
        if "first" in data or "last" in data:
            raise CatalogueError(f'{where}: "port" stands beside "first" or "last"', "A note is for one port or for a range, not for both.")
        data["first"] = data["last"] = number
    registry = data.get("registry")
    if isinstance(registry, dict):
        data["registry"] = renamed(registry, _REGISTRY_NAMES, where)
    note = convert(data, PortNote, where)
    check_note(note, path.stem, where)
    return note
