"""docs/schema/espied.ota-check-1.json: the JSON contract of ``espied check``, from the structs that write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from discover.ota.report import check_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _schema() -> str:
    return check_schema().decode()


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/schema/espied.ota-check-1.json": _schema}
