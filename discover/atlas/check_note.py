"""What a port note must keep beyond its types: words of the vocabularies, ranges, a source for everything.

Loaded for every ``espied explain``, so it imports nothing of the model (a test compares the words).
"""

from __future__ import annotations

import re
from typing import Final

from discover.atlas.checks import TRANSPORTS, filled, need, word_in, words_in
from discover.atlas.port import Claim, PortNote

DIRECTIONS: Final = ("listens", "dials-out", "announces")
"""The values of discover.model.device.Direction."""
CONFIDENCES: Final = ("confirmed", "reported", "unverified")
VERDICTS: Final = ("confirmed", "refuted", "imprecise", "unverifiable", "opinion")
CATEGORIES: Final = ("api", "device", "discovery", "neighbourhood", "ota")
STATUSES: Final = ("assigned", "unassigned", "dynamic", "range")
PLACES: Final = {
    "tcp": ("linux", "macos", "windows", "remote"),
    "udp": ("linux", "macos", "windows", "remote"),
    "outbound": ("linux", "macos", "windows"),
}
"""For whom a local check is written, by what is looked for."""

_CLAIM_ID: Final = re.compile(r"[A-E][1-9][0-9]?")


def check_note(note: PortNote, stem: str, where: str) -> None:
    """Refuse a port note whose values are of the right type and yet wrong; ``stem`` is the file's name without suffix."""
    need(0 <= note.first <= note.last <= 65535, where, "first", f"{note.first}-{note.last} is no range of ports")
    name = str(note.first) if note.first == note.last else f"{note.first}-{note.last}"
    need(name == stem, where, "port", f"the file of {name} is called {name}.toml")
    need(bool(note.transports), where, "transports", "at least one is wanted")
    for transport in note.transports:
        word_in(transport, TRANSPORTS, where, "transports")
    word_in(note.category, CATEGORIES, where, "category")
    word_in(note.registry.status, STATUSES, where, "registry.status")
    filled({"registry.source": note.registry.source, "expected_when": note.expected_when}, where)
    need(bool(note.titles), where, "titles", "at least one is wanted")
    for field, texts in (("titles", note.titles), ("conclusion", note.conclusion)):
        words_in(texts, ("", *TRANSPORTS), where, field)
        filled({f"{field}.{transport}": text for transport, text in texts.items()}, where)
    for index, practice in enumerate(note.practice):
        here = f"practice[{index}]"
        filled({f"{here}.who": practice.who, f"{here}.what": practice.what, f"{here}.source": practice.source}, where)
        word_in(practice.transport, TRANSPORTS, where, f"{here}.transport")
        word_in(practice.direction, DIRECTIONS, where, f"{here}.direction")
        word_in(practice.confidence, CONFIDENCES, where, f"{here}.confidence")
    for index, event in enumerate(note.history):
        here = f"history[{index}]"
        filled({f"{here}.year": event.year, f"{here}.what": event.what, f"{here}.source": event.source}, where)
        word_in(event.confidence, CONFIDENCES, where, f"{here}.confidence")
    for index, claim in enumerate(note.claims):
        _check_claim(claim, where, f"claim[{index}]")
    for looked_for, commands in note.check_local.items():
        word_in(looked_for, tuple(PLACES), where, "check_local")
        words_in(commands, PLACES[looked_for], where, f"check_local.{looked_for}")
        filled({f"check_local.{looked_for}.{place}": command for place, command in commands.items()}, where)


def _check_claim(claim: Claim, where: str, here: str) -> None:
    need(_CLAIM_ID.fullmatch(claim.id) is not None, where, f"{here}.id", f"{claim.id!r}: an id looks like 'A1'")
    word_in(claim.verdict, VERDICTS, where, f"{here}.verdict")
    filled({f"{here}.text": claim.text, f"{here}.source": claim.source}, where)
    # Whoever says that a claim is wrong owes the reader what is right.
    if claim.verdict in ("refuted", "imprecise"):
        filled({f"{here}.correction": claim.correction}, where)
