"""The fault matrix: what `espied check` says of each kind of device under each fault, and what it does to the device.

The table is matrix.toml; docs/ota-matrix.md is made of the same. One LAN is kept for all rows, a row's devices
are checked at once, and each cell is a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.lab import faults
from tests.lab.matrix import Cell, Fault, load
from tests.lab.world import Outcome, World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
MATRIX = load()
CELLS = list(MATRIX.cells())
DISTURBED = ("callback", "flash", "restart", "state runupdate")
READ_ONLY = {"GET /", "GET /json/info", "GET /cm?cmnd=Status%200", "GET /cm?cmnd=Status%202", "GET /update"}
"""Requests that no web server acts on (facts of the families in discover/atlas/families)."""


@dataclass
class Rows:
    """The rows that were asked so far: each fault is made once, and all its devices are checked meanwhile."""

    world: World
    say: Callable[[str], None]
    seen: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    def outcome(self, cell: Cell) -> Outcome:
        """Return what came of a cell."""
        fault = cell.fault
        if fault.id not in self.seen:
            gadgets = [one.gadget for one in MATRIX.row(fault)]
            with faults.inject(self.world, fault, gadgets):
                self.seen[fault.id] = self.world.ask(fault, gadgets)
            self._tell(fault)
        return self.seen[fault.id][cell.gadget.id]

    def _tell(self, fault: Fault) -> None:
        name, slowest = max(self.seen[fault.id].items(), key=lambda item: item[1].seconds)
        self.say(f" {fault.id}: {len(self.seen[fault.id])} checks at once, the slowest ({name}) {slowest.seconds:.1f} s")


@pytest.fixture(scope="module")
def rows(world: World, say: Callable[[str], None]) -> Rows:
    return Rows(world, say)


def disturbance(log: tuple[str, ...]) -> list[str]:
    """Return the lines of a device's log that tell of more than packets that came and went."""
    bad = [line for line in log if line.startswith(DISTURBED)]
    states = [line for line in log if line.startswith("state ")]
    if states and states[-1] != "state idle":
        bad.append(f"left in {states[-1]}")
    bad += [line for line in log if line.split(" ")[0].isupper() and " " in line and line not in READ_ONLY]
    return bad


@pytest.mark.parametrize("cell", CELLS, ids=[f"{cell.fault.id}-{cell.gadget.id}" for cell in CELLS])
def test_the_check_says_what_the_matrix_says_and_disturbs_nobody(rows: Rows, cell: Cell) -> None:
    got = rows.outcome(cell)
    assert "Traceback" not in got.err, got.err
    assert got.out, got.err
    document = got.document
    assert (document["verdict"], document["hop"]) == (cell.verdict, cell.hop), got.out
    assert document["sentence"].count(". ") == 0, document["sentence"]
    assert document["sentence"], got.out
    good = {"ready", "ready-needs-password", "announced", "likely"}
    assert got.code == (0 if document["verdict"] in good else 1), got.err
    if cell.hop is not None:
        assert document["fix"], document["sentence"]
        told = " ".join((document["sentence"], document["fix"], *(f"{step['detail']} {step['fix']}" for step in document["steps"])))
        assert [word for word in cell.fault.says if word not in told] == [], told
    if cell.fault.default:
        assert disturbance(got.log) == [], got.log


def test_the_matrix_is_whole() -> None:
    """Every fault has its injection, and every device of every row a cell or a reason."""
    assert {fault.id for fault in MATRIX.faults} == set(faults.FAULTS)
    for fault in MATRIX.faults:
        for gadget in MATRIX.gadgets:
            cell = MATRIX.cell(fault, gadget)
            assert cell.verdict is not None or cell.why_not


@pytest.mark.parametrize(
    ("log", "disturbed"),
    [
        (("received 31", "sent 41", "state waitauth", "state idle", "GET /json/info", "connected"), False),
        (("callback onError(BEGIN)",), True),
        (("flash erase 4096",), True),
        (("restart",), True),
        (("state waitauth",), True),
        (("GET /ota/start?mode=fr",), True),
        (("POST /update",), True),
    ],
)
def test_a_disturbed_device_would_be_seen(log: tuple[str, ...], *, disturbed: bool) -> None:
    assert bool(disturbance(log)) is disturbed
