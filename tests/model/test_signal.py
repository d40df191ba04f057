from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.signal import MAX_RAW, Signal, Source
from discover.text import is_clean


def service(*txt: str, **fields: str) -> Signal:
    return Signal(
        when=1.0,
        mono=0.0,
        source=Source.MDNS,
        interface="eth0",
        peer="192.0.2.7",
        kind="mdns.service",
        fields={"type": "_http._tcp", "instance": "Lamp", **fields, "txt": txt},
    )


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=5), st.text(max_size=80))
def test_every_text_of_a_signal_is_clean(name: str, txt: list[str], peer: str) -> None:
    signal = Signal(
        when=0.0, mono=0.0, source=Source.MDNS, interface=name, peer=peer, kind="mdns.service", fields={name: name, "txt": tuple(txt)}
    )
    assert is_clean(signal.interface)
    assert is_clean(signal.peer)
    for key, value in signal.fields.items():
        assert is_clean(key)
        assert all(is_clean(one) for one in (value if isinstance(value, tuple) else [value]) if isinstance(one, str))


def test_raw_bytes_are_bounded_and_fields_cannot_be_changed() -> None:
    signal = Signal(when=0.0, mono=0.0, source=Source.UDP, interface="", peer="", kind="udp.reply", raw=b"x" * 9000)
    assert len(signal.raw) == MAX_RAW
    assert isinstance(signal.fields, MappingProxyType)


def test_a_kind_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown signal kind"):
        Signal(when=0.0, mono=0.0, source=Source.UDP, interface="", peer="", kind="udp.maybe")


def test_txt_keys_match_without_case_and_the_first_wins() -> None:
    signal = service("Board=esp32", "board=other", "flag", "empty=", "eq=a=b")
    assert signal.txt("BOARD") == "esp32"
    assert signal.txt("flag") == ""
    assert signal.txt("empty") == ""
    assert signal.txt("eq") == "a=b"
    assert signal.txt("absent") is None


def test_the_same_instance_in_another_case_takes_the_same_slot() -> None:
    assert service(instance="Lamp").slot == service(instance="LAMP").slot
    assert service(instance="Lamp").slot != service(instance="Lamp 2").slot


def test_typed_getters_do_not_mix_types() -> None:
    signal = Signal(
        when=0.0, mono=0.0, source=Source.UDP, interface="", peer="", kind="udp.reply", fields={"port": 80, "on": True, "name": "x"}
    )
    assert signal.number("port") == 80
    assert signal.number("on") is None
    assert signal.number("name") is None
    assert signal.flag("on")
    assert not signal.flag("port")
    assert signal.text("port") == ""
    assert signal.items("name") == ()
