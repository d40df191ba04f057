"""The small checks that both kinds of catalogue file share; each raises CatalogueError naming file and field."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from discover.errors import CatalogueError

TRANSPORTS: Final = ("tcp", "udp")
HINT: Final = "docs/adding-a-device.md lists the fields of both kinds of file."


def need(holds: bool, where: str, field: str, why: str) -> None:  # noqa: FBT001 - the condition is what is said first
    """Refuse the file where the condition does not hold."""
    if not holds:
        raise CatalogueError(f"{where}: {field}: {why}", HINT)


def word_in(word: str, words: Iterable[str], where: str, field: str) -> None:
    """Refuse a word that is none of the vocabulary's."""
    known = [str(one) for one in words]
    need(word in known, where, field, f"{word!r} is none of {', '.join(one or repr('') for one in known)}")


def words_in(given: Collection[str], words: Iterable[str], where: str, field: str) -> None:
    """Refuse any word that is none of the vocabulary's."""
    for word in given:
        word_in(word, words, where, field)


def filled(texts: Mapping[str, str], where: str) -> None:
    """Refuse texts that are empty; the keys name the fields."""
    for field, text in texts.items():
        need(bool(text.strip()), where, field, "must not be empty")


def port_in_range(number: int, where: str, field: str) -> None:
    """Refuse numbers outside 1..65535."""
    need(1 <= number <= 65535, where, field, f"{number} is not a port")
