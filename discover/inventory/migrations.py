"""The store's tables, version by version. A released migration is never edited: the next one changes what it made."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

APPLICATION_ID: Final = 0x65737064
""""espd": tells our file from other SQLite files (PRAGMA application_id)."""

MIGRATIONS: Final[Sequence[tuple[str, ...]]] = (
    (
        # The document is the device's JSON (discover/inventory/document.py); the columns are what is searched and sorted by.
        """CREATE TABLE devices (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            hostname TEXT NOT NULL,
            mac TEXT NOT NULL,
            family TEXT NOT NULL,
            first_seen REAL NOT NULL,
            last_seen REAL NOT NULL,
            document BLOB NOT NULL,
            more BLOB NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX devices_by_mac ON devices (mac) WHERE mac <> ''",
        "CREATE INDEX devices_by_last_seen ON devices (last_seen)",
        """CREATE TABLE annotations (
            device_id TEXT PRIMARY KEY,
            label TEXT NOT NULL,
            notes TEXT NOT NULL,
            tags TEXT NOT NULL
        ) WITHOUT ROWID""",
        # Ids get better while we learn; an old id leads to the new one.
        "CREATE TABLE aliases (id TEXT PRIMARY KEY, device_id TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID",
        "CREATE INDEX aliases_by_device ON aliases (device_id)",
        """CREATE TABLE snapshots (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            generated REAL NOT NULL,
            devices INTEGER NOT NULL,
            complete INTEGER NOT NULL,
            document BLOB NOT NULL
        )""",
    ),
)
"""Statements of each version; the last one's number is the schema's (PRAGMA user_version)."""


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version of a database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[tuple[str, ...]] = MIGRATIONS) -> None:
    """Bring a database up to date, each version in a transaction of its own. Two processes may do so at once."""
    while version_of(connection) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = version_of(connection)  # again: another process may have been faster
            if version < len(migrations):
                for statement in migrations[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
