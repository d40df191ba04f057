"""docs/supported.md: every device family, how it is recognised, its ports and how it is updated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from discover.atlas.loader import load_catalogue
from scripts.generators._markdown import GENERATED, cell, code, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from discover.atlas.family import Family, FamilyOta, Match

_DIRECTIONS: Final = {"listens": "listens", "dials-out": "dials out", "announces": "announces"}

INTRODUCTION: Final = """\
What espied recognises, and by what. Every rule has a weight (1 to 100), an example that the tests run, and a sentence that espied shows as
evidence. A device that fits no family is listed all the same, as unknown.

Each family is one file in [discover/atlas/families](../discover/atlas/families); [adding-a-device.md](adding-a-device.md) tells how to add
one."""

_UPDATES: Final = {
    "arduino": "ArduinoOTA",
    "esphome": "ESPHome OTA",
    "http": "upload over HTTP",
    "pull": "fetches its updates itself",
    "none": "no update over the network",
}


def render() -> str:
    """Return the page."""
    families = sorted(load_catalogue().families, key=lambda family: (family.generic, family.title.casefold()))
    lines = [
        "# Supported devices",
        "",
        GENERATED,
        "",
        INTRODUCTION,
        "",
        f"## {len(families)} families",
        "",
        *table(("Family", "Kind", "Ports", "Update"), map(_row, families)),
    ]
    for family in families:
        lines += [
            "",
            f"## {cell(family.title)}",
            "",
            cell(family.summary),
            *_recognised(family),
            *_ports(family),
            *_update(family),
            *_more(family),
        ]
    return "\n".join(lines) + "\n"


def _row(family: Family) -> tuple[str, ...]:
    anchor = "".join(char for char in family.title.lower().replace(" ", "-") if char.isalnum() or char in "-_")
    ports = ", ".join(dict.fromkeys(f"{one.port}/{one.transport}" for one in family.port))
    update = f"{_UPDATES[family.ota.kind]}{_where(family.ota)}" if family.ota else ""
    return f"[{cell(family.title)}](#{anchor})", cell(family.kind) + (" (generic)" if family.generic else ""), ports, update


def _where(ota: FamilyOta) -> str:
    if ota.kind in ("pull", "none"):
        return ""
    if ota.port_from == "service":
        return f", {ota.transport}, on the announced port ({ota.port} by default)"
    ports = sorted({ota.port, *ota.ports.values()})
    return f", {' or '.join(str(port) for port in ports)}/{ota.transport}"


def _recognised(family: Family) -> list[str]:
    if not family.match:
        return []
    return ["", "Recognised by:", "", *(f"- {_conditions(match)} (weight {match.weight})" for match in family.match)]


def _conditions(match: Match) -> str:
    parts = [
        f"mDNS {code(match.mdns)}" if match.mdns else "",
        f"instance {code(match.instance)}" if match.instance else "",
        f"host name {code(match.host)}" if match.host else "",
        f"signal {code(match.kind)}" if match.kind else "",
        f"protocol {code(match.protocol)}" if match.protocol else "",
        f"port {match.port}" if match.port else "",
        *(f"TXT {code(key)}" + ("" if glob == "*" else f" = {code(glob)}") for key, glob in match.txt.items()),
        *(f"{code(key)} = {code(glob)}" for key, glob in match.fields.items()),
        f"MAC prefix {', '.join(code(prefix) for prefix in match.oui)}" if match.oui else "",
        f"maker of the MAC {code(match.vendor)}" if match.vendor else "",
    ]
    return ", ".join(part for part in parts if part)


def _ports(family: Family) -> list[str]:
    if not family.port:
        return []
    rows = [
        (f"{one.port}/{one.transport}", _DIRECTIONS[one.direction.value], f"{cell(one.role)}: {cell(one.explanation)}", cell(one.source))
        for one in family.port
    ]
    return ["", *table(("Port", "Direction", "What for", "Source"), rows)]


def _update(family: Family) -> list[str]:
    ota = family.ota
    if ota is None:
        return []
    source = f" (Source: {cell(ota.source)})" if ota.source else ""
    return ["", f"Update: {_UPDATES[ota.kind]}{_where(ota)}. {cell(ota.note)}{source}"]


def _more(family: Family) -> list[str]:
    lines = [
        f"- Asks {code(f'GET {one.path}')} on port {one.port} where a hint speaks for it. {cell(one.side_effects)}" for one in family.http
    ]
    lines += [f"- Not to be confused: {cell(one.why)}" for one in family.not_]
    lines += [f"- [{cell(link.title)}]({link.url})" for link in family.links]
    return ["", *lines] if lines else []


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/supported.md": render}
