"""Write the newest results into docs/benchmarks.md: ``python -m tests.bench.publish``."""

from __future__ import annotations

import sys

from tests.bench.airlab.namespaces import ROOT
from tests.bench.report import replace_section, section
from tests.bench.results import FOLDER, load_all
from tests.bench.scenarios import SCENARIOS


def main() -> int:
    results = load_all()
    if missing := [name for name in SCENARIOS if name not in results]:
        print(f"Not in {FOLDER}: {', '.join(missing)}. Run the benchmarks first (see tests/bench/README.md).", file=sys.stderr)
        return 1
    page = ROOT / "docs" / "benchmarks.md"
    page.write_text(replace_section(page.read_text(encoding="utf-8"), section(results)), encoding="utf-8")
    print(f"wrote {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
