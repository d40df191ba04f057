from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from discover.errors import EXIT_USAGE, EspiedError
from discover.model.check import Sent
from discover.model.device import Device, OtaStatus, Password
from discover.model.network import Packet
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from discover.net.interfaces import list_interfaces
from tests.cli.conftest import Run
from tui.cli.checking import better_known, find_device, sent_while_listening
from tui.cli.session import write_ledger

KITCHEN = Device(
    id="mac:24:6f:28:00:00:13", name="Kitchen Light", hostname="kitchen.local", addresses=("10.0.0.3", "fe80::266f:28ff:fe00:13")
)
PLUG = Device(id="mac:24:6f:28:00:00:14", name="Plug", hostname="plug.local", addresses=("10.0.0.4",))
FOUND = Snapshot(generated=0.0, scan=ScanSummary(), devices=(KITCHEN, PLUG))


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.3",
        "10.0.0.3:3232",
        "kitchen.local",
        "KITCHEN.local.:3232",
        "kitchen",
        "Kitchen Light",
        "fe80::266f:28ff:fe00:13",
        "fe80::266f:28ff:fe00:13%eth0",
        "[fe80::266f:28ff:fe00:13%eth0]:3232",
        "mac:24:6f:28:00:00:13",
    ],
)
def test_what_was_heard_is_found_by_any_word_for_it(host: str) -> None:
    assert find_device(FOUND, host) is KITCHEN


@pytest.mark.parametrize("host", ["10.0.0.5", "kitch", "", "fe80::1%eth0"])
def test_anything_else_finds_nothing(host: str) -> None:
    assert find_device(FOUND, host) is None


def test_a_row_of_the_neighbour_table_does_not_hide_what_the_inventory_knows() -> None:
    status = OtaStatus(kind="arduino", port=3232, transport="udp", password=Password.YES, verdict="announced", checked=None)
    known = replace(KITCHEN, ota=status)
    assert better_known(KITCHEN, known) is known
    assert better_known(None, known) is known
    assert better_known(known, KITCHEN) is known
    assert better_known(KITCHEN, None) is KITCHEN
    assert better_known(None, None) is None


def test_a_network_that_is_none_is_wrong_usage(espied: Callable[..., Run]) -> None:
    done = espied("check", "10.0.0.3", "--network", "everything", "--own")
    assert done.code == EXIT_USAGE
    assert "'everything' is not a network" in done.err


def test_what_was_sent_while_listening_is_told_like_everything_else() -> None:
    packet = Packet(mono=0.1, interface="eth0", to="ff02::fb", port=5353, transport="mdns", purpose="mDNS query", payload=b"\x00\x01")
    assert sent_while_listening(packet) == Sent(
        to="[ff02::fb]:5353", transport="mdns", bytes_hex="0001", why="mDNS query: listening for its announcement"
    )


def test_a_ledger_that_cannot_be_written_advises_its_own_option(tmp_path: Path) -> None:
    with pytest.raises(EspiedError) as error:
        write_ledger((), tmp_path / "missing" / "ledger.ndjson")
    assert error.value.hint == "Choose another place with --ledger-file."


def test_the_interface_that_is_named_is_the_one_that_is_asked_on(espied: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    loopback = next(one.name for one in list_interfaces() if one.loopback)
    asked: list[object] = []

    async def noting(*_: object, **words: object) -> None:
        asked.append(words.get("interface"))
        raise EspiedError("enough is known")

    monkeypatch.setattr("discover.ota.check", noting)
    espied("check", "127.0.0.1", "-i", loopback, "--listen", "0", "--level", "0")
    assert asked == [loopback]
