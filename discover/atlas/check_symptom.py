"""What a symptom file must keep beyond its types: words of the vocabularies, texts that can be told apart, a source for everything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from discover.atlas.checks import filled, need, word_in
from discover.atlas.fold_symptom import pieces_of
from discover.atlas.match_symptom import find_symptoms
from discover.atlas.symptom import HOPS, NETWORK_HOPS, RANK, Symptom, Tool

LEVELS: Final = tuple(RANK)
LEAST_TEXT: Final = 6
"""Letters and digits that a text must have beside its placeholders: less is found everywhere."""

_ID: Final = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_PLACEHOLDERS: Final = re.compile(r"\{[^}]*\}")


def check_tool(tool: Tool, stem: str, where: str) -> None:
    """Refuse a file whose values are of the right type and yet wrong; ``stem`` is its name without suffix."""
    filled({"tool": tool.tool, "title": tool.title, "about": tool.about}, where)
    need(bool(tool.symptom), where, "symptom", "at least one is wanted")
    for index, symptom in enumerate(tool.symptom):
        _check_symptom(symptom, stem, where, f"symptom[{index}]")


def check_symptoms(symptoms: Sequence[Symptom]) -> None:
    """Refuse symptoms that are right alone and wrong together: the same id twice, or an example that another symptom takes away."""
    seen: set[str] = set()
    for symptom in symptoms:
        where = f"symptoms/{symptom.id}"
        need(symptom.id not in seen, where, "id", "there are two of this id")
        seen.add(symptom.id)
        for index, example in enumerate(symptom.example):
            found = find_symptoms(example.said, symptoms)
            hits = {hit.symptom.id: hit for hit in found.hits}
            here = f"example[{index}]"
            need(found.match in ("exact", "contains"), where, here, f"{example.said!r} is found only as {found.match!r}")
            need(symptom.id in hits, where, here, f"{example.said!r} finds {', '.join(hits)}")
            told = hits[symptom.id].host
            need(told == example.host, where, here, f"the host read out of {example.said!r} is {told!r}, not {example.host!r}")


def _check_symptom(symptom: Symptom, stem: str, where: str, here: str) -> None:
    need(_ID.fullmatch(symptom.id) is not None, where, f"{here}.id", f"{symptom.id!r}: an id looks like '{stem}/no-answer'")
    need(symptom.id.startswith(f"{stem}/"), where, f"{here}.id", f"{symptom.id!r} does not begin with the file's name")
    word_in(symptom.hop, HOPS, where, f"{here}.hop")
    word_in(symptom.level, LEVELS, where, f"{here}.level")
    filled({f"{here}.means": symptom.means, f"{here}.source": symptom.source, f"{here}.check": symptom.check}, where)
    need(symptom.check.startswith("espied "), where, f"{here}.check", "is a command of espied")
    need(
        symptom.hop in NETWORK_HOPS or bool(symptom.shows.strip()), where, f"{here}.shows", "only hops of the check have words of their own"
    )
    need(bool(symptom.texts), where, f"{here}.texts", "at least one is wanted")
    for text in symptom.texts:
        letters = sum(char.isalnum() for char in _PLACEHOLDERS.sub("", text))
        need(letters >= LEAST_TEXT, where, f"{here}.texts", f"{text!r} is too short to be told from others")
        need(
            all(one in ("{}", "{host}") for one in _PLACEHOLDERS.findall(text)), where, f"{here}.texts", f"{text!r}: only {{}} and {{host}}"
        )
        need(bool(pieces_of(text)[0]), where, f"{here}.texts", f"{text!r} begins with a placeholder")
    need(bool(symptom.cause), where, f"{here}.cause", "at least one is wanted")
    need(bool(symptom.example), where, f"{here}.example", "at least one is wanted: a line as the tool prints it")
    for index, cause in enumerate(symptom.cause):
        at = f"{here}.cause[{index}]"
        filled({f"{at}.what": cause.what, f"{at}.why": cause.why, f"{at}.fix": cause.fix}, where)
        word_in(cause.hop, ("", *HOPS), where, f"{at}.hop")
    for index, page in enumerate(symptom.links):
        filled({f"{here}.links[{index}].title": page.title}, where)
        need(page.url.startswith("https://"), where, f"{here}.links[{index}].url", f"{page.url!r} is no https address")
