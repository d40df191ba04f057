"""docs/schema/espied.boards-1.json: the JSON contract of ``espied boards``, from the structs that write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from discover.boards.document import boards_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _schema() -> str:
    return boards_schema().decode()


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/schema/espied.boards-1.json": _schema}
