"""docs/schema/espied.open-updates-1.json: the JSON contract of ``espied check --open``, from the structs that write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from discover.export.open_updates import open_updates_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _schema() -> str:
    return open_updates_schema().decode()


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/schema/espied.open-updates-1.json": _schema}
