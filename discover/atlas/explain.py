"""Explaining any port, in four layers that are never mixed: registry, practice, told, concluded.

A number alone is never an identification: without a device the conclusion is at best "possible". The
file of that one port is all that is read, so that ``espied explain`` stays within its budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from discover.atlas.commands import Remote, check_commands, command_notes
from discover.atlas.conclude import conclude, conclude_for
from discover.atlas.loader import load_port, load_ranges
from discover.atlas.numbers import RANGES, range_of, range_registry
from discover.atlas.port import Explanation, PortNote, Practice
from discover.errors import UsageError

if TYPE_CHECKING:
    from discover.atlas.family import Family
    from discover.model.device import Device

TRANSPORTS: Final = ("tcp", "udp")

GADGET_ADVICE: Final = (
    "Match the MAC's vendor, the mDNS name and the other open ports of the same host first. Then switch the suspect device off and see "
    "whether the port goes; if it stays, look at the next candidate. Update or isolate what you cannot name."
)
QUIET_ADVICE: Final = (
    "On a PC: find the process with the command for your system. On a gadget: identify the gadget; nothing common in a home uses "
    "this number."
)
EPHEMERAL: Final = (
    "Systems hand such numbers out to programs that connect outwards (Linux 32768-60999 by default, measured; 49152-65535 by RFC 6335): "
    "in a list of connections it is mostly the client's side."
)
_LOWEST_EPHEMERAL: Final = 32768

Services = Callable[[int, str], str]
"""(port, transport) -> what this system's own services list calls it, "" where it has no name."""


def explain(
    port: int,
    transport: str = "",
    *,
    device: Device | None = None,
    families: Iterable[Family] = (),
    services: Services | None = None,
) -> Explanation:
    """Explain a port: 0..65535, ``transport`` "tcp", "udp" or "" for both.

    ``device`` adds what that device told about the port. ``families`` (the catalogue's) adds which of them
    use the port; without it only the atlas speaks. ``services`` is the system's own list
    (:func:`system_service`), another one in tests. Raises UsageError for what is no port or transport.
    """
    transport = _checked(port, transport)
    note = load_port(port)
    practice, titles = _practice(note, port, transport, tuple(families))
    outbound = any(one.direction == "dials-out" for one in practice)
    asked = (transport,) if transport else (note.transports if note else TRANSPORTS)
    title = _title(note, titles, port, transport)
    number = f"{port}/{transport}" if transport else str(port)
    used = {one.transport for one in practice}
    main = _title(note, titles, port, used.pop()) if len(used) == 1 else title
    alone = conclude(note, port, transport, practice=practice, title=main)
    told, conclusion, direction = (
        conclude_for(device, port, transport, practice=practice, title=title, alone=alone) if device is not None else ((), alone, "")
    )
    return Explanation(
        port=port,
        transport=transport,
        direction=direction or next((one.direction for one in practice), ""),
        title=f"{number} - {title}",
        registry=note.registry if note else range_registry(port),
        system_name=_system_name(port, transport, services or system_service),
        practice=practice,
        told=told,
        conclusion=conclusion,
        history=note.history if note else (),
        claims=note.claims if note else (),
        risk=note.risk if note else "",
        expected_when=note.expected_when if note else "",
        if_unexpected=(note.if_unexpected if note else "") or _advice(note),
        check_local={**check_commands(port, port, asked, outbound=outbound, remote=_remote(note)), **(note.check_local if note else {})},
        families=_families(note, port, transport, families),
        notes=_notes(note, port, asked, outbound=outbound),
        ranges=load_ranges(port),
    )


def system_service(port: int, transport: str) -> str:
    """Return the name in this system's services list, "" where it has none; lists differ from system to system."""
    import socket  # noqa: PLC0415 - only where a person asks

    try:
        return socket.getservbyport(port, transport)
    except OSError:  # "port/proto not found", or no services file at all (slim containers)
        return ""


def _checked(port: int, transport: str) -> str:
    hint = "For example: espied explain 3232, espied explain 3232/udp, espied explain 3197/tcp."
    if not 0 <= port <= RANGES[-1].last:
        raise UsageError(f"{port} is not a port: they go from 0 to {RANGES[-1].last}", hint)
    lowered = transport.strip().lower()
    if lowered not in ("", *TRANSPORTS):
        raise UsageError(f"'{transport}' is not a transport that espied knows: tcp or udp", hint)
    return lowered


def _practice(
    note: PortNote | None, port: int, transport: str, families: tuple[Family, ...]
) -> tuple[tuple[Practice, ...], Mapping[str, str]]:
    """Return who uses the port, by the atlas, else by the catalogue's families; and titles by transport."""
    if note is not None:
        return tuple(one for one in note.practice if transport in ("", one.transport)), note.titles
    found: list[Practice] = []
    titles: dict[str, str] = {}
    for family in families:
        for use in family.port:
            if use.port == port and transport in ("", use.transport):
                found.append(
                    Practice(
                        who=family.title,
                        what=f"{use.role}: {use.explanation}",
                        transport=use.transport,
                        direction=use.direction.value,
                        confidence="confirmed",
                        source=use.source,
                    )
                )
                titles.setdefault(use.transport, f"{use.role} ({family.title})")
    return tuple(found), titles


def _title(note: PortNote | None, titles: Mapping[str, str], port: int, transport: str) -> str:
    if not titles:
        return f"{range_of(port).name} without a note in this atlas"
    both = titles.get("")
    if transport:
        other = "udp" if transport == "tcp" else "tcp"
        missing = f"no known use on {transport.upper()}" + (f" ({other.upper()}: {titles[other]})" if other in titles else "")
        return titles.get(transport) or both or missing
    if both:
        return both
    order = note.transports if note else tuple(titles)
    said = [(one, titles[one]) for one in order if one in titles]
    return said[0][1] if len(said) == 1 else "; ".join(f"{text} ({one})" for one, text in said)


def _system_name(port: int, transport: str, services: Services) -> str:
    named = {one: services(port, one) for one in ((transport,) if transport else TRANSPORTS)}
    names = sorted({name for name in named.values() if name})
    if len(names) <= 1:
        return names[0] if names else ""
    return ", ".join(f"{name} ({one})" for one, name in named.items() if name)


def _advice(note: PortNote | None) -> str:
    return QUIET_ADVICE if note is not None and note.category == "neighbourhood" else GADGET_ADVICE


def _families(note: PortNote | None, port: int, transport: str, families: Iterable[Family]) -> tuple[str, ...]:
    other = {"tcp": "(UDP)", "udp": "(TCP)"}.get(transport)
    names = [name for name in note.families if other is None or not name.endswith(other)] if note else []
    said = {name.removesuffix(" (UDP)").removesuffix(" (TCP)") for name in names}
    using = (one for one in families if any(use.port == port and transport in ("", use.transport) for use in one.port))
    return (*names, *dict.fromkeys(one.title for one in using if one.title not in said))


def _notes(note: PortNote | None, port: int, asked: Iterable[str], *, outbound: bool) -> tuple[str, ...]:
    notes = [f"Do not connect to it to find out. {note.hands_off}"] if note and note.hands_off else []
    notes += note.notes if note else ()
    if port >= _LOWEST_EPHEMERAL:
        notes.append(EPHEMERAL)
    notes += command_notes(port, port, asked, outbound=outbound, remote=_remote(note))
    return tuple(notes)


def _remote(note: PortNote | None) -> Remote:
    if note is not None and note.hands_off:
        return Remote.NONE
    return Remote.CHECK if note is not None and note.category == "ota" else Remote.SCAN
