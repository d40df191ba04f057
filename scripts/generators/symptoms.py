"""docs/symptoms.md: what upload tools say, which hop it speaks of, the likeliest cause and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from discover.atlas.load_symptoms import load_tools
from discover.atlas.symptom import HOPS
from scripts.generators._markdown import GENERATED, cell, code, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from discover.atlas.symptom import Symptom, Tool

INTRODUCTION: Final = """\
What the tools say when an upload over the air fails, and what it means. `espied explain "MESSAGE"` shows one of them in full, with every
cause; `espied explain -` reads a whole log from standard input and picks out what it knows. A message that is not known as it stands is
answered with the closest one, and called that.

An ellipsis stands for what differs from case to case. Each tool is one file in
[discover/atlas/symptoms](../discover/atlas/symptoms), and a line here is drawn from it; every message names its source, and carries an
example that the tests run. [adding-a-device.md](adding-a-device.md#a-message-of-an-upload-tool) tells how to add or correct one."""


def render() -> str:
    """Return the page."""
    tools = load_tools()
    symptoms = [symptom for tool in tools for symptom in tool.symptom]
    counts = Counter(symptom.hop for symptom in symptoms)
    texts = sum(len(symptom.texts) for symptom in symptoms)
    lines = [
        "# Troubleshooting by symptom",
        "",
        GENERATED,
        "",
        INTRODUCTION,
        "",
        f"## The hops of {len(symptoms)} symptoms, {texts} messages",
        "",
        *table(("Hop", "What it is", "Symptoms"), [(code(hop), cell(what), str(counts[hop])) for hop, what in HOPS.items()]),
    ]
    for tool in tools:
        lines += ["", f"## {cell(tool.title)}", "", cell(tool.about), "", *_table(tool)]
    return "\n".join(lines) + "\n"


def _table(tool: Tool) -> list[str]:
    return table(("It says", "Hop", "It means", "Likeliest cause, and what to do", "Find out"), map(_row, tool.symptom))


def _row(symptom: Symptom) -> tuple[str, ...]:
    said = "<br>".join(_shown(text) if symptom.level == "seen" else f"“{_shown(text)}”" for text in symptom.texts)
    who = f"<br>({cell(symptom.who)})" if symptom.who else ""
    first = symptom.cause[0]
    more = len(symptom.cause) - 1
    others = f" ({more} more {'cause' if more == 1 else 'causes'})" if more else ""
    return (
        said + who,
        code(symptom.hop),
        cell(symptom.means),
        f"{cell(first.what)} *{cell(first.fix)}*{others}",
        code(symptom.check),
    )


def _shown(text: str) -> str:
    """Return a message literally: none of its characters means anything to Markdown."""
    shown = cell(text.replace("{host}", "…").replace("{}", "…"))
    return shown.replace("`", "\\`").replace("[", "\\[").replace("_", "\\_")


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/symptoms.md": render}
