"""Opening the stored inventory, and saying what its opening had to say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui.cli.output import note
from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.inventory.store import Store


@contextlib.contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the inventory. Raises StoreError with what to do."""
    from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here

    with Store.open(settings.database_path()) as store:
        for notice in store.notices:
            note(notice)
        yield store
