"""Whatever arrives: identify never raises, does not depend on the order, and lets nothing dirty through."""

from __future__ import annotations

import random
from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.catalogue import Catalogue
from discover.atlas.loader import load_catalogue
from discover.identify import identify, signal_of
from discover.model.signal import KINDS, Field, Signal, Source
from discover.text import is_clean

CATALOGUE: Catalogue = load_catalogue()
EXAMPLES = [signal_of(example.signal) for family in CATALOGUE.families for example in family.example]
FAMILY_IDS = {family.id for family in CATALOGUE.families} | {"unknown"}

TYPES = [*CATALOGUE.service_types, "_http._tcp", "_nothing._udp", "", "."]
WORDS = [
    "",
    "esp32-246f28a1b2c3",
    "shelly1-c45bbe78a8a4",
    "tasmota-AB12CD-1234",
    "yes",
    "no",
    "refused",
    "silent",
    "ready",
    "arduino",
    "esphome",
    "tcp",
    "udp",
]
TXT_KEYS = [
    "mac",
    "platform",
    "board",
    "auth_upload",
    "ci",
    "id",
    "version",
    "friendly_name",
    "gen",
    "devicetype",
    "node_id",
    "",
    "project_name",
]
PORTS = [0, 80, 3197, 3199, 3232, 8266, 2040, 6053, 65280, -1, 70000]

texts = st.one_of(
    st.sampled_from(WORDS), st.text(max_size=40), st.sampled_from(["24:6f:28:00:00:01", "001527e4009d", "{host}", "{txt.mac:category}"])
)
items = st.one_of(texts, st.builds("{}={}".format, st.sampled_from(TXT_KEYS), texts))
values = st.one_of(texts, st.integers(-5, 70000), st.booleans(), st.lists(items, max_size=6).map(tuple))
protocols = st.sampled_from(
    ["microchip-announce", "gecko-hello", "addp", "arduinoota", "ssdp", "wled-sync", "espeasy", "unknown", "balboa"]
)
FIELD_NAMES = [
    "type",
    "instance",
    "host",
    "port",
    "txt",
    "protocol",
    "mac",
    "name",
    "control",
    "verdict",
    "ota",
    "password",
    "transport",
    "path",
    "server",
    "title",
]


def known_fields(draw: st.DrawFn) -> dict[str, Field]:
    return {
        "type": draw(st.sampled_from(TYPES)),
        "instance": draw(texts),
        "host": draw(texts),
        "port": draw(st.sampled_from(PORTS)),
        "txt": draw(st.lists(items, max_size=6).map(tuple)),
        "protocol": draw(protocols),
        "mac": draw(texts),
        "name": draw(texts),
        "control": draw(texts),
        "verdict": draw(texts),
        "ota": draw(texts),
        "password": draw(texts),
        "transport": draw(texts),
        "path": draw(st.sampled_from(["/shelly", "/json/info", "/cp/version.json", "/"])),
        "json.gen": draw(values),
        "json.type": draw(values),
    }


@st.composite
def any_signals(draw: st.DrawFn) -> Signal:
    kind = draw(st.sampled_from(sorted(KINDS)))
    fields = known_fields(draw) if draw(st.booleans()) else {}
    fields.update(draw(st.dictionaries(st.sampled_from(FIELD_NAMES), values, max_size=4)))
    return Signal(
        when=draw(st.floats(0, 10)),
        mono=0.0,
        source=Source(kind.partition(".")[0]),
        interface="lan0",
        peer=draw(texts),
        kind=kind,
        fields=fields,
    )


@given(st.lists(any_signals(), max_size=6))
def test_any_signals_are_identified_without_an_exception_and_stay_clean(signals: list[Signal]) -> None:
    found = identify(signals, CATALOGUE)
    assert found.family.id in FAMILY_IDS
    shown = [found.name, found.hostname, found.mac, found.model, found.chip, found.kind]
    shown += [one.value for one in found.evidence] + [one.why for one in found.evidence]
    assert all(is_clean(text) for text in shown)
    assert all(1 <= one.weight <= 100 for one in found.evidence)
    assert all(0 < one.port < 65536 and one.transport in ("tcp", "udp") for one in found.listeners)


@given(st.lists(any_signals(), max_size=6, unique_by=lambda signal: signal.slot), st.randoms(use_true_random=False))
def test_the_order_of_signals_does_not_matter(signals: list[Signal], order: random.Random) -> None:
    shuffled = list(signals)
    order.shuffle(shuffled)
    assert identify(shuffled, CATALOGUE) == identify(signals, CATALOGUE)


@given(st.lists(st.sampled_from(EXAMPLES), max_size=5), st.randoms(use_true_random=False))
def test_devices_made_of_real_examples_do_not_depend_on_the_order_either(signals: list[Signal], order: random.Random) -> None:
    shuffled = list(signals)
    order.shuffle(shuffled)
    assert identify(shuffled, CATALOGUE) == identify(signals, CATALOGUE)


@given(st.sampled_from(EXAMPLES), any_signals())
def test_a_further_signal_takes_nothing_away_from_a_family(example: Signal, noise: Signal) -> None:
    alone = identify([example], CATALOGUE)
    together = identify([example, noise], CATALOGUE)
    scores = {one.id: one.score for one in (together.family, *together.alternatives)}
    if alone.family.id != "unknown" and alone.family.id in scores:
        assert scores[alone.family.id] >= alone.family.score


def test_identification_is_a_plain_value() -> None:
    found = identify(EXAMPLES[:3], CATALOGUE)
    assert astuple(found)
    assert hash(found) == hash(identify(EXAMPLES[:3], CATALOGUE))
