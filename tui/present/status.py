"""The progress of a scan, its summary and the empty result, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from discover.model.coverage import coverage, coverage_short, remarks
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from tui.present import words
from tui.present.lines import BLANK, Line, line

_BAR: Final = 10


def bar(share: float, width: int = _BAR) -> str:
    """Return a bar of block characters for a share from 0 to 1; full only when all is done."""
    filled = int(min(max(share, 0.0), 1.0) * width)
    return "━" * filled + "╌" * (width - filled)


def progress_line(progress: Progress, left: float | None = None, share: float | None = None, *, narrow: bool = False) -> Line:
    """Return where a scan stands, what matters most first; ``narrow`` leaves out the bar.

    ``left`` (seconds) and ``share`` (0 to 1) are an Outlook's; None where they are not known.
    """
    phase = progress.phase
    under_way = progress.tested < progress.planned
    if under_way:
        tested = f"{progress.tested:,} of {progress.planned:,}{'' if 'address' in phase else ' addresses'} tested"
    elif progress.planned and progress.unanswered:
        answered = max(progress.planned - progress.unanswered, 0)
        tested = f"{answered:,} of {words.count(progress.planned, 'address', 'addresses')} answered"
    else:
        tested = words.count(progress.planned, "address", "addresses") if progress.planned else ""
    busy = under_way or left is not None
    parts = [
        words.left(left) if left is not None else "",
        f"{words.count(progress.hosts, 'host')} found" if busy else "",
        tested,
        f"{words.count(progress.packets_sent, 'packet')} sent",
    ]
    if share is None and under_way:
        share = progress.tested / progress.planned
    shown = f"{bar(share)} " if share is not None and busy and not narrow else ""
    return line((phase, "accent"), "  ", (shown, "accent"), " · ".join(part for part in parts if part))


def summary_line(summary: ScanSummary) -> Line:
    """Return what a finished scan did, in one line."""
    parts = [
        coverage_short(summary),
        f"{words.count(summary.packets_sent, 'packet')} sent" if summary.packets_sent or not summary.passive else "",
        words.duration(summary.seconds),
    ]
    done = ("done", "good") if summary.complete else ("not complete", "warn")
    return line(done, "  ", " · ".join(part for part in parts if part))


def looking_lines(notices: Sequence[str] = ()) -> tuple[Line, ...]:
    """Return what to say before the first device, with what the feed has to say about the scan (how long it will take, say)."""
    said = tuple(line(("! ", "warn"), notice, hang=2) for notice in notices)
    return (
        line(("Looking for devices …", "title")),
        line(("The first ones usually appear within a second or two.", "dim")),
        *((BLANK, *said) if said else ()),
    )


def empty_lines(summary: ScanSummary | None, notices: Sequence[str] = ()) -> tuple[Line, ...]:
    """Return what to say where no device was found: what was done, and what to try."""
    if summary is None:
        return looking_lines(notices)
    lines: list[Line] = [line(("No device was found.", "title")), BLANK, line(("What was done", "accent"))]
    if summary.interfaces:
        lines += [
            line(
                "listened and asked on " if not summary.passive else "listened on ",
                (one.name, "title"),
                f" as {one.address} in {one.network}",
                indent=2,
            )
            for one in summary.interfaces
        ]
    else:
        lines.append(line("no interface of this machine could be used", indent=2))
    if summary.planned or summary.tested:
        lines.append(line(coverage(summary), indent=2))
    lines.append(line(f"{words.count(summary.packets_sent, 'packet')} sent in {words.duration(summary.seconds)}", indent=2))
    notices = (*notices, *remarks(summary))
    lines += [line(("! ", "warn"), notice, indent=2, hang=4) for notice in notices]
    lines += [BLANK, line(("What to try", "accent"))]
    lines += [
        line((f"{command:<15}", "key"), why, indent=2, hang=17)
        for command, why in (
            ("espied doctor", "says what stands in the way here: permissions, multicast, firewall, VPN, containers"),
            ("espied demo", "shows simulated devices on this machine, to see that the app itself works"),
            ("same network", "is this machine on the same Wi-Fi or cable as the devices? a 5 GHz and a 2.4 GHz name may be two networks"),
            ("guest Wi-Fi", "often keeps clients apart (isolation), and then nothing can be found from here"),
        )
    ]
    return tuple(lines)
