"""Opening the database file, and what its errors mean for people."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from discover.errors import StoreError
from discover.inventory.migrations import APPLICATION_ID, MIGRATIONS, migrate, version_of

# Primary result codes (sqlite.org/rescode.html): the low byte of the extended ones.
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 3, 5, 6, 8, 10, 11, 13, 14, 26
_DAMAGED: Final = frozenset({_CORRUPT, _NOTADB})

_QUICK_CHECK_MAX: Final = 64 * 1024 * 1024
"""Bytes up to which a database is checked when it is opened: 64 MB take about 0.1 s. Our choice; larger ones tell when read."""
_DAMAGED_MAX: Final = 1000
_SUFFIXES: Final = (".db", ".sqlite", ".sqlite3")
"""Names that a damaged inventory may have; a file of any other name is taken for somebody else's."""


def code_of(error: sqlite3.Error) -> int:
    """Return the primary result code, 0 where SQLite gave none."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is broken or no database at all."""
    return code_of(error) in _DAMAGED


def explain(error: sqlite3.Error, path: Path | None) -> StoreError:
    """Return what went wrong in words, with what to do. Whatever was stored before is untouched."""
    where = f"the inventory {path}" if path else "the inventory in memory"
    match code_of(error):
        case code if code == _FULL:
            return StoreError(
                f"The disk is full: {where} could not be written.", "Free some space and try again; what was stored before is safe."
            )
        case code if code in (_BUSY, _LOCKED):
            return StoreError(
                f"Another program is writing to {where}.", "Wait until the other espied has finished, or use another file with --db."
            )
        case code if code in (_READONLY, _PERM, _CANTOPEN):
            return StoreError(
                f"No permission to write {where}, or to make files beside it.",
                "Check the folder's owner and permissions, or use another file with --db.",
            )
        case code if code == _IOERR:
            return StoreError(f"The disk reported an error for {where}.", "Check the disk and its quota, or use another file with --db.")
        case code if code in _DAMAGED:
            return StoreError(
                f"The file of {where} is damaged.", "Start espied again: it moves the damaged file aside and begins a new one."
            )
        case _:
            return StoreError(f"{where[0].upper()}{where[1:]} could not be used: {error}.", "Use another file with --db.")


@contextlib.contextmanager
def translated(path: Path | None) -> Iterator[None]:
    """Turn SQLite's errors into StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def connect_memory() -> sqlite3.Connection:
    """Return an empty database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(connection)
    return connection


def connect(path: Path, timeout: float) -> tuple[sqlite3.Connection, tuple[str, ...]]:
    """Return the open, up-to-date database and what there is to say about it.

    A damaged file is moved aside (never deleted) and a new one begun. Raises StoreError for a newer schema, another
    program's database, missing permissions, a full disk and a database that stays locked for ``timeout`` seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}.",
            "Check the folder's owner and permissions, or use another file with --db.",
        ) from error
    with translated(path):
        try:
            return _open(path, timeout), ()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            if path.suffix.lower() not in _SUFFIXES:
                # A slip such as --db notes.txt must not rename somebody's notes.
                raise StoreError(
                    f"{path} is no inventory of espied.", f"Name another file with --db; its name should end in {' or '.join(_SUFFIXES)}."
                ) from error
        aside = move_aside(path)
        notice = f"The inventory {path} was damaged. It is kept as {aside}, and a new one has been begun."
        return _open(path, timeout), (notice,)


def move_aside(path: Path) -> Path:
    """Rename a database, with its log, to the first free ``<name>.damaged-<n>``. Raises StoreError where that fails."""
    for number in range(1, _DAMAGED_MAX):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if aside.exists():
            continue
        try:
            for suffix in ("-wal", "-shm"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    part.rename(aside.with_name(aside.name + suffix))
            path.rename(aside)
        except OSError as error:
            raise StoreError(
                f"The damaged inventory {path} cannot be moved aside: {error.strerror or error}.",
                "Move the file away yourself, or use another one with --db.",
            ) from error
        return aside
    raise StoreError(f"There are {_DAMAGED_MAX - 1} damaged inventories beside {path}.", "Move them away, or use another file with --db.")


def _open(path: Path, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _refuse_foreign(connection, path)
        if path.stat().st_size <= _QUICK_CHECK_MAX:
            _check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL loses at most the last commits in a power cut, never the database (sqlite.org/wal.html).
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError for a newer espied's file and another program's: neither may be changed, so look before touching."""
    version = version_of(connection)
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and owner != APPLICATION_ID:
        raise StoreError(f"{path} is the database of another program.", "Give the inventory a file of its own with --db.")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"The inventory {path} was written by a newer espied (schema {version}, this one knows {len(MIGRATIONS)}).",
            "Update espied, or use another file with --db.",
        )


def _check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError (corrupt) where the file's structure is broken."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = _CORRUPT
        raise error
