"""The progress of a scan, its summary and the empty result, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from discover.model.network import Progress
from discover.model.snapshot import ScanSummary
from tui.present import words
from tui.present.lines import BLANK, Line, line

_BAR: Final = 10


def bar(done: int, planned: int, width: int = _BAR) -> str:
    """Return a bar of block characters, "" where nothing is planned."""
    if planned <= 0 or width <= 0:
        return ""
    filled = min(done * width // planned, width)
    return "━" * filled + "╌" * (width - filled)


def progress_line(progress: Progress) -> Line:
    """Return where a scan stands."""
    under_way = progress.tested < progress.planned
    if under_way:
        tested = f"{progress.tested:,}/{progress.planned:,}" + ("" if "address" in progress.phase else " addresses")
    else:
        tested = words.count(progress.planned, "address", "addresses") if progress.planned else ""
    left = f"{words.duration(progress.remaining)} left" if progress.remaining is not None and progress.remaining >= 0.5 else ""
    hosts = words.count(progress.hosts, "host") if under_way or left else ""
    parts = [tested, hosts, f"{words.count(progress.packets_sent, 'packet')} sent", left]
    shown = bar(progress.tested, progress.planned) if under_way else ""
    return line((progress.phase, "accent"), "  ", (f"{shown} " if shown else "", "accent"), " · ".join(part for part in parts if part))


def summary_line(summary: ScanSummary) -> Line:
    """Return what a finished scan did, in one line."""
    parts = [
        f"{summary.tested:,}/{summary.planned:,} addresses" if summary.planned else "",
        "listened only" if summary.passive and not summary.packets_sent else f"{words.count(summary.packets_sent, 'packet')} sent",
        words.duration(summary.seconds),
    ]
    done = ("done", "good") if summary.complete else ("not complete", "warn")
    return line(done, "  ", " · ".join(part for part in parts if part))


def empty_lines(summary: ScanSummary | None, notices: Sequence[str] = ()) -> tuple[Line, ...]:
    """Return what to say where no device was found: what was done, and what to try."""
    if summary is None:
        return (line(("Looking for devices …", "title")), line(("The first ones usually appear within a second or two.", "dim")))
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
    if summary.planned:
        lines.append(line(f"{summary.tested:,} of {words.count(summary.planned, 'address', 'addresses')} asked", indent=2))
    took = f"{words.count(summary.packets_sent, 'packet')} sent in {words.duration(summary.seconds)}"
    lines.append(line(took + ("" if summary.complete else ", not complete"), indent=2))
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
