"""What ``espied scan`` says of its coverage and of what it sent, and where: a recording takes the network's place."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import jsonschema
import pytest

from discover.engine.feed import OnProgress, OnSignal
from discover.engine.replay import ReplayFeed
from discover.export import parse_inventory
from discover.export.schema import inventory_schema
from discover.model.network import Packet, Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Field, Signal, Source
from discover.net.ledger import MemoryLedger
from tests.cli.conftest import Run

Espied = Callable[..., Run]


def signal(source: Source, kind: str, at: float, fields: dict[str, Field], peer: str = "") -> Signal:
    return Signal(when=1000.0 + at, mono=at, source=source, interface="lan0" if peer else "", peer=peer, kind=kind, fields=fields)


def scan(*, complete: bool = True, **more: int) -> tuple[Signal, ...]:
    end: dict[str, Field] = {"seconds": 20, "planned": 253, "packets_sent": 255, "complete": complete, **more}
    return (
        signal(Source.SCAN, "scan.started", 0, {"interfaces": ("lan0 10.0.0.2 10.0.0.0/24",), "passive": False}),
        signal(Source.NEIGHBOUR, "neighbour.seen", 1, {"mac": "02:00:00:00:00:07", "state": "reachable"}, "10.0.0.7"),
        signal(Source.SCAN, "scan.finished", 2, end),
    )


def sent() -> Iterable[Packet]:
    for number in range(3, 255):
        yield packet(f"10.0.0.{number}", 3232, "is anybody there (knock)")
    yield packet("10.0.0.7", 80, "is the port open (connect)", b"", "tcp")
    yield packet("224.0.0.251", 5353, "mDNS query", b"x" * 40, "mdns")


def packet(to: str, port: int, purpose: str, payload: bytes = b"1", transport: str = "udp") -> Packet:
    return Packet(mono=0.0, interface="lan0", to=to, port=port, transport=transport, purpose=purpose, payload=payload)


class Scan(ReplayFeed):
    """A scan that was recorded: it has sent packets, and it has something to say before it begins."""

    def __init__(self, signals: Iterable[Signal], notice: str = "") -> None:
        super().__init__(signals)
        self._ledger = MemoryLedger(kept=10)
        self.notice = notice

    async def run(self, on_signal: OnSignal, on_progress: OnProgress | None = None) -> ScanSummary:
        if self.notice and self.on_notice is not None:
            self.on_notice(self.notice)
        for one in sent():
            self._ledger.record(one)
        if on_progress is not None:
            for at in range(8):
                on_progress(
                    Progress(phase="sweeping", planned=253, tested=20 * at, hosts=1, packets_sent=at, elapsed=float(at), remaining=8.0 - at)
                )
        return await super().run(on_signal, on_progress)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, espied: Espied, tmp_path: Path) -> Callable[..., Run]:
    """Run ``espied scan`` with a recording in the network's place."""

    def call(signals: Iterable[Signal], *arguments: str, notice: str = "") -> Run:
        monkeypatch.setattr("tui.cli.scan.live_feed", lambda *_args, **_options: Scan(signals, notice))
        return espied("--db", str(tmp_path / "inventory.db"), "scan", *arguments)

    return call


def test_the_table_ends_with_what_was_covered(play: Callable[..., Run]) -> None:
    done = play(scan(tested=253, unanswered=252))
    assert done.out.decode().splitlines()[-1] == "1 device; 253 addresses tested: 1 answered, 252 did not; 255 packets sent in 2.0 s"
    assert done.code == 0
    assert "addresses tested" not in done.err


def test_other_formats_say_it_on_stderr_in_one_sentence(play: Callable[..., Run]) -> None:
    done = play(scan(tested=253, unanswered=252), "--format", "csv")
    assert done.err == "espied: 1 device on lan0 (10.0.0.0/24); 253 addresses tested: 1 answered, 252 did not; 255 packets sent in 2.0 s.\n"
    uncounted = play(scan(tested=253), "--format", "csv")
    assert "answered" not in uncounted.err


def test_a_scan_that_was_cut_short_says_what_was_not_tested(play: Callable[..., Run]) -> None:
    done = play(scan(tested=200, unanswered=190, strangers=2, complete=False), "--format", "json")
    assert done.code == 3
    document = json.loads(done.out)["scan"]
    assert document["addresses"] == {"planned": 253, "tested": 200, "unanswered": 190, "untested": 53}
    assert (document["complete"], document["strangers"], document["proxied"]) == (False, 2, 0)
    assert "200 of 253 addresses tested: 10 answered, 190 did not; 53 were not tested" in done.err
    assert "espied: 2 addresses answered that had not been asked; nothing they said was taken.\n" in done.err
    assert "espied: The scan is not complete: what is missing here may still exist.\n" in done.err


def test_the_ledger_follows_the_table_on_stdout(play: Callable[..., Run]) -> None:
    done = play(scan(tested=253), "--ledger")
    lines = done.out.decode().splitlines()
    at = lines.index("Sent: 254 packets with 292 bytes of payload to 253 addresses.")
    assert lines[at - 1] == ""
    assert lines[at + 2] == "10.0.0.7  2 packets, 1 byte"
    assert lines[-1] == "251 addresses without a device  10.0.0.3 to 10.0.0.254: is anybody there (knock) (3232/udp), 1 each"
    assert "Sent:" not in done.err
    assert "Sent:" not in play(scan(tested=253)).out.decode()


def test_the_ledger_is_a_key_of_the_json_only_where_it_was_asked_for(play: Callable[..., Run]) -> None:
    without = play(scan(tested=253), "--format", "json").out
    done = play(scan(tested=253), "--format", "json", "--ledger").out
    document = json.loads(done)
    jsonschema.Draft202012Validator(json.loads(inventory_schema())).validate(document)
    ledger = document.pop("ledger")
    assert document == json.loads(without)
    assert (ledger["packets"], ledger["bytes"], len(ledger["devices"])) == (254, 292, 253)
    assert list(document["devices"][0])[:2] == ["id", "name"]
    assert next(one for one in ledger["devices"] if one["to"] == "10.0.0.7") == {
        "to": "10.0.0.7",
        "name": "",
        "packets": 2,
        "bytes": 1,
        "sent": [
            {"transport": "tcp", "port": 80, "purpose": "is the port open (connect)", "packets": 1, "bytes": 0},
            {"transport": "udp", "port": 3232, "purpose": "is anybody there (knock)", "packets": 1, "bytes": 1},
        ],
    }
    assert parse_inventory(done) == parse_inventory(without), "what is imported is the inventory"


def test_the_ledger_in_markdown_is_a_table_of_its_own(play: Callable[..., Run]) -> None:
    text = play(scan(tested=253), "--format", "markdown", "--ledger").out.decode()
    _, ledger = text.split("## What was sent\n")
    assert "254 packets with 292 bytes of payload to 253 addresses." in ledger
    assert "| mDNS group | 224.0.0.251 | 1 | 40 | 1 x mDNS query (5353/udp) |" in ledger
    assert "| 251 addresses without a device | 10.0.0.3 to 10.0.0.254 | 251 | 251 |" in ledger


@pytest.mark.parametrize("format_name", ["csv", "ndjson"])
def test_rows_stay_rows_and_the_ledger_goes_to_stderr(play: Callable[..., Run], format_name: str) -> None:
    done = play(scan(tested=253), "--format", format_name, "--ledger")
    assert "Sent: 254 packets" in done.err
    text = done.out.decode()
    assert len(list(csv.reader(text.splitlines()))) == 2 if format_name == "csv" else [json.loads(one) for one in text.splitlines()]


def test_the_ledger_file_has_every_packet_of_a_scan_that_sends_more_than_is_kept(play: Callable[..., Run], tmp_path: Path) -> None:
    file = tmp_path / "ledger.ndjson"
    assert play(scan(tested=253), "--ledger-file", str(file)).code == 0
    assert [json.loads(one)["to"] for one in file.read_text().splitlines()] == [one.to for one in sent()]


def test_how_long_it_takes_is_said_first_and_a_log_gets_lines_and_no_carriage_return(
    play: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.narrate.FIRST_AFTER", 0.0)
    monkeypatch.setattr("tui.cli.narrate.EVERY_IN_LOG", 0.0)
    done = play(scan(tested=253), notice="4,093 addresses take about 20 seconds.")
    lines = done.err.splitlines()
    assert lines[0] == "espied: 4,093 addresses take about 20 seconds."
    assert lines[1].startswith("espied: sweeping  ╌╌╌╌╌╌╌╌╌╌ about 8 s left · 1 host found · 0 of 253 addresses tested")
    assert "\r" not in done.err
    assert "\x1b" not in done.err


def test_progress_comes_seldom_in_a_log(play: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.narrate.FIRST_AFTER", 0.0)
    monkeypatch.setattr("tui.cli.narrate.EVERY_IN_LOG", 1e9)
    assert play(scan(tested=253)).err.count("sweeping") == 1
