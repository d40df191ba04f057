from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.loader import load_catalogue
from discover.export.json import render_json
from discover.inventory.endpoint import MAX_SLOTS
from discover.inventory.fold import Inventory, fold
from discover.model.device import Device, PortState
from discover.model.recording import decode_lines, encode, encode_header
from discover.model.signal import Signal
from tests.inventory import kit
from tests.inventory.kit import NOW, expired, folded, goodbye, ids, inventory, mdns, seen, signal, started

A = "24:6f:28:aa:00:01"
B = "24:6f:28:bb:00:02"
HERE = "192.168.1.5"


def knock(at: float, control: str = "refused") -> Signal:
    return signal("udp.silent", at, HERE, port=3232, tries=2, control=control)


def reply(at: float) -> Signal:
    return signal("udp.reply", at, HERE, port=3232, protocol="arduinoota", name="gear")


def refused(at: float, port: int = 3232, transport: str = "udp") -> Signal:
    return signal(f"{transport}.refused", at, HERE, port=port)


def kinds(device: Device) -> set[str]:
    return {one.kind for one in device.signals}


def ports(*signals: Signal) -> dict[int, PortState]:
    (device,) = folded(*signals).devices
    return {one.port: one.state for one in device.listeners}


# Precedence


def test_an_answer_beats_a_later_silence_of_the_same_scan() -> None:
    assert ports(started(0), reply(1), knock(2)) == {3232: PortState.ANSWERED}


def test_a_silence_gives_way_to_an_answer() -> None:
    assert ports(started(0), seen(1, HERE, A), knock(1), reply(2)) == {3232: PortState.ANSWERED}


def test_a_live_device_that_answers_no_more_in_the_next_scan_has_lost_the_port_but_not_its_name() -> None:
    signals = [started(0), reply(1), started(100), seen(101, HERE, A), knock(102)]
    (device,) = folded(*signals).devices
    assert [one.state for one in device.listeners] == [PortState.NO_ANSWER]
    assert device.name == "gear"


def test_a_sleeping_device_keeps_its_ports() -> None:
    assert ports(started(0), reply(1), started(100), knock(102, "silent")) == {3232: PortState.ANSWERED}
    tcp = [signal("tcp.open", 1, HERE, port=80), started(100), signal("tcp.silent", 101, HERE, port=80)]
    assert ports(started(0), *tcp) == {80: PortState.ANSWERED}


def test_an_open_tcp_port_that_is_silent_on_a_live_device_is_open_no_more() -> None:
    (device,) = folded(
        started(0), signal("tcp.open", 1, HERE, port=80), started(100), seen(101, HERE, A), signal("tcp.silent", 102, HERE, port=80)
    ).devices
    assert kinds(device) == {"neighbour.seen", "tcp.silent"}


def test_a_refusal_ends_an_older_answer_but_not_one_of_the_same_scan() -> None:
    assert ports(started(0), reply(1), refused(2)) == {3232: PortState.ANSWERED}
    assert ports(started(0), reply(1), started(100), refused(101)) == {3232: PortState.CLOSED}
    assert ports(started(0), refused(1), reply(2)) == {3232: PortState.ANSWERED}


def test_a_refused_tcp_port_ends_what_its_web_page_said() -> None:
    page = signal("http.reply", 1, HERE, port=80, path="/", status=200)
    (device,) = folded(started(0), page, started(100), refused(101, 80, "tcp")).devices
    assert kinds(device) == {"tcp.refused"}


def test_a_later_signal_of_a_slot_replaces_the_earlier_one_whatever_order_they_come_in() -> None:
    old = signal("udp.reply", 1, HERE, port=30303, protocol="microchip-announce", name="old")
    new = signal("udp.reply", 2, HERE, port=30303, protocol="microchip-announce", name="new")
    for signals in ([old, new], [new, old]):
        (device,) = folded(*signals).devices
        assert device.signals == (new,)


def test_a_service_that_ended_names_the_device_until_it_announces_something_later() -> None:
    announced = mdns(0, HERE, "Old name", kind="_wled._tcp", host="gear.local")
    (left,) = folded(announced, goodbye(5, "Old name", kind="_wled._tcp")).devices
    assert (left.name, left.family.id) == ("Old name", "wled")
    (renamed,) = folded(announced, goodbye(5, "Old name", kind="_wled._tcp"), mdns(6, HERE, "New name", host="gear.local")).devices
    assert (renamed.name, renamed.family.id) == ("New name", "unknown")
    (slept,) = folded(announced, expired(5000, "Old name", kind="_wled._tcp")).devices
    assert slept.name == "Old name"


def test_a_goodbye_for_what_was_never_announced_is_nothing() -> None:
    assert folded(goodbye(0, "ghost"), expired(1, "ghost")).devices == ()


def test_a_flood_of_invented_names_ends_at_the_limit() -> None:
    signals = [signal("http.reply", 1, HERE, port=80, path=f"/{number}", status=200) for number in range(MAX_SLOTS + 50)]
    (device,) = folded(*signals).devices
    assert len(device.signals) == MAX_SLOTS


# The scan


def test_invented_names_with_the_addresses_of_others_end_at_the_limit() -> None:
    everyone = [f"192.168.1.{number}" for number in range(1, 9)]
    folding = inventory()
    for number, address in enumerate(everyone):
        folding.add(seen(0, address, f"24:6f:28:aa:00:{number:02x}"))
    for number in range(MAX_SLOTS + 50):
        folding.add(mdns(1, everyone[0], f"made up {number}", host=f"made-up-{number}.local", also=everyone))
    assert len(folding.snapshot().devices) == len(everyone)
    assert max(map(len, folding._listed.values())) == MAX_SLOTS


def test_the_scan_is_summed_up_from_its_two_signals() -> None:
    end = signal("scan.finished", 7, "", "", seconds=68, planned=254, tested=200, packets_sent=1500, complete=False)
    during = folded(started(0), seen(3.25, HERE, A)).scan
    assert ([one.network for one in during.interfaces], during.seconds, during.complete) == (["192.168.1.0/24"], 3.2, False)
    after = folded(started(0), seen(3, HERE, A), end).scan
    assert (after.seconds, after.planned, after.tested, after.packets_sent, after.complete) == (6.8, 254, 200, 1500, False)
    assert after.interfaces == during.interfaces
    assert (after.untested, after.unanswered, after.strangers, after.proxied) == (54, 0, 0, 0), "as a recording of 0.1"


def test_the_scan_tells_what_did_not_answer_who_was_not_asked_and_what_a_router_answered_for() -> None:
    end = signal(
        "scan.finished",
        7,
        "",
        "",
        seconds=68,
        planned=254,
        tested=254,
        packets_sent=1500,
        complete=True,
        unanswered=190,
        strangers=2,
        proxied=7,
    )
    after = folded(started(0), seen(3, HERE, A), end).scan
    assert (after.untested, after.unanswered, after.strangers, after.proxied) == (0, 190, 2, 7)


def test_an_interface_whose_name_holds_blanks_is_read_as_a_whole() -> None:
    snapshot = folded(signal("scan.started", 0, "", "", interfaces=("Ethernet 2 192.168.1.2 192.168.1.0/24",), passive=False))
    (interface,) = snapshot.scan.interfaces
    assert (interface.name, interface.address, interface.network) == ("Ethernet 2", "192.168.1.2", "192.168.1.0/24")


def test_an_empty_inventory_has_a_snapshot() -> None:
    snapshot = folded()
    assert (snapshot.generated, snapshot.devices) == (0.0, ())


# Incremental and pure


def test_only_what_a_signal_touches_is_identified_again() -> None:
    kept = inventory()
    for number in range(50):
        kept.add(seen(0, f"192.168.1.{number}", f"24:6f:28:00:00:{number:02x}"))
    before = kept.snapshot()
    kit.calls.clear()
    kept.add(mdns(1, "192.168.1.7", "gear", host="gear.local"))
    after = kept.snapshot()
    assert len(kit.calls) == 1
    assert sum(one is not other for one, other in zip(before.devices, after.devices, strict=True)) == 1
    kit.calls.clear()
    assert kept.snapshot(NOW + 2).devices == after.devices
    assert kit.calls == []


addresses = st.sampled_from(["192.168.1.5", "192.168.1.6", "fe80::5", ""])
macs = st.sampled_from([A, B, "24:6f:28:aa:00:02", "02:11:22:33:44:55"])
hosts = st.sampled_from(["", "one.local", "two.local"])
interfaces = st.sampled_from(["eth0", "wlan0"])
instances = st.sampled_from(["one", "two"])
types = st.sampled_from(["_http._tcp", "_wled._tcp"])
times = st.integers(min_value=0, max_value=400)


@st.composite
def services(draw: st.DrawFn) -> Signal:
    txt = draw(st.sampled_from([(), (f"mac={A}",), (f"mac={B}",), ("uuid=7",)]))
    return mdns(
        draw(times),
        draw(addresses),
        draw(instances),
        *txt,
        kind=draw(types),
        host=draw(hosts),
        interface=draw(interfaces),
        ttl=draw(st.sampled_from([0, 60, 4500])),
        also=draw(st.lists(somewhere, max_size=2)),
    )


somewhere = addresses.filter(bool)
signals = st.one_of(
    st.builds(started, times),
    st.builds(seen, times, somewhere, macs, interface=interfaces, state=st.sampled_from(["reachable", "stale"])),
    services(),
    st.builds(goodbye, times, instances, kind=types, interface=interfaces),
    st.builds(expired, times, instances, kind=types, interface=interfaces),
    st.builds(
        lambda at, address, interface, mac: signal(
            "udp.reply", at, address, interface, port=30303, protocol="microchip-announce", mac=mac, name="spa"
        ),
        times,
        somewhere,
        interfaces,
        macs,
    ),
    st.builds(
        lambda at, address, interface, control: signal("udp.silent", at, address, interface, port=3232, tries=2, control=control),
        times,
        somewhere,
        interfaces,
        st.sampled_from(["refused", "silent"]),
    ),
    st.builds(
        lambda kind, at, address, interface: signal(kind, at, address, interface, port=80),
        st.sampled_from(["tcp.open", "tcp.refused", "tcp.silent", "udp.unreachable", "neighbour.failed"]),
        times,
        somewhere,
        interfaces,
    ),
)


@given(st.lists(signals, max_size=25), st.integers(min_value=0, max_value=2**16))
def test_a_fold_in_steps_comes_to_the_same_as_a_fold_at_once(heard: list[Signal], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - where to stop and look, no secret
    kept = inventory()
    for one in heard:
        kept.add(one)
        if chance.random() < 0.5:
            kept.snapshot(NOW + chance.uniform(0, 6000))
    assert kept.snapshot() == folded(*heard)


@given(st.lists(signals, max_size=25))
def test_ids_are_unique_and_every_sign_of_life_belongs_to_exactly_one_device(heard: list[Signal]) -> None:
    snapshot = folded(*heard)
    assert len(set(ids(snapshot))) == len(snapshot.devices)
    assert all(device.id.partition(":")[2] for device in snapshot.devices)
    for device in snapshot.devices:
        assert any(one.kind not in ("udp.silent", "tcp.silent", "neighbour.failed", "udp.unreachable") for one in device.signals)
        assert next(one.value for one in device.evidence if one.claim == "identity" and one.rule.startswith("inventory.")) == device.id
        assert device.presence.first_seen <= device.presence.last_seen <= snapshot.generated
    held = [id(one) for device in snapshot.devices for one in device.signals]
    assert len(set(held)) == len(held)


@given(st.lists(signals, max_size=20))
def test_a_neighbour_mac_never_tells_two_devices_apart_by_address_alone(heard: list[Signal]) -> None:
    rows = [one for one in heard if one.kind == "neighbour.seen"]
    macs_seen = {one.text("mac") for one in rows}
    assert len(folded(*rows).devices) == len(macs_seen)


# With the real catalogue


@pytest.fixture(scope="module")
def recording() -> Sequence[Signal]:
    return (
        started(0),
        seen(0.1, HERE, A),
        mdns(0.2, HERE, "porch", "mac=246f28aa0001", "version=2026.1.0", "platform=ESP32", kind="_esphomelib._tcp", host="porch.local"),
        signal("udp.reply", 0.3, "192.168.1.9", port=30303, protocol="microchip-announce", name="BWGSPA", mac="00:15:27:00:00:09"),
        signal("udp.silent", 0.4, HERE, port=3232, tries=2, control="silent"),
        mdns(0.5, "192.168.1.7", "\x1b[31mred\u202e", kind="_wled._tcp", host="wled.local"),
        signal("scan.finished", 5, "", "", seconds=50, planned=254, tested=254, packets_sent=900, complete=True),
    )


def test_a_replayed_recording_gives_the_same_json_byte_for_byte(recording: Sequence[Signal]) -> None:
    catalogue = load_catalogue()
    lines = [encode_header(), *(encode(one) for one in recording)]
    replayed = fold(decode_lines(lines), catalogue)
    assert render_json(replayed) == render_json(fold(recording, catalogue))
    document = json.loads(render_json(replayed))
    assert {device["family"]["id"] for device in document["devices"]} == {"esphome", "balboa-spa", "wled"}


def test_the_inventory_uses_the_catalogue_by_default(recording: Sequence[Signal]) -> None:
    kept = Inventory(load_catalogue())
    for one in recording:
        kept.add(one)
    porch = kept.snapshot().device(f"mac:{A}")
    assert porch is not None
    assert (porch.name, porch.vendor, porch.family.id) == ("porch", "Espressif Inc.", "esphome")
