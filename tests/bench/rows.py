"""One run of one contestant as a row of figures, and what is made of many: medians and ranges."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from tests.bench.airlab.truth import Truth
from tests.bench.findings import Findings
from tests.bench.measure import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one run found and took; ``figures`` by name, see :func:`row_of`. ``trouble`` is "" where all went well."""

    contestant: str
    seed: int
    repetition: int
    figures: dict[str, float]
    disturbed: bool = False
    trouble: str = ""
    missed: tuple[str, ...] = ()
    """Hosts and services that are there and were not found, with the host's kind."""
    false: tuple[str, ...] = ()
    closed_at: tuple[float, ...] = field(default=(), repr=False)
    """Seconds after the program's start at which really closed UDP ports were found closed, where the program tells that."""


def figures_of(run: Run) -> dict[str, float]:
    """Return what a run took."""
    return {"wall": run.wall, "cpu": run.cpu, "rss": run.rss, "tx": run.tx, "rx": run.rx, "others": run.others, "crowded": run.crowded}


def sweep_figures(found: Findings, truth: Truth, *, asks: Collection[str]) -> dict[str, float]:
    """Compare a sweep's findings with the truth. Ports that were not to be asked do not count (``asks``: "udp/3232").

    "hosts", "hosts_false": live addresses found, and addresses found where nobody is. "services": services found,
    whether sure ("open") or likely ("maybe"); "recall" and "host_recall" their shares. "open_false", "maybe_false":
    ports called so where nothing listens. "unanswered": really closed UDP ports not found closed.
    "last": seconds from the first packet to the last true host or service.
    """
    hosts = found.hosts - {truth.scanner}
    figures: dict[str, float] = {
        "hosts": len(hosts & truth.addresses),
        "hosts_false": len(hosts - truth.addresses),
        "host_recall": len(hosts & truth.addresses) / len(truth.addresses),
    }
    if asks:
        services, opened, maybe = (_asked(keys, asks) for keys in (truth.services, found.open, found.maybe))
        known = (opened | maybe) & services
        figures |= {
            "services": len(known),
            "services_there": len(services),
            "recall": len(known) / len(services) if services else 1.0,
            "open": len(opened & services),
            "open_false": len(opened - services),
            "maybe_false": len(maybe - services),
            "unanswered": len(truth.closed_udp - found.closed),
        }
    true = [when for when, kind, key in found.events if _is_true(kind, key, truth)]
    if true:
        figures["last"] = max(true)
    seen = [when for when, kind, key in found.events if kind == "host" and key in truth.addresses]
    if seen:
        figures["last_host"] = max(seen)
    return figures


def mdns_figures(found: Findings, count: int) -> dict[str, float]:
    """Return instances found and resolved, their shares of ``count``, and when the first and the last of all were resolved.

    "all_resolved" is infinite where not all of them were.
    """
    figures: dict[str, float] = {
        "found": len(found.found),
        "resolved": len(found.resolved),
        "found_share": len(found.found) / count,
        "resolved_share": len(found.resolved) / count,
    }
    if found.resolved_at:
        figures["first_resolved"], figures["last_resolved"] = found.resolved_at[0], found.resolved_at[-1]
        figures["all_resolved"] = found.resolved_at[count - 1] if len(found.resolved_at) >= count else math.inf
    return figures


def misses(found: Findings, truth: Truth, *, asks: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name what was missed and what was found wrongly."""
    missed = [f"{address} ({truth.kind_of(address)})" for address in sorted(truth.addresses - found.hosts)]
    false = sorted(found.hosts - truth.addresses - {truth.scanner})
    if asks:
        services, opened, maybe = (_asked(keys, asks) for keys in (truth.services, found.open, found.maybe))
        missed += [f"{key} ({truth.kind_of(key.rpartition('/')[2])})" for key in sorted(services - opened - maybe)]
        false += [f"{key} open" for key in sorted(opened - services)] + [f"{key} maybe" for key in sorted(maybe - services)]
    return tuple(missed), tuple(false)


def closed_times(found: Findings, truth: Truth, start: float) -> tuple[float, ...]:
    """Return when (seconds after the program's start) each really closed UDP port was found closed."""
    if found.first_packet is None:
        return ()
    offset = found.first_packet - start
    first: dict[str, float] = {}
    for when, kind, key in found.events:
        if kind == "closed" and key in truth.closed_udp:
            first.setdefault(key, when + offset)
    return tuple(sorted(first.values()))


def unanswered_at(row: Row, when: float) -> float | None:
    """Return how many really closed UDP ports the program had no answer from at a second after its start."""
    if not row.closed_at or "unanswered" not in row.figures:
        return None
    total = row.figures["unanswered"] + len(row.closed_at)
    return total - sum(1 for one in row.closed_at if one <= when)


def _asked(keys: Iterable[str], asks: Collection[str]) -> frozenset[str]:
    return frozenset(key for key in keys if key.rpartition("/")[0] in asks)


def _is_true(kind: str, key: str, truth: Truth) -> bool:
    return key in (truth.addresses if kind == "host" else truth.services if kind in {"open", "maybe"} else ())


def values(rows: Sequence[Row], contestant: str, figure: str) -> list[float]:
    """Return a figure of all runs of a contestant that have it."""
    return [row.figures[figure] for row in rows if row.contestant == contestant and figure in row.figures and not row.trouble]


def median_range(numbers: Sequence[float], digits: int = 2) -> str:
    """Write "median (least-most)", or the one number where all are the same, or "-" for none."""
    if not numbers:
        return "-"
    middle, least, most = statistics.median(numbers), min(numbers), max(numbers)
    text = _number(middle, digits)
    spread = f"{_number(least, digits)}-{_number(most, digits)}"
    return text if len(numbers) == 1 or spread == f"{text}-{text}" else f"{text} ({spread})"


def _number(value: float, digits: int) -> str:
    if math.isinf(value):
        return "never"
    whole = value == int(value) and (digits < 2 or abs(value) >= 5)
    return f"{value:.0f}" if whole else f"{value:.{digits}f}"
