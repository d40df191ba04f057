"""Write the files that follow from other files, or check that the committed ones are fresh.

    python scripts/generate.py           write what is stale
    python scripts/generate.py --check   write nothing; exit code 1 and the names of what is stale
    python scripts/generate.py --list    what is generated, and by which module

A generator is a module in scripts/generators/ with ``FILES``: path from the root of the repository ->
function without arguments that returns the file's text, or its bytes. Adding such a module is all it takes.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
GENERATORS: Final = ROOT / "scripts" / "generators"

Render = Callable[[], str | bytes]


def registry() -> Iterator[tuple[str, str, Render]]:
    """Yield every generated file: its path, the module that makes it, and how."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    for module_path in sorted(GENERATORS.glob("[!_]*.py")):
        module = importlib.import_module(f"scripts.generators.{module_path.stem}")
        files: Mapping[str, Render] = module.FILES
        for path, render in files.items():
            yield path, module_path.stem, render


def stale(files: Sequence[tuple[str, str, Render]], root: Path = ROOT) -> Iterator[tuple[Path, bytes]]:
    """Yield each file whose committed bytes differ from what its generator makes, with the right bytes."""
    for name, _, render in files:
        path = root / name
        made = render()
        wanted = made.encode() if isinstance(made, str) else made
        if not path.is_file() or path.read_bytes() != wanted:
            yield path, wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 0 where all is fresh or written, 1 where --check found something stale."""
    parser = argparse.ArgumentParser(description="Write the generated files of the repository.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a file is stale")
    mode.add_argument("--list", action="store_true", help="name the generated files")
    options = parser.parse_args(arguments)
    files = tuple(registry())
    if options.list:
        for name, module, _ in files:
            print(f"{name}  (scripts/generators/{module}.py)")
        return 0
    found = list(stale(files))
    for path, wanted in found:
        shown = path.relative_to(ROOT)
        if options.check:
            print(f"{shown} is stale: run python scripts/generate.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted)
            print(f"wrote {shown}")
    print(f"{len(files)} generated files, {len(found)} {'stale' if options.check else 'written'}")
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
