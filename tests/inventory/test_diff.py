from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from discover.inventory.diff import diff
from discover.model.device import Device, PresenceState
from discover.model.scan import ScanSummary
from discover.model.snapshot import ChangeKind, Snapshot
from tests.inventory.kit import NOW, folded, goodbye, inventory, mdns, seen, signal

A = "24:6f:28:aa:00:01"
B = "24:6f:28:bb:00:02"


def changes(before: Snapshot, after: Snapshot) -> list[tuple[ChangeKind, str]]:
    return [(change.kind, change.device_id) for change in diff(before, after)]


def test_a_new_device_appears_and_a_forgotten_one_is_removed() -> None:
    empty, one = folded(), folded(seen(0, "192.168.1.5", A))
    assert changes(empty, one) == [(ChangeKind.APPEARED, f"mac:{A}")]
    assert changes(one, empty) == [(ChangeKind.REMOVED, f"mac:{A}")]


def test_a_changed_field_is_told_before_and_after() -> None:
    before = folded(mdns(0, "192.168.1.5", "old", f"mac={A}", host="gear.local"))
    after = folded(
        mdns(0, "192.168.1.5", "old", f"mac={A}", host="gear.local"), mdns(1, "192.168.1.9", "new", f"mac={A}", host="gear.local")
    )
    (change,) = diff(before, after)
    assert change.kind is ChangeKind.CHANGED
    assert {one.field: (one.before, one.after) for one in change.fields} == {
        "name": ("old", "new"),
        "addresses": ("192.168.1.5", "192.168.1.5, 192.168.1.9"),
    }
    assert change.when == after.generated


def test_a_changed_presence_is_a_change_of_its_own() -> None:
    kept = inventory()
    kept.add(mdns(0, "192.168.1.5", "gear"))
    before = kept.snapshot()
    kept.add(goodbye(1, "gear"))
    (change,) = diff(before, kept.snapshot())
    assert change.kind is ChangeKind.PRESENCE
    assert [(one.before, one.after) for one in change.fields] == [("present", "gone")]


def test_hearing_the_same_again_is_no_change() -> None:
    kept = inventory()
    kept.add(seen(0, "192.168.1.5", A))
    before = kept.snapshot()
    kept.add(seen(5, "192.168.1.5", A))
    assert diff(before, kept.snapshot()) == ()


def test_a_better_id_is_a_merge_into_it_and_no_appearance() -> None:
    kept = inventory()
    kept.add(mdns(0, "192.168.1.5", "gear"))
    before = kept.snapshot()
    kept.add(seen(1, "192.168.1.5", A))
    (change,) = diff(before, kept.snapshot())
    assert (change.kind, change.device_id, change.into) == (ChangeKind.MERGED, "mdns:eth0/_http._tcp/gear", f"mac:{A}")


def test_two_devices_that_turn_out_to_be_one_are_merged_and_split_again() -> None:
    kept = inventory()
    kept.add(seen(0, "192.168.1.5", A))
    kept.add(signal("tcp.open", 0, "192.168.1.6", port=80))
    apart = kept.snapshot()
    kept.add(seen(1, "192.168.1.6", A))
    together = kept.snapshot()
    merged = diff(apart, together)
    assert [(one.kind, one.into) for one in merged if one.kind is ChangeKind.MERGED] == [(ChangeKind.MERGED, f"mac:{A}")]
    kept.add(mdns(2, "192.168.1.5", "one", f"mac={A}", host="one.local"))
    kept.add(mdns(2, "192.168.1.6", "two", f"mac={B}", host="two.local"))
    parted = diff(together, kept.snapshot())
    (split,) = [one for one in parted if one.kind is ChangeKind.SPLIT]
    assert split.device_id == f"mac:{B}"
    assert split.fields[0].after == f"mac:{A}"


def test_a_newcomer_at_an_old_address_appears_and_is_no_split() -> None:
    kept = inventory()
    kept.add(seen(0, "192.168.1.5", A))
    before = kept.snapshot()
    kept.add(seen(60, "192.168.1.5", B))
    assert (ChangeKind.APPEARED, f"mac:{B}") in changes(before, kept.snapshot())


def test_a_stranger_at_the_address_of_a_device_that_is_gone_is_not_what_it_became() -> None:
    before, after = folded(signal("tcp.open", 0, "192.168.1.5", port=80)), folded(seen(90000, "192.168.1.5", B))
    assert sorted(changes(before, after)) == [(ChangeKind.APPEARED, f"mac:{B}"), (ChangeKind.REMOVED, "addr:eth0/192.168.1.5")]


names = st.sampled_from(["", "one", "two"])
devices = st.builds(
    lambda number, name, host, mac, address, state, first, length: Device(
        id=f"mac:{mac}" if mac else f"mdns:eth0/_http._tcp/{number}",
        name=name,
        hostname=host,
        mac=mac,
        interfaces=("eth0",),
        addresses=(address,),
        presence=replace(Device(id="x", name="").presence, state=state, first_seen=NOW + first, last_seen=NOW + first + length),
    ),
    st.integers(min_value=0, max_value=3),
    names,
    names,
    st.sampled_from(["", "", A, B]),
    st.sampled_from(["192.168.1.5", "192.168.1.6"]),
    st.sampled_from(list(PresenceState)),
    st.integers(min_value=-10, max_value=10),
    st.integers(min_value=0, max_value=10),
)
snapshots = st.builds(
    lambda found, at: Snapshot(
        generated=NOW + at, scan=ScanSummary(), devices=tuple(sorted({one.id: one for one in found}.values(), key=lambda one: one.id))
    ),
    st.lists(devices, max_size=5),
    st.integers(min_value=0, max_value=20),
)


@given(snapshots)
def test_a_snapshot_does_not_differ_from_itself_or_an_equal_one(snapshot: Snapshot) -> None:
    assert diff(snapshot, snapshot) == ()
    twin = replace(snapshot, devices=tuple(replace(device) for device in snapshot.devices))
    assert diff(snapshot, twin) == ()


@given(snapshots, snapshots)
def test_the_changes_account_for_every_id(before: Snapshot, after: Snapshot) -> None:
    ids = {device.id for device in before.devices}
    for change in diff(before, after):
        match change.kind:
            case ChangeKind.APPEARED | ChangeKind.SPLIT:
                assert change.device_id not in ids
                ids.add(change.device_id)
            case ChangeKind.REMOVED:
                ids.remove(change.device_id)
            case ChangeKind.MERGED:
                ids.discard(change.device_id)
                ids.add(change.into)
            case _:
                assert change.fields
    assert ids == {device.id for device in after.devices}
