"""The stored inventory behind the app: labels laid over what is found, and what is found put into it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from discover.errors import StoreError
from discover.model.device import Device
from discover.model.snapshot import Snapshot

if TYPE_CHECKING:
    from discover.inventory.annotations import Annotation
    from discover.inventory.store import Store

TIMEOUT: Final = 0.8
"""Seconds to wait for another espied that is writing: the app must end within a second of "quit"."""


class Keeper:
    """Opens the store late and in a thread, and makes a notice of whatever goes wrong with it. ``path`` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._store: Store | None = None
        self._saved: Snapshot | None = None
        self._lock = threading.Lock()
        self._notices: list[str] = []
        self._annotations: Mapping[str, Annotation] = {}
        self._laid: dict[str, tuple[Device, Device]] = {}

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what could not be read or kept."""
        return tuple(self._notices)

    def open(self) -> None:
        """Open the store, or one in memory where the file cannot be used (a notice says so). Called in a thread."""
        if self._path is None or self._store is not None:
            return
        from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here, after the first paint

        self._store = Store.open(self._path, fallback=True, timeout=TIMEOUT)
        self._notices += self._store.notices
        try:
            self._annotations = self._store.annotations()
        except StoreError as error:
            self._complain(error)

    def overlay(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the labels, notes and tags that the user gave; a device that is the same stays the same object."""
        if not self._annotations:
            return snapshot
        before, self._laid = self._laid, {}
        for device in snapshot.devices:
            old = before.get(device.id)
            self._laid[device.id] = old if old is not None and old[0] is device else (device, self._annotated(device))
        return replace(snapshot, devices=tuple(laid for _, laid in self._laid.values()))

    def _annotated(self, device: Device) -> Device:
        from discover.inventory.annotations import annotated  # noqa: PLC0415 - loaded with the store

        annotation = self._annotations.get(device.id)
        return annotated(device, annotation) if annotation else device

    def save(self, snapshot: Snapshot) -> None:
        """Put a snapshot into the store. Called in a thread."""
        if self._store is None or not snapshot.devices or (self._saved is not None and self._saved.devices == snapshot.devices):
            return
        with self._lock:
            if self._store is None:  # closed in the meantime: quit was pressed
                return
            try:
                self._store.save(snapshot)
                self._saved = snapshot
            except StoreError as error:
                self._complain(error)

    def finish(self, snapshot: Snapshot | None) -> str:
        """Save for the last time and close; return what to tell the user after the app, "" where all is well."""
        if self._store is None:
            return ""
        before = len(self._notices)
        if snapshot is not None:
            self.save(snapshot)
        with self._lock:
            self._store.close()
            self._store = None
        return " ".join(self._notices[before:])

    def _complain(self, error: StoreError) -> None:
        said = f"{error.message} {error.hint}".rstrip()
        if said not in self._notices:
            self._notices.append(said)
