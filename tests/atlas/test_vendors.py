"""MAC vendors: data only, the same with and without a running event loop."""

from __future__ import annotations

import subprocess
import sys

import aiooui
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.espressif import ESPRESSIF_PREFIXES, is_espressif
from discover.atlas.vendors import ESPRESSIF, LOCALLY_ADMINISTERED, load_vendors, vendor_of


@pytest.mark.parametrize(
    ("mac", "vendor"),
    [
        ("24:6f:28:12:34:56", "Espressif Inc."),
        ("24-6F-28-12-34-56", "Espressif Inc."),
        ("246f.2812.3456", "Espressif Inc."),
        ("00:15:27:e4:00:9d", "Balboa Instruments"),
        ("00:40:9d:11:22:33", "DigiBoard"),
        ("28:cd:c1:00:00:01", "Raspberry Pi Trading Ltd"),
        ("02:00:00:00:00:01", LOCALLY_ADMINISTERED),
        ("33:33:00:00:00:01", ""),
        ("ff:ff:ff:ff:ff:ff", ""),
        ("", ""),
        ("24:6f:28", ""),
        ("not a mac", ""),
        ("24:6f:28:12:34:5g", ""),
    ],
)
def test_the_maker_of_an_interface(mac: str, vendor: str) -> None:
    assert vendor_of(mac) == vendor


@pytest.mark.parametrize("prefix", ["10:a8:5b", "1c:64:65", "20:e5:a4", "3c:e2:55", "4c:84:21", "6c:c4:af"])
def test_the_newest_prefixes_of_espressif_are_known(prefix: str) -> None:
    assert vendor_of(f"{prefix}:00:00:01") == ESPRESSIF
    assert is_espressif(f"{prefix}:00:00:01")


def test_espressif_is_recognised_behind_the_bit_of_its_own_access_point() -> None:
    assert is_espressif("5c:cf:7f:01:02:03")
    assert is_espressif("5e:cf:7f:01:02:03")
    assert vendor_of("5e:cf:7f:01:02:03") == LOCALLY_ADMINISTERED
    assert not is_espressif("00:15:27:00:00:01")
    assert not is_espressif("")


async def test_a_look_up_inside_an_event_loop_works() -> None:
    assert vendor_of("24:6f:28:12:34:56") == "Espressif Inc."


def test_the_table_loads_inside_a_running_loop_of_a_fresh_process() -> None:
    code = (
        "import asyncio\nfrom discover.atlas.vendors import vendor_of\n"
        "async def main():\n    return vendor_of('24:6f:28:00:00:01')\n"
        "print(asyncio.run(main()))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "Espressif Inc."
    assert done.stderr == ""


def test_importing_it_loads_neither_asyncio_nor_the_table() -> None:
    code = "import sys, discover.atlas.vendors\nprint({'asyncio', 'aiooui'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_loading_twice_is_harmless() -> None:
    load_vendors()
    load_vendors()
    assert vendor_of("24:6f:28:12:34:56") == "Espressif Inc."


@given(mac=st.text(max_size=20))
def test_any_text_has_a_vendor_or_none(mac: str) -> None:
    assert isinstance(vendor_of(mac), str)
    assert is_espressif(mac) in (True, False)


@given(first=st.integers(0, 255), rest=st.binary(min_size=5, max_size=5))
def test_what_is_random_or_a_group_never_names_a_maker(first: int, rest: bytes) -> None:
    mac = bytes([first, *rest]).hex(":")
    if first & 0b01:
        assert vendor_of(mac) == ""
    elif first & 0b10:
        assert vendor_of(mac) == LOCALLY_ADMINISTERED


def test_the_short_list_of_espressif_does_not_contradict_the_installed_table() -> None:
    load_vendors()
    named = {prefix: aiooui.get_vendor(prefix) for prefix in ESPRESSIF_PREFIXES}
    assert all(name.startswith("Espressif") for name in named.values() if name)
    assert sum(1 for name in named.values() if name) >= 300, "the installed table must know most of them"


def test_knowing_an_espressif_device_loads_no_table() -> None:
    code = (
        "import sys\nfrom discover.atlas.espressif import is_espressif\nprint(is_espressif('24:6f:28:00:00:01'), 'aiooui' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
