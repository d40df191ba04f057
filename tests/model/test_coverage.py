from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.coverage import coverage, coverage_short, remarks
from discover.model.scan import ScanInterface, ScanSummary, begun, ended, finished_fields
from discover.model.signal import Signal, Source

ALL = ScanSummary(planned=254, tested=254, complete=True)
counts = st.integers(0, 70_000)
summaries = st.builds(
    ScanSummary,
    interfaces=st.just((ScanInterface(name="Wi-Fi 2", address="192.168.1.5", network="192.168.1.0/24"),)),
    seconds=st.integers(0, 100_000).map(lambda tenths: tenths / 10),
    planned=counts,
    tested=counts,
    packets_sent=counts,
    complete=st.booleans(),
    passive=st.booleans(),
    unanswered=counts,
    strangers=counts,
    proxied=counts,
)


def scan(kind: str, **fields: object) -> Signal:
    return Signal(when=0.0, mono=0.0, source=Source.SCAN, interface="", peer="", kind=kind, fields=fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("summary", "said", "short"),
    [
        (ALL, "254 addresses tested", "254 addresses tested"),
        (ALL._replace(unanswered=193), "254 addresses tested: 61 answered, 193 did not", "61 of 254 addresses answered"),
        (ALL._replace(unanswered=254), "254 addresses tested, none answered", "0 of 254 addresses answered"),
        (
            ALL._replace(tested=200, unanswered=150),
            "200 of 254 addresses tested: 50 answered, 150 did not; 54 were not tested",
            "200 of 254 addresses tested, 50 answered",
        ),
        (ALL._replace(tested=253), "253 of 254 addresses tested; 1 was not tested", "253 of 254 addresses tested; 1 was not tested"),
        (ALL._replace(tested=0), "none of 254 addresses were tested", "none of 254 addresses were tested"),
        (ALL._replace(planned=1, tested=1, unanswered=1), "1 address tested, it did not answer", "0 of 1 address answered"),
        (ScanSummary(passive=True), "listened only", "listened only"),
        (ScanSummary(), "", ""),
    ],
)
def test_coverage_in_words(summary: ScanSummary, said: str, short: str) -> None:
    assert (coverage(summary), coverage_short(summary)) == (said, short)


@given(summaries)
def test_no_address_is_called_absent_and_no_zero_is_mentioned(summary: ScanSummary) -> None:
    text = " ".join((coverage(summary), *remarks(summary)))
    assert not re.search(r"absent|nobody|gone|missing address|\b0 (address|were|did)", text)
    if summary.untested and summary.tested and not summary.passive:
        assert f"{summary.untested:,} w" in text


def test_a_complete_scan_without_oddities_needs_no_remark() -> None:
    assert remarks(ALL) == ()
    assert [one.split()[0] for one in remarks(ALL._replace(proxied=240, strangers=1, complete=False))] == ["240", "1", "The"]


@given(summaries)
def test_a_summary_is_what_its_signals_say(summary: ScanSummary) -> None:
    interfaces = tuple(f"{one.name} {one.address} {one.network}" for one in summary.interfaces)
    started = scan("scan.started", interfaces=interfaces, passive=summary.passive)
    assert ended(begun(started), scan("scan.finished", **finished_fields(summary))) == summary


def test_a_recording_of_0_1_has_no_more_to_say_than_it_knew() -> None:
    old = scan("scan.finished", seconds=68, planned=254, tested=200, packets_sent=1500, complete=False)
    summary = ended(begun(scan("scan.started", interfaces=("eth0 192.168.1.5 192.168.1.0/24",), passive=False)), old)
    assert (summary.unanswered, summary.strangers, summary.proxied, summary.untested) == (0, 0, 0, 54)
    assert coverage(summary) == "200 of 254 addresses tested; 54 were not tested"


def test_counts_below_zero_are_none() -> None:
    assert ended(ScanSummary(), scan("scan.finished", planned=-5, unanswered=-1, strangers=-9)) == ScanSummary()
