"""Mistakes in a catalogue file are errors that name the file and the field, never rules that silently do not match."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.check_family import CLAIMS
from discover.atlas.loader import FAMILIES, PORTS, load_catalogue, load_note
from discover.errors import CatalogueError

FAMILY = """
id = "lamp"
title = "Lamp"
summary = "A lamp."
kind = "light"

[[links]]
title = "Page"
url = "https://example.org/"

[[match]]
mdns = "_lamp._tcp"
weight = 90
why = "announces {instance}"
txt = { mac = "*" }
sets = { mac = "{txt.mac}" }

[[port]]
port = 80
transport = "tcp"
direction = "listens"
role = "web page"
explanation = "Shows the lamp."
source = "lamp.c"

[ota]
kind = "esphome"
transport = "tcp"
port = 3232
port_from = "table"
port_key = "platform"
ports = { ESP32 = 3232 }
note = "By ESPHome."

[[http]]
port = 80
path = "/json"
when = ["mdns:_lamp._tcp"]
side_effects = "None."
source = "lamp.c"

[[example]]
signal = { kind = "mdns.service", peer = "192.168.1.2", fields = { type = "_lamp._tcp", txt = ["mac=1"] } }
confidence = "certain"
source = "lamp.c"

[[not]]
signal = { kind = "mdns.service", fields = { type = "_http._tcp" } }
why = "Any web page."
source = "lamp.c"
"""

NOTE = """
port = 4711
transports = ["udp"]
category = "device"
expected_when = "a lamp"

[titles]
udp = "lamp"

[registry]
status = "unassigned"
name = ""
description = "Unassigned"
reference = ""
transports = []
record = []
source = "registry, 2026-02-13"

[[practice]]
who = "Lamp"
what = "takes colours"
transport = "udp"
direction = "listens"
confidence = "confirmed"
source = "lamp.c"

[[claim]]
id = "A1"
text = "Lamps use it."
verdict = "refuted"
correction = "Some do."
source = "lamp.c"
"""


def family_folder(tmp_path: Path, text: str, name: str = "lamp.toml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path


def test_a_family_file_becomes_a_family(tmp_path: Path) -> None:
    catalogue = load_catalogue(family_folder(tmp_path, FAMILY))
    family = catalogue.family("lamp")
    assert family is not None
    assert family.match[0].txt == {"mac": "*"}
    assert family.not_[0].why == "Any web page."
    assert family.ota is not None
    assert family.ota.ports == {"ESP32": 3232}
    assert catalogue.service_types == ("_lamp._tcp",)


def test_an_empty_folder_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert load_catalogue(tmp_path).families == ()


def test_the_package_s_own_families_load_in_order_of_their_ids() -> None:
    ids = [family.id for family in load_catalogue().families]
    assert ids == sorted(path.stem for path in FAMILIES.glob("*.toml"))
    assert load_catalogue() is load_catalogue()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("weight = 90", 'weight = "90"', "match[0].weight"),
        ("weight = 90", "weight = 0", "match[0].weight"),
        ("weight = 90", "weight = 101", "match[0].weight"),
        ("weight = 90", "wieght = 90", "match[0].wieght"),
        ("weight = 90", "", "weight"),
        ('mdns = "_lamp._tcp"', "", "match[0]"),  # txt alone would still be a condition
        ('mdns = "_lamp._tcp"', 'mdns = "lamp"', "match[0].mdns"),
        ('sets = { mac = "{txt.mac}" }', 'sets = { colour = "red" }', "match[0].sets"),
        ('id = "lamp"', 'id = "lamps"', "id"),
        ('id = "lamp"', "id = 3", "id"),
        ('kind = "light"', 'kind = ""', "kind"),
        ('kind = "light"', 'kind = "light"\ncolour = "red"', "colour"),
        ('kind = "light"', 'kind = "light"\nnot_ = []', "not_"),
        ('kind = "light"', 'kind = "light"\nalso = ["lamb"]', "also"),
        ('direction = "listens"', 'direction = "outbound"', "port[0].direction"),
        ("port = 80\ntransport", "port = 0\ntransport", "port[0].port"),
        ('kind = "esphome"', 'kind = "magic"', "ota.kind"),
        ('port_key = "platform"', "", "ota.port_from"),
        ("ESP32 = 3232", "ESP32 = 65536", "ota.ports.ESP32"),
        ('path = "/json"', 'path = "json"', "http[0].path"),
        ('path = "/json"', 'path = "/ota/start?mode=fw"', "http[0].path"),
        ('path = "/json"', 'path = "/cm?cmnd=Power%20ON"', "http[0].path"),
        ('when = ["mdns:_lamp._tcp"]', "when = []", "http[0].when"),
        ('confidence = "certain"', 'confidence = "sure"', "example[0].confidence"),
        ('confidence = "certain"', 'confidence = "certain"\nhits = 1', "example[0].hits"),
        ('kind = "mdns.service", peer', 'kind = "mdns.srv", peer', "example[0].signal.kind"),
        ("https://example.org/", "javascript:alert(1)", "links[0].url"),
    ],
)
def test_a_mistake_in_a_family_names_file_and_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    broken = FAMILY.replace(old, new, 1)
    assert broken != FAMILY
    if field == "match[0]":
        broken = broken.replace('txt = { mac = "*" }', "")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(family_folder(tmp_path, broken))
    assert "lamp.toml" in caught.value.message
    assert field in caught.value.message.replace("$.", "")
    assert caught.value.hint


PAGE = """note = "On its page."

[ota.page]
path = "/json/info"
side_effects = "None."
source = "lamp.c"
sign = { "json.brand" = "Lamp", status = "200" }
"""
BY_PAGE = FAMILY.replace('kind = "esphome"', 'kind = "http"').replace(
    'port_from = "table"\nport_key = "platform"\nports = { ESP32 = 3232 }\n', ""
)
BY_PAGE = BY_PAGE.replace('note = "By ESPHome."\n', PAGE)


def test_the_page_of_an_update_by_web_server_loads(tmp_path: Path) -> None:
    ota = load_catalogue(family_folder(tmp_path, BY_PAGE)).families[0].ota
    assert ota is not None
    assert ota.page is not None
    assert ota.page.sign == {"json.brand": "Lamp", "status": "200"}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('path = "/json/info"', 'path = "json/info"', "ota.page.path"),
        ('path = "/json/info"', 'path = "/ota/start?mode=fw"', "ota.page.path"),
        ('path = "/json/info"', 'path = "/cm?cmnd=Upgrade%201"', "ota.page.path"),
        ('sign = { "json.brand" = "Lamp", status = "200" }', "sign = {}", "ota.page.sign"),
        ('"json.brand"', '"colour"', "ota.page.sign"),
        ('side_effects = "None."\nsource = "lamp.c"\nsign', 'side_effects = ""\nsource = "lamp.c"\nsign', "ota.page.side_effects"),
        ('kind = "http"', 'kind = "esphome"', "ota.page"),
    ],
)
def test_a_mistake_in_the_page_names_file_and_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    broken = BY_PAGE.replace(old, new, 1)
    assert broken != BY_PAGE
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(family_folder(tmp_path, broken))
    assert "lamp.toml" in caught.value.message
    assert field in caught.value.message


def test_what_may_be_read_of_a_device_is_allowed(tmp_path: Path) -> None:
    text = FAMILY.replace('path = "/json"', 'path = "/cm?cmnd=Status%200"')
    assert load_catalogue(family_folder(tmp_path, text)).families[0].http[0].path.endswith("Status%200")


@pytest.mark.parametrize(("text", "said"), [("id = ", "not TOML"), ("\x00", "not TOML"), ("[id]\n[id]", "not TOML")])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CatalogueError, match=r"lamp\.toml") as caught:
        load_catalogue(family_folder(tmp_path, text))
    assert said in caught.value.message


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "lamp.toml").write_bytes(b'id = "\xff"')
    with pytest.raises(CatalogueError, match=r"lamp\.toml"):
        load_catalogue(tmp_path)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lamp.toml").mkdir()
    with pytest.raises(CatalogueError, match=r"lamp\.toml cannot be read"):
        load_catalogue(tmp_path)


def test_every_claim_that_a_rule_may_set_is_one_that_a_device_shows() -> None:
    assert set(CLAIMS) >= {"name", "mac", "chip", "model", "firmware", "firmware_version", "hostname", "kind", "ota_password"}


def test_a_port_file_becomes_a_note(tmp_path: Path) -> None:
    path = tmp_path / "4711.toml"
    path.write_text(NOTE)
    note = load_note(path)
    assert (note.first, note.last) == (4711, 4711)
    assert note.claims[0].verdict == "refuted"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("port = 4711", "port = 4712", "port"),
        ("port = 4711", "port = 4711\nfirst = 4711", "first"),
        ("port = 4711", "first = 4711", "last"),
        ("port = 4711", "first = 5000\nlast = 4711", "first"),
        ("port = 4711", "port = true", "first"),
        ('transports = ["udp"]', "transports = []", "transports"),
        ('transports = ["udp"]', 'transports = ["sctp"]', "transports"),
        ('category = "device"', 'category = "thing"', "category"),
        ('status = "unassigned"', 'status = "free"', "registry.status"),
        ("record = []", "records = []", "records"),
        ("record = []", "record = [{ range = 3 }]", "records[0].range"),
        ('direction = "listens"', 'direction = "outbound"', "practice[0].direction"),
        ('confidence = "confirmed"', 'confidence = "verified"', "practice[0].confidence"),
        ('source = "lamp.c"', 'source = " "', "practice[0].source"),
        ('id = "A1"', 'id = "F1"', "claim[0].id"),
        ('verdict = "refuted"', 'verdict = "wrong"', "claim[0].verdict"),
        ('correction = "Some do."', 'correction = ""', "claim[0].correction"),
        ('udp = "lamp"', "", "titles"),
        ('udp = "lamp"', 'sctp = "lamp"', "titles"),
        ('expected_when = "a lamp"', 'expected_when = ""', "expected_when"),
        ("[titles]", "[check_local.udp]\nbsd = 'fstat'\n[titles]", "check_local.udp"),
    ],
)
def test_a_mistake_in_a_port_note_names_file_and_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    broken = NOTE.replace(old, new, 1)
    assert broken != NOTE
    path = tmp_path / "4711.toml"
    path.write_text(broken)
    with pytest.raises(CatalogueError) as caught:
        load_note(path)
    assert "4711.toml" in caught.value.message
    assert field in caught.value.message


def test_a_range_file_carries_its_range_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "4711-4720.toml"
    path.write_text(NOTE.replace("port = 4711", "first = 4711\nlast = 4720"))
    assert (load_note(path).first, load_note(path).last) == (4711, 4720)


@given(cut=st.integers(min_value=0, max_value=len(FAMILY)), noise=st.text(max_size=12))
def test_a_damaged_file_is_a_catalogue_error_or_a_family_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: str
) -> None:
    folder = tmp_path_factory.mktemp("families")
    (folder / "lamp.toml").write_text(FAMILY[:cut] + noise + FAMILY[cut:], encoding="utf-8")
    try:
        told = " ".join(f"{family.id}.toml" for family in load_catalogue(folder).families)
    except CatalogueError as error:
        told = error.message
    assert "lamp.toml" in told


def test_every_port_file_is_named_by_its_number() -> None:
    assert all(path.stem.replace("-", "").isdigit() for path in PORTS.iterdir())
