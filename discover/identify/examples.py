"""The catalogue's examples as signals: what its tests, the documents and the demo replay."""

from __future__ import annotations

from collections.abc import Mapping

from discover.model.signal import Field, Signal, Source

_SOURCES = {
    "scan": Source.SCAN,
    "neighbour": Source.NEIGHBOUR,
    "mdns": Source.MDNS,
    "udp": Source.UDP,
    "tcp": Source.TCP,
    "http": Source.HTTP,
}


def signal_of(example: Mapping[str, object], *, when: float = 0.0) -> Signal:
    """Return the signal that an ``[[example]]`` or ``[[not]]`` describes; its source follows from its kind.

    ``when`` is wall time (Unix seconds). Raises ValueError for a kind that does not exist.
    """
    kind = str(example.get("kind", ""))
    told = example.get("fields", {})
    fields: dict[str, Field] = {}
    if isinstance(told, Mapping):
        for key, value in told.items():
            fields[str(key)] = _field(value)
    return Signal(
        when=when,
        mono=0.0,
        source=_SOURCES.get(kind.partition(".")[0], Source.OTA),
        interface=str(example.get("interface", "example0")),
        peer=str(example.get("peer", "")),
        kind=kind,
        fields=fields,
    )


def _field(value: object) -> Field:
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(str(item) for item in value)
    return str(value)
