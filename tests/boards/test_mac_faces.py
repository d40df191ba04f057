"""The MACs of one chip, from the vectors of Espressif's documentation and of devices, and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.proto.mac import mac_from_bytes
from discover.proto.mac_faces import Face, bases_of, face_of, faces, local_variant, plus, universal_variants

CHIPS = ("", "ESP32", "ESP32-S2", "ESP32-S3", "ESP32-C3", "ESP32-H2", "ESP32-P4", "ESP8266", "ESP8266EX")
macs = st.binary(min_size=6, max_size=6).map(mac_from_bytes).filter(bool)
chips = st.sampled_from(CHIPS)


def table(base: str, chip: str) -> dict[Face, list[str]]:
    found: dict[Face, list[str]] = {}
    for one in faces(base, chip):
        found.setdefault(one.face, []).append(one.mac)
    return found


def test_four_universal_addresses_are_the_base_plus_0_to_3() -> None:
    found = table("24:6f:28:12:34:50", "ESP32")
    assert [found[face][0] for face in Face] == [f"24:6f:28:12:34:5{step}" for step in range(4)]


def test_two_universal_addresses_leave_local_ones_to_soft_ap_and_ethernet() -> None:
    found = table("24:6f:28:12:34:50", "ESP32")
    assert found[Face.SOFTAP][1:] == ["26:6f:28:12:34:50"]
    assert found[Face.ETHERNET][1:] == ["26:6f:28:12:34:51"]
    # The Bluetooth address of that configuration is the soft-AP's of the default: listed once, as the likelier.
    assert found[Face.BLUETOOTH] == ["24:6f:28:12:34:52"]


@pytest.mark.parametrize(
    ("station", "softap"),
    [
        # X-Esp8266-Sta-Mac and X-Esp8266-Ap-Mac, as ESP8266 boards sent them to update servers.
        ("18:fe:34:98:c2:82", "1a:fe:34:98:c2:82"),
        ("18:fe:34:cf:3a:07", "1a:fe:34:cf:3a:07"),
        # The first byte of newer prefixes.
        ("5c:cf:7f:00:00:01", "5e:cf:7f:00:00:01"),
    ],
)
def test_an_esp8266_sets_the_local_bit_for_its_soft_ap(station: str, softap: str) -> None:
    assert table(station, "ESP8266EX") == {Face.STATION: [station], Face.SOFTAP: [softap]}
    assert station in bases_of(softap, "ESP8266")


def test_the_last_byte_wraps_round_alone() -> None:
    assert plus("24:6f:28:12:34:ff", 1) == "24:6f:28:12:34:00"
    told = face_of("24:6f:28:12:34:00", "24:6f:28:12:34:ff", "ESP32")
    assert told is not None
    assert (told.face, told.rule) == (Face.SOFTAP, "base address + 1")


def test_a_local_base_flips_another_bit() -> None:
    assert local_variant("02:00:00:00:00:01") == "06:00:00:00:00:01"
    assert local_variant("06:00:00:00:00:01") == "02:00:00:00:00:01"


def test_some_esp32_s2_have_their_soft_ap_in_a_reserved_range() -> None:
    told = face_of("7c:df:a1:02:00:00", "7c:df:a1:00:30:00", "ESP32-S2")
    assert told is not None
    assert told.face is Face.SOFTAP
    assert "7c:df:a1:00:5f:ff" in bases_of("7c:df:a1:02:2f:ff", "ESP32-S2")
    assert face_of("7c:df:a1:02:30:00", "7c:df:a1:00:60:00", "ESP32-S2") is None


def test_chips_without_wifi_have_one_interface() -> None:
    assert table("60:55:f9:00:00:01", "ESP32-P4") == {Face.ETHERNET: ["60:55:f9:00:00:01"]}
    assert table("60:55:f9:00:00:01", "ESP32-H2") == {Face.BLUETOOTH: ["60:55:f9:00:00:01"]}


@pytest.mark.parametrize("text", ["", "nonsense", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "24:6f:28:12:34"])
def test_what_is_no_mac_has_no_faces(text: str) -> None:
    assert faces(text) == ()
    assert bases_of(text) == ()
    assert face_of(text, "24:6f:28:12:34:50") is None


@given(macs, chips)
def test_every_face_leads_back_to_its_base(base: str, chip: str) -> None:
    derived = faces(base, chip)
    assert derived[0].mac == base
    assert len({one.mac for one in derived}) == len(derived)
    for one in derived:
        assert face_of(one.mac, base, chip) == one
        assert base in bases_of(one.mac, chip)


@given(macs, chips)
def test_every_base_that_is_named_can_make_the_address(mac: str, chip: str) -> None:
    assert bases_of(mac, chip)[0] == mac
    assert all(face_of(mac, base, chip) is not None for base in bases_of(mac, chip))


@given(macs)
def test_local_and_universal_variants_undo_each_other(mac: str) -> None:
    assert int(local_variant(mac)[:2], 16) & 2
    assert mac in universal_variants(local_variant(mac))
    assert all(local_variant(one) == mac for one in universal_variants(mac))
