"""What a scan covered, in words that every output shares.

An address that was not tested is never called absent, and one that gave no sign of life is called unanswered and no
more than that. Numbers that are zero are not mentioned.
"""

from __future__ import annotations

from discover.model.scan import ScanSummary


def coverage(scan: ScanSummary) -> str:
    """Return how many addresses were planned, tested, answered and not tested ("254 addresses tested: 61 answered, 193 did not").

    "" for a scan that had no address to test and was no passive one. Where nobody counted the unanswered (0.1),
    nothing is said of answers.
    """
    if scan.passive:
        return "listened only"
    if not scan.planned and not scan.tested:
        return ""
    said = [_tested(scan)]
    silent = min(scan.unanswered, scan.tested)
    if silent and silent == scan.tested:
        said[0] += ", none answered" if silent > 1 else ", it did not answer"
    elif silent:
        said[0] += f": {scan.tested - silent:,} answered, {silent:,} did not"
    if scan.untested and scan.tested:
        said.append(f"{scan.untested:,} {'were' if scan.untested > 1 else 'was'} not tested")
    return "; ".join(said)


def coverage_short(scan: ScanSummary) -> str:
    """Return the same in a few words, for a status bar ("61 of 254 addresses answered", "200 of 254 addresses tested, 50 answered")."""
    silent = min(scan.unanswered, scan.tested)
    if scan.passive or not silent:
        return coverage(scan)
    answered = f"{scan.tested - silent:,}"
    return f"{_tested(scan)}, {answered} answered" if scan.untested else f"{answered} of {_addresses(scan.tested)} answered"


def remarks(scan: ScanSummary) -> tuple[str, ...]:
    """Return a sentence for each thing about the scan that a reader of its result should know; none where all is well."""
    said = []
    if scan.proxied:
        said.append(
            f"{_addresses(scan.proxied)} answered only through a router that answers ARP for nearly every address (proxy ARP): "
            "that is no sign of a device."
        )
    if scan.strangers:
        said.append(f"{_addresses(scan.strangers)} answered that had not been asked; nothing they said was taken.")
    if not scan.complete:
        said.append("The scan is not complete: what is missing here may still exist.")
    return tuple(said)


def _tested(scan: ScanSummary) -> str:
    if not scan.untested:
        return f"{_addresses(scan.tested)} tested"
    if not scan.tested:
        return f"none of {_addresses(scan.planned)} {'were' if scan.planned > 1 else 'was'} tested"
    return f"{scan.tested:,} of {_addresses(scan.planned)} tested"


def _addresses(number: int) -> str:
    return f"{number:,} {'address' if number == 1 else 'addresses'}"
