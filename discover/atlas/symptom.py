"""A message of an upload tool as the atlas knows it: the types of ``symptoms/*.toml`` and of ``find_symptoms()``.

A *symptom* is what a tool prints when an upload goes wrong (or on the way there). It names the hop of the upload that
the message speaks of, the causes, likeliest first, and what to do about each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HOPS: Final[Mapping[str, str]] = {
    "name": "the name, before a packet reaches the device",
    "host": "whether the device is there at all",
    "listener": "whether its update service answers",
    "password": "the password",
    "way-back": "the way back: the connection from the device to this computer",
    "transfer": "the transfer of the image, after all hops of the network",
    "flash": "the device's flash, which does not take this image",
    "tool": "the tool on this computer, before anything is sent",
    "cable": "the cable: USB and the serial port",
}
"""Where a message's cause sits -> in words. The first five are the hops of ``espied check`` (discover.model.check.Hop)."""

RANK: Final[Mapping[str, int]] = {"error": 0, "seen": 0, "system": 1, "wrapper": 2, "progress": 3}
"""The words of a symptom's ``level``, and in which order they count where several messages stand in a log."""

NETWORK_HOPS: Final = ("name", "host", "listener", "password", "way-back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause: ``what`` it is, ``why`` it leads to this message and how to recognise it, and the ``fix``; a sentence or two each."""

    what: str
    why: str
    fix: str
    hop: str = ""
    """A word of HOPS where it is not the symptom's own."""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to read on."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A line as tools really print it: the symptom's own test. ``host`` is what must be read out of it, "" where it names none."""

    said: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One message and what follows from it.

    ``texts`` are the message in its variants, as printed; ``{}`` stands for what differs from case to case, ``{host}``
    for the device's name or address. ``id`` is "tool/slug". ``level`` is "error", "seen" (no words of the tool, but what
    one sees), "system" (the system's reason, which stands within a tool's words), "wrapper" (only passes on that another
    tool failed) or "progress" (no error: what comes after it counts).
    """

    id: str
    tool: str
    texts: tuple[str, ...]
    means: str
    hop: str
    cause: tuple[Cause, ...]
    source: str
    who: str = ""
    """Which versions or programs print it, where not all of the tool's do."""
    level: str = "error"
    check: str = "espied check HOST"
    """The command that finds out; HOST and FILE are placeholders."""
    shows: str = ""
    """What that command shows of it; "" takes what fits the hop."""
    links: tuple[Page, ...] = ()
    example: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One file: a tool, and what it prints."""

    tool: str
    title: str
    about: str
    symptom: tuple[Symptom, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A symptom that was found: by which of its texts, on which line of what was given, and the host that the line names."""

    symptom: Symptom
    text: str
    line: str
    host: str = ""
    score: float = 1.0
    """How much agrees, 0 to 1; below 1 only where the message is not in what was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer: ``match`` is "exact", "contains", "part", "closest", "about" or "none", ``hits`` best first."""

    asked: str
    match: str
    hits: tuple[Hit, ...] = ()
