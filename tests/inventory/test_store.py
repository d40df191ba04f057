from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from discover.errors import StoreError, UsageError
from discover.inventory.annotations import annotate
from discover.inventory.migrations import MIGRATIONS, migrate, version_of
from discover.inventory.store import HISTORY, Store
from discover.model.device import Confidence, Direction, FamilyVerdict, Listener, PortState, PresenceState
from discover.model.signal import Source
from discover.model.snapshot import Snapshot
from tests.inventory.kit import NOW, folded, mdns, seen, signal

A = "24:6f:28:aa:00:01"
B = "24:6f:28:bb:00:02"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "inventory.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


def lamp(at: float = 0, address: str = "192.168.1.5") -> Snapshot:
    return folded(seen(at, address, A), mdns(at, address, "Lamp", f"mac={A}", kind="_wled._tcp", host="lamp.local"))


def test_what_is_saved_comes_back(store: Store, path: Path) -> None:
    snapshot = lamp()
    store.save(snapshot)
    store.close()
    with Store(path) as again:
        (device,) = again.load(now=NOW).devices
    (original,) = snapshot.devices
    assert device.id == original.id
    assert device.evidence == original.evidence
    assert device.interfaces == original.interfaces
    assert device.family == original.family
    assert device.presence == original.presence


def test_devices_that_are_not_seen_again_stay_and_read_as_stale(store: Store) -> None:
    store.save(lamp())
    store.save(folded(seen(90000, "192.168.1.6", B)))
    lamp_now, other = store.load(now=NOW + 90001).devices
    assert (lamp_now.presence.state, other.presence.state) == (PresenceState.STALE, PresenceState.PRESENT)


def test_first_seen_is_kept_and_a_short_look_does_not_erase_what_is_known(store: Store) -> None:
    store.save(lamp())
    store.save(folded(seen(1000, "192.168.1.5", A)))
    (device,) = store.load(now=NOW + 1000).devices
    assert device.presence.first_seen == NOW
    assert device.presence.last_seen == NOW + 1000
    assert (device.name, device.family.id, device.hostname) == ("Lamp", "wled", "lamp.local")


def sure(score: int, family: str = "wled", *, alternatives: tuple[str, ...] = (), state: PortState = PortState.ANSWERED) -> Snapshot:
    """The lamp as identified with a score, from one answer on 80/tcp."""
    (device,) = lamp().devices
    return replace(
        lamp(),
        devices=(
            replace(
                device,
                family=FamilyVerdict(id=family, title=family, confidence=Confidence.POSSIBLE, score=score),
                alternatives=tuple(FamilyVerdict(id=one, title=one, confidence=Confidence.POSSIBLE, score=30) for one in alternatives),
                listeners=(Listener(port=80, transport="tcp", direction=Direction.LISTENS, state=state, service="", source=Source.TCP),),
                evidence=(),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("later", "family", "score"),
    [
        (sure(30), "wled", 95),  # a passive scan sees the MAC's vendor only
        (sure(30, "espressif"), "wled", 95),  # which stood behind the family before
        (sure(97), "wled", 97),
        (sure(97, "esphome"), "esphome", 97),  # flashed anew
        (sure(30, "esphome"), "esphome", 30),  # nothing spoke for this one before
        (sure(30, "espressif", state=PortState.CLOSED), "espressif", 30),  # what spoke for the family is refused now
    ],
)
def test_a_look_that_hears_less_leaves_the_family_alone_unless_something_contradicts(
    store: Store, later: Snapshot, family: str, score: int
) -> None:
    store.save(sure(95, alternatives=("espressif",)))
    store.save(later)
    (device,) = store.load(now=NOW).devices
    assert (device.family.id, device.family.score) == (family, score)


def test_what_a_longer_look_heard_holds_as_long_as_it_said_after_a_short_one(store: Store) -> None:
    store.save(folded(seen(0, "192.168.1.5", A), signal("udp.reply", 1, "192.168.1.5", port=30303)))
    store.save(folded(seen(60, "192.168.1.5", A, state="stale")))
    assert [store.load(now=NOW + at).devices[0].presence.state for at in (61, 400)] == [PresenceState.PRESENT, PresenceState.STALE]


def test_a_new_address_replaces_the_old_one(store: Store) -> None:
    store.save(lamp())
    store.save(lamp(9000, "192.168.1.77"))
    (device,) = store.load(now=NOW + 9000).devices
    assert device.addresses == ("192.168.1.77",)


def test_annotations_are_kept_apart_from_what_devices_say(store: Store) -> None:
    store.save(lamp())
    assert store.name("lamp", "Desk").label == "Desk"
    store.note("desk", "bought in May")
    store.note("desk", "flickers")
    store.tag("desk", "Office", "spare part")
    store.untag("desk", "office", "never there")
    store.save(lamp(5000))
    (device,) = store.load(now=NOW + 5000).devices
    assert (device.label, device.notes, device.tags) == ("Desk", ("bought in May", "flickers"), ("spare-part",))
    (live,) = annotate(lamp(6000), store.annotations()).devices
    assert live.label == "Desk"
    assert store.note("desk", "").notes == ()
    assert store.name("desk", "").label == ""


def test_annotations_follow_when_the_mac_becomes_known(store: Store) -> None:
    known_by_name = mdns(0, "192.168.1.5", "Lamp", host="lamp.local")
    store.save(folded(known_by_name))
    store.name("lamp", "Desk")
    store.save(folded(known_by_name, seen(5, "192.168.1.5", A)))
    (device,) = store.load(now=NOW + 5).devices
    assert (device.id, device.label) == (f"mac:{A}", "Desk")
    assert store.resolve("mdns:eth0/_http._tcp/lamp").id == f"mac:{A}"


def test_a_scan_that_is_told_less_does_not_make_a_second_device(store: Store) -> None:
    store.save(folded(mdns(0, "192.168.1.5", "Lamp", host="lamp.local"), seen(5, "192.168.1.5", A)))
    store.name("lamp", "Desk")
    for at in (9000, 18000):
        store.save(folded(mdns(at, "192.168.1.5", "Lamp", host="lamp.local")))
        (device,) = store.load(now=NOW + at).devices
        assert (device.id, device.label, device.presence.last_seen) == (f"mac:{A}", "Desk", NOW + at)


def test_a_label_given_to_an_address_does_not_go_to_the_next_device_there(store: Store) -> None:
    store.save(folded(signal("tcp.open", 0, "192.168.1.5", port=80)))
    store.name("192.168.1.5", "Guest")
    store.save(folded(seen(90000, "192.168.1.5", B)))
    devices = {device.id: device.label for device in store.load(now=NOW + 90000).devices}
    assert devices == {"addr:eth0/192.168.1.5": "Guest", f"mac:{B}": ""}


def test_two_annotated_devices_that_turn_out_to_be_one_lose_nothing(store: Store) -> None:
    one, two = mdns(0, "192.168.1.5", "one", host="one.local"), mdns(0, "fe80::5", "two", host="two.local")
    store.save(folded(one, two))
    store.name("one", "First")
    store.name("two", "Second")
    store.tag("two", "attic")
    told = [mdns(5, "192.168.1.5", "one", f"mac={A}", host="one.local"), mdns(5, "fe80::5", "two", f"mac={A}", host="one.local")]
    store.save(folded(one, two, *told))
    (device,) = store.load(now=NOW + 5).devices
    assert device.label == "First"
    assert device.tags == ("attic",)
    assert "Second" in device.notes


@pytest.mark.parametrize(
    "reference", [f"mac:{A}", "Lamp", "lamp.local", "LAMP", "192.168.1.5", "24-6F-28-AA-00-01", "246f28aa0001", "24:6f", "lam"]
)
def test_a_device_is_found_by_many_names(store: Store, reference: str) -> None:
    store.save(lamp())
    assert store.resolve(reference).id == f"mac:{A}"
    found = store.find(reference)
    assert found is not None
    assert found.id == f"mac:{A}"


def test_an_ambiguous_name_lists_the_candidates_and_an_unknown_one_says_where_to_look(store: Store) -> None:
    store.save(folded(seen(0, "192.168.1.5", A), seen(0, "192.168.1.6", B)))
    with pytest.raises(UsageError, match=f"mac:{A}.*mac:{B}"):
        store.resolve("24:6f:28")
    with pytest.raises(UsageError) as caught:
        store.resolve("nobody")
    assert "inventory list" in caught.value.hint
    assert store.find("24:6f:28") is None
    assert store.find("") is None


def test_a_forgotten_device_is_gone_with_all_that_was_said_of_it(store: Store) -> None:
    store.save(lamp())
    store.name("lamp", "Desk")
    assert store.forget("desk").id == f"mac:{A}"
    assert store.load().devices == ()
    store.save(lamp(10))
    (device,) = store.load(now=NOW + 10).devices
    assert device.label == ""


def test_the_history_is_kept_bounded_and_found_by_number_word_and_time(store: Store) -> None:
    for index in range(HISTORY + 3):
        store.save(lamp(index * 86400))
    infos = store.snapshots()
    assert len(infos) == HISTORY
    assert store.load_snapshot("last").generated == NOW + (HISTORY + 2) * 86400
    assert store.load_snapshot("previous").generated == NOW + (HISTORY + 1) * 86400
    assert store.load_snapshot(infos[0].number).generated == NOW + 3 * 86400
    assert store.load_snapshot("2023-11-20").generated == NOW + 6 * 86400
    with pytest.raises(UsageError, match="no stored snapshot"):
        store.load_snapshot("1999")


def test_an_empty_history_says_how_to_fill_it(store: Store) -> None:
    with pytest.raises(UsageError) as caught:
        store.load_snapshot("last")
    assert "scan" in caught.value.hint
    assert store.load(now=1.0).devices == ()


def test_imported_devices_are_added_and_what_is_known_already_wins(store: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "other.db") as other:
        other.save(folded(seen(0, "192.168.1.5", A), seen(0, "192.168.1.6", B)))
        other.name("192.168.1.5", "Theirs")
        other.tag("192.168.1.6", "attic")
        foreign = other.load(now=NOW)
    store.save(lamp(100))
    store.name("lamp", "Mine")
    assert store.import_devices(foreign) == 2
    mine, added = store.load(now=NOW + 100).devices
    assert (mine.label, mine.name, mine.presence.first_seen) == ("Mine", "Lamp", NOW)
    assert "Theirs" in mine.notes
    assert added.tags == ("attic",)


def test_a_damaged_file_is_moved_aside_and_said_so(path: Path) -> None:
    for number in (1, 2):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"this was a database once" * 100)
        with Store.open(path) as store:
            assert f"damaged-{number}" in store.notices[0]
            store.save(lamp())
            assert len(store.load().devices) == 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
        assert aside.read_bytes().startswith(b"this was a database once")


def test_a_file_broken_in_the_middle_is_moved_aside_with_every_byte(path: Path) -> None:
    with Store.open(path) as store:
        store.save(lamp())
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with Store.open(path) as store:
        assert store.notices
        assert store.load().devices == ()
    assert path.with_name(f"{path.name}.damaged-1").read_bytes() == bytes(content)


def test_a_newer_schema_and_a_foreign_database_are_left_alone(path: Path) -> None:
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer espied"):
        Store.open(path)
    assert path.read_bytes() == before

    other = path.with_name("photos.db")
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE photos (id)")
    connection.commit()
    connection.close()
    before = other.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Store.open(other)
    assert other.read_bytes() == before


def test_a_full_disk_loses_nothing_that_was_stored(store: Store, path: Path) -> None:
    store.save(lamp())
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = folded(*(seen(1, f"192.168.2.{index}", f"24:6f:28:00:00:{index:02x}") for index in range(1, 250)))
    with pytest.raises(StoreError, match="disk is full") as caught:
        store.save(many)
    assert "Free some space" in caught.value.hint
    assert [device.name for device in store.load().devices] == ["Lamp"]
    store.close()
    with Store.open(path) as again:
        assert len(again.load().devices) == 1
        again.save(many)
        assert len(again.load().devices) == 250


def test_a_file_that_may_not_be_written_is_an_error_with_a_hint(store: Store) -> None:
    store.save(lamp())
    store._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="No permission") as caught:
        store.save(lamp(5))
    assert "--db" in caught.value.hint
    assert len(store.load().devices) == 1


def test_a_folder_that_cannot_be_made_is_an_error_and_memory_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file stands where the folder should be")
    path = tmp_path / "state" / "inventory.db"
    with pytest.raises(StoreError, match="folder"):
        Store.open(path)
    with Store.open(path, fallback=True) as store:
        assert store.in_memory
        assert "in memory only" in store.notices[0]
        store.save(lamp())
        assert len(store.load().devices) == 1


def test_a_directory_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path)
    assert caught.value.hint


def test_a_locked_database_is_waited_for_and_then_said_to_be_in_use(store: Store, path: Path) -> None:
    store.save(lamp())
    with Store.open(path, timeout=0.0) as second:
        store._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="Another program"):
            second.save(lamp(5))
        assert len(second.load().devices) == 1
        store._connection.execute("ROLLBACK")
        second.save(lamp(5))


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    migrate(connection)
    broken = (*MIGRATIONS, ("CREATE TABLE extra (id)", "CREATE TABLE nonsense ("))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, broken)
    assert version_of(connection) == len(MIGRATIONS)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)
    migrate(connection, (*MIGRATIONS, ("CREATE TABLE extra (id)",)))
    assert version_of(connection) == len(MIGRATIONS) + 1
    connection.close()


def test_several_threads_may_use_one_store(store: Store) -> None:
    def work(number: int) -> None:
        store.save(folded(seen(number, f"192.168.1.{number}", f"24:6f:28:00:00:{number:02x}")))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.load().devices) == 5


def test_a_newcomer_under_a_former_id_takes_nothing_from_the_device_that_outgrew_it(store: Store) -> None:
    store.save(folded(mdns(0, "192.168.1.5", "Lamp", kind="_wled._tcp", host="lamp.local")))
    store.name("Lamp", "hall")
    store.save(folded(mdns(100, "192.168.1.5", "Lamp", f"mac={A}", kind="_wled._tcp", host="lamp.local")))
    renamed = mdns(90000, "192.168.1.5", "Kitchen", f"mac={A}", kind="_wled._tcp", host="kitchen.local")
    newcomer = mdns(90001, "192.168.1.9", "Lamp", kind="_wled._tcp", host="lamp.local")
    now = folded(seen(90000, "192.168.1.5", A), renamed, newcomer)
    for _ in range(2):
        store.save(now)
        found = {device.id: (device.name, device.addresses, device.label) for device in store.load(now=NOW + 90002).devices}
        assert found == {
            f"mac:{A}": ("Kitchen", ("192.168.1.5",), "hall"),
            "mdns:eth0/_wled._tcp/lamp": ("Lamp", ("192.168.1.9",), ""),
        }
    assert store.annotations().keys() == {f"mac:{A}"}
