"""What a scan did, and the scan.* signals as that and back: one place that knows their fields."""

from __future__ import annotations

from typing import NamedTuple

from discover.model.signal import Field, Signal


class ScanInterface(NamedTuple):
    """One interface a scan ran on: its name, our address there and the network, as text."""

    name: str
    address: str
    network: str


class ScanSummary(NamedTuple):
    """What a scan did: coverage is honest, ``complete`` is False where it was cut short."""

    interfaces: tuple[ScanInterface, ...] = ()
    seconds: float = 0.0
    planned: int = 0
    tested: int = 0
    packets_sent: int = 0
    complete: bool = False
    passive: bool = False
    unanswered: int = 0
    """Tested addresses that gave no sign of life; 0 also where nobody counted (recordings and exports of 0.1)."""
    strangers: int = 0
    """Addresses that spoke to our probing sockets although nobody had asked them; nothing they said was taken."""
    proxied: int = 0
    """Addresses that answer ARP only through one MAC that does so for nearly every address (a proxy-ARP router)."""

    @property
    def untested(self) -> int:
        """Planned addresses that were not tested: nothing is known of them, least of all that nobody is there."""
        return max(0, self.planned - self.tested)


def begun(signal: Signal) -> ScanSummary:
    """Return the summary of a scan that has just begun, from its scan.started."""
    return ScanSummary(interfaces=tuple(map(_interface, signal.items("interfaces"))), passive=signal.flag("passive"))


def ended(summary: ScanSummary, signal: Signal) -> ScanSummary:
    """Return the summary at the end: ``summary`` as it had begun, completed by its scan.finished. What the signal lacks is 0."""

    def number(key: str) -> int:
        return max(0, signal.number(key) or 0)

    return summary._replace(
        seconds=number("seconds") / 10,
        planned=number("planned"),
        tested=number("tested"),
        packets_sent=number("packets_sent"),
        complete=signal.flag("complete"),
        unanswered=number("unanswered"),
        strangers=number("strangers"),
        proxied=number("proxied"),
    )


def finished_fields(summary: ScanSummary) -> dict[str, Field]:
    """Return the fields of a scan.finished that :func:`ended` makes ``summary`` of (its seconds to a tenth)."""
    return {
        "seconds": round(summary.seconds * 10),
        "planned": summary.planned,
        "tested": summary.tested,
        "packets_sent": summary.packets_sent,
        "complete": summary.complete,
        "unanswered": summary.unanswered,
        "strangers": summary.strangers,
        "proxied": summary.proxied,
    }


def _interface(text: str) -> ScanInterface:
    """Read "name address network"; whatever is missing stays empty."""
    # From the right: an interface's name may hold blanks on Windows, an address and a network never do.
    name, address, network = ([""] * 2 + text.rsplit(" ", 2))[-3:]
    return ScanInterface(name=name, address=address, network=network)
