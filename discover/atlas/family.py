"""A device family as the catalogue describes it: the types of ``families/*.toml``.

A match rule holds when *all* of its conditions hold for one signal. Text conditions are globs
(fnmatch, without case) unless their comment says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discover.model.device import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One rule: conditions on one signal, a weight (1..100) and a sentence for people.

    ``why`` may use ``{field}`` placeholders of the signal ("{instance}", "{txt.board}").
    ``sets`` gives further claims ("chip", "model", "kind", "firmware", "firmware_version", "name", "mac",
    "ota_password", "hostname", "identity") as text with the same placeholders. ``{field:table}`` looks the value up
    in the family's ``tables`` and is empty where it is not there. A claim all of whose placeholders came out
    empty is dropped.
    """

    weight: int
    why: str
    mdns: str = ""
    """Service type, exact ("_esphomelib._tcp")."""
    instance: str = ""
    host: str = ""
    """mDNS host name without ".local"."""
    port: int = 0
    """The signal's port, exact; 0: any."""
    txt: Mapping[str, str] = field(default_factory=dict)
    """TXT key -> glob; "*" asks only that the key is there."""
    protocol: str = ""
    """Codec name of a udp.reply or tcp.reply."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Signal field -> glob, for decoded replies and HTTP ("json.arch", "server", "title", "path")."""
    kind: str = ""
    """Signal kind, exact ("http.reply", "tcp.open"); set where no other condition implies one."""
    oui: tuple[str, ...] = ()
    """MAC prefixes ("24:6f:28"); matches any signal that tells a MAC."""
    vendor: str = ""
    """Glob on the MAC's vendor name."""
    sets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPort:
    """One port that devices of this family use."""

    port: int
    transport: str
    direction: Direction
    role: str
    explanation: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaPage:
    """The one page that an update check reads of a device which takes updates by its web server (GET, read-only).

    ``sign``, ``offers``, ``lacks`` and ``locked`` are conditions on the answer's fields, globs without case: "status", "server",
    "title", "body", "json.name". The answer is this family's where ``sign`` holds; where ``offers`` holds, too, the upload
    form is on the page; where ``lacks`` does, this build takes no upload; where ``locked`` does, it wants a password first.
    ``side_effects`` says in a sentence what reading it does to the device, ``source`` how we know.
    """

    path: str
    side_effects: str
    source: str
    sign: Mapping[str, str]
    offers: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    locked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyOta:
    """How devices of this family are updated.

    ``kind``: "arduino", "esphome", "http", "pull", "none". The port is the SRV port where ``port_from`` is
    "service", the entry of ``ports`` for the TXT value of key ``port_key`` where it is "table" (entries are
    globs without case, the first that fits counts, "" is for an absent key), and ``port`` otherwise (and as
    the fallback). ``password_key``: TXT key whose yes/no tells of a password.
    """

    kind: str
    transport: str
    port: int
    note: str
    service: str = ""
    """The mDNS service type that announces it ("" where the family match is enough)."""
    port_from: str = "fixed"
    port_key: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    password_key: str = ""
    source: str = ""
    page: OtaPage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """One read-only GET that identifies the family.

    ``when`` lists hints of which one must hold for the host: "oui:espressif" (vendor glob), "mdns:_wled._tcp",
    "host:tasmota-*". ``side_effects`` says in a sentence what it does to the device, ``source`` how we know.
    """

    port: int
    path: str
    when: tuple[str, ...]
    side_effects: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A signal and what must be concluded from it: the catalogue's own tests."""

    signal: Mapping[str, object]
    """``kind``, ``peer`` and ``fields`` as in discover.model.signal."""
    confidence: str
    source: str
    sets: Mapping[str, str] = field(default_factory=dict)
    """Further claims that must come out."""
    hits: int = 0
    """Index of the match rule that this example is the example of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExample:
    """A signal that must not be taken for this family, and why people might think so."""

    signal: Mapping[str, object]
    why: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page to read on."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One device family: one TOML file."""

    id: str
    title: str
    summary: str
    kind: str
    """What such a thing is: "microcontroller", "light", "plug", "spa", "hub", "printer", "router", "accessory"."""
    generic: bool = False
    """True where any specific family beats it ("Espressif by MAC only", "HomeKit accessory")."""
    also: tuple[str, ...] = ()
    """Families that may be true at the same time (ArduinoOTA on a WLED): not an overlap."""
    links: tuple[Link, ...] = ()
    match: tuple[Match, ...] = ()
    port: tuple[FamilyPort, ...] = ()
    ota: FamilyOta | None = None
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name -> value told -> what it means ("category" -> "5" -> "light"), for ``{field:table}`` in ``sets``."""
    http: tuple[HttpProbe, ...] = ()
    example: tuple[Example, ...] = ()
    not_: tuple[NotExample, ...] = ()
