"""Results of a scenario as a file, so that a page can be made of scenarios that were run one by one."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.airlab.namespaces import ROOT
from tests.bench.rows import Row

FOLDER: Final = ROOT / ".bench"
"""Where the newest results are kept; git ignores it."""
_VERSIONS: Final = {
    "nmap": ("nmap", "--version"),
    "arp-scan": ("arp-scan", "--version"),
    "fping": ("fping", "--version"),
    "avahi-browse": ("avahi-browse", "--version"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All runs of one scenario: when (the day), on what machine, with which seeds, by which commands."""

    scenario: str
    date: str
    machine: str
    versions: str
    seeds: tuple[int, ...]
    repetitions: int
    commands: Mapping[str, str]
    absent: tuple[str, ...]
    rows: tuple[Row, ...]


def today() -> str:
    """Return the day in UTC."""
    return dt.datetime.now(tz=dt.UTC).date().isoformat()


def machine() -> str:
    """Describe the machine in one line."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{model} ({os.cpu_count()} CPUs), {memory:.0f} GB, Linux {kernel}, Python {platform.python_version()}"


def versions() -> str:
    """Name the version of every program that takes part and is installed."""
    found = [f"espied {importlib.metadata.version('espied')}{_commit()}", f"python-zeroconf {importlib.metadata.version('zeroconf')}"]
    for name, argv in _VERSIONS.items():
        if shutil.which(argv[0]):
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
            number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
            found.append(f"{name} {number.group() if number else 'of unknown version'}")
    return ", ".join(found)


def _commit() -> str:
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return f" ({done.stdout.strip()})" if done.returncode == 0 else ""


def save(result: Result, folder: Path = FOLDER) -> Path:
    """Write a result, over the one of the same scenario before."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{result.scenario}.json"
    path.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> Result:
    """Read a result. Raises ValueError, KeyError and TypeError for a file that is none."""
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    rows = tuple(
        Row(**{**row, "missed": tuple(row["missed"]), "false": tuple(row["false"]), "closed_at": tuple(row["closed_at"])})
        for row in told.pop("rows")
    )
    return Result(**{**told, "seeds": tuple(told["seeds"]), "absent": tuple(told["absent"])}, rows=rows)


def load_all(folder: Path = FOLDER) -> dict[str, Result]:
    """Read the newest result of every scenario that was run here."""
    results = [load(path) for path in sorted(folder.glob("*.json"))]
    return {result.scenario: result for result in results}


def rows_of(results: Mapping[str, Result]) -> dict[str, Sequence[Row]]:
    """Return the rows by scenario, as goals.py takes them."""
    return {name: result.rows for name, result in results.items()}
