"""Which command shows who uses a port: exact filters, one per system, and what not to conclude from them.

The commands follow from the number, so they stand here once and not in every note. Exact means: no
``grep`` (which finds 31970 for 3197), both transports, and only the side that is meant (listening, or
the far end of a connection). Measured on Linux with ss 6.1 and lsof 4.95; the others by their manuals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

# Ports for which nmap has a question of its own (nmap payload.cc); elsewhere its UDP scan sends an
# empty datagram, which made the ArduinoOTA of early ESP32 cores deaf (arduino-esp32 pull request 757).
_NMAP_ASKS: Final = frozenset({53, 123, 137, 161})

_SHARED: Final = frozenset({3232, 8266, 2040})
"""Update ports of ArduinoOTA on UDP and of ESPHome on TCP."""

LOCAL_ONLY: Final = (
    "The commands for Linux, macOS and Windows look at your own computer, never at a gadget. Only to see the programs of other users "
    "do they need sudo (and ss the option -p)."
)
SILENT_SCAN: Final = "A UDP scan from another machine that gets no reply says 'open|filtered': open, filtered or lost, never 'open'."
ONE_BYTE: Final = (
    "The UDP scan sends the single byte 1 on purpose: without --data-string nmap sends an empty datagram, and early ESP32 cores stopped "
    "listening after one."
)
CHECK_INSTEAD: Final = (
    "From another machine use espied's own check: on an update port a plain scan does harm. An empty datagram made early ESP32 cores deaf, "
    "and on old ESPHome versions a mere connection counted as an update that begins."
)
NOT_FROM_OUTSIDE: Final = (
    "An outgoing connection cannot be seen by probing the device: look into the router's connection or NAT table for this destination port."
)


class Remote(Enum):
    """How a port may be asked from another machine."""

    SCAN = "scan"
    CHECK = "check"
    """By ``espied check``: an update port."""
    NONE = "none"
    """Not at all (PortNote.hands_off)."""


def check_commands(
    first: int, last: int, transports: Iterable[str], *, outbound: bool = False, remote: Remote = Remote.SCAN
) -> Mapping[str, Mapping[str, str]]:
    """Return "tcp" | "udp" | "outbound" -> "linux" | "macos" | "windows" | "remote" -> the exact command.

    ``first`` and ``last`` are the range, equal for a single port. "remote" is typed on another machine, with
    HOST replaced by the device's address.
    """
    commands: dict[str, Mapping[str, str]] = {}
    wanted = tuple(transports)
    if "tcp" in wanted:
        commands["tcp"] = _tcp(first, last, remote)
    if "udp" in wanted:
        commands["udp"] = _udp(first, last, remote)
    if outbound:
        commands["outbound"] = _outbound(first, last)
    return commands


def command_notes(
    first: int, last: int, transports: Iterable[str], *, outbound: bool = False, remote: Remote = Remote.SCAN
) -> tuple[str, ...]:
    """Return what a reader must know about the commands of :func:`check_commands`."""
    notes = [LOCAL_ONLY]
    if remote is Remote.CHECK:
        notes.append(CHECK_INSTEAD)
    elif remote is Remote.SCAN and "udp" in tuple(transports):
        notes.append(SILENT_SCAN)
        if _one_byte(first, last):
            notes.append(ONE_BYTE)
    if outbound:
        notes.append(NOT_FROM_OUTSIDE)
    return tuple(notes)


def _tcp(first: int, last: int, remote: Remote) -> Mapping[str, str]:
    span = _span(first, last)
    return {
        "linux": f"ss -H -ltn '{_ss('sport', first, last)}'",
        "macos": f"lsof -nP -iTCP:{span} -sTCP:LISTEN",
        "windows": f"Get-NetTCPConnection -State Listen -LocalPort {_power_shell(first, last)}",
        # Where both transports have an update service the number alone means ArduinoOTA's, on UDP: say which one is meant.
        **_remote(remote, first, f"nc -vz -w 3 HOST {span}", options="--kind esphome " if first in _SHARED else ""),
    }


def _udp(first: int, last: int, remote: Remote) -> Mapping[str, str]:
    span = _span(first, last)
    payload = "--data-string 1 " if _one_byte(first, last) else ""
    return {
        "linux": f"ss -H -lun '{_ss('sport', first, last)}'",
        "macos": f"lsof -nP -iUDP:{span}",
        "windows": f"Get-NetUDPEndpoint -LocalPort {_power_shell(first, last)}",
        **_remote(remote, first, f"sudo nmap -sU {payload}-p {span} HOST"),
    }


def _remote(remote: Remote, port: int, scan: str, *, options: str = "") -> Mapping[str, str]:
    if remote is Remote.NONE:
        return {}
    return {"remote": scan if remote is Remote.SCAN else f"espied check {options}HOST:{port}"}


def _outbound(first: int, last: int) -> Mapping[str, str]:
    return {
        "linux": f"ss -H -tn state established '{_ss('dport', first, last)}'",
        # lsof cannot ask for one end only: a line ends in "->address:port" where the port is the far one.
        "macos": f"lsof -nP -iTCP:{_span(first, last)} -sTCP:ESTABLISHED",
        "windows": f"Get-NetTCPConnection -State Established -RemotePort {_power_shell(first, last)}",
    }


def _one_byte(first: int, last: int) -> bool:
    return first != last or first not in _NMAP_ASKS


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _ss(side: str, first: int, last: int) -> str:
    return f"{side} = :{first}" if first == last else f"{side} >= :{first} and {side} <= :{last}"


def _power_shell(first: int, last: int) -> str:
    return str(first) if first == last else f"({first}..{last})"
