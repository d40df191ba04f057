from __future__ import annotations

from discover.model.network import Packet
from discover.model.snapshot import Change, ChangeKind, FieldChange
from tui.present.changes import change_line
from tui.present.ledger import ledger_lines, ledger_rows


def packet(to: str, port: int, purpose: str, payload: bytes = b"1", transport: str = "udp") -> Packet:
    return Packet(mono=0.0, interface="eth0", to=to, port=port, transport=transport, purpose=purpose, payload=payload)


PACKETS = (
    packet("192.168.1.10", 3232, "knock"),
    packet("192.168.1.9", 3232, "knock"),
    packet("192.168.1.9", 3232, "knock"),
    packet("192.168.1.9", 80, "HTTP", b"GET", "tcp"),
    packet("224.0.0.251", 5353, "mDNS query", b"x" * 40, "mdns"),
)


def test_packets_are_counted_by_device_port_and_purpose_in_natural_order() -> None:
    assert ledger_rows(PACKETS) == (
        ("192.168.1.9", "3232/udp", "knock", 2, 2),
        ("192.168.1.9", "80/tcp", "HTTP", 1, 3),
        ("192.168.1.10", "3232/udp", "knock", 1, 1),
        ("224.0.0.251", "5353/udp", "mDNS query", 1, 40),
    )


def test_the_totals_are_those_of_the_packets() -> None:
    assert ledger_lines(PACKETS)[-1].plain == "5 packets to 3 addresses in all."
    assert ledger_lines(())[0].plain == "Nothing was sent."


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
