"""docs/schema/espied.inventory-1.json: the JSON contract, from the structs that write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from discover.export.schema import inventory_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _schema() -> str:
    return inventory_schema().decode()


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/schema/espied.inventory-1.json": _schema}
