"""Reading ``symptoms/*.toml``; apart from ``loader.py``, because explaining a port needs none of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

from discover.atlas.check_symptom import check_tool
from discover.atlas.read import convert, read_toml, where_of
from discover.atlas.symptom import Symptom, Tool

SYMPTOMS: Final = Path(__file__).parent / "symptoms"


def load_tool(path: Path) -> Tool:
    """Return what one file knows of a tool. Raises CatalogueError naming file and field."""
    where = where_of(path)
    data = read_toml(path)
    rows: Any = data.get("symptom")
    if isinstance(rows, list):
        # Each symptom carries its tool's name, which stands in the file once.
        data["symptom"] = [{"tool": data.get("tool"), **row} if isinstance(row, dict) else row for row in rows]
    tool = convert(data, Tool, where)
    check_tool(tool, path.stem, where)
    return tool


@functools.cache
def load_tools(folder: Path = SYMPTOMS) -> tuple[Tool, ...]:
    """Return every tool of the folder, by file name; what holds between files is left to ``check_symptoms`` (the tests run it)."""
    return tuple(load_tool(path) for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem))


def load_symptoms(folder: Path = SYMPTOMS) -> tuple[Symptom, ...]:
    """Return every symptom of every tool, in the order of the files."""
    return tuple(symptom for tool in load_tools(folder) for symptom in tool.symptom)
