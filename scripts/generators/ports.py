"""docs/ports.md: the index of the port atlas, its checked claims and its sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from discover.atlas.loader import all_ports
from scripts.generators._markdown import GENERATED, cell, code, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from discover.atlas.port import PortNote

_DIRECTIONS: Final = {"listens": "listens", "dials-out": "dials out", "announces": "announces"}
_ORDER: Final = ("confirmed", "refuted", "imprecise", "unverifiable", "opinion")

INTRODUCTION: Final = """\
What espied knows of ports. `espied explain NUMBER[/tcp|/udp]` shows a port in full: what the registry says, what is found there in
practice, what a device told, and what follows. The four are never mixed, and a number alone is never an identification: always look at
number, transport *and direction*.

Each number is one file in [discover/atlas/ports](../discover/atlas/ports), and a line here is drawn from it.
[adding-a-device.md](adding-a-device.md) tells how to add or correct one."""

CLAIMS: Final = """\
Claims about these ports that are repeated in port encyclopaedias and forums, each checked against sources. What was refuted stays listed as
refuted, so that nobody has to check it again."""

SOURCES: Final = """\
Everything above rests on these. *Confirmed* means that the source was read; *reported*, that somebody credible says so; *unverified*,
that it is general knowledge or a single doubtful page."""


def render() -> str:
    """Return the page."""
    notes = all_ports()
    claims = [(note, claim) for note in notes for claim in note.claims]
    verdicts = Counter(claim.verdict for _, claim in claims)
    counted = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in _ORDER if verdicts[verdict])
    lines = [
        "# The port atlas",
        "",
        GENERATED,
        "",
        INTRODUCTION,
        "",
        f"## The {len(notes)} numbers and ranges",
        "",
        *table(("Port", "What is usually found there", "Direction", "Registered name", "Kind"), map(_row, notes)),
        "",
        f"## {len(claims)} claims, checked: {counted}",
        "",
        CLAIMS,
        "",
        *table(
            ("Claim", "Verdict", "What is right"),
            [
                (f"{code(claim.id)} on {_link(note)}: {cell(claim.text)}", f"**{claim.verdict}**", cell(claim.correction))
                for note, claim in sorted(claims, key=lambda pair: (pair[1].id[0], int(pair[1].id[1:])))
            ],
        ),
        "",
        "## Sources",
        "",
        SOURCES,
        "",
        *(f"- {cell(source)}" for source in sorted(set(_sources(notes)), key=str.casefold)),
    ]
    return "\n".join(lines) + "\n"


def _name(note: PortNote) -> str:
    return str(note.first) if note.first == note.last else f"{note.first}-{note.last}"


def _link(note: PortNote) -> str:
    return f"[{_name(note)}](../discover/atlas/ports/{_name(note)}.toml)"


def _row(note: PortNote) -> tuple[str, ...]:
    titles = [(note.titles[one], one) for one in (("",) if "" in note.titles else note.transports) if one in note.titles]
    usual = "; ".join(f"{cell(text)} ({transport})" if transport else cell(text) for text, transport in titles)
    directions = dict.fromkeys(f"{_DIRECTIONS[one.direction]} ({one.transport})" for one in note.practice)
    return (
        _link(note),
        usual,
        ", ".join(directions),
        code(note.registry.name) if note.registry.name else note.registry.status,
        note.category,
    )


def _sources(notes: tuple[PortNote, ...]) -> Iterator[str]:
    for note in notes:
        yield note.registry.source
        yield from (entry.source for entry in note.practice)
        yield from (entry.source for entry in note.history)
        yield from (entry.source for entry in note.claims)


FILES: Final[Mapping[str, Callable[[], str]]] = {"docs/ports.md": render}
