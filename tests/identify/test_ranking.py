"""From evidence to a family and how sure."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.catalogue import Catalogue
from discover.identify import rank
from discover.identify.ranking import combine, confidence_of
from discover.model.device import UNKNOWN_FAMILY, Confidence, Evidence
from discover.model.signal import Source


def evidence(family: str, weight: int, rule: str = "") -> Evidence:
    return Evidence(
        claim="family", value=family, weight=weight, rule=rule or f"families/{family}#{weight}", source=Source.MDNS, when=1.0, why="because"
    )


def test_nothing_is_unknown(catalogue: Catalogue) -> None:
    assert rank([], catalogue).family == UNKNOWN_FAMILY
    assert rank([], catalogue).alternatives == ()


def test_too_little_is_unknown(catalogue: Catalogue) -> None:
    assert rank([evidence("wled", 24)], catalogue).family == UNKNOWN_FAMILY


@pytest.mark.parametrize(
    ("weights", "score"),
    [([97], 97), ([50, 20], 60), ([50, 50], 75), ([100, 10], 100), ([99, 99, 99], 99), ([], 0)],
)
def test_independent_weights_combine(weights: list[int], score: int) -> None:
    assert combine(weights) == score


def test_weak_tells_never_add_up_to_certainty() -> None:
    assert confidence_of(combine([59] * 20)) == Confidence.LIKELY


@given(st.lists(st.integers(1, 100), max_size=8))
def test_the_combined_weight_keeps_its_bounds_and_ignores_the_order(weights: list[int]) -> None:
    score = combine(weights)
    assert 0 <= score <= 100
    assert score == combine(weights[::-1])
    if weights:
        assert score >= min(max(weights), 99)


def test_one_rule_counts_once_however_often_it_is_met(catalogue: Catalogue) -> None:
    again = [evidence("wled", 55, "families/wled#3")] * 5
    assert rank(again, catalogue).family.score == 55


def test_a_likely_specific_family_beats_a_certain_generic_one(catalogue: Catalogue) -> None:
    ranking = rank([evidence("homekit", 97), evidence("shelly-gen1", 60)], catalogue)
    assert ranking.family.id == "shelly-gen1"
    assert [one.id for one in ranking.alternatives] == ["homekit"]


def test_a_guess_does_not_beat_a_likely_generic_family(catalogue: Catalogue) -> None:
    ranking = rank([evidence("edp-listener", 60), evidence("arduino-ota-esp32", 50)], catalogue)
    assert ranking.family.id == "edp-listener"


def test_among_guesses_the_specific_one_leads_and_the_generic_one_is_not_repeated(catalogue: Catalogue) -> None:
    ranking = rank([evidence("espressif", 30), evidence("micropython-webrepl", 26)], catalogue)
    assert ranking.family.id == "micropython-webrepl"
    assert ranking.alternatives == ()


def test_the_application_is_the_answer_and_its_updater_the_alternative(catalogue: Catalogue) -> None:
    ranking = rank([evidence("wled", 95), evidence("arduino-ota-esp32", 99), evidence("arduino-ota", 80)], catalogue)
    assert ranking.family.id == "wled"
    assert [one.id for one in ranking.alternatives] == ["arduino-ota-esp32"]


def test_a_mere_guess_at_an_application_does_not_hide_a_certain_updater(catalogue: Catalogue) -> None:
    ranking = rank([evidence("wled", 55), evidence("arduino-ota-esp32", 92)], catalogue)
    assert ranking.family.id == "arduino-ota-esp32"


def test_a_contradiction_is_kept(catalogue: Catalogue) -> None:
    ranking = rank([evidence("esphome", 97), evidence("balboa-spa", 40)], catalogue)
    assert ranking.family.id == "esphome"
    assert [(one.id, one.confidence) for one in ranking.alternatives] == [("balboa-spa", Confidence.POSSIBLE)]


def test_order_does_not_matter_and_ties_are_settled_by_name(catalogue: Catalogue) -> None:
    pieces = [evidence("esphome", 97), evidence("meshtastic", 97), evidence("wled", 60), evidence("wled", 40)]
    results = {rank(order, catalogue) for order in permutations(pieces)}
    assert len(results) == 1
    assert results.pop().family.id == "esphome"


def test_a_family_that_the_catalogue_does_not_have_is_passed_over(catalogue: Catalogue) -> None:
    assert rank([evidence("imaginary", 99)], catalogue).family == UNKNOWN_FAMILY
