"""A port as the atlas knows it: the types of ``ports/*.toml`` and of ``explain()``.

Four layers, never mixed: what the registry says, what is found there in practice, what this device
told us, what we conclude and how sure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRecord:
    """One row of the IANA registry."""

    range: str
    transport: str
    name: str
    description: str
    reference: str = ""
    registered: str = ""
    modified: str = ""
    assignee: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Layer 1: what the registry says, with the date of the copy in ``source``."""

    status: str
    name: str
    description: str
    reference: str
    transports: tuple[str, ...]
    records: tuple[RegistryRecord, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """Layer 2: who really uses the number.

    ``direction``: "listens", "dials-out", "announces"; ``confidence``: "confirmed", "reported", "unverified".
    """

    who: str
    what: str
    transport: str
    direction: str
    confidence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Something that was, kept apart from what is."""

    year: str
    what: str
    confidence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim that is made about the port, and its verdict after checking.

    ``verdict``: "confirmed", "refuted", "imprecise", "unverifiable" or "opinion".
    """

    id: str
    text: str
    verdict: str
    correction: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortNote:
    """One number (or range) of the atlas."""

    first: int
    last: int
    transports: tuple[str, ...]
    category: str
    registry: Registry
    practice: tuple[Practice, ...] = ()
    history: tuple[History, ...] = ()
    claims: tuple[Claim, ...] = ()
    risk: str = ""
    expected_when: str = ""
    if_unexpected: str = ""
    check_local: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """"tcp" | "udp" | "outbound" -> "linux" | "macos" | "windows" | "remote" -> the exact command."""
    """Only where it differs from the commands that follow from the number (discover.atlas.commands)."""
    hands_off: str = ""
    """Why not even a connection should be tried from outside; then no command for that is given."""
    families: tuple[str, ...] = ()
    """Names of devices; one that ends in "(UDP)" or "(TCP)" uses the number on that transport alone."""
    notes: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    """"tcp" | "udp" | "" (both) -> a few words: what is usually found there."""
    conclusion: Mapping[str, str] = field(default_factory=dict)
    """"tcp" | "udp" | "" (both) -> what can be concluded from the number alone, where rules would not say it as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Layer 3: what a device told us about this port, one sentence each, with its source."""

    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """Layer 4: what we conclude, and how sure ("certain", "likely", "possible", "unknown")."""

    text: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer to "what is this port": the four layers and what helps to check it."""

    port: int
    transport: str
    """"tcp", "udp" or "" where both were asked for."""
    direction: str
    title: str
    registry: Registry
    system_name: str
    """What this system's own services list says, "" where it says nothing: never "this is"."""
    practice: tuple[Practice, ...]
    told: tuple[Told, ...]
    conclusion: Conclusion
    history: tuple[History, ...] = ()
    claims: tuple[Claim, ...] = ()
    risk: str = ""
    expected_when: str = ""
    if_unexpected: str = ""
    check_local: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    families: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ranges: tuple[PortNote, ...] = ()
    """Notes of ranges that contain the number."""
