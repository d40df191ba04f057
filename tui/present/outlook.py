"""How long a scan will still take, made of the feed's estimates so that people can believe it."""

from __future__ import annotations

from typing import Final

from discover.model.network import Progress

_SLACK: Final = 1.0
"""Seconds by which an estimate must grow to be news: estimates of a fraction of a second tremble."""
_LATE: Final = 2.0
"""Seconds past its own end after which an estimate is worth nothing: better to say none than "almost done" for long."""
_WITHOUT_NUMBERS: Final = str.maketrans("", "", "0123456789")


class Outlook:
    """Takes every Progress of a run and says how long it still takes, and what share of the way is behind.

    The time left counts down. It grows only where there is a reason: another phase, more addresses, more hosts. The
    share never falls while one piece of work lasts; a watch that begins its next sweep begins anew.
    """

    def __init__(self) -> None:
        self._reset(0.0)

    def _reset(self, begin: float | None) -> None:
        self.left: float | None = None
        """Seconds left, None where nobody can say."""
        self.share: float | None = None
        """From 0 to 1, None where nobody can say."""
        self._begin = begin
        self._end: float | None = None
        self._work: tuple[str, int, int, int] | None = None
        self._elapsed = begin or 0.0

    def take(self, progress: Progress) -> None:
        """Take the newest state."""
        now = progress.elapsed
        if now < self._elapsed:  # another run
            self._reset(0.0)
        if progress.remaining is None or progress.remaining <= 0:
            self._reset(None)  # the next piece of work begins when it begins
            self._elapsed = now
            return
        self._elapsed = now
        if self._begin is None:
            self._begin = now
        told = now + progress.remaining
        # "asking 9 hosts" is the same work as "asking 8 hosts", and a little less of it.
        phase = progress.phase.translate(_WITHOUT_NUMBERS)
        work = (phase, progress.planned, progress.tested, progress.hosts)
        if self._end is None or told < self._end or (work != self._work and told > self._end + _SLACK):
            self._end = told
        self._work = work
        left = self._end - now
        self.left = max(left, 0.0) if left > -_LATE else None
        span = max(self._end, now) - self._begin
        if span > 0:
            self.share = max(self.share or 0.0, (now - self._begin) / span)
