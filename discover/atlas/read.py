"""Reading one TOML file into a dataclass, strictly: unknown keys and wrong types name the file and the field."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from discover.atlas.checks import HINT
from discover.errors import CatalogueError

T = TypeVar("T")


def where_of(path: Path) -> str:
    """Return how errors name the file: its folder and its name."""
    return f"{path.parent.name}/{path.name}"


def read_toml(path: Path) -> dict[str, Any]:
    """Return the file as plain values. Raises CatalogueError where it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"{where_of(path)} cannot be read: {error.strerror or error}", "Install espied again.") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
        raise CatalogueError(f"{where_of(path)} is not TOML: {error}", "The message gives line and column.") from error


def renamed(data: Mapping[str, Any], names: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return the table with the names of our fields instead of TOML's; a field's own name is refused."""
    for key in data:
        if key in names.values() and key not in names:
            said = next(toml for toml, field in names.items() if field == key)
            raise CatalogueError(f"{where}: unknown field {key!r}", f"In TOML it is called {said!r}.")
    return {names.get(key, key): value for key, value in data.items()}


def convert(data: Mapping[str, Any], kind: type[T], where: str) -> T:
    """Return the table as a ``kind``. Raises CatalogueError for an unknown, missing or wrongly typed field."""
    _refuse_unknown(data, kind, where, "")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{where}: {error}", HINT) from error


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
