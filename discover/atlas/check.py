"""What a catalogue file must keep beyond its types: words of the vocabularies, ranges, references, and no harm.

Each function returns nothing and raises CatalogueError, which names the file and the field.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from discover.atlas.family import Catalogue, Family, FamilyOta, HttpProbe, Match
from discover.atlas.port import Claim, PortNote
from discover.errors import CatalogueError
from discover.model.device import Confidence, Direction
from discover.model.signal import KINDS

TRANSPORTS: Final = ("tcp", "udp")
CONFIDENCES: Final = ("confirmed", "reported", "unverified")
VERDICTS: Final = ("confirmed", "refuted", "imprecise", "unverifiable", "opinion")
CATEGORIES: Final = ("api", "device", "discovery", "neighbourhood", "ota")
STATUSES: Final = ("assigned", "unassigned", "dynamic", "range")
OTA_KINDS: Final = ("arduino", "esphome", "http", "pull", "none")
OTA_PORTS_FROM: Final = ("fixed", "service", "table")
CLAIMS: Final = (
    "chip",
    "firmware",
    "firmware_version",
    "hostname",
    "identity",
    "kind",
    "mac",
    "model",
    "name",
    "ota_password",
)
"""What a match rule may set, besides the family itself (Match.sets)."""
PLACES: Final = {
    "tcp": ("linux", "macos", "windows", "remote"),
    "udp": ("linux", "macos", "windows", "remote"),
    "outbound": ("linux", "macos", "windows"),
}
"""For whom a local check is written, by what is looked for."""

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CLAIM_ID: Final = re.compile(r"[A-E][1-9][0-9]?")
_SERVICE_TYPE: Final = re.compile(r"_[A-Za-z0-9_-]+\._(tcp|udp)")
_OUI: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2,4}")
_HINT: Final = re.compile(r"(oui|mdns|host):.+")


def check_catalogue(catalogue: Catalogue) -> None:
    """Refuse families that name families which are not there."""
    ids = {family.id for family in catalogue.families}
    for family in catalogue.families:
        for other in family.also:
            _need(other in ids, f"families/{family.id}.toml", "also", f"there is no family {other!r}")


def check_family(family: Family, stem: str, where: str) -> None:
    """Refuse a family whose values are of the right type and yet wrong; ``stem`` is the file's name without suffix."""
    _need(family.id == stem, where, "id", f"{family.id!r} is not the file's name")
    _need(_ID.fullmatch(family.id) is not None, where, "id", "lower case, digits and single hyphens only")
    _filled({"title": family.title, "summary": family.summary, "kind": family.kind}, where)
    for index, match in enumerate(family.match):
        _check_match(match, where, f"match[{index}]")
    for index, port in enumerate(family.port):
        here = f"port[{index}]"
        _port(port.port, where, f"{here}.port")
        _word(port.transport, TRANSPORTS, where, f"{here}.transport")
        _filled({f"{here}.role": port.role, f"{here}.explanation": port.explanation, f"{here}.source": port.source}, where)
    if family.ota is not None:
        _check_ota(family.ota, where)
    for index, http in enumerate(family.http):
        _check_http(http, where, f"http[{index}]")
    for index, example in enumerate(family.example):
        here = f"example[{index}]"
        _need(0 <= example.hits < len(family.match), where, f"{here}.hits", f"there are {len(family.match)} match rules, counted from 0")
        _word(example.confidence, tuple(Confidence), where, f"{here}.confidence")
        _words(example.sets, CLAIMS, where, f"{here}.sets")
        _filled({f"{here}.source": example.source}, where)
        _check_signal(example.signal, where, here)
    for index, other in enumerate(family.not_):
        here = f"not[{index}]"
        _filled({f"{here}.why": other.why, f"{here}.source": other.source}, where)
        _check_signal(other.signal, where, here)
    for index, link in enumerate(family.links):
        _need(link.url.startswith("https://"), where, f"links[{index}].url", "an https address is wanted")
        _filled({f"links[{index}].title": link.title}, where)


def _check_match(match: Match, where: str, here: str) -> None:
    _need(1 <= match.weight <= 100, where, f"{here}.weight", f"{match.weight} is not in 1..100")
    _filled({f"{here}.why": match.why}, where)
    conditions: tuple[object, ...] = (
        match.mdns,
        match.instance,
        match.host,
        match.port,
        match.txt,
        match.protocol,
        match.fields,
        match.kind,
        match.oui,
        match.vendor,
    )
    _need(any(conditions), where, here, "a rule without a condition would match everything")
    _need(not match.mdns or _SERVICE_TYPE.fullmatch(match.mdns) is not None, where, f"{here}.mdns", "a type looks like '_http._tcp'")
    _need(0 <= match.port <= 65535, where, f"{here}.port", f"{match.port} is not a port")
    for prefix in match.oui:
        _need(_OUI.fullmatch(prefix) is not None, where, f"{here}.oui", f"{prefix!r}: a prefix looks like '24:6f:28'")
    _words(match.sets, CLAIMS, where, f"{here}.sets")


def _check_ota(ota: FamilyOta, where: str) -> None:
    _word(ota.kind, OTA_KINDS, where, "ota.kind")
    _word(ota.port_from, OTA_PORTS_FROM, where, "ota.port_from")
    _filled({"ota.note": ota.note}, where)
    if ota.kind in ("pull", "none"):
        _word(ota.transport, ("", *TRANSPORTS), where, "ota.transport")
        _need(0 <= ota.port <= 65535, where, "ota.port", f"{ota.port} is not a port")
        return
    _word(ota.transport, TRANSPORTS, where, "ota.transport")
    _port(ota.port, where, "ota.port")
    _need(
        (ota.port_from == "table") == bool(ota.ports) == bool(ota.port_key),
        where,
        "ota.port_from",
        '"table" wants port_key and ports, and only it does',
    )
    for key, port in ota.ports.items():
        _port(port, where, f"ota.ports.{key}")


def _check_http(http: HttpProbe, where: str, here: str) -> None:
    _port(http.port, where, f"{here}.port")
    _need(http.path.startswith("/"), where, f"{here}.path", "a path begins with /")
    path = http.path.lower()
    # DESIGN section 3, invariant 2: these GETs start an update or carry out a command.
    _need("/ota/start" not in path, where, f"{here}.path", "this GET would start an update")
    if "cmnd=" in path:
        _need(path.partition("cmnd=")[2].startswith("status"), where, f"{here}.path", "only the command Status is read-only")
    _need(bool(http.when), where, f"{here}.when", "a GET is sent only where a hint speaks for it")
    for hint in http.when:
        _need(_HINT.fullmatch(hint) is not None, where, f"{here}.when", f"{hint!r}: a hint begins with oui:, mdns: or host:")
    _filled({f"{here}.side_effects": http.side_effects, f"{here}.source": http.source}, where)


def _check_signal(signal: Mapping[str, object], where: str, here: str) -> None:
    _words(signal, ("kind", "peer", "fields", "source", "interface"), where, f"{here}.signal")
    _word(str(signal.get("kind", "")), tuple(KINDS), where, f"{here}.signal.kind")
    _need(isinstance(signal.get("fields", {}), dict), where, f"{here}.signal.fields", "a table is wanted")


def check_note(note: PortNote, stem: str, where: str) -> None:
    """Refuse a port note whose values are of the right type and yet wrong; ``stem`` is the file's name without suffix."""
    _need(0 <= note.first <= note.last <= 65535, where, "first", f"{note.first}-{note.last} is no range of ports")
    name = str(note.first) if note.first == note.last else f"{note.first}-{note.last}"
    _need(name == stem, where, "port", f"the file of {name} is called {name}.toml")
    _need(bool(note.transports), where, "transports", "at least one is wanted")
    for transport in note.transports:
        _word(transport, TRANSPORTS, where, "transports")
    _word(note.category, CATEGORIES, where, "category")
    _word(note.registry.status, STATUSES, where, "registry.status")
    _filled({"registry.source": note.registry.source, "expected_when": note.expected_when}, where)
    _need(bool(note.titles), where, "titles", "at least one is wanted")
    for field, texts in (("titles", note.titles), ("conclusion", note.conclusion)):
        _words(texts, ("", *TRANSPORTS), where, field)
        _filled({f"{field}.{transport}": text for transport, text in texts.items()}, where)
    for index, practice in enumerate(note.practice):
        here = f"practice[{index}]"
        _filled({f"{here}.who": practice.who, f"{here}.what": practice.what, f"{here}.source": practice.source}, where)
        _word(practice.transport, TRANSPORTS, where, f"{here}.transport")
        _word(practice.direction, tuple(Direction), where, f"{here}.direction")
        _word(practice.confidence, CONFIDENCES, where, f"{here}.confidence")
    for index, event in enumerate(note.history):
        here = f"history[{index}]"
        _filled({f"{here}.year": event.year, f"{here}.what": event.what, f"{here}.source": event.source}, where)
        _word(event.confidence, CONFIDENCES, where, f"{here}.confidence")
    for index, claim in enumerate(note.claims):
        _check_claim(claim, where, f"claim[{index}]")
    for looked_for, commands in note.check_local.items():
        _word(looked_for, tuple(PLACES), where, "check_local")
        _words(commands, PLACES[looked_for], where, f"check_local.{looked_for}")
        _filled({f"check_local.{looked_for}.{place}": command for place, command in commands.items()}, where)


def _check_claim(claim: Claim, where: str, here: str) -> None:
    _need(_CLAIM_ID.fullmatch(claim.id) is not None, where, f"{here}.id", f"{claim.id!r}: an id looks like 'A1'")
    _word(claim.verdict, VERDICTS, where, f"{here}.verdict")
    _filled({f"{here}.text": claim.text, f"{here}.source": claim.source}, where)
    # Whoever says that a claim is wrong owes the reader what is right.
    if claim.verdict in ("refuted", "imprecise"):
        _filled({f"{here}.correction": claim.correction}, where)


def _need(holds: bool, where: str, field: str, why: str) -> None:  # noqa: FBT001 - the condition is what is said first
    if not holds:
        raise CatalogueError(f"{where}: {field}: {why}", "docs/adding-a-device.md lists the fields of both kinds of file.")


def _word(word: str, words: Iterable[str], where: str, field: str) -> None:
    known = [str(one) for one in words]
    _need(word in known, where, field, f"{word!r} is none of {', '.join(one or repr('') for one in known)}")


def _words(given: Collection[str], words: Iterable[str], where: str, field: str) -> None:
    for word in given:
        _word(word, words, where, field)


def _filled(texts: Mapping[str, str], where: str) -> None:
    for field, text in texts.items():
        _need(bool(text.strip()), where, field, "must not be empty")


def _port(number: int, where: str, field: str) -> None:
    _need(1 <= number <= 65535, where, field, f"{number} is not a port")
