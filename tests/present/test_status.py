"""Progress, time left, and what a finished scan is said to have done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.network import Progress
from tests.present.samples import PROGRESS, SNAPSHOT, SUMMARY
from tui.present import words
from tui.present.lines import to_plain
from tui.present.outlook import Outlook
from tui.present.status import bar, empty_lines, looking_lines, progress_line, summary_line
from tui.present.table import snapshot_lines

CUT = SUMMARY._replace(tested=200, unanswered=150, complete=False)
KNOWN = SUMMARY._replace(unanswered=193)


def test_progress_says_phase_coverage_hosts_and_time_left() -> None:
    assert progress_line(PROGRESS, 1.6, 0.55).plain == (
        "knocking  ━━━━━╌╌╌╌╌ about 2 s left · 6 hosts found · 127 of 254 addresses tested · 1,200 packets sent"
    )


def test_a_narrow_screen_gets_the_time_left_before_a_bar() -> None:
    assert progress_line(PROGRESS, 1.6, 0.55, narrow=True).plain.startswith("knocking  about 2 s left · 6 hosts found")


def test_progress_does_not_say_addresses_twice_and_no_time_that_nobody_knows() -> None:
    said = progress_line(PROGRESS._replace(phase="sweeping 254 addresses")).plain
    assert said == "sweeping 254 addresses  ━━━━━╌╌╌╌╌ 6 hosts found · 127 of 254 tested · 1,200 packets sent"


def test_progress_after_the_sweep_says_how_many_answered() -> None:
    asked = PROGRESS._replace(phase="asking 6 hosts about their ports", tested=254, unanswered=193)
    assert progress_line(asked, 3.0, 0.3).plain == (
        "asking 6 hosts about their ports  ━━━╌╌╌╌╌╌╌ about 3 s left · 6 hosts found · 61 of 254 addresses answered · 1,200 packets sent"
    )
    assert progress_line(asked._replace(phase="watching")).plain == "watching  61 of 254 addresses answered · 1,200 packets sent"


@pytest.mark.parametrize(("share", "shown"), [(-1, "╌" * 10), (0.99, "━" * 9 + "╌"), (1.0, "━" * 10), (7.0, "━" * 10)])
def test_the_bar_never_overflows_and_is_full_only_at_the_end(share: float, shown: str) -> None:
    assert bar(share) == shown


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "almost done"),
        (1.0, "about 1 s left"),
        (7.1, "about 8 s left"),
        (60.0, "about 60 s left"),
        (61.0, "about 1 min 10 s left"),
        (115.0, "about 2 min left"),
        (200.0, "about 4 min left"),
        (5000.0, "about 1 h 24 min left"),
    ],
)
def test_time_left_is_rounded_up_and_no_more_exact_than_an_estimate_is(seconds: float, said: str) -> None:
    assert words.left(seconds) == said


def at(elapsed: float, remaining: float | None, phase: str = "sweeping", **more: int) -> Progress:
    return PROGRESS._replace(elapsed=elapsed, remaining=remaining, phase=phase, **more)


def outlook(*steps: Progress) -> Outlook:
    made = Outlook()
    for step in steps:
        made.take(step)
    return made


def test_the_time_left_never_grows_while_nothing_changes() -> None:
    assert outlook(at(0, 5.0), at(1, 9.0)).left == 4.0


def test_the_time_left_grows_where_there_is_more_to_do_but_does_not_tremble() -> None:
    assert outlook(at(0, 5.0), at(1, 9.0, hosts=12)).left == 9.0
    assert outlook(at(0, 5.0), at(1, 4.6, hosts=12)).left == 4.0


def test_an_estimate_that_has_run_out_is_said_no_more() -> None:
    done = outlook(at(0, 3.0), at(3.5, 2.0))
    assert (done.left, done.share) == (0.0, 1.0), "it may still be a moment"
    assert outlook(at(0, 3.0), at(3.5, 2.0), at(5.5, 2.0)).left is None, "but not for long"


def test_the_share_never_falls_and_a_new_sweep_begins_anew() -> None:
    assert outlook(at(0, 4.0), at(2, 2.0)).share == 0.5
    assert outlook(at(0, 4.0), at(2, 2.0), at(2.1, 20.0, hosts=50)).share == 0.5
    assert outlook(at(0, 4.0), at(4, None, "watching"), at(300, 4.0), at(301, 3.0)).share == 0.25
    assert outlook(at(9, 4.0), at(10, 3.0), at(1, 4.0)).left == 4.0, "a scan that was started again"


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.001, 1e4), st.booleans()), max_size=20))
def test_whatever_a_feed_estimates_the_time_left_grows_only_with_the_work(steps: list[tuple[float, float, bool]]) -> None:
    made, now, hosts = Outlook(), 0.0, 0
    for step, remaining, news in steps:
        left, share, now, hosts = made.left, made.share or 0.0, now + step, hosts + news
        made.take(at(now, remaining, hosts=hosts))
        assert made.share is not None
        assert share <= made.share <= 1.0
        if share and not news:
            assert made.left is None or (left is not None and made.left <= left)


def test_a_finished_scan_says_what_it_covered() -> None:
    assert summary_line(SUMMARY).plain == "done  254 addresses tested · 731 packets sent · 5.2 s"
    assert summary_line(KNOWN).plain == "done  61 of 254 addresses answered · 731 packets sent · 5.2 s"
    assert summary_line(CUT).plain == "not complete  200 of 254 addresses tested, 50 answered · 731 packets sent · 5.2 s"


def test_an_empty_result_says_what_was_done_and_what_to_try() -> None:
    text = to_plain(empty_lines(CUT._replace(strangers=2), ("eth1 has no multicast.",)))
    assert "eth0 as 192.168.1.5 in 192.168.1.0/24" in text
    assert "200 of 254 addresses tested: 50 answered, 150 did not; 54 were not tested" in text
    assert "! eth1 has no multicast." in text
    assert "! 2 addresses answered that had not been asked" in text
    assert "! The scan is not complete: what is missing here may still exist." in text
    assert "espied doctor" in text
    assert "espied demo" in text


def test_how_long_it_will_take_is_said_before_the_first_device() -> None:
    assert "! 65,533 addresses take about 4 minutes." in to_plain(looking_lines(("65,533 addresses take about 4 minutes.",)))
    assert to_plain(empty_lines(None)) == to_plain(looking_lines())


def test_the_table_ends_with_what_was_covered_and_what_its_reader_should_know() -> None:
    text = to_plain(snapshot_lines(replace(SNAPSHOT, scan=CUT._replace(proxied=40))))
    assert text.splitlines()[-3:] == [
        "6 devices; 200 of 254 addresses tested: 50 answered, 150 did not; 54 were not tested; 731 packets sent in 5.2 s",
        "! 40 addresses answered only through a router that answers ARP for nearly every address (proxy ARP): that is no sign of a device.",
        "! The scan is not complete: what is missing here may still exist.",
    ]
