from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.present.samples import DEVICES
from tui.present.filter import FIELDS, parse

ALL = {"kitchen-light", "Hot tub", "node-9", "node-10", "192.168.1.2", "[/red] attic sensor"}


def matching(text: str) -> set[str]:
    parsed = parse(text)
    assert parsed.problems == ()
    return {device.title for device in DEVICES if parsed.matches(device)}


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("", ALL),
        ("kitchen", {"kitchen-light"}),
        ("KITCHEN", {"kitchen-light"}),
        ("espressif", {"kitchen-light", "node-9", "node-10"}),
        ("espressif -node", {"kitchen-light"}),
        ("family:esphome", {"kitchen-light"}),
        ("family:esphome,wled", {"kitchen-light", "node-10"}),
        ("port:3232", {"kitchen-light", "node-9"}),
        ("port:3232/udp", {"node-9"}),
        ("port:4000-5000", {"Hot tub"}),
        ("ota:open", {"node-9"}),
        ("ota:password", {"kitchen-light"}),
        ("is:open", {"node-9"}),
        ("is:locked", {"kitchen-light"}),
        ("-is:open,locked,unsaid", {"192.168.1.2", "node-10", "[/red] attic sensor"}),
        ("is:", ALL),
        ("ota:yes", {"kitchen-light", "node-9"}),
        ("ota:arduino", {"node-9"}),
        ("state:stale", {"node-9"}),
        ("-state:present", {"node-9", "node-10", "[/red] attic sensor"}),
        ("presence:gone", {"[/red] attic sensor"}),
        ("mac:24:6f:28", {"kitchen-light"}),
        ("mac:246f28", {"kitchen-light"}),
        ("24:6f:28", {"kitchen-light"}),
        ("fe80::266f", {"kitchen-light"}),
        ("vendor:balboa", {"Hot tub"}),
        ("ip:192.168.1.1", {"Hot tub", "node-10"}),
        ('"hot tub"', {"Hot tub"}),
        ('name:"hot tub"', {"Hot tub"}),
        ('name:"hot', {"Hot tub"}),
        ("tag:garden", {"Hot tub"}),
        ("note:fuse", {"Hot tub"}),
        ("chip:esp32 -port:6053", {"node-9"}),
        ("fw:2026", {"kitchen-light"}),
        ("service:arduino", {"node-9"}),
        ("[/red]", {"[/red] attic sensor"}),
        ("port:", ALL),
        ("-", ALL),
        ("nothing-like-it", set()),
    ],
)
def test_filter(text: str, titles: set[str]) -> None:
    assert matching(text) == titles


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("famly:esphome", "did you mean 'family'?"),
        ("port:abc", "is no port"),
        ("state:lost", "is no state"),
        ("zzz:1", "there is no field 'zzz'"),
    ],
)
def test_what_is_not_understood_is_said_and_left_out(text: str, says: str) -> None:
    parsed = parse(f"{text} kitchen")
    assert says in parsed.problems[0]
    assert [device.title for device in DEVICES if parsed.matches(device)] == ["kitchen-light"]


@given(
    st.one_of(
        st.text(max_size=40), st.lists(st.sampled_from([*FIELDS, ":", "-", '"', "/", "3232", " ", ",", "a"]), max_size=12).map("".join)
    )
)
def test_no_text_raises(text: str) -> None:
    parsed = parse(text)
    for device in DEVICES:
        parsed.matches(device)
