"""The catalogue tests itself: every rule has an example, every example its verdict, every confusion stays refuted."""

from __future__ import annotations

from itertools import permutations

import pytest

from discover.atlas.family import Example, Family, NotExample
from discover.atlas.loader import load_catalogue
from discover.identify import Identification, evidence_for, identify, rank, signal_of
from discover.identify.evidence import EDP_PORTS
from discover.model.device import Confidence

CATALOGUE = load_catalogue()
EXAMPLES = [(family, example) for family in CATALOGUE.families for example in family.example]
CERTAIN_EXAMPLES = [(family, example) for family, example in EXAMPLES if example.confidence == Confidence.CERTAIN]
NOT_EXAMPLES = [(family, one) for family in CATALOGUE.families for one in family.not_]


def name_of(value: object) -> str | None:
    if isinstance(value, Family):
        return value.id
    if isinstance(value, Example):
        return f"rule{value.hits}"
    return "not" if isinstance(value, NotExample) else None


def confidence_for(found: Identification, family: Family) -> Confidence:
    verdicts = (found.family, *found.alternatives)
    return next((verdict.confidence for verdict in verdicts if verdict.id == family.id), Confidence.UNKNOWN)


def claims_of(found: Identification) -> dict[str, str]:
    firmware = found.firmware
    passwords = [one.value for one in found.evidence if one.claim == "ota_password"]
    identities = [one.value for one in found.evidence if one.claim == "identity"]
    return {
        "name": found.name,
        "hostname": found.hostname,
        "mac": found.mac,
        "model": found.model,
        "chip": found.chip,
        "kind": found.kind,
        "firmware": firmware.name if firmware else "",
        "firmware_version": firmware.version if firmware else "",
        "ota_password": passwords[0] if passwords else "",
        "identity": identities[0] if identities else "",
    }


@pytest.mark.parametrize(("family", "example"), EXAMPLES, ids=name_of)
def test_an_example_meets_the_rule_it_is_an_example_of(family: Family, example: Example) -> None:
    rules = {one.rule for one in evidence_for(signal_of(example.signal), CATALOGUE)}
    assert f"families/{family.id}#{example.hits}" in rules


@pytest.mark.parametrize(("family", "example"), EXAMPLES, ids=name_of)
def test_an_example_gives_its_verdict(family: Family, example: Example) -> None:
    found = identify([signal_of(example.signal)], CATALOGUE)
    assert confidence_for(found, family) == example.confidence
    told = claims_of(found)
    assert {claim: told[claim] for claim in example.sets} == dict(example.sets)


@pytest.mark.parametrize(("family", "example"), CERTAIN_EXAMPLES, ids=name_of)
def test_a_certain_example_names_its_family_as_the_answer(family: Family, example: Example) -> None:
    found = identify([signal_of(example.signal)], CATALOGUE)
    rests = {one.id for one in CATALOGUE.families if family.id in one.also}
    assert found.family.id == family.id or found.family.id in rests


@pytest.mark.parametrize(("family", "other"), NOT_EXAMPLES, ids=name_of)
def test_a_famous_confusion_is_not_made(family: Family, other: NotExample) -> None:
    found = identify([signal_of(other.signal)], CATALOGUE)
    assert confidence_for(found, family) == Confidence.UNKNOWN


def test_every_rule_has_an_example() -> None:
    missing = [
        f"{family.id}#{number}"
        for family in CATALOGUE.families
        for number in range(len(family.match))
        if number not in {example.hits for example in family.example}
    ]
    assert missing == []


def test_no_example_of_one_family_is_certain_for_another_unless_both_may_be_true() -> None:
    overlaps = []
    for family, example in EXAMPLES:
        ranking = rank(evidence_for(signal_of(example.signal), CATALOGUE), CATALOGUE)
        for verdict in (ranking.family, *ranking.alternatives):
            other = CATALOGUE.family(verdict.id)
            if verdict.confidence == Confidence.CERTAIN and other is not None and other is not family:
                together = other.id in family.also or family.id in other.also
                if not together:
                    overlaps.append(f"{family.id}#{example.hits} is certain for {other.id}")
    assert overlaps == []


def test_families_that_may_be_true_together_do_not_name_each_other_in_a_circle() -> None:
    circles = [(one.id, two.id) for one, two in permutations(CATALOGUE.families, 2) if two.id in one.also and one.id in two.also]
    assert circles == []


def test_what_is_a_guess_says_so() -> None:
    # gear.md marks inferences; a rule that only saw silence is one and must neither be strong nor hide it.
    for family in CATALOGUE.families:
        for match in family.match:
            if match.kind == "udp.silent":
                assert match.weight <= 50
                assert "inference" in match.why


@pytest.mark.parametrize("port", EDP_PORTS)
def test_spas_and_digi_modules_dial_out_to_the_edp_ports(port: int) -> None:
    for family_id in ("balboa-spa", "digi"):
        family = CATALOGUE.family(family_id)
        assert family is not None
        directions = {one.direction.value for one in family.port if one.port == port}
        assert directions == {"dials-out"}


def test_the_same_number_means_two_protocols() -> None:
    def users(port: int, transport: str) -> set[str]:
        return {family.id for family in CATALOGUE.families for one in family.port if (one.port, one.transport) == (port, transport)}

    assert "arduino-ota-esp32" in users(3232, "udp")
    assert users(3232, "tcp") == {"esphome"}
    assert {"arduino-ota-esp8266", "espeasy"} <= users(8266, "udp")
    assert {"esphome", "micropython-webrepl"} == users(8266, "tcp")


def test_the_catalogue_asks_the_network_for_every_service_type_it_knows() -> None:
    assert {"_arduino._tcp", "_esphomelib._tcp", "_wled._tcp", "_hap._tcp", "_meshcop._udp"} <= set(CATALOGUE.service_types)


def test_no_read_only_probe_could_start_an_update_or_command_a_device() -> None:
    paths = [probe.path for family in CATALOGUE.families for probe in family.http]
    assert paths
    assert [path for path in paths if "/ota/start" in path or "/update" in path] == []
    assert all(path.partition("cmnd=")[2].startswith("Status") for path in paths if "cmnd=" in path)
