"""Which level is allowed: one table, and a reason for each row."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from discover.model.device import Password
from discover.ota.levels import CALLBACK_WARNING, TRY_WARNING, allowances, allowed_level, esphome_is_safe, web_allowance

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
    asked=st.sampled_from([None, 0, 1, 2, 3]),
    consent=st.booleans(),
)
def test_never_more_than_asked_for_and_without_consent_never_more_than_the_rule(
    kind: str, password: Password, version: str, asked: int | None, *, consent: bool
) -> None:
    found = allowed_level(kind, password=password, version=version, asked=asked, consent=consent)
    by_itself = allowed_level(kind, password=password, version=version)
    assert 0 <= found.level <= 3
    assert asked is None or found.level <= asked
    assert by_itself.level <= 2
    assert found.level <= by_itself.level or (consent and asked in (2, 3))
    assert found.level < 3 or (kind == "arduino" and consent and asked == 3 and password is not Password.YES)


@pytest.mark.parametrize("version", ["2025.9.0", "2025.9.1", "2025.10.0-dev", "2026.1.0b3", "2026.10.0", "2025.9"])
def test_safe_versions(version: str) -> None:
    assert esphome_is_safe(version)


@pytest.mark.parametrize("version", ["", "2025.8.9", "2025.9.0-dev", "2025.9.0b1", "1.18.0", "x", "2025", "٢٠٢٦.1.0", "20260.1.0"])
def test_versions_that_are_not_known_to_be_safe(version: str) -> None:
    assert not esphome_is_safe(version)


@pytest.mark.parametrize(
    ("password", "consent", "secret", "level", "refused"),
    [
        (Password.NO, False, False, 1, CALLBACK_WARNING),
        (Password.UNKNOWN, False, False, 1, CALLBACK_WARNING),
        (Password.YES, False, True, 2, CALLBACK_WARNING),
        (Password.YES, True, False, 2, "needs its password"),
        (Password.YES, True, True, 3, ""),
        (Password.NO, True, False, 3, ""),
    ],
)
def test_the_call_back_needs_the_users_word_and_the_devices_password(
    password: Password, level: int, refused: str, *, consent: bool, secret: bool
) -> None:
    found = allowed_level("arduino", password=password, asked=3, consent=consent, secret=secret)
    assert found.level == level
    assert refused in found.refused
    assert bool(found.refused) == bool(refused)
    if level == 3:
        assert "onStart" in found.reason


@pytest.mark.parametrize(
    ("kind", "transport", "password", "asked", "consent", "tried", "words"),
    [
        ("arduino", "udp", Password.YES, None, True, True, TRY_WARNING),
        ("arduino", "udp", Password.YES, None, False, False, TRY_WARNING),
        ("arduino", "udp", Password.NO, None, True, False, "has no password"),
        ("arduino", "udp", Password.YES, 1, True, False, "level 1 was asked for"),
        ("arduino", "tcp", Password.YES, None, True, False, "no harmless way"),
        ("esphome", "tcp", Password.UNKNOWN, None, True, True, "leaves a line in the log"),
        ("unknown", "udp", Password.UNKNOWN, None, True, False, "no harmless way"),
    ],
)
def test_a_password_is_tried_only_with_the_users_word(
    kind: str, transport: str, password: Password, asked: int | None, words: str, *, consent: bool, tried: bool
) -> None:
    allowance, trial = allowances(
        kind, transport=transport, password=password, version="2026.10.0", asked=asked, consent=consent, secret=True
    )
    assert trial is not None
    assert (trial.level == 2) == tried
    assert words in f"{trial.reason} {trial.refused}"
    assert allowance.level == 2 or not tried
    assert allowances(kind, transport=transport, password=password, version="", asked=asked, consent=consent, secret=False)[1] is None


def test_an_old_esphome_says_what_trying_a_password_would_do() -> None:
    _, trial = allowances("esphome", transport="tcp", password=Password.YES, version="2024.10.3", asked=None, consent=False, secret=True)
    assert trial is not None
    assert "may restart" in trial.refused


@pytest.mark.parametrize(("asked", "level"), [(None, 2), (0, 0), (1, 1), (2, 2), (3, 2)])
def test_a_web_server_is_read_by_itself_and_never_more(asked: int | None, level: int) -> None:
    found = web_allowance("/json/info", "None.", asked)
    assert found.level == level
    assert bool(found.refused) == (asked == 3)
