"""Many hosts, one listening phase: who is checked, when listening ends, and what is printed. On the scripted network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discover.atlas.catalogue import Catalogue
from discover.atlas.loader import load_catalogue
from discover.demo.arduino import ArduinoOtaDevice
from discover.engine import LiveFeed, plan_scan
from discover.errors import EXIT_CANNOT, EXIT_NEGATIVE, EXIT_USAGE, NetworkError
from discover.inventory.store import Store
from discover.model.check import OtaCheck, Verdict
from discover.model.device import Device, OtaStatus, Password
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.net.real import RealNetwork
from tests.cli.conftest import Run
from tests.ota.lan import listener
from tui.cli import check as check_command
from tui.cli.checking import AT_ONCE, Asked, Hosts, Outcome, run_checks


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def address(number: int) -> str:
    return f"192.168.1.{number}"


def announces(number: int, auth: str = "yes") -> MdnsEvent:
    txt = b"".join(bytes([len(one)]) + one.encode() for one in ("board=esp32", "tcp_check=no", "ssh_upload=no", f"auth_upload={auth}"))
    return MdnsEvent(
        kind=MdnsEventKind.RESOLVED,
        interface="lan0",
        type="_arduino._tcp",
        instance=f"dev{number}",
        host=f"dev{number}.local",
        port=3232,
        addresses=(address(number),),
        txt=txt,
        ttl=120,
    )


def lan(*numbers: int, heard: bool = True) -> FakeNetwork:
    hosts = [
        FakeHost(address=address(one), mac=f"24:6f:28:00:00:{one:02x}", udp={3232: listener(ArduinoOtaDevice(password="secret"))})
        for one in numbers
    ]
    network = FakeNetwork(*hosts, names={f"dev{one}.local": [address(one)] for one in numbers})
    for one in numbers:
        if heard:
            network.mdns(announces(one), at=0.05)
    return network


def feed_of(network: FakeNetwork, catalogue: Catalogue, seconds: float = 2.0) -> LiveFeed:
    return LiveFeed(network, catalogue, plan_scan(network, seconds=seconds, passive=True))


def known(number: int, kind: str = "arduino") -> Device:
    status = OtaStatus(kind=kind, port=3232, transport="udp", password=Password.YES, verdict="announced", checked=None)
    return Device(id=f"mac:24:6f:28:00:00:{number:02x}", name=f"stored {number}", addresses=(address(number),), ota=status)


async def outcomes(feed: LiveFeed, catalogue: Catalogue, hosts: Hosts, asked: Asked | None = None, **words: Any) -> list[Outcome]:
    return [one async for one in run_checks(feed, catalogue, hosts, asked or Asked(), **words)]


async def test_listening_ends_when_everybody_wanted_was_heard(catalogue: Catalogue) -> None:
    network = lan(20, 21)
    found = await outcomes(feed_of(network, catalogue), catalogue, Hosts(["dev20.local", address(21)]))
    assert [one.check.verdict for one in found if one.check] == [Verdict.READY_NEEDS_PASSWORD] * 2
    assert network.clock.mono() < 1.0, "two seconds of listening were allowed"


async def test_who_is_never_heard_is_listened_for_to_the_end_and_checked_all_the_same(catalogue: Catalogue) -> None:
    network = lan(20, heard=False)
    start = network.clock.mono()
    (found,) = await outcomes(feed_of(network, catalogue), catalogue, Hosts([address(20)]))
    assert found.check is not None
    assert found.check.verdict is Verdict.LIKELY
    assert network.clock.mono() - start > 2.0


async def test_what_was_sent_while_listening_is_part_of_every_check(catalogue: Catalogue) -> None:
    network = lan(20, 21)
    found = await outcomes(feed_of(network, catalogue), catalogue, Hosts(["dev20.local", "dev21.local"]))
    for one in found:
        assert one.check is not None
        assert "listening for its announcement" in one.check.sent[0].why
        assert {sent.to for sent in one.check.sent if sent.transport == "udp"} <= {
            f"{one.check.address}:{port}" for port in (3232, 33434, 33435)
        }


@pytest.mark.parametrize(
    ("named", "stored", "level", "stirred"),
    [
        ([address(20)], None, None, True),
        (["stored 20"], known(20), None, True),
        (["dev20.local"], None, None, False),  # its address is not known yet
        ([address(20)], None, 0, False),  # level 0 sends nothing
        ([address(20), address(21)], None, None, False),  # a packet belongs to one check
        (["192.168.9.9"], None, None, False),  # a router answers for it
    ],
)
async def test_while_listening_to_one_device_this_computer_already_asks_for_it_by_arp(
    catalogue: Catalogue, named: list[str], stored: Device | None, level: int | None, *, stirred: bool
) -> None:
    network = lan(20, 21)
    found = await outcomes(feed_of(network, catalogue), catalogue, Hosts(named, find=lambda _: stored), Asked(level=level))
    knocks = [(one.to, one.payload) for one in network.ledger.packets if one.port == 33439]
    assert knocks == ([(address(20), b"1")] if stirred else [])
    if stirred:
        assert found[0].check is not None
        assert [sent.to for sent in found[0].check.sent].count(f"{address(20)}:33439") == 1


async def test_an_uploader_that_is_never_asked_is_not_stirred_either(catalogue: Catalogue) -> None:
    network = lan(20, heard=False)
    status = OtaStatus(kind="arduino", port=65280, transport="tcp", password=Password.YES, verdict="announced", checked=None)
    uploader = replace(known(20), ota=status)
    await outcomes(feed_of(network, catalogue), catalogue, Hosts([address(20)], find=lambda _: uploader))
    assert [one for one in network.ledger.packets if one.to == address(20)] == []


async def test_everybody_is_who_is_stored_or_heard_and_has_a_listener(catalogue: Catalogue) -> None:
    network = lan(20, 21)
    stored = [known(30), known(31, "pull"), replace(known(32), ota=None), replace(known(20), name="kitchen")]
    begun: list[int] = []
    found = await outcomes(feed_of(network, catalogue), catalogue, Hosts(everybody=True, stored=stored), on_start=begun.append)
    addresses = {one.check.address: one.check.verdict for one in found if one.check}
    assert addresses == {
        address(20): Verdict.READY_NEEDS_PASSWORD,
        address(21): Verdict.READY_NEEDS_PASSWORD,
        address(30): Verdict.HOST_DOWN,
    }
    assert begun == [3]


async def test_fifty_devices_are_checked_together_each_within_its_budget(catalogue: Catalogue) -> None:
    numbers = range(20, 70)
    assert len(numbers) <= AT_ONCE
    network = lan(*numbers)
    found = await outcomes(feed_of(network, catalogue), catalogue, Hosts(everybody=True))
    assert [one.check.verdict for one in found if one.check] == [Verdict.READY_NEEDS_PASSWORD] * 50
    assert network.clock.mono() < 5.0
    most = max(len([one for one in network.ledger.packets if one.to == address(number)]) for number in numbers)
    assert most <= 16, "one after the other, a device would have got as much"


async def test_one_host_that_cannot_be_checked_does_not_stop_the_others(catalogue: Catalogue) -> None:
    network = lan(20)
    found = await outcomes(feed_of(network, catalogue, 0.0), catalogue, Hosts(["8.8.8.8", address(20)]), listen=False)
    assert found[0].check is None
    assert found[0].error is not None
    assert found[1].check is not None


async def test_cutting_it_short_leaves_no_socket(catalogue: Catalogue) -> None:
    network = lan(20, 21, heard=False)
    checks = run_checks(feed_of(network, catalogue, 0.0), catalogue, Hosts([address(20), address(21)]), Asked(), listen=False)
    async for _ in checks:
        break
    await checks.aclose()
    assert network._endpoints == []


async def test_a_network_that_cannot_be_listened_to_is_asked_all_the_same(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    network = lan(20)
    feed = feed_of(network, catalogue)

    async def refuse(*_: object) -> ScanSummary:
        await asyncio.sleep(0)
        raise NetworkError("no multicast here")

    monkeypatch.setattr(feed, "run", refuse)
    (found,) = await outcomes(feed, catalogue, Hosts([address(20)]))
    assert found.check is not None


# The command.

CHECKED = OtaCheck(
    host="kitchen.local",
    address="192.168.1.20",
    port=3232,
    transport="udp",
    kind="arduino",
    level=2,
    verdict=Verdict.READY_NEEDS_PASSWORD,
    password=Password.YES,
    steps=(),
    sent=(),
    sentence="It is ready for an upload: ArduinoOTA answers on 3232/udp and wants its password.",
)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Sequence[str], Asked]]:
    """Let the command get results without a network; return what it asked for."""
    seen: list[tuple[Sequence[str], Asked]] = []

    async def run(_feed: object, _catalogue: object, hosts: Hosts, asked: Asked, **_: object) -> Any:
        seen.append((hosts._named, asked))
        for host in hosts._named:
            bad = host.startswith("bad")
            yield Outcome(host, replace(CHECKED, host=host, verdict=Verdict.CLOSED if bad else CHECKED.verdict))

    monkeypatch.setattr(check_command, "run_checks", run)
    monkeypatch.setattr(check_command, "live_feed", lambda *_, **__: SimpleNamespace(network=RealNetwork()))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return seen


def test_one_host_is_one_document_and_several_are_a_line_each(espied: Callable[..., Run], answering: list[Any]) -> None:
    one = espied("check", "kitchen.local", "-f", "json")
    assert json.loads(one.out)["host"] == "kitchen.local"
    assert one.out.count(b"\n") > 10
    both = espied("check", "kitchen.local", "bad.local", "-f", "json")
    documents = [json.loads(line) for line in both.out.splitlines()]
    assert [one["host"] for one in documents] == ["kitchen.local", "bad.local"]
    assert {one["schema"] for one in documents} == {"espied.ota-check/1"}
    assert (one.code, both.code) == (0, EXIT_NEGATIVE)
    assert len(answering) == 2


def test_several_hosts_are_a_summary_and_the_exit_code_is_the_worst(espied: Callable[..., Run], answering: list[Any]) -> None:
    done = espied("check", "kitchen.local", "bad.local", "shed.local")
    text = done.out.decode()
    assert [line.split()[:2] for line in text.splitlines() if line[0] in "✓✗"] == [
        ["✓", "kitchen.local"],
        ["✗", "bad.local"],
        ["✓", "shed.local"],
    ]
    assert "2 of 3 can be updated over the air" in done.err
    assert done.code == EXIT_NEGATIVE
    assert espied("check", "kitchen.local", "kitchen.local").out.decode().startswith("ready-needs-password:"), "named twice is one"
    del answering


def test_what_disturbs_a_device_is_for_one_at_a_time_and_needs_a_word(espied: Callable[..., Run], answering: list[Any]) -> None:
    for words in (["--all", "--yes"], ["a.local", "b.local", "--level", "3"], ["a.local", "b.local", "--password"]):
        done = espied("check", *words)
        assert done.code == EXIT_USAGE
        assert "one device at a time" in done.err
    for words in (["--level", "3"], ["--password"]):
        done = espied("check", "a.local", *words)
        assert done.code == EXIT_USAGE
        assert "Add --yes." in done.err
        assert "onError" in done.err, "the warning itself is said"
    assert answering == []


def test_the_password_comes_from_the_environment(espied: Callable[..., Run], answering: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    without = espied("check", "a.local", "--password", "--yes")
    assert without.code == EXIT_USAGE
    assert "ESPIED_OTA_PASSWORD" in without.err
    monkeypatch.setenv("ESPIED_OTA_PASSWORD", "secret")
    done = espied("check", "a.local", "--password", "--yes", "-P", "40000", "--level", "3")
    assert done.code == 0
    ((_, asked),) = answering
    assert (asked.password, asked.consent, asked.host_port, asked.level) == ("secret", True, 40_000, 3)
    assert b"secret" not in done.out
    assert "secret" not in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Which device is to be checked?"),
        (["--all", "a.local"], "takes no HOST"),
        (["a.local:0"], "0 is no port"),
        (["a.local:70000"], "70000 is no port"),
        (["a.local:x"], "x is no port"),
        (["[fe80::1%eth0"], "is no host"),
        (["fe80::1::2"], "is no host"),
        (["224.0.0.251"], "is not the address of one device"),
        (["a.local", "-P", "0"], "0 is not in the range"),
        (["a.local", "--level", "4"], "4 is not in the range"),
        ([""], "is no host"),
    ],
)
def test_bad_input_is_told_before_anything_is_sent(espied: Callable[..., Run], answering: list[Any], words: list[str], said: str) -> None:
    done = espied("check", *words)
    assert done.code == EXIT_USAGE
    assert said in done.err
    assert answering == []


@pytest.mark.parametrize(
    ("host", "code", "said"),
    [
        ("8.8.8.8", EXIT_USAGE, "is not a private address"),
        ("fe80::1%no-such", EXIT_CANNOT, "There is no interface no-such"),
        ("[fe80::1%no-such]:3232", EXIT_CANNOT, "There is no interface no-such"),
    ],
)
def test_addresses_that_nothing_can_be_sent_to_are_refused_at_once(
    espied: Callable[..., Run], answering: list[Any], host: str, code: int, said: str
) -> None:
    done = espied("check", host)
    assert (done.code, said in done.err, answering) == (code, True, [])


def test_all_reads_the_stored_devices(espied: Callable[..., Run], answering: list[Any], tmp_path: Path) -> None:
    database = tmp_path / "known.db"
    with Store.open(database) as store:
        store.save(Snapshot(generated=1.0, scan=ScanSummary(), devices=(known(20),)))
    assert espied("--db", str(database), "check", "--all").code == 0
    assert len(answering) == 1
