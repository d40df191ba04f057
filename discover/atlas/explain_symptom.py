"""What is said of a symptom that was found: the command that finds out, and the JSON contract espied.symptom/1."""

from __future__ import annotations

import shlex
from typing import Final, Literal

import msgspec

from discover import contract
from discover.atlas.symptom import NETWORK_HOPS, Found, Hit, Symptom

SCHEMA: Final = "espied.symptom/1"

SHOWS: Final = {
    "name": "its step for the name: whether and to what it is resolved here.",
    "host": "its step for the host: whether anybody has that address right now.",
    "listener": "its step for the listener: what answers on the update port, and on a control port beside it.",
    "password": "whether the device asks for a password, and in which of the two schemes; with --password --yes it tries one.",
    "way-back": "its step for the way back: which address of this computer the device would call, and what the firewall here does. "
    "With --level 3 --yes the device really calls.",
}
"""What ``espied check`` shows of each of its hops."""


class CauseDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cause; the likeliest stands first."""

    what: str
    why: str
    fix: str
    hop: str
    source: str


class CheckDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The command that finds out (HOST and FILE are placeholders where the message named none), and what it shows of it."""

    command: str
    shows: str


class PageDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page to read on."""

    title: str
    url: str


class HitDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message. ``network`` tells whether ``hop`` is one of the check's; ``agrees`` is below 1 where it is only close."""

    id: str
    tool: str
    who: str
    text: str
    level: Literal["error", "seen", "system", "wrapper", "progress"]
    agrees: float
    host: str
    means: str
    hop: Literal["name", "host", "listener", "password", "way-back", "transfer", "flash", "tool", "cable"]
    network: bool
    causes: tuple[CauseDocument, ...]
    check: CheckDocument
    links: tuple[PageDocument, ...]
    source: str


class SymptomDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole answer; ``hits`` best first, empty where ``match`` is "none"."""

    schema: Literal["espied.symptom/1"]
    asked: str
    match: Literal["exact", "contains", "part", "closest", "about", "none"]
    hits: tuple[HitDocument, ...]


def check_command(hit: Hit) -> str:
    """Return the command that finds out, with the host that the message named in the place of HOST."""
    if not hit.host:
        return hit.symptom.check
    return " ".join(shlex.quote(hit.host) if word == "HOST" else word for word in hit.symptom.check.split())


def check_shows(symptom: Symptom) -> str:
    """Return what that command shows of it."""
    return symptom.shows or SHOWS[symptom.hop]


def render_found(found: Found) -> bytes:
    """Return the answer as UTF-8 JSON with a line end, keys in the contract's order."""
    plain = {"schema": SCHEMA, "asked": found.asked, "match": found.match, "hits": [_hit(hit) for hit in found.hits]}
    document = msgspec.convert(plain, SymptomDocument)
    return contract.render(document)


def _hit(hit: Hit) -> dict[str, object]:
    symptom = hit.symptom
    causes = [
        {"what": one.what, "why": one.why, "fix": one.fix, "hop": one.hop or symptom.hop, "source": one.source or symptom.source}
        for one in symptom.cause
    ]
    return {
        "id": symptom.id,
        "tool": symptom.tool,
        "who": symptom.who,
        "text": hit.text,
        "level": symptom.level,
        "agrees": hit.score,
        "host": hit.host,
        "means": symptom.means,
        "hop": symptom.hop,
        "network": symptom.hop in NETWORK_HOPS,
        "causes": causes,
        "check": {"command": check_command(hit), "shows": check_shows(symptom)},
        "links": [{"title": page.title, "url": page.url} for page in symptom.links],
        "source": symptom.source,
    }


def symptom_schema() -> bytes:
    """Return the JSON schema of :func:`render_found`'s output (draft 2020-12), as it is committed under docs/schema/."""
    return contract.schema(SymptomDocument, SCHEMA)
