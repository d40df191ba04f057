"""docs/ota-matrix.md: what `espied check` says of each kind of device under each fault (tests/lab/matrix.toml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from scripts.generators._markdown import GENERATED, cell, table
from tests.lab.matrix import Cell, Matrix, load

if TYPE_CHECKING:
    from collections.abc import Callable

INTRODUCTION: Final = """\
What [`espied check`](ota-doctor.md) says of each kind of device under each fault: the verdict and, in brackets, the hop that fails.
Every cell is a test: [tests/lab](../tests/lab/test_matrix.py) builds a small LAN of network namespaces, breaks it in this way, runs the
command, and compares verdict, hop and exit code. At the default levels it also reads the device's own log: no callback, no flash operation,
no restart, and a listener that is ready for the next upload. The devices are simulations that speak the real protocols (discover/demo);
the real ESPHome firmware has tests of its own in tests/peers."""


def render() -> str:
    """Return the page."""
    matrix = load()
    cells = list(matrix.cells())
    lines = [
        "# The fault matrix of the OTA check",
        "",
        GENERATED,
        "",
        INTRODUCTION,
        "",
        f"{len(matrix.faults)} faults, {len(matrix.gadgets)} kinds of device, {len(cells)} cells. A dash: there is no such case.",
        "",
        *table(("fault", *(gadget.title for gadget in matrix.gadgets)), (_row(matrix, index) for index in range(len(matrix.faults)))),
        "",
        "## The devices",
        "",
        *(f"- **{cell(gadget.title)}**: {cell(gadget.about)}." for gadget in matrix.gadgets),
        "",
        "## The faults",
    ]
    for fault in matrix.faults:
        lines += ["", f"**{cell(fault.title)}.** {cell(fault.how)}"]
        reasons: dict[str, list[str]] = {}
        for gadget in matrix.gadgets:
            if why := matrix.cell(fault, gadget).why_not:
                reasons.setdefault(why, []).append(gadget.title)
        lines += [f"Not for {', '.join(titles)}: {cell(why)}." for why, titles in reasons.items()]
        if not fault.default:
            lines.append("Not a default check: it was asked for with `--yes`, after its warning.")
    return "\n".join(lines) + "\n"


def _row(matrix: Matrix, index: int) -> tuple[str, ...]:
    fault = matrix.faults[index]
    return cell(fault.title), *(_words(matrix.cell(fault, gadget)) for gadget in matrix.gadgets)


def _words(one: Cell) -> str:
    return one.words or "-"


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/ota-matrix.md": render}
