"""docs/schema/espied.symptom-1.json: the JSON contract of ``espied explain MESSAGE``, from the structs that write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from discover.atlas.explain_symptom import symptom_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _schema() -> str:
    return symptom_schema().decode()


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/schema/espied.symptom-1.json": _schema}
