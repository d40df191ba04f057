"""The fault matrix as data: devices, faults, and what `espied check` must say of each pair (matrix.toml). Pure."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discover.model.check import Hop, Verdict

TABLE = Path(__file__).with_name("matrix.toml")
ALL = "*"


@dataclass(frozen=True)
class Service:
    """What a device announces by mDNS."""

    type: str
    port: int
    txt: tuple[str, ...]


@dataclass(frozen=True)
class Gadget:
    """A column: how the device is simulated (arguments of gadget.py) and what it announces; ``port`` is "number/transport"."""

    id: str
    title: str
    about: str
    simulate: tuple[str, ...]
    announce: tuple[Service, ...]
    mac: str
    port: str
    host: str
    args: tuple[str, ...] = ()
    """What the user has to tell of it."""

    @property
    def password(self) -> str:
        """Its upload password, "" where it has none."""
        return next((word.partition("=")[2] for word in self.simulate if word.startswith("password=")), "")

    @property
    def number(self) -> int:
        """Its update port's number."""
        return int(self.port.partition("/")[0])


@dataclass(frozen=True)
class Fault:
    """A row: who asks (``scanner``), for what (``host``: "address" or "name"; ``port``), and with which options.

    ``known``: the inventory has the device from a scan while nothing was wrong. ``default``: the level is the
    default, so nothing may happen on the device.
    """

    id: str
    title: str
    how: str
    cells: Mapping[str, str]
    scanner: str = "scanner"
    host: str = "address"
    port: int | None = None
    args: tuple[str, ...] = ()
    password: str = ""
    known: bool = True
    default: bool = True
    says: tuple[str, ...] = ()
    """Words that the sentence, what to do and the steps of every cell with a failing hop must have among them."""


@dataclass(frozen=True)
class Cell:
    """What must be said: a verdict and the failing hop, or (``verdict`` None) why there is no such cell."""

    fault: Fault
    gadget: Gadget
    verdict: Verdict | None
    hop: Hop | None = None
    why_not: str = ""

    @property
    def words(self) -> str:
        """The verdict and the hop as they are published."""
        return "" if self.verdict is None else f"{self.verdict} ({self.hop})" if self.hop else str(self.verdict)


@dataclass(frozen=True)
class Matrix:
    """The whole table."""

    gadgets: tuple[Gadget, ...]
    faults: tuple[Fault, ...]
    groups: dict[str, tuple[str, ...]]

    def cell(self, fault: Fault, gadget: Gadget) -> Cell:
        """Return the cell of a row and a column. Raises ValueError for one that is missing or malformed."""
        keys = [gadget.id, *(name for name, members in reversed(self.groups.items()) if gadget.id in members), ALL]
        text = next((fault.cells[key] for key in keys if key in fault.cells), "")
        if text.startswith("- "):
            return Cell(fault, gadget, None, why_not=text[2:])
        words = text.split()
        if not 1 <= len(words) <= 2:
            msg = f"{fault.id} has no cell for {gadget.id}: {text!r}"
            raise ValueError(msg)
        return Cell(fault, gadget, Verdict(words[0]), Hop(words[1]) if len(words) == 2 else None)

    def row(self, fault: Fault) -> Iterator[Cell]:
        """Yield the cells of a row that exist."""
        for gadget in self.gadgets:
            cell = self.cell(fault, gadget)
            if cell.verdict is not None:
                yield cell

    def cells(self) -> Iterator[Cell]:
        """Yield every cell that exists, row by row."""
        for fault in self.faults:
            yield from self.row(fault)


@functools.cache
def load() -> Matrix:
    """Read the table. Raises ValueError and KeyError for one that does not hold together."""
    data: dict[str, Any] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    gadgets = tuple(
        Gadget(
            id=one["id"],
            title=one["title"],
            about=one["about"],
            simulate=tuple(one["simulate"]),
            announce=tuple(Service(said["type"], said["port"], tuple(said["txt"])) for said in one["announce"]),
            mac=one["mac"],
            port=one["port"],
            host=one.get("host", one["id"]),
            args=tuple(one.get("args", ())),
        )
        for one in data["device"]
    )
    faults = tuple(Fault(**{**one, "args": tuple(one.get("args", ())), "says": tuple(one.get("says", ()))}) for one in data["fault"])
    matrix = Matrix(gadgets, faults, {name: tuple(members) for name, members in data["groups"].items()})
    known = {ALL, *matrix.groups, *(one.id for one in gadgets)}
    for fault in faults:
        if unknown := set(fault.cells) - known:
            msg = f"{fault.id} speaks of {', '.join(sorted(unknown))}, which is no device and no group"
            raise ValueError(msg)
    for cell in matrix.cells():
        assert cell.verdict is not None
    return matrix
