"""mDNS beside python-zeroconf and avahi-browse on a fake LAN: goals 7-9. Figures are printed, none is asserted.

sudo python -m pytest -n 0 -m bench -s tests/bench/test_mdns.py         see README.md beside this file
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.airlab.namespaces import why_not
from tests.bench.scenarios import SCENARIOS
from tests.bench.session import run_scenario

REASON = why_not()
pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), pytest.mark.skipif(bool(REASON), reason=REASON)]


RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
STOCK = 212992
"""Bytes that a socket may ask for on a kernel as it comes (net.core.rmem_max); the goals are about those, whatever this machine allows."""


@pytest.fixture(autouse=True, scope="module")
def stock_buffers() -> Iterator[None]:
    """Run with the kernel's stock buffers, and give this machine back its own."""
    before = RMEM_MAX.read_text(encoding="ascii")
    try:
        RMEM_MAX.write_text(str(min(STOCK, int(before))), encoding="ascii")
    except OSError:
        pytest.skip("net.core.rmem_max cannot be set here: stock buffers cannot be promised")
    try:
        yield
    finally:
        RMEM_MAX.write_text(before, encoding="ascii")


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.fleet is not None])
def test_mdns(name: str) -> None:
    result = run_scenario(name)
    assert result.rows, "nobody took part"
