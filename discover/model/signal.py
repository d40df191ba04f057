"""Signal: one thing heard or answered, or a probe that stayed unanswered.

The vocabulary of kinds and their fields is the contract between the producers (``listen``,
``probe``, ``ota``) and the pure half (``identify``, ``inventory``); it is written down in KINDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from discover.text import clean

MAX_RAW: Final = 2048
"""Raw bytes kept of one signal (DESIGN section 1)."""
MAX_FIELDS: Final = 96
MAX_ITEMS: Final = 256

Field = str | int | bool | tuple[str, ...]


class Source(StrEnum):
    """Where a signal came from; presence is kept apart per source."""

    SCAN = "scan"
    MDNS = "mdns"
    UDP = "udp"
    TCP = "tcp"
    HTTP = "http"
    NEIGHBOUR = "neighbour"
    OTA = "ota"


KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "scan.started": "a scan began: interfaces ('name address network', ...), passive",
        "scan.finished": (
            "it ended: seconds (tenths), planned, tested, packets_sent, complete, and since 0.2 unanswered, strangers, proxied "
            "(see ScanSummary)"
        ),
        "mdns.service": (
            "a resolved service instance: type ('_http._tcp'), instance, host ('x.local', no trailing dot), port, "
            "addresses, txt ('key=value' or 'flag', order and duplicates kept), ttl (seconds); raw = the TXT rdata"
        ),
        "mdns.goodbye": "the instance said goodbye (TTL 0): type, instance",
        "mdns.expired": "its record ran out unheard: type, instance",
        "udp.reply": (
            "a datagram came back: port (the device's), protocol (codec name, or 'unknown'), and what the codec told, "
            "e.g. name, mac, device, firmware, text; raw = the payload"
        ),
        "udp.refused": "ICMP port unreachable: port",
        "udp.silent": "no answer to a knock: port, tries, control ('refused', 'silent' or 'none')",
        "udp.unreachable": "ICMP host or network unreachable, or ARP failed: port, reason",
        "tcp.open": "a TCP connection was accepted and closed at once: port",
        "tcp.refused": "RST: port",
        "tcp.silent": "no answer within the time: port",
        "tcp.reply": "bytes came over TCP: port, protocol, and what the codec told; raw = the bytes",
        "http.reply": "an HTTP answer: port, path, status, server, title, and json.KEY for each scalar at the top of a JSON body",
        "neighbour.seen": "the neighbour table knows the address: mac, state ('reachable', 'stale', ...)",
        "neighbour.failed": "the neighbour table asked and nobody answered",
        "ota.checked": "an OTA check ended: ota ('arduino', 'esphome'), port, transport, level, verdict, password ('yes','no','unknown')",
    }
)


_set = object.__setattr__
_NOTHING: Final[Mapping[str, Field]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, init=False)
class Signal:
    """One thing heard, answered, or left unanswered. Frozen; all its text is clean.

    ``when`` is wall time (Unix seconds), ``mono`` monotonic seconds since the scan began,
    ``interface`` our interface's name, ``peer`` the device's address in canonical text ("" where
    the signal has none, as for scan.*). ``raw`` holds at most MAX_RAW bytes, as they came.
    Raises ValueError for a kind that KINDS does not list.
    """

    when: float
    mono: float
    source: Source
    interface: str
    peer: str
    kind: str
    fields: Mapping[str, Field]
    raw: bytes

    def __init__(
        self,
        *,
        when: float,
        mono: float,
        source: Source,
        interface: str,
        peer: str,
        kind: str,
        fields: Mapping[str, Field] = _NOTHING,
        raw: bytes = b"",
    ) -> None:
        """Clean every text once, here, so that nothing to the right has to."""
        if kind not in KINDS:
            msg = f"unknown signal kind {kind!r}"
            raise ValueError(msg)
        if len(fields) > MAX_FIELDS:
            fields = dict(list(fields.items())[:MAX_FIELDS])
        # Written out: a sweep of a /24 makes 700 of them, and what dataclass would generate sets half of it twice.
        _set(self, "when", when)
        _set(self, "mono", mono)
        _set(self, "source", source)
        _set(self, "interface", clean(interface, 64))
        _set(self, "peer", clean(peer, 64))
        _set(self, "kind", kind)
        _set(
            self,
            "fields",
            MappingProxyType({clean(key, 64): value if isinstance(value, int) else _clean_field(value) for key, value in fields.items()}),
        )
        _set(self, "raw", bytes(raw[:MAX_RAW]) if raw else b"")

    def text(self, key: str) -> str:
        """Return the field as text, "" where it is absent or not text."""
        value = self.fields.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """Return the field as an integer, None where it is absent or not one."""
        value = self.fields.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, key: str) -> bool:
        """Return True only where the field is exactly True."""
        return self.fields.get(key) is True

    def items(self, key: str) -> tuple[str, ...]:
        """Return the field as a tuple of texts, empty where it is absent."""
        value = self.fields.get(key, ())
        return value if isinstance(value, tuple) else ()

    def txt(self, key: str) -> str | None:
        """Return a TXT value; keys match without case and the first one wins (RFC 6763 section 6.4).

        None where the key is absent, "" where it stands without "=" or with an empty value.
        """
        wanted = key.lower()
        for item in self.items("txt"):
            name, _, value = item.partition("=")
            if name.lower() == wanted:
                return value
        return None

    @property
    def slot(self) -> tuple[str, ...]:
        """The place this signal takes on its device: a newer signal of the same slot replaces it."""
        match self.source:
            case Source.MDNS:
                return ("mdns", self.text("type").lower(), self.text("instance").lower())
            case Source.UDP | Source.TCP | Source.OTA:
                return (self.source.value, str(self.number("port") or 0), self.text("protocol") if self.kind.endswith(".reply") else "")
            case Source.HTTP:
                return ("http", str(self.number("port") or 0), self.text("path"))
            case _:
                return (self.source.value,)


def _clean_field(value: Field) -> Field:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(clean(item) for item in value[:MAX_ITEMS])
    return value
