"""Which level is allowed: one table, and a reason for each row."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from discover.model.device import Password
from discover.ota import allowed_level
from discover.ota.levels import esphome_is_safe

KINDS = ("arduino", "esphome", "http", "pull", "none", "unknown")


@pytest.mark.parametrize(
    ("kind", "password", "version", "asked", "consent", "level"),
    [
        ("arduino", Password.YES, "", None, False, 2),
        ("arduino", Password.NO, "", None, False, 1),
        ("arduino", Password.UNKNOWN, "", None, False, 1),
        ("arduino", Password.NO, "", 2, False, 1),
        ("arduino", Password.NO, "", 2, True, 2),
        ("arduino", Password.NO, "", None, True, 1),
        ("arduino", Password.YES, "", 0, False, 0),
        ("esphome", Password.UNKNOWN, "2026.10.0", None, False, 2),
        ("esphome", Password.UNKNOWN, "2025.9.0", None, False, 2),
        ("esphome", Password.UNKNOWN, "2025.8.9", None, False, 0),
        ("esphome", Password.UNKNOWN, "", None, False, 0),
        ("esphome", Password.UNKNOWN, "", 2, True, 2),
        ("esphome", Password.UNKNOWN, "", 1, True, 0),
        ("esphome", Password.UNKNOWN, "2026.10.0", 1, False, 1),
        ("unknown", Password.UNKNOWN, "", None, False, 1),
        ("unknown", Password.UNKNOWN, "", 2, True, 1),
        ("http", Password.UNKNOWN, "", 2, True, 0),
        ("pull", Password.UNKNOWN, "", None, False, 0),
    ],
)
def test_the_rule(kind: str, password: Password, version: str, asked: int | None, *, consent: bool, level: int) -> None:
    found = allowed_level(kind, password=password, version=version, asked=asked, consent=consent)
    assert found.level == level
    assert found.reason.endswith(".")
    # What was asked for and is not done is explained; nothing else is.
    assert bool(found.refused) == (asked is not None and asked > level)


def test_an_uploader_over_tcp_is_never_connected_to() -> None:
    found = allowed_level("arduino", transport="tcp", password=Password.YES, asked=2, consent=True)
    assert found.level == 0
    assert "onStart" in found.refused


@given(
    kind=st.sampled_from(KINDS),
    password=st.sampled_from(Password),
    version=st.text(max_size=12),
    asked=st.sampled_from([None, 0, 1, 2]),
    consent=st.booleans(),
)
def test_never_more_than_asked_for_and_without_consent_never_more_than_the_rule(
    kind: str, password: Password, version: str, asked: int | None, *, consent: bool
) -> None:
    found = allowed_level(kind, password=password, version=version, asked=asked, consent=consent)
    by_itself = allowed_level(kind, password=password, version=version)
    assert 0 <= found.level <= 2
    assert asked is None or found.level <= asked
    assert found.level <= by_itself.level or (consent and asked == 2)


@pytest.mark.parametrize("version", ["2025.9.0", "2025.9.1", "2025.10.0-dev", "2026.1.0b3", "2026.10.0", "2025.9"])
def test_safe_versions(version: str) -> None:
    assert esphome_is_safe(version)


@pytest.mark.parametrize("version", ["", "2025.8.9", "2025.9.0-dev", "2025.9.0b1", "1.18.0", "x", "2025", "٢٠٢٦.1.0", "20260.1.0"])
def test_versions_that_are_not_known_to_be_safe(version: str) -> None:
    assert not esphome_is_safe(version)
