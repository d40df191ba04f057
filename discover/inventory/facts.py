"""What one signal tells about *who* is there: MACs, vendor ids, mDNS host name.

Identity (DESIGN section 1) is decided from these alone; names, families and ports come later, from
:mod:`discover.identify`, for each device as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from discover.model.device import Evidence
from discover.model.signal import Signal, Source
from discover.proto.mac import canonical_mac

# What an answer is worth against another one for the same place in the same scan: a reply beats a
# refusal (a server of one client refuses the second), and both beat silence.
ANSWERS: Final = frozenset({"udp.reply", "tcp.open", "tcp.reply", "http.reply", "ota.checked"})
REFUSALS: Final = frozenset({"udp.refused", "tcp.refused"})
SILENCES: Final = frozenset({"udp.silent", "tcp.silent"})
ABSENCES: Final = frozenset({"udp.unreachable", "neighbour.failed"})
"""Somebody asked below the ports (ARP, NDP, routing) and nobody was there."""

# Verdicts of an OTA check for which the device itself must have answered.
_ANSWERED_CHECKS: Final = frozenset({"ready", "ready-needs-password", "likely", "closed", "wrong-service"})


class Facts(NamedTuple):
    """Who a signal says it is: told MACs (heaviest first), vendor ids, and the host name without ".local"."""

    macs: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    host: str = ""


NOTHING: Final = Facts()


def facts_of(signal: Signal, evidence: Sequence[Evidence]) -> Facts:
    """Return who ``signal`` says it is by its ``evidence``; NOTHING for silence, refusals and the neighbour table.

    The neighbour table is kept apart on purpose: what it says is said by the network, not by the device.
    """
    if signal.kind not in ANSWERS and signal.kind != "mdns.service":
        return NOTHING
    macs: dict[str, int] = {}
    ids: list[str] = []
    host = host_name(signal.text("host")) if signal.kind == "mdns.service" else ""
    for one in evidence:
        if one.claim == "mac":
            mac = canonical_mac(one.value)
            if mac:
                macs[mac] = max(one.weight, macs.get(mac, 0))
        elif one.claim == "identity" and one.value and one.value not in ids:
            ids.append(one.value)
        elif one.claim == "hostname" and not host:
            host = host_name(one.value)
    if not (macs or ids or host):
        return NOTHING
    return Facts(tuple(sorted(macs, key=lambda mac: (-macs[mac], mac))), tuple(ids), host)


def host_name(host: str) -> str:
    """Return a host name as it is compared: without ".local", without case (RFC 6762 section 16)."""
    return host.strip().rstrip(".").lower().removesuffix(".local")


def is_sign_of_life(signal: Signal) -> bool:
    """Tell whether the device itself, or the kernel that just asked for it, says that it is there."""
    match signal.kind:
        case "udp.reply" | "udp.refused" | "tcp.open" | "tcp.refused" | "tcp.reply" | "http.reply" | "mdns.service":
            return True
        case "neighbour.seen":
            return bool(canonical_mac(signal.text("mac")))
        case "ota.checked":
            return signal.text("verdict") in _ANSWERED_CHECKS
        case _:
            return False


def related_macs(one: str, other: str) -> bool:
    """Tell whether two MACs can be two faces of one chip.

    An ESP32 derives station, soft-AP, Bluetooth and Ethernet MACs from one base address by adding 0 to 3
    to the last byte (ESP-IDF, "Miscellaneous System APIs", MAC address), an ESP8266 sets the
    locally-administered bit for its soft-AP. Only ever used for MACs told at *one* address: two chips of
    one reel are neighbours in number, too.
    """
    if one == other:
        return True
    try:
        a, b = (int(mac.replace(":", ""), 16) for mac in (one, other))
    except ValueError:
        return False
    local = 0x02_00_00_00_00_00
    return (a | local) == (b | local) or (a >> 8 == b >> 8 and abs(a - b) <= 3)


def is_silence(signal: Signal) -> bool:
    """Tell whether somebody asked a port and nothing at all came back, from its control port neither."""
    if signal.source is Source.TCP:
        return signal.kind == "tcp.silent"
    return signal.kind == "udp.silent" and signal.text("control") == "silent"
