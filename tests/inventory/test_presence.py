from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from discover.inventory.presence import MDNS_TTL_MAX, NEVER, PROBE_LIFETIME, SLEEP_LIFETIME, Word, judge, settle
from discover.model.device import Presence, PresenceState
from discover.model.signal import Signal, Source
from tests.inventory.kit import NOW, expired, folded, goodbye, inventory, mdns, seen, signal

A = "24:6f:28:aa:00:01"
PRESENT, ASLEEP, STALE, GONE = PresenceState.PRESENT, PresenceState.ASLEEP, PresenceState.STALE, PresenceState.GONE


def word_at(at: float, *signals: Signal) -> PresenceState:
    (device,) = folded(*signals, now=NOW + at).devices
    return device.presence.state


def test_an_answer_holds_for_its_lifetime_and_silence_makes_stale_never_gone() -> None:
    answered = signal("tcp.open", 0, "192.168.1.5", port=80)
    assert word_at(1, answered) is PRESENT
    assert word_at(PROBE_LIFETIME - 1, answered) is PRESENT
    assert word_at(PROBE_LIFETIME, answered) is STALE
    assert word_at(10 * 365 * 86400, answered) is STALE


def test_an_mdns_record_holds_for_its_ttl_and_at_most_75_minutes() -> None:
    assert word_at(119, mdns(0, "192.168.1.5", "gear", ttl=120)) is PRESENT
    assert word_at(120, mdns(0, "192.168.1.5", "gear", ttl=120)) is STALE
    assert word_at(MDNS_TTL_MAX, mdns(0, "192.168.1.5", "gear", ttl=2**31 - 1)) is STALE


def test_a_goodbye_is_gone_at_once_and_the_name_stays() -> None:
    (device,) = folded(seen(0, "192.168.1.5", A), mdns(1, "192.168.1.5", "gear", host="gear.local"), goodbye(2, "gear")).devices
    assert device.presence.state is GONE
    assert device.name == "gear"
    assert all(heard.expires <= NOW + 2 for heard in device.presence.heard)


def test_a_goodbye_of_one_of_two_services_is_no_farewell() -> None:
    announced = [mdns(0, "192.168.1.5", "gear"), mdns(0, "192.168.1.5", "gear", kind="_wled._tcp")]
    assert word_at(2, *announced, goodbye(1, "gear")) is PRESENT
    assert word_at(3, *announced, goodbye(1, "gear"), goodbye(2, "gear", kind="_wled._tcp")) is GONE


def test_whoever_is_heard_after_a_goodbye_is_present() -> None:
    signals = [mdns(0, "192.168.1.5", "gear"), goodbye(1, "gear"), signal("udp.refused", 2, "192.168.1.5", port=1)]
    assert word_at(3, *signals) is PRESENT
    assert word_at(2 + PROBE_LIFETIME, *signals) is STALE


def test_a_record_that_runs_out_unheard_is_stale_not_gone() -> None:
    assert word_at(201, mdns(0, "192.168.1.5", "gear"), expired(200, "gear")) is STALE


def test_a_device_whose_record_stands_and_that_nobody_can_reach_is_asleep_then_stale() -> None:
    signals = [mdns(0, "192.168.1.5", "gear", ttl=600), signal("neighbour.failed", 30, "192.168.1.5")]
    assert word_at(31, *signals) is ASLEEP
    assert word_at(601, *signals) is STALE
    assert word_at(41, *signals, mdns(40, "192.168.1.5", "gear", ttl=600)) is PRESENT


def test_an_unanswered_question_below_the_ports_ends_older_answers() -> None:
    signals = [signal("tcp.open", 0, "192.168.1.5", port=80), signal("udp.unreachable", 30, "192.168.1.5", port=1, reason="EHOSTUNREACH")]
    assert word_at(29, *signals[:1]) is PRESENT
    assert word_at(31, *signals) is STALE


def test_a_silent_port_puts_nobody_to_sleep_who_has_just_spoken_or_answers_elsewhere() -> None:
    silent = signal("udp.silent", 3, "192.168.1.5", port=3232, tries=2, control="silent")
    assert word_at(4, mdns(0, "192.168.1.5", "gear"), silent) is PRESENT
    later = signal("udp.silent", 60, "192.168.1.5", port=3232, tries=2, control="silent")
    assert word_at(61, mdns(0, "192.168.1.5", "gear"), later) is ASLEEP
    assert word_at(61, mdns(0, "192.168.1.5", "gear"), seen(59, "192.168.1.5", A), later) is PRESENT


def test_a_silent_port_beside_a_refused_control_port_is_a_device_awake() -> None:
    knock = signal("udp.silent", 60, "192.168.1.5", port=3232, tries=2, control="refused")
    assert word_at(61, mdns(0, "192.168.1.5", "gear"), knock) is PRESENT


def test_a_device_that_says_it_sleeps_is_asleep_for_a_day_and_then_stale() -> None:
    matter = mdns(0, "192.168.1.5", "AB-CD", "ICD=1", kind="_matter._tcp", ttl=120)
    assert word_at(3600, matter) is ASLEEP
    assert word_at(SLEEP_LIFETIME, matter) is STALE
    assert word_at(3600, matter, goodbye(60, "AB-CD", kind="_matter._tcp")) is GONE


def test_a_row_of_the_neighbour_table_that_nobody_confirmed_holds_nothing() -> None:
    assert word_at(0, seen(0, "192.168.1.5", A, state="stale")) is STALE
    assert word_at(10, seen(0, "192.168.1.5", A), seen(9, "192.168.1.5", A, state="stale")) is PRESENT
    (device,) = folded(seen(0, "192.168.1.5", A), seen(9, "192.168.1.5", A, state="stale")).devices
    assert device.presence.last_seen == NOW


def test_each_source_keeps_its_own_word() -> None:
    (device,) = folded(seen(0, "192.168.1.5", A), mdns(5, "192.168.1.5", "gear", ttl=120)).devices
    assert [(heard.source, heard.last - NOW, heard.expires - NOW) for heard in device.presence.heard] == [
        (Source.MDNS, 5, 125),
        (Source.NEIGHBOUR, 0, PROBE_LIFETIME),
    ]


def test_a_failed_old_address_says_nothing_of_the_new_one() -> None:
    snapshot = folded(seen(0, "192.168.1.5", A), seen(10, "192.168.1.9", A), signal("neighbour.failed", 20, "192.168.1.5"))
    (device,) = snapshot.devices
    assert device.presence.state is PRESENT
    assert device.addresses == ("192.168.1.9",)


def test_a_snapshot_may_be_taken_for_any_moment_in_any_order() -> None:
    kept = inventory()
    kept.add(mdns(0, "192.168.1.5", "gear", ttl=120))
    states = [kept.snapshot(NOW + at).devices[0].presence.state for at in (1, 500, 1)]
    assert states == [PRESENT, STALE, PRESENT]


def test_a_remembered_presence_runs_out_but_a_farewell_stays() -> None:
    (device,) = folded(seen(0, "192.168.1.5", A)).devices
    assert settle(device.presence, NOW + 1).state is PRESENT
    assert settle(device.presence, NOW + PROBE_LIFETIME).state is STALE
    (left,) = folded(mdns(0, "192.168.1.5", "gear"), goodbye(1, "gear")).devices
    assert settle(left.presence, NOW + 10 * 86400).state is GONE


moments = st.floats(min_value=0, max_value=1000)
sources = st.sampled_from([Source.MDNS, Source.UDP, Source.TCP, Source.NEIGHBOUR])


@st.composite
def words(draw: st.DrawFn) -> Word:
    last = draw(moments)
    return Word(
        draw(sources),
        last,
        last + draw(st.floats(min_value=0, max_value=500)),
        ended=draw(st.sampled_from([NEVER, last, last + 7])),
        goodbye=draw(st.booleans()),
        absent=draw(st.sampled_from([NEVER, last - 1, last + 5])),
        silent=draw(st.sampled_from([NEVER, last - 1, last + 50])),
    )


@given(st.lists(words(), min_size=1, max_size=6), moments, st.booleans())
def test_the_word_follows_from_what_holds_and_changes_only_when_it_says(spoken: list[Word], now: float, sleeps: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    presence, until = judge(spoken, min(word.last for word in spoken), now, sleeps=sleeps)
    holds = any(heard.expires > now for heard in presence.heard)
    if presence.state is PRESENT:
        assert holds
    if presence.state in (GONE, STALE):
        assert not holds
    if presence.state is GONE:
        assert any(word.goodbye for word in spoken)
    if not sleeps and not holds:
        assert presence.state is not ASLEEP
    assert until > now
    between = now + (min(until, now + 1e6) - now) / 2
    if between < until:
        assert judge(spoken, presence.first_seen, between, sleeps=sleeps)[0] == presence
    assert presence.first_seen <= presence.last_seen == max(word.last for word in spoken)
    end = max(until, now) if until != math.inf else now + 1e9
    assert judge(spoken, presence.first_seen, end + SLEEP_LIFETIME + 1e9, sleeps=sleeps)[0].state in (STALE, GONE)


@given(st.lists(words(), min_size=1, max_size=6), moments)
def test_the_order_in_which_sources_are_asked_does_not_matter(spoken: list[Word], now: float) -> None:
    def judged(of: list[Word]) -> Presence:
        return judge(of, 0.0, now)[0]

    assert judged(spoken).state == judged(spoken[::-1]).state
