"""What a family must keep beyond its types: words of the vocabularies, ranges, references, and no harm.

Each function returns nothing and raises CatalogueError, which names the file and the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.atlas.checks import TRANSPORTS, filled, need, port_in_range, word_in, words_in
from discover.atlas.family import Family, FamilyOta, HttpProbe, Match, OtaPage
from discover.model.device import Confidence
from discover.model.signal import KINDS

OTA_KINDS: Final = ("arduino", "esphome", "http", "pull", "none")
_PAGE_FIELDS: Final = ("status", "server", "title", "body")
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

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SERVICE_TYPE: Final = re.compile(r"_[A-Za-z0-9_-]+\._(tcp|udp)")
_OUI: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2,4}")
_HINT: Final = re.compile(r"(oui|mdns|host):.+")


def check_catalogue(catalogue: Catalogue) -> None:
    """Refuse families that name families which are not there."""
    ids = {family.id for family in catalogue.families}
    for family in catalogue.families:
        for other in family.also:
            need(other in ids, f"families/{family.id}.toml", "also", f"there is no family {other!r}")


def check_family(family: Family, stem: str, where: str) -> None:
    """Refuse a family whose values are of the right type and yet wrong; ``stem`` is the file's name without suffix."""
    need(family.id == stem, where, "id", f"{family.id!r} is not the file's name")
    need(_ID.fullmatch(family.id) is not None, where, "id", "lower case, digits and single hyphens only")
    filled({"title": family.title, "summary": family.summary, "kind": family.kind}, where)
    for index, match in enumerate(family.match):
        _check_match(match, where, f"match[{index}]")
    for index, port in enumerate(family.port):
        here = f"port[{index}]"
        port_in_range(port.port, where, f"{here}.port")
        word_in(port.transport, TRANSPORTS, where, f"{here}.transport")
        filled({f"{here}.role": port.role, f"{here}.explanation": port.explanation, f"{here}.source": port.source}, where)
    if family.ota is not None:
        _check_ota(family.ota, where)
    for index, http in enumerate(family.http):
        _check_http(http, where, f"http[{index}]")
    for index, example in enumerate(family.example):
        here = f"example[{index}]"
        need(0 <= example.hits < len(family.match), where, f"{here}.hits", f"there are {len(family.match)} match rules, counted from 0")
        word_in(example.confidence, tuple(Confidence), where, f"{here}.confidence")
        words_in(example.sets, CLAIMS, where, f"{here}.sets")
        filled({f"{here}.source": example.source}, where)
        _check_signal(example.signal, where, here)
    for index, other in enumerate(family.not_):
        here = f"not[{index}]"
        filled({f"{here}.why": other.why, f"{here}.source": other.source}, where)
        _check_signal(other.signal, where, here)
    for index, link in enumerate(family.links):
        need(link.url.startswith("https://"), where, f"links[{index}].url", "an https address is wanted")
        filled({f"links[{index}].title": link.title}, where)


def _check_match(match: Match, where: str, here: str) -> None:
    need(1 <= match.weight <= 100, where, f"{here}.weight", f"{match.weight} is not in 1..100")
    filled({f"{here}.why": match.why}, where)
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
    need(any(conditions), where, here, "a rule without a condition would match everything")
    need(not match.mdns or _SERVICE_TYPE.fullmatch(match.mdns) is not None, where, f"{here}.mdns", "a type looks like '_http._tcp'")
    need(0 <= match.port <= 65535, where, f"{here}.port", f"{match.port} is not a port")
    for prefix in match.oui:
        need(_OUI.fullmatch(prefix) is not None, where, f"{here}.oui", f"{prefix!r}: a prefix looks like '24:6f:28'")
    words_in(match.sets, CLAIMS, where, f"{here}.sets")


def _check_ota(ota: FamilyOta, where: str) -> None:
    word_in(ota.kind, OTA_KINDS, where, "ota.kind")
    word_in(ota.port_from, OTA_PORTS_FROM, where, "ota.port_from")
    filled({"ota.note": ota.note}, where)
    if ota.page is not None:
        _check_page(ota.page, ota.kind, where)
    if ota.kind in ("pull", "none"):
        word_in(ota.transport, ("", *TRANSPORTS), where, "ota.transport")
        need(0 <= ota.port <= 65535, where, "ota.port", f"{ota.port} is not a port")
        return
    word_in(ota.transport, TRANSPORTS, where, "ota.transport")
    port_in_range(ota.port, where, "ota.port")
    need(
        (ota.port_from == "table") == bool(ota.ports) == bool(ota.port_key),
        where,
        "ota.port_from",
        '"table" wants port_key and ports, and only it does',
    )
    for key, port in ota.ports.items():
        port_in_range(port, where, f"ota.ports.{key}")


def _check_page(page: OtaPage, kind: str, where: str) -> None:
    need(kind in ("http", "pull"), where, "ota.page", "only an update by a web server has a page to be read")
    _check_path(page.path, where, "ota.page")
    need(bool(page.sign), where, "ota.page.sign", "a page is known by something on it")
    for name in ("sign", "offers", "lacks", "locked"):
        for key in getattr(page, name):
            need(key in _PAGE_FIELDS or key.startswith("json."), where, f"ota.page.{name}", f"{key!r} is no field of an answer")
    filled({"ota.page.side_effects": page.side_effects, "ota.page.source": page.source}, where)


def _check_path(text: str, where: str, here: str) -> None:
    need(text.startswith("/"), where, f"{here}.path", "a path begins with /")
    path = text.lower()
    # DESIGN section 3, invariant 2: these GETs start an update or carry out a command.
    need("/ota/start" not in path, where, f"{here}.path", "this GET would start an update")
    if "cmnd=" in path:
        need(path.partition("cmnd=")[2].startswith("status"), where, f"{here}.path", "only the command Status is read-only")


def _check_http(http: HttpProbe, where: str, here: str) -> None:
    port_in_range(http.port, where, f"{here}.port")
    _check_path(http.path, where, here)
    need(bool(http.when), where, f"{here}.when", "a GET is sent only where a hint speaks for it")
    for hint in http.when:
        need(_HINT.fullmatch(hint) is not None, where, f"{here}.when", f"{hint!r}: a hint begins with oui:, mdns: or host:")
    filled({f"{here}.side_effects": http.side_effects, f"{here}.source": http.source}, where)


def _check_signal(signal: Mapping[str, object], where: str, here: str) -> None:
    words_in(signal, ("kind", "peer", "fields", "source", "interface"), where, f"{here}.signal")
    word_in(str(signal.get("kind", "")), tuple(KINDS), where, f"{here}.signal.kind")
    need(isinstance(signal.get("fields", {}), dict), where, f"{here}.signal.fields", "a table is wanted")
