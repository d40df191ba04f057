"""The store: every device ever found, its annotations, and the history of snapshots, in one SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from discover.errors import StoreError, UsageError
from discover.inventory.annotations import Annotation, annotate, annotated
from discover.inventory.database import connect, connect_memory, translated
from discover.inventory.document import (
    DeviceDocument,
    InventoryDocument,
    More,
    device_document,
    device_of,
    inventory_document,
    more_of,
    snapshot_of,
)
from discover.inventory.presence import settle
from discover.inventory.references import matching, the_one
from discover.inventory.remember import remembered
from discover.inventory.succession import strength, successors
from discover.model.device import Device
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from discover.text import clean

HISTORY: Final = 100
"""Snapshots that are kept for `espied diff`; the oldest go first. Our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotInfo:
    """One stored snapshot: its number, when it was made (Unix seconds), how many devices it has, and whether its scan was complete."""

    number: int
    generated: float
    devices: int
    complete: bool


class Store:
    """The stored inventory. Every method raises StoreError where the file cannot be read or written; nothing stored is lost by that.

    Safe to use from several threads, one call at a time.
    """

    def __init__(self, path: Path | None, *, timeout: float = 5.0) -> None:
        """Open ``path``, or an inventory in memory for None. Raises StoreError; see :func:`discover.inventory.database.connect`."""
        self.path: Final = path
        self._lock = threading.RLock()
        if path is None:
            self._connection, self.notices = connect_memory(), ()
        else:
            self._connection, self.notices = connect(path, timeout)

    @classmethod
    def open(cls, path: Path, *, fallback: bool = False, timeout: float = 5.0) -> Self:
        """Open the store; ``notices`` then says what there is to say about it.

        With ``fallback``, an inventory in memory takes the place of a file that cannot be used, and a notice says so.
        """
        try:
            return cls(path, timeout=timeout)
        except StoreError as error:
            if not fallback:
                raise
            store = cls(None)
            store.notices = (f"{error.message} Until espied ends, the inventory is kept in memory only. {error.hint}".rstrip(),)
            return store

    notices: tuple[str, ...]
    """Sentences about what happened at opening: a damaged file moved aside, an inventory in memory only."""

    @property
    def in_memory(self) -> bool:
        """True where nothing will outlive this process."""
        return self.path is None

    def close(self) -> None:
        """Close the file; idempotent."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # Devices and snapshots

    def save(self, snapshot: Snapshot) -> None:
        """Put a snapshot into the inventory and its history; devices that it does not have stay as they are.

        A known device keeps when it was first seen and what only earlier scans told. Where an id has become
        a better one (an address turned out to be a MAC), annotations follow and the old id still finds it.
        """
        with self._transaction():
            known = self._devices()
            arriving = self._arriving(snapshot, known)
            missing = [device for key, device in known.items() if key not in arriving]
            for old, new in successors(missing, arriving.values()).items():
                if new not in arriving:
                    continue
                if strength(old) > strength(new):  # this time less was told: it stays who it is known to be
                    arriving[old] = replace(arriving.pop(new), id=old)
                    self._become(new, old, snapshot.generated)
                else:
                    arriving[new] = remembered(known[old], arriving[new])
                    self._become(old, new, snapshot.generated)
            kept = [remembered(known[key], device) if key in known else device for key, device in arriving.items()]
            for device in kept:
                self._put(device)
            # The history has what was known then, not what one look heard: a passive scan after a full one has not changed the device.
            self._remember(replace(snapshot, devices=tuple(sorted(kept, key=lambda device: device.id))))

    def _arriving(self, snapshot: Snapshot, known: Mapping[str, Device]) -> dict[str, Device]:
        """Return the snapshot's devices by the ids they are known by; a former id that now is somebody else's leads nowhere any more."""
        aliases = self._aliases()
        taken = {device.id for device in snapshot.devices}
        found: dict[str, Device] = {}
        for device in snapshot.devices:
            named = _by_alias(device, known, aliases)
            if named.id != device.id and named.id in taken:
                named = device
                self._connection.execute("DELETE FROM aliases WHERE id = ?", (device.id,))
            taken.add(named.id)
            found[named.id] = named
        return found

    def load(self, now: float | None = None) -> Snapshot:
        """Return the whole inventory with its annotations, with presence as it reads at ``now`` (Unix seconds; None: the clock's)."""
        moment = time.time() if now is None else now
        with self._reading():
            devices = [replace(device, presence=settle(device.presence, moment)) for device in self._devices().values()]
            row = self._connection.execute("SELECT document FROM snapshots ORDER BY number DESC LIMIT 1").fetchone()
            scan = _unpacked(row[0]).scan if row else ScanSummary()
            snapshot = Snapshot(generated=moment, scan=scan, devices=tuple(sorted(devices, key=lambda device: device.id)))
            return annotate(snapshot, self._annotations())

    def snapshots(self) -> tuple[SnapshotInfo, ...]:
        """Return what is in the history, oldest first."""
        with self._reading():
            rows = self._connection.execute("SELECT number, generated, devices, complete FROM snapshots ORDER BY number").fetchall()
        return tuple(SnapshotInfo(number=row[0], generated=row[1], devices=row[2], complete=bool(row[3])) for row in rows)

    def load_snapshot(self, reference: str | int) -> Snapshot:
        """Return one snapshot of the history, as it was found.

        ``reference``: a number, "last", "previous", or the beginning of its time in UTC ("2026-11-21", the newest
        that fits). Raises UsageError that lists what there is.
        """
        info = _referred(str(reference).strip().lower(), self.snapshots())
        with self._reading():
            row = self._connection.execute("SELECT document FROM snapshots WHERE number = ?", (info.number,)).fetchone()
            return annotate(_unpacked(row[0]), self.annotations())

    def import_devices(self, snapshot: Snapshot) -> int:
        """Add the devices of an exported inventory; return how many. What is known of a device already, or newer, wins."""
        with self._transaction():
            known = self._devices()
            notes = self._annotations()
            for device in snapshot.devices:
                mine = known.get(device.id)
                if mine is None:
                    self._put(device)
                elif device.presence.last_seen > mine.presence.last_seen:
                    self._put(remembered(mine, device))
                else:
                    self._put(remembered(device, mine))
                theirs = Annotation(label=device.label, notes=device.notes, tags=tuple(sorted(set(device.tags))))
                if theirs:
                    self._annotate(device.id, notes.get(device.id, Annotation()).joined(theirs))
        return len(snapshot.devices)

    # One device

    def find(self, reference: str) -> Device | None:
        """Return the device that a reference means; None where it means none or several."""
        found = matching(reference, self.load().devices, self._all_aliases())
        return found[0] if len(found) == 1 else None

    def resolve(self, reference: str) -> Device:
        """Return the device that a reference means. Raises UsageError that lists the candidates."""
        return the_one(reference, self.load().devices, self._all_aliases())

    def name(self, reference: str, label: str) -> Device:
        """Give a device a label; "" takes it away. Return the device. Raises UsageError."""
        return self._change(reference, lambda old: replace(old, label=clean(label).strip()))

    def note(self, reference: str, text: str) -> Device:
        """Add a note to a device; "" takes all its notes away. Return the device. Raises UsageError."""
        words = clean(text).strip()
        return self._change(reference, lambda old: replace(old, notes=(*old.notes, words) if words else ()))

    def tag(self, reference: str, *tags: str) -> Device:
        """Add tags to a device. Return the device. Raises UsageError."""
        added = _tags(tags)
        return self._change(reference, lambda old: replace(old, tags=tuple(sorted({*old.tags, *added}))))

    def untag(self, reference: str, *tags: str) -> Device:
        """Take tags from a device; those it does not have are passed over. Return the device. Raises UsageError."""
        taken = _tags(tags)
        return self._change(reference, lambda old: replace(old, tags=tuple(tag for tag in old.tags if tag not in taken)))

    def forget(self, reference: str) -> Device:
        """Take a device and its annotations out of the inventory and return it; the history keeps it. Raises UsageError."""
        device = self.resolve(reference)
        with self._transaction():
            self._connection.execute("DELETE FROM devices WHERE id = ?", (device.id,))
            self._connection.execute("DELETE FROM annotations WHERE device_id = ?", (device.id,))
            self._connection.execute("DELETE FROM aliases WHERE device_id = ?", (device.id,))
        return device

    def annotations(self) -> Mapping[str, Annotation]:
        """Return all annotations by device id, former ids included, for :func:`discover.inventory.annotations.annotate`."""
        with self._reading():
            found = self._annotations()
            former = {old: found[new] for old, new in self._aliases().items() if new in found and old not in found and _lasting(old)}
            return {**former, **found}

    # The tables

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, translated(self.path):
            try:
                yield
            except (msgspec.DecodeError, zlib.error) as error:
                raise StoreError(
                    f"The inventory {self.path} holds a document that cannot be read: {clean(str(error), 200)}.",
                    "Use another file with --db, and keep this one for a bug report.",
                ) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all or nothing."""
        with self._reading():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # A full disk may have ended the transaction already (sqlite.org/lang_transaction.html).
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._commit()

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _devices(self) -> dict[str, Device]:
        rows = self._connection.execute("SELECT document, more FROM devices ORDER BY id")
        devices = (device_of(msgspec.json.decode(row[0], type=DeviceDocument), msgspec.json.decode(row[1], type=More)) for row in rows)
        return {device.id: device for device in devices}

    def _put(self, device: Device) -> None:
        bare = replace(device, label="", notes=(), tags=())
        self._connection.execute(
            "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                device.id,
                device.name,
                device.hostname,
                device.mac,
                device.family.id,
                device.presence.first_seen,
                device.presence.last_seen,
                msgspec.json.encode(device_document(bare)),
                msgspec.json.encode(more_of(bare)),
            ),
        )

    def _aliases(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT id, device_id FROM aliases").fetchall())

    def _all_aliases(self) -> dict[str, str]:
        with self._reading():
            return self._aliases()

    def _become(self, old: str, new: str, when: float) -> None:
        """Let a device go by a new id: its row goes, its annotations follow, its former ids lead to the new one."""
        annotations = self._annotations()
        if old in annotations:
            self._annotate(new, annotations.get(new, Annotation()).joined(annotations[old]))
        self._connection.execute("DELETE FROM annotations WHERE device_id = ?", (old,))
        self._connection.execute("DELETE FROM devices WHERE id = ?", (old,))
        self._connection.execute("UPDATE aliases SET device_id = ? WHERE device_id = ?", (new, old))
        self._connection.execute("DELETE FROM aliases WHERE id = ?", (new,))
        self._connection.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", (old, new, when))

    def _annotations(self) -> dict[str, Annotation]:
        rows = self._connection.execute("SELECT device_id, label, notes, tags FROM annotations")
        return {row[0]: Annotation(label=row[1], notes=_texts(row[2]), tags=_texts(row[3])) for row in rows}

    def _annotate(self, device_id: str, annotation: Annotation) -> None:
        if annotation:
            values = (
                device_id,
                annotation.label,
                msgspec.json.encode(annotation.notes).decode(),
                msgspec.json.encode(annotation.tags).decode(),
            )
            self._connection.execute("INSERT OR REPLACE INTO annotations VALUES (?, ?, ?, ?)", values)
        else:
            self._connection.execute("DELETE FROM annotations WHERE device_id = ?", (device_id,))

    def _change(self, reference: str, change: Callable[[Annotation], Annotation]) -> Device:
        device = self.resolve(reference)
        with self._transaction():
            annotation = change(self._annotations().get(device.id, Annotation()))
            self._annotate(device.id, annotation)
        return annotated(device, annotation)

    def _remember(self, snapshot: Snapshot) -> None:
        bare = replace(snapshot, devices=tuple(replace(device, label="", notes=(), tags=()) for device in snapshot.devices))
        document = zlib.compress(msgspec.json.encode(inventory_document(bare)))
        self._connection.execute(
            "INSERT INTO snapshots (generated, devices, complete, document) VALUES (?, ?, ?, ?)",
            (snapshot.generated, len(snapshot.devices), snapshot.scan.complete, document),
        )
        self._connection.execute(
            "DELETE FROM snapshots WHERE number <= (SELECT max(number) FROM snapshots) - ?",
            (HISTORY,),
        )


def _lasting(device_id: str) -> bool:
    """Tell whether an id stays with its device: an address does not, DHCP moves it."""
    return not device_id.startswith("addr:")


def _by_alias(device: Device, known: Mapping[str, Device], aliases: Mapping[str, str]) -> Device:
    """Return the device under the id it has come to be known by, where this time less was told than before."""
    better = aliases.get(device.id, "")
    if device.id in known or better not in known or not _lasting(device.id):
        return device
    if device.mac and known[better].mac and device.mac != known[better].mac:
        return device
    return replace(device, id=better)


def _unpacked(document: bytes) -> Snapshot:
    return snapshot_of(msgspec.json.decode(zlib.decompress(document), type=InventoryDocument))


def _texts(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _tags(tags: Iterable[str]) -> set[str]:
    """Return cleaned tags, in lower case and without spaces, so that one tag is one word."""
    words = {"-".join(clean(tag, 64).casefold().split()) for tag in tags}
    if not words or "" in words:
        raise UsageError("A tag must have at least one character.", "Tags are single words, such as kitchen or spare.")
    return words


def _referred(reference: str, infos: Sequence[SnapshotInfo]) -> SnapshotInfo:
    if infos:
        if reference in ("last", "latest"):
            return infos[-1]
        if reference == "previous" and len(infos) > 1:
            return infos[-2]
        found = [info for info in infos if str(info.number) == reference]
        found = found or [info for info in infos if reference and _stamp(info.generated).lower().startswith(reference.replace(" ", "t"))]
        if found:
            return found[-1]
        shown = ", ".join(f"{info.number} ({_stamp(info.generated)})" for info in infos[-5:])
        raise UsageError(f"There is no stored snapshot {clean(reference, 40)!r}.", f"The newest are {shown}; or say last or previous.")
    raise UsageError("There is no stored snapshot yet.", "Run espied scan first; every scan is kept.")


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
