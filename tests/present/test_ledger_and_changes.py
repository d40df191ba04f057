from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from discover.model.snapshot import Change, ChangeKind, FieldChange, Snapshot
from discover.net.ledger import Tally
from discover.text import clean
from tests.present.samples import HOSTILE, KITCHEN, NOW, PACKETS, SNAPSHOT, SUMMARY, TALLIES, packet, tallied
from tui.present.changes import change_line
from tui.present.ledger import device_sent_lines, ledger_lines, purpose_lines, sent_lines
from tui.present.lines import to_plain

LEDGER = """\
Sent: 10 packets with 50 bytes of payload to 5 addresses.

kitchen-light  192.168.1.23  6 packets, 4 bytes
    1  is anybody there (knock)        3232/udp
    1  is anybody there (ARP request)
    3  OTA knock                       2040 3232/udp
    1  is the port open (connect)      80/tcp

mDNS group  224.0.0.251  1 packet, 40 bytes
    1  mDNS query                      5353/udp

all IPv6 nodes  ff02::1%eth0  1 packet, 4 bytes
    1  ping to all IPv6 nodes          ICMPv6

2 addresses without a device  192.168.1.77 to 192.168.1.78: is anybody there (knock) (3232/udp), 1 each
"""


def test_the_ledger_is_by_device_and_purpose_and_names_devices_and_groups() -> None:
    assert to_plain(ledger_lines(TALLIES, SNAPSHOT)) == LEDGER


def test_the_ledger_by_purpose_begins_with_what_took_the_most_packets() -> None:
    lines = to_plain(purpose_lines(TALLIES)).splitlines()
    assert lines[2:5] == [
        "    3  is anybody there (knock)        3232/udp  to 3 addresses",
        "    3  OTA knock                       2040 3232/udp  to 192.168.1.23",
        "    1  is anybody there (ARP request)  to 192.168.1.23",
    ]


def test_a_sweep_of_addresses_without_a_device_is_one_line_however_often_they_were_asked() -> None:
    knocks = [packet(f"10.0.0.{n}", 3232, "is anybody there (knock)") for n in range(1, 255)]
    again = [packet("10.0.0.9", 3232, "is anybody there (knock)", at=1.0)]
    (_, _, once) = ledger_lines(tallied(knocks), SNAPSHOT)
    assert once.plain == "254 addresses without a device  10.0.0.1 to 10.0.0.254: is anybody there (knock) (3232/udp), 1 each"
    (_, _, twice) = ledger_lines(tallied([*knocks, *again]), SNAPSHOT)
    assert twice.plain.endswith("(3232/udp), 255 in all")


def test_nothing_sent_is_said_so() -> None:
    assert to_plain(ledger_lines((), SNAPSHOT)) == "Sent: nothing.\n"
    assert device_sent_lines(())[0].plain == "Nothing was sent to this device itself."


def test_what_one_device_got_comes_with_its_total() -> None:
    some = tuple(tally for tally in TALLIES if tally.to == "192.168.1.23")
    assert device_sent_lines(some)[0].plain == "6 packets to this device  4 bytes of payload"
    assert len(device_sent_lines(some)) == 2 + len(sent_lines(some))


def test_many_ports_are_a_range() -> None:
    (said,) = sent_lines(tallied(packet("10.0.0.1", port, "control knock") for port in range(61_000, 61_012)))
    assert "12 ports, 61000 to 61011/udp" in said.plain


@given(
    st.lists(
        st.builds(
            Tally,
            to=st.sampled_from(["192.168.1.23", "fe80::266f:28ff:feaa:102%eth0", "192.168.1.77", "192.168.1.5", "ff02::fb", "no address"]),
            transport=st.sampled_from(["udp", "tcp", "mdns", "arp", "icmp6", "sctp"]),
            port=st.integers(0, 65535),
            purpose=st.text(max_size=50).map(clean),
            packets=st.integers(1, 10**7),
            size=st.integers(0, 10**9),
            first=st.floats(0, 100),
            last=st.floats(0, 100),
        )
    )
)
def test_every_packet_is_in_the_ledger_once_whatever_was_sent(tallies: list[Tally]) -> None:
    text = to_plain(ledger_lines(tallies, SNAPSHOT))
    assert ("Sent: nothing." in text) == (not tallies)
    if tallies:
        assert f"{sum(one.packets for one in tallies):,} packet" in text.splitlines()[0]
    assert to_plain(purpose_lines(tallies)).splitlines()[0] == text.splitlines()[0]


def test_a_hostile_name_is_harmless_in_the_ledger() -> None:
    hostile = Snapshot(generated=NOW, scan=SUMMARY, devices=(replace(KITCHEN, name=clean(HOSTILE)),))
    text = to_plain(ledger_lines(tallied(PACKETS), hostile))
    assert "[/red]" in text, "markup is text"
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)


def test_a_change_names_the_device_and_what_differs() -> None:
    change = Change(
        kind=ChangeKind.CHANGED,
        device_id="mac:02:00:00:00:00:01",
        title="lamp",
        when=0.0,
        fields=(FieldChange(field="firmware", before="1.0", after="1.1"), FieldChange(field="hostname", before="x", after="")),
    )
    text = change_line(change, clock=False).plain
    assert text == "~ changed   lamp  mac:02:00:00:00:00:01  firmware: 1.0 → 1.1  hostname: x → nothing"


def test_a_merge_says_into_which_device() -> None:
    change = Change(kind=ChangeKind.MERGED, device_id="addr:eth0/192.168.1.9", title="lamp", when=0.0, into="mac:02:00:00:00:00:01")
    assert "is one device with mac:02:00:00:00:00:01" in change_line(change, clock=False).plain
