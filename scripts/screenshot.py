"""Make the README's screenshot: the real app on the demo LAN, after its first sweep.

    python scripts/screenshot.py [--output docs/screenshot.svg] [--size 120x34]

Nothing leaves this computer: the demo LAN lives on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path

from discover.atlas.loader import load_catalogue
from tui.app.app import EspiedApp
from tui.cli.demo_feed import demo_feed

ROOT = Path(__file__).parent.parent
SECONDS = 8.0
"""The demo's first sweep and its sleepers take about five seconds."""
CHOSEN = 6
"""How often the cursor goes down: to a device with something to tell."""


def without_downloads(svg: str) -> str:
    """Return the SVG without its references to fonts on the Internet: a README's picture loads nothing."""
    return re.sub(r"@font-face\s*\{[^}]*\}", "", svg).replace("Fira Code", "DejaVu Sans Mono")


async def shoot(size: tuple[int, int]) -> str:
    """Run the app and return what it shows."""
    app = EspiedApp(lambda: demo_feed(forever=True), load_catalogue(), title="demo LAN")
    async with app.run_test(size=size) as pilot:
        await asyncio.sleep(SECONDS)
        for _ in range(CHOSEN):
            await pilot.press("down")
        await pilot.pause(0.5)
        return app.export_screenshot(title="espied demo")


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "screenshot.svg")
    parser.add_argument("--size", default="120x34")
    arguments = parser.parse_args()
    columns, rows = map(int, arguments.size.split("x"))
    arguments.output.write_text(without_downloads(asyncio.run(shoot((columns, rows)))), encoding="utf-8")
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
