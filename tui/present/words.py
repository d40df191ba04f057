"""The words numbers and times are said in."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def ago(seconds: float) -> str:
    """Return how long ago something was, short ("now", "12 s ago", "3 min ago", "2 h ago", "5 d ago")."""
    if seconds < 3:
        return "now"
    if seconds < _MINUTE:
        # In steps of five seconds a table of "seen" times stays still enough to read.
        return f"{int(seconds) // 5 * 5 or 3} s ago"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    return f"{int(seconds // _DAY)} d ago"


def span(seconds: float) -> str:
    """Return a time to come, roughly ("40 s", "75 min", "3 h")."""
    if seconds < 2 * _MINUTE:
        return f"{max(int(seconds), 0)} s"
    if seconds < 2 * _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    return f"{int(seconds // _HOUR)} h"


def duration(seconds: float) -> str:
    """Return a duration ("0.4 s", "12 s", "1 min 20 s", "2 h 5 min")."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole // _MINUTE, _MINUTE)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def left(seconds: float) -> str:
    """Return how much longer something takes, rounded up and no more exact than an estimate is ("about 8 s left", "almost done")."""
    if seconds < 1:
        return "almost done"
    if seconds <= _MINUTE:
        return f"about {math.ceil(seconds)} s left"
    if seconds <= 2 * _MINUTE:
        return f"about {duration(math.ceil(seconds / 10) * 10)} left"
    return f"about {duration(math.ceil(seconds / _MINUTE) * _MINUTE)} left"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return a count with its noun ("1 device", "2,048 addresses")."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(items: list[str] | tuple[str, ...], last: str = "and") -> str:
    """Return items as a phrase ("a", "a and b", "a, b and c")."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def moment(when: float, zone: tzinfo | None = None) -> str:
    """Return a Unix time as date and time of day, in ``zone`` (None: this machine's)."""
    stamp = datetime.fromtimestamp(when, UTC).astimezone(zone)
    return stamp.strftime("%Y-%m-%d %H:%M:%S")


def with_article(noun: str) -> str:
    """Return the noun with its indefinite article, by its first letter ("an ESP32", "a plug")."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def ago_holds(seconds: float) -> float:
    """Return for how many seconds more :func:`ago` says the same of something ``seconds`` ago."""
    if seconds < 3:
        return 3 - seconds
    if seconds < _MINUTE:
        return 5 - seconds % 5
    if seconds < _HOUR:
        return _MINUTE - seconds % _MINUTE
    if seconds < 2 * _DAY:
        return _HOUR - seconds % _HOUR
    return _DAY - seconds % _DAY
