"""From family and signals to OtaStatus: how a device is updated, on which port, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from discover.atlas.family import Family, FamilyOta
from discover.identify.facts import service_type
from discover.identify.rules import glob
from discover.model.check import Verdict
from discover.model.device import Direction, Listener, OtaStatus, Password, PortState
from discover.model.signal import Signal, Source

_LAST_PORT: Final = 65535

_BY_STATE: Final = {
    PortState.ANNOUNCED: Verdict.ANNOUNCED,
    PortState.ANSWERED: Verdict.LIKELY,
    PortState.LIKELY: Verdict.LIKELY,
    PortState.NO_ANSWER: Verdict.NO_ANSWER,
    PortState.CLOSED: Verdict.CLOSED,
}


def ota_status(
    signals: Sequence[Signal], families: Sequence[Family], listeners: Sequence[Listener], *, guess: bool = False
) -> OtaStatus | None:
    """Return how the device is updated, None where nothing speaks for any way.

    ``families`` are those the evidence speaks for, the winner first. A way that a service announces
    counts before one that only the family's knowledge speaks for, and where the winner is a ``guess`` its
    web page or cloud is not promised at all. The newest ``ota.checked`` overrides verdict,
    password and time of the check, and port and kind where it was about another way.
    """
    status = next(_announced(signals, families, listeners), None) or _by_family(signals, families, listeners, guess=guess)
    return _checked(signals, status)


def _announced(signals: Sequence[Signal], families: Sequence[Family], listeners: Sequence[Listener]) -> Iterator[OtaStatus]:
    for family in families:
        ota = family.ota
        if ota is None or not ota.service or ota.kind == "none":
            continue
        announcements = [
            signal for signal in signals if signal.kind == "mdns.service" and service_type(signal.text("type")) == ota.service.lower()
        ]
        if announcements:
            # The newest one, and among equals always the same one.
            announcement = max(announcements, key=lambda signal: (signal.when, signal.text("instance"), signal.peer))
            port = port_of(ota, announcement)
            state = _state(listeners, port, ota.transport)
            verdict = Verdict.CLOSED if state == PortState.CLOSED else Verdict.ANNOUNCED
            yield _status(ota, port, verdict, _password(ota, announcement))


def _by_family(signals: Sequence[Signal], families: Sequence[Family], listeners: Sequence[Listener], *, guess: bool) -> OtaStatus | None:
    """Return the winner's way of updating where no service announces one."""
    ota = families[0].ota if families else None
    if ota is None or ota.kind == "none" or (guess and ota.kind in ("http", "pull")):
        return None
    if ota.kind == "pull":
        return _status(ota, ota.port, Verdict.NOT_APPLICABLE, Password.UNKNOWN)
    state = _state(listeners, ota.port, ota.transport)
    if ota.kind == "http":
        announced = state == PortState.ANSWERED and any(
            signal.kind == "mdns.service" and signal.number("port") == ota.port for signal in signals
        )
        verdict = Verdict.ANNOUNCED if announced else _BY_STATE.get(state, Verdict.NOT_APPLICABLE)
        return _status(ota, ota.port, verdict, Password.UNKNOWN)
    # Nothing announced it and nothing was heard on the port: to name a port would be a guess on a guess.
    if state == PortState.NOT_PROBED and not any(signal.kind == "ota.checked" for signal in signals):
        return None
    return _status(ota, ota.port, _BY_STATE.get(state, Verdict.NOT_APPLICABLE), Password.UNKNOWN)


def _checked(signals: Sequence[Signal], status: OtaStatus | None) -> OtaStatus | None:
    checks = [signal for signal in signals if signal.kind == "ota.checked"]
    if not checks:
        return status
    newest = max(checks, key=lambda signal: (signal.when, signal.number("port") or 0, signal.text("ota"), signal.text("verdict")))
    password = _password_word(newest.text("password"))
    port = newest.number("port")
    if port is not None and not 0 <= port <= _LAST_PORT:
        port = None  # a recording may say anything, a document may not
    kind = newest.text("ota") or (status.kind if status else "unknown")
    same = status is not None and kind == status.kind
    if password == Password.UNKNOWN and status is not None and same:
        password = status.password
    verdict = newest.text("verdict")
    return OtaStatus(
        kind=kind,
        port=port if port is not None else (status.port if status else 0),
        transport=newest.text("transport") or (status.transport if status else ""),
        password=password,
        verdict=verdict if verdict in tuple(Verdict) else Verdict.NOT_APPLICABLE.value,
        checked=newest.when,
        note=status.note if status and same else "",
    )


def expected_listener(status: OtaStatus | None, listeners: Sequence[Listener], signals: Sequence[Signal]) -> Listener | None:
    """Return the update port as a listener of its own where it is known but nothing spoke of it (ESPHome announces its API port only)."""
    if status is None or status.kind != "esphome" or _state(listeners, status.port, status.transport) != PortState.NOT_PROBED:
        return None
    if not any(service_type(signal.text("type")) == "_esphomelib._tcp" for signal in signals if signal.kind == "mdns.service"):
        return None
    return Listener(
        port=status.port,
        transport=status.transport,
        direction=Direction.LISTENS,
        state=PortState.NOT_PROBED,
        service="OTA update",
        source=Source.MDNS,
    )


def _status(ota: FamilyOta, port: int, verdict: Verdict, password: Password) -> OtaStatus:
    return OtaStatus(
        kind=ota.kind, port=port, transport=ota.transport, password=password, verdict=verdict.value, checked=None, note=ota.note
    )


def port_of(ota: FamilyOta, announcement: Signal) -> int:
    """Return the update port that follows from the announcement: told, or looked up by what the family's file names."""
    if ota.port_from == "service":
        port = announcement.number("port")
        return port if port is not None and 0 < port < 65536 else ota.port
    if ota.port_from == "table":
        value = announcement.txt(ota.port_key) or ""
        return next((port for pattern, port in ota.ports.items() if (glob(pattern)(value) if pattern else not value)), ota.port)
    return ota.port


def _password(ota: FamilyOta, announcement: Signal) -> Password:
    return _password_word((announcement.txt(ota.password_key) or "").lower()) if ota.password_key else Password.UNKNOWN


def _password_word(word: str) -> Password:
    return Password(word) if word in ("yes", "no") else Password.UNKNOWN


def _state(listeners: Sequence[Listener], port: int, transport: str) -> PortState:
    return next(
        (one.state for one in listeners if (one.port, one.transport) == (port, transport) and one.direction == Direction.LISTENS),
        PortState.NOT_PROBED,
    )
