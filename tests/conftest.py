"""What all tests share: lab and peer tests skip with one line, or fail where they are required."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Two cores, shared: examples are few by default and derandomised, so that a red run can be repeated.
settings.register_profile("espied", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("ESPIED_HYPOTHESIS", "espied"))


SHARE_LOOPBACK = ("tests/demo/", "tests/net/", "tests/peers/", "tests/lab/", "tests/bench/")
"""What talks over real sockets: mDNS on loopback is one network for all processes, so these run in one of them."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share the loopback network in one worker."""
    for item in items:
        if any(part in item.path.as_posix() for part in SHARE_LOOPBACK):
            item.add_marker(pytest.mark.xdist_group("loopback"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skip of a lab or peer test into a failure where ESPIED_REQUIRE_LAB is set."""
    del call
    report = yield
    required = os.environ.get("ESPIED_REQUIRE_LAB") and any(item.get_closest_marker(name) for name in ("lab", "peer"))
    if required and report.skipped:  # type: ignore[attr-defined]
        report.outcome = "failed"  # type: ignore[attr-defined]
        report.longrepr = f"required here, but skipped: {report.longrepr}"  # type: ignore[attr-defined]
    return report


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the state and configuration of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("ESPIED_CONFIG", raising=False)


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: a third of the time that the app's tests take is waiting (measured)."""
    return (os.cpu_count() or 1) + 1
