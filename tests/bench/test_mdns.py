"""mDNS beside python-zeroconf and avahi-browse on a fake LAN: goals 7-9. Figures are printed, none is asserted.

sudo python -m pytest -n 0 -m bench -s tests/bench/test_mdns.py         see README.md beside this file
"""

from __future__ import annotations

import pytest

from tests.bench.airlab.namespaces import why_not
from tests.bench.scenarios import SCENARIOS
from tests.bench.session import run_scenario

REASON = why_not()
pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), pytest.mark.skipif(bool(REASON), reason=REASON)]


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.fleet is not None])
def test_mdns(name: str) -> None:
    result = run_scenario(name)
    assert result.rows, "nobody took part"
