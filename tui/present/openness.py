"""Which devices take firmware without a password, as lines in three groups: says it has none, says it has one, does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from discover.inventory.openness import Openness, Word, words_of
from discover.model.snapshot import Snapshot
from discover.text import clean
from tui.present import words
from tui.present.device import PRESENCE, main_address, sort_devices
from tui.present.lines import BLANK, Line, line

HEADINGS: Final = {
    Openness.OPEN: ("Says that it has none", "warn", "whoever is in the network can replace its firmware"),
    Openness.LOCKED: ("Says that it has one", "good", ""),
    Openness.UNSAID: ("Does not say", "dim", "open or not: only its owner knows, or a check that you run"),
}
_ADVICE: Final = 'do: give it one. In a sketch: ArduinoOTA.setPassword("...") before ArduinoOTA.begin(), and upload once more.'


def openness_lines(snapshot: Snapshot, *, now: float, sent: str) -> tuple[Line, ...]:
    """Return the list. ``now`` is Unix seconds, for the ages; ``sent`` says in a sentence what was sent for it."""
    found = words_of(sort_devices(snapshot.devices))
    groups = {openness: [word for word in found if word.openness is openness] for openness in Openness}
    lines: list[Line] = [_headline(len(groups[Openness.OPEN]), len(found))]
    for openness, group in groups.items():
        if not group:
            continue
        title, style, meaning = HEADINGS[openness]
        lines += [BLANK, line((f"{title} ({len(group)})", "title"), (f": {meaning}" if meaning else "", style), hang=2)]
        for word in group:
            lines += _word(word, style, now)
        if openness is Openness.OPEN and any(word.device.ota is not None and word.device.ota.kind == "arduino" for word in group):
            lines.append(line(_ADVICE, indent=2, hang=6))
    lines += [BLANK, *_footer(snapshot, found, now, sent)]
    return tuple(lines)


def _headline(opened: int, known: int) -> Line:
    if not known:
        return line("No device is known that can be updated over the network.")
    if not opened:
        return line(("No device says that it takes firmware without a password.", "good"))
    verb = "says that it takes" if opened == 1 else "say that they take"
    return line((f"{words.count(opened, 'device')} {verb} firmware without a password.", "warn"))


def _word(word: Word, style: str, now: float) -> list[Line]:
    device = word.device
    seen = PRESENCE[device.presence.state]
    age = f"  heard {words.ago(now - device.presence.last_seen)}"
    return [
        line(
            (clean(device.title), style or "title"), f"  {main_address(device)}  ", (seen.text, seen.style), (age, "dim"), indent=2, hang=4
        ),
        line(word.why, indent=4),
    ]


def _footer(snapshot: Snapshot, found: Sequence[Word], now: float, sent: str) -> list[Line]:
    lines = [line((sent, "dim"))]
    if found:
        heard = [now - word.device.presence.last_seen for word in found]
        newest, oldest = words.ago(min(heard)), words.ago(max(heard))
        lines.append(line((f"The words are as old as the announcements: the newest {newest}, the oldest {oldest}.", "dim")))
    if rest := len(snapshot.devices) - len(found):
        lines.append(line((f"For {words.count(rest, 'more device')} no way to update over the network is known.", "dim")))
    return lines
