"""docs/schema/espied.firmware-1.json: the JSON contract of ``espied firmware``, from the structs that write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from discover.boards.firmware_report import firmware_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _schema() -> str:
    return firmware_schema().decode()


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/schema/espied.firmware-1.json": _schema}
