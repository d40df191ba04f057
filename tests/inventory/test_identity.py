from __future__ import annotations

import pytest

from tests.inventory.kit import folded, goodbye, ids, inventory, mdns, rules, seen, signal, started

A = "24:6f:28:aa:00:01"
B = "24:6f:28:bb:00:02"
BRIDGE = "02:11:22:33:44:55"


def test_a_told_mac_is_the_identity_and_outranks_the_neighbour_table() -> None:
    snapshot = folded(seen(0, "192.168.1.5", BRIDGE), mdns(1, "192.168.1.5", "gear", f"mac={A}", host="gear.local"))
    (device,) = snapshot.devices
    assert device.id == f"mac:{A}"
    assert device.mac == A
    (why,) = [one for one in device.evidence if one.rule == "inventory.mac-told"]
    assert BRIDGE in why.why


def test_the_neighbour_mac_is_the_identity_where_none_is_told() -> None:
    (device,) = folded(seen(0, "192.168.1.5", A)).devices
    assert (device.id, device.mac) == (f"mac:{A}", A)
    assert rules(device) == ["inventory.mac-neighbour"]


def test_a_vendor_id_comes_next_then_the_mdns_name_then_the_address() -> None:
    assert ids(folded(mdns(0, "192.168.1.5", "gear", "uuid=38-1"))) == ["id:38-1"]
    assert ids(folded(mdns(0, "192.168.1.5", "Gear"))) == ["mdns:eth0/_http._tcp/gear"]
    assert ids(folded(signal("tcp.open", 0, "192.168.1.5", port=80))) == ["addr:eth0/192.168.1.5"]


def test_a_telling_service_names_the_device_before_a_common_one_whatever_came_first() -> None:
    one, other = mdns(0, "192.168.1.5", "gear"), mdns(1, "192.168.1.5", "gear", kind="_wled._tcp")
    assert ids(folded(one, other)) == ids(folded(other, one)) == ["mdns:eth0/_wled._tcp/gear"]


def test_an_address_that_changes_hands_begins_a_new_device_and_the_old_one_keeps_its_signals() -> None:
    snapshot = folded(
        seen(0, "192.168.1.5", A),
        mdns(1, "192.168.1.5", "old", host="old.local"),
        seen(100, "192.168.1.5", B),
        signal("tcp.open", 101, "192.168.1.5", port=23),
    )
    old, new = snapshot.devices
    assert (old.id, old.name) == (f"mac:{A}", "old")
    assert (new.id, new.name) == (f"mac:{B}", "")
    assert [one.port for one in new.listeners] == [23]
    assert old.listeners == ()


def test_what_was_heard_before_the_mac_was_known_goes_with_it_only_while_it_is_fresh() -> None:
    heard = mdns(0, "192.168.1.5", "gear", ttl=120)
    assert ids(folded(heard, seen(60, "192.168.1.5", A))) == [f"mac:{A}"]
    assert ids(folded(heard, seen(3600, "192.168.1.5", A))) == [f"mac:{A}", "mdns:eth0/_http._tcp/gear"]


def test_two_macs_that_answer_in_turn_for_one_address_are_an_address_conflict() -> None:
    snapshot = folded(seen(0, "192.168.1.5", A), seen(10, "192.168.1.5", B), seen(20, "192.168.1.5", A))
    assert ids(snapshot) == [f"mac:{A}", f"mac:{B}"]
    for device in snapshot.devices:
        assert "inventory.address-conflict" in rules(device)
    once = folded(seen(0, "192.168.1.5", A), seen(10, "192.168.1.5", B))
    assert not any("inventory.address-conflict" in rules(device) for device in once.devices)


def test_ipv4_ipv6_and_two_interfaces_merge_by_the_told_mac() -> None:
    snapshot = folded(
        mdns(0, "192.168.1.5", "gear", f"mac={A}", host="gear.local"),
        mdns(1, "192.168.7.5", "gear", f"mac={A}", host="gear.local", interface="wlan0"),
        signal("udp.reply", 2, "fd00::5", port=30303, protocol="microchip-announce", mac=A),
    )
    (device,) = snapshot.devices
    assert device.interfaces == ("eth0", "wlan0")
    assert device.addresses == ("192.168.1.5", "192.168.7.5", "fd00::5")
    assert "inventory.merge-told" in rules(device)


def test_a_neighbour_mac_joins_ipv4_and_ipv6() -> None:
    snapshot = folded(seen(0, "192.168.1.5", A), seen(0, "fe80::1", A), mdns(1, "192.168.1.5", "gear", host="gear.local"))
    (device,) = snapshot.devices
    assert device.addresses == ("192.168.1.5", "fe80::1")
    assert "inventory.merge-neighbour" in rules(device)


def test_a_mac_told_on_one_interface_meets_the_neighbour_table_of_another() -> None:
    snapshot = folded(mdns(0, "192.168.1.5", "gear", f"mac={A}"), seen(1, "192.168.7.5", A, interface="wlan0"))
    assert ids(snapshot) == [f"mac:{A}"]


def test_the_same_name_on_two_interfaces_without_any_mac_is_two_devices() -> None:
    snapshot = folded(
        mdns(0, "192.168.1.5", "gear", host="gear.local"), mdns(0, "192.168.1.5", "gear", host="gear.local", interface="wlan0")
    )
    assert ids(snapshot) == ["mdns:eth0/_http._tcp/gear", "mdns:wlan0/_http._tcp/gear"]


def test_two_services_with_one_host_name_are_one_device_even_at_two_addresses() -> None:
    snapshot = folded(
        mdns(0, "192.168.1.5", "gear", host="Gear.local"), mdns(1, "fe80::5", "gear shell", kind="_ssh._tcp", host="gear.local.")
    )
    (device,) = snapshot.devices
    assert device.addresses == ("192.168.1.5", "fe80::5")


def test_a_record_that_names_two_addresses_joins_them_unless_the_neighbours_differ() -> None:
    announced = mdns(0, "192.168.1.5", "gear", host="gear.local", also=["fe80::5"])
    assert len(folded(announced, signal("tcp.open", 1, "fe80::5", port=80)).devices) == 1
    apart = folded(announced, seen(1, "192.168.1.5", A), seen(1, "fe80::5", B))
    assert ids(apart) == [f"mac:{A}", f"mac:{B}"]


@pytest.mark.parametrize(
    "second",
    [
        mdns(1, "192.168.1.6", "two", f"mac={B}", host="two.local"),
        mdns(1, "192.168.1.6", "two", host="two.local"),
    ],
    ids=["another MAC told", "another host name"],
)
def test_one_neighbour_mac_behind_devices_that_differ_is_a_bridge_and_said_to_be_one(second: object) -> None:
    first = mdns(1, "192.168.1.5", "one", host="one.local")
    snapshot = folded(seen(0, "192.168.1.5", BRIDGE), seen(0, "192.168.1.6", BRIDGE), first, second)  # type: ignore[arg-type]
    assert len(snapshot.devices) == 2
    for device in snapshot.devices:
        assert device.id != f"mac:{BRIDGE}"
        assert device.mac != BRIDGE
        assert "inventory.bridge" in rules(device)


def test_the_bridge_itself_keeps_its_own_mac() -> None:
    snapshot = folded(
        seen(0, "192.168.1.1", BRIDGE),
        mdns(1, "192.168.1.1", "repeater", f"mac={BRIDGE}", host="repeater.local"),
        seen(0, "192.168.1.6", BRIDGE),
        mdns(1, "192.168.1.6", "two", f"mac={B}", host="two.local"),
    )
    assert {device.id: device.name for device in snapshot.devices} == {f"mac:{BRIDGE}": "repeater", f"mac:{B}": "two"}


def test_a_device_renamed_after_it_moved_is_no_bridge() -> None:
    snapshot = folded(
        seen(0, "192.168.1.5", A),
        mdns(1, "192.168.1.5", "before", host="before.local"),
        goodbye(400, "before"),
        seen(500, "192.168.1.9", A),
        mdns(501, "192.168.1.9", "after", host="after.local"),
    )
    (device,) = snapshot.devices
    assert device.name == "after"
    assert device.addresses == ("192.168.1.9",)


def test_a_clone_of_a_told_mac_is_kept_apart_and_said_so() -> None:
    snapshot = folded(
        seen(0, "192.168.1.5", A),
        mdns(1, "192.168.1.5", "true", f"mac={A}", host="true.local"),
        seen(0, "192.168.1.6", B),
        mdns(1, "192.168.1.6", "false", f"mac={A}", host="false.local"),
    )
    assert {device.id: device.name for device in snapshot.devices} == {f"mac:{A}": "true", f"mac:{B}": "false"}
    for device in snapshot.devices:
        assert "inventory.same-mac-other-name" in rules(device)


def test_a_merge_is_undone_when_the_facts_change() -> None:
    kept = inventory()
    for one in (seen(0, "192.168.1.5", A), seen(0, "192.168.1.6", A), mdns(1, "192.168.1.5", "one", host="one.local")):
        kept.add(one)
    assert ids(kept.snapshot()) == [f"mac:{A}"]
    kept.add(mdns(2, "192.168.1.6", "two", host="two.local"))
    assert len(kept.snapshot().devices) == 2
    kept.add(mdns(3, "192.168.1.6", "two", host="one.local"))
    assert ids(kept.snapshot()) == [f"mac:{A}"]


def test_one_address_that_tells_unrelated_macs_is_several_devices() -> None:
    snapshot = folded(
        seen(0, "192.168.1.5", BRIDGE),
        mdns(1, "192.168.1.5", "one", f"mac={A}", host="one.local", kind="_esphomelib._tcp"),
        mdns(1, "192.168.1.5", "one page", host="one.local"),
        mdns(1, "192.168.1.5", "two", f"mac={B}", host="two.local", kind="_esphomelib._tcp"),
        signal("tcp.open", 2, "192.168.1.5", port=22),
    )
    by_id = {device.id: device for device in snapshot.devices}
    assert set(by_id) == {f"mac:{A}", f"mac:{B}", f"mac:{BRIDGE}"}
    assert {one.text("instance") for one in by_id[f"mac:{A}"].signals} == {"one", "one page"}
    assert [one.port for one in by_id[f"mac:{BRIDGE}"].listeners] == [22]
    assert all("inventory.several-macs" in rules(device) for device in snapshot.devices)


def test_the_macs_of_one_chip_are_one_device() -> None:
    station, access_point = "24:6f:28:aa:00:00", "24:6f:28:aa:00:01"
    (device,) = folded(mdns(0, "192.168.1.5", "gear", f"mac={station}", f"ap_mac={access_point}")).devices
    assert device.id == f"mac:{station}"


def test_an_mdns_name_that_moves_to_another_address_stays_one_device() -> None:
    snapshot = folded(
        mdns(0, "192.168.1.5", "gear", host="gear.local"),
        signal("tcp.open", 1, "192.168.1.5", port=80),
        mdns(400, "192.168.1.9", "gear", host="gear.local"),
    )
    (device,) = snapshot.devices
    assert device.addresses == ("192.168.1.9",)


def test_a_newcomer_at_the_address_that_a_name_has_left_is_a_device_of_its_own() -> None:
    snapshot = folded(
        mdns(0, "192.168.1.5", "gear", host="gear.local"),
        mdns(400, "192.168.1.9", "gear", host="gear.local"),
        mdns(401, "192.168.1.5", "newcomer", host="newcomer.local"),
    )
    assert {device.name: device.addresses for device in snapshot.devices} == {"gear": ("192.168.1.9",), "newcomer": ("192.168.1.5",)}


def test_a_service_without_an_address_is_listed_and_later_found_at_its_address() -> None:
    kept = inventory()
    kept.add(mdns(0, "", "gear"))
    assert ids(kept.snapshot()) == ["mdns:eth0/_http._tcp/gear"]
    kept.add(mdns(1, "192.168.1.5", "gear"))
    (device,) = kept.snapshot().devices
    assert (device.id, device.addresses) == ("mdns:eth0/_http._tcp/gear", ("192.168.1.5",))


def test_two_services_without_an_address_are_two_devices() -> None:
    assert len(folded(mdns(0, "", "one"), mdns(0, "", "two")).devices) == 2


def test_silence_alone_makes_no_device() -> None:
    snapshot = folded(
        started(0),
        signal("neighbour.failed", 1, "192.168.1.7"),
        signal("udp.unreachable", 1, "192.168.1.8", port=3232, reason="EHOSTUNREACH"),
        signal("udp.silent", 1, "192.168.1.9", port=3232, tries=2, control="silent"),
        signal("tcp.silent", 1, "192.168.1.10", port=80),
    )
    assert snapshot.devices == ()


def test_a_check_without_an_interface_goes_to_the_one_endpoint_that_has_the_address() -> None:
    snapshot = folded(
        seen(0, "192.168.1.5", A), signal("ota.checked", 1, "192.168.1.5", "", ota="arduino", port=3232, transport="udp", verdict="ready")
    )
    (device,) = snapshot.devices
    assert {one.kind for one in device.signals} == {"neighbour.seen", "ota.checked"}


def test_a_vendor_id_joins_two_addresses_but_not_against_their_macs() -> None:
    one, two = mdns(0, "192.168.1.5", "a", "uuid=7"), mdns(0, "192.168.1.6", "b", "uuid=7")
    assert ids(folded(one, two)) == ["id:7"]
    assert ids(folded(one, two, seen(1, "192.168.1.5", A), seen(1, "192.168.1.6", B))) == [f"mac:{A}", f"mac:{B}"]


def test_two_hosts_that_both_name_a_private_bridge_of_their_own_are_two_devices() -> None:
    # Docker's 172.17.0.1 is on every other Linux machine; what we reach them at tells them apart.
    snapshot = folded(
        mdns(0, "fe80::a", "A", host="a.local", also=("172.17.0.1",)), mdns(0, "fe80::b", "B", host="b.local", also=("172.17.0.1",))
    )
    assert {(device.name, device.hostname) for device in snapshot.devices} == {("A", "a.local"), ("B", "b.local")}


def test_a_router_that_answers_for_a_whole_network_is_said_to_do_so_in_one_sentence() -> None:
    there = [seen(0, f"10.0.{number // 250}.{number % 250 + 1}", A) for number in range(1000)]
    (device,) = folded(*there).devices
    assert len(device.addresses) == 1000
    (warning,) = [one for one in device.evidence if one.rule == "inventory.many-addresses"]
    assert "proxy ARP" in warning.why
    # It used to be a sentence for each address, with all the others in it: ten megabytes of evidence.
    assert len(rules(device)) < 20
    assert sum(len(one.why) for one in device.evidence) < 20_000
