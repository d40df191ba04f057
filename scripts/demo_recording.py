"""Record the demo LAN for systems whose loopback has no room for it (macOS binds 127.0.0.1 alone).

    python scripts/demo_recording.py

`espied demo` replays the file there. Made by a real scan of the real demo; tests/demo/test_recorded.py says what
must be in it.
"""

from __future__ import annotations

from discover.atlas.loader import load_catalogue
from tui.cli.demo_feed import RECORDED, demo_feed
from tui.cli.narrate import Narrator
from tui.cli.session import run_feed

SECONDS = 60.0
"""Until the devices that sleep, say goodbye and lose their power have done so."""


def main() -> None:
    """Scan the demo LAN once and keep the signals."""
    with Narrator(quiet=True) as narrator:
        found = run_feed(demo_feed(seconds=SECONDS), load_catalogue(), narrator, record=RECORDED)
    print(f"wrote {RECORDED.name}: {len(found.snapshot.devices)} devices, {RECORDED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
