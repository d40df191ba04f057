"""Reading the atlas: ``ports/*.toml`` and ``families/*.toml`` into the types of ``port.py`` and ``family.py``.

Each file is checked as it is read. A mistake raises CatalogueError, which names the file and the
field: unknown keys, wrong types and words outside a vocabulary are all mistakes, so that a typo in a
catalogue file never becomes a rule that silently does not match.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from discover.atlas.check import check_catalogue, check_family, check_note
from discover.atlas.family import Catalogue, Family
from discover.atlas.port import PortNote
from discover.errors import CatalogueError

_HERE: Final = Path(__file__).parent
FAMILIES: Final = _HERE / "families"
PORTS: Final = _HERE / "ports"

MAX_PORT: Final = 65535
"""The largest port number: 16 bits (RFC 768, RFC 9293)."""

# What a TOML file says in the singular because it stands there once per table, and Python's reserved word.
_FAMILY_NAMES: Final = {"not": "not_"}
_NOTE_NAMES: Final = {"claim": "claims"}
_REGISTRY_NAMES: Final = {"record": "records"}

T = TypeVar("T")


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Return all families, sorted by id.

    ``folder`` holds the TOML files (one family each, named by its id); without it the package's own are
    read, once per process. Raises CatalogueError naming file and field.
    """
    return _packaged_catalogue() if folder is None else _read_catalogue(folder)


@functools.cache
def _packaged_catalogue() -> Catalogue:
    return _read_catalogue(FAMILIES)


def _read_catalogue(folder: Path) -> Catalogue:
    families = tuple(load_family(path) for path in sorted(folder.glob("*.toml")))
    catalogue = Catalogue(families=families)
    check_catalogue(catalogue)
    return catalogue


def load_family(path: Path) -> Family:
    """Return the family that one TOML file describes. Raises CatalogueError naming file and field."""
    where = _where(path)
    family = _convert(_renamed(_read(path), _FAMILY_NAMES, where), Family, where)
    check_family(family, path.stem, where)
    return family


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
    where = _where(path)
    data = _renamed(_read(path), _NOTE_NAMES, where)
    number = data.pop("port", None)
    if number is not None:
        if "first" in data or "last" in data:
            raise CatalogueError(f'{where}: "port" stands beside "first" or "last"', "A note is for one port or for a range, not for both.")
        data["first"] = data["last"] = number
    registry = data.get("registry")
    if isinstance(registry, dict):
        data["registry"] = _renamed(registry, _REGISTRY_NAMES, where)
    note = _convert(data, PortNote, where)
    check_note(note, path.stem, where)
    return note


def _where(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"{_where(path)} cannot be read: {error.strerror or error}", "Install espied again.") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
        raise CatalogueError(f"{_where(path)} is not TOML: {error}", "The message gives line and column.") from error


def _renamed(data: Mapping[str, Any], names: Mapping[str, str], where: str) -> dict[str, Any]:
    for key in data:
        if key in names.values() and key not in names:
            said = next(toml for toml, field in names.items() if field == key)
            raise CatalogueError(f"{where}: unknown field {key!r}", f"In TOML it is called {said!r}.")
    return {names.get(key, key): value for key, value in data.items()}


def _convert(data: Mapping[str, Any], kind: type[T], where: str) -> T:
    _refuse_unknown(data, kind, where, "")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{where}: {error}", "docs/adding-a-device.md lists the fields of both kinds of file.") from error


def _refuse_unknown(data: object, kind: type, where: str, path: str) -> None:
    """Refuse keys that the dataclass does not have: msgspec would drop them without a word."""
    if not isinstance(data, Mapping):
        return  # of the wrong type: msgspec's message says that better
    nested = _nested(kind)
    for key, value in data.items():
        here = f"{path}.{key}" if path else str(key)
        if key not in nested:
            known = ", ".join(sorted(name.rstrip("_") for name in nested))
            raise CatalogueError(f"{where}: unknown field {here!r}", f"Known here: {known}.")
        inner = nested[key]
        if inner is None:
            continue
        if isinstance(value, list):
            for index, item in enumerate(value):
                _refuse_unknown(item, inner, where, f"{here}[{index}]")
        else:
            _refuse_unknown(value, inner, where, here)


@functools.cache
def _nested(kind: type) -> Mapping[str, type | None]:
    """Return the dataclass's fields, each with the dataclass it holds (alone or in a tuple), None where it holds none."""
    hints = get_type_hints(kind)
    return {one.name: _dataclass_in(hints[one.name]) for one in fields(kind)}


def _dataclass_in(hint: object) -> type | None:
    if isinstance(hint, type) and is_dataclass(hint):
        return hint
    return next((found for arg in get_args(hint) if (found := _dataclass_in(arg)) is not None), None)
