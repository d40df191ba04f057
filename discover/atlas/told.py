"""Layer 3 of an explanation: what one device told us about one of its ports, and how far that goes.

Pure: everything comes from the device's newest signals, its listeners and its OTA status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from discover.atlas.port import Told

if TYPE_CHECKING:
    from discover.model.device import Device, Listener
    from discover.model.signal import Signal

_UNUSED: Final = frozenset({"closed", "no-answer"})
"""Words of PortState that tell no direction (as text: loading the device model costs `espied explain` 30 ms)."""

# `_arduino._tcp` says "tcp" and means the UDP invitation, except where the port is that of the library for
# other boards, which takes the sketch by HTTP (JAndrassy/ArduinoOTA src/ArduinoOTA.h:48). Matter's "_tcp" is
# boilerplate of DNS-SD, too (Matter Core specification section 4.3.2.3).
_ARDUINO: Final = "_arduino._tcp"
_ARDUINO_HTTP: Final = 65280
_MATTER: Final = "_matter._tcp"

_PROTOCOLS: Final = {
    "arduinoota": "ArduinoOTA",
    "esphome-ota": "ESPHome's OTA protocol",
    "esphome-api": "ESPHome's native API",
    "microchip-announce": "Microchip's discovery protocol",
    "gecko-hello": "Gecko's in.touch2 protocol",
    "addp": "Digi's ADDP",
    "ssdp": "SSDP",
    "wled-sync": "WLED's sync protocol",
    "espeasy": "ESPEasy's peer protocol",
    "balboa": "Balboa's spa protocol",
}
"""Codec names of replies, for people; an unlisted one is shown as it is."""

_TELLING: Final = ("name", "device", "mac", "firmware", "version", "model", "text")
"""Fields of a reply that are worth a word, in this order."""

_OTA_WORDS: Final = {
    "ready": "ready for an update, without a password",
    "ready-needs-password": "ready for an update with its password",
    "announced": "announced by the device; not asked yet",
    "likely": "likely to listen",
    "no-answer": "without an answer",
    "closed": "closed",
    "host-down": "on a host that is down",
    "wrong-service": "another service than the one expected",
    "blocked": "blocked on the way",
    "not-applicable": "not applicable",
}


class Standing(IntEnum):
    """How far a device's word about a port goes; the highest counts."""

    NOTHING = 0
    SILENT = 2
    """It was asked and stayed silent, and so did everything else."""
    LIKELY = 3
    """It stayed silent where a control port of the same host refused."""
    EXPECTED = 4
    """The device's own announcement leads to this port without naming it."""
    ANNOUNCED = 5
    REFUSED = 6
    """Counts above an announcement or an answer where it is newer, and last where it is older."""
    OPEN = 7
    """A connection was accepted, no word was exchanged."""
    REPLIED = 8
    """It answered, in a protocol that espied does not know."""
    SPOKE = 9
    """It answered in a known protocol."""


_HEARD: Final = (Standing.ANNOUNCED, Standing.OPEN, Standing.REPLIED, Standing.SPOKE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One thing the device told: ``what`` names it in the conclusion ("ArduinoOTA", "_http._tcp")."""

    standing: Standing
    told: Told
    transport: str
    what: str = ""
    when: float = 0.0


def words_of(device: Device, port: int, transport: str = "") -> tuple[Word, ...]:
    """Return everything the device told about the port, the farthest-going first; ``transport`` "" takes both."""
    words = [word for signal in device.signals if (word := _from_signal(signal, port)) is not None]
    words += _from_ota(device, port)
    spoken_for = {(word.transport, word.standing) for word in words}
    for listener in device.listeners:
        word = _from_listener(listener) if listener.port == port else None
        # A listener repeats what a signal said; it speaks itself only where the signal is no longer there.
        if word is not None and (word.transport, word.standing) not in spoken_for:
            words.append(word)
    wanted = [word for word in words if transport in ("", word.transport)]
    unique = {(word.told.text, word.told.source): word for word in wanted}
    return tuple(sorted(unique.values(), key=lambda word: (-_weight(word, wanted), word.transport, word.told.text)))


def _weight(word: Word, words: list[Word]) -> int:
    """Return the standing, but let a refusal and what contradicts it fight by age (as discover.identify.listeners does)."""
    if word.standing is not Standing.REFUSED:
        return word.standing
    heard = [one.when for one in words if one.transport == word.transport and one.standing in _HEARD]
    if not heard:
        return word.standing
    return Standing.SPOKE + 1 if word.when > max(heard) else Standing.NOTHING


def direction_of(device: Device, port: int, transport: str = "") -> str:
    """Return the direction in which the device uses the port, "" where it is not known: a refusal or silence tells none."""
    fitting = (one for one in device.listeners if one.port == port and transport in ("", one.transport) and one.state not in _UNUSED)
    return next((one.direction.value for one in fitting), "")


def _from_signal(signal: Signal, port: int) -> Word | None:
    tells = _BY_KIND.get(signal.kind)
    return tells(signal, port) if tells is not None and signal.number("port") == port else None


def _word(standing: Standing, transport: str, text: str, signal: Signal, what: str = "") -> Word:
    return Word(standing=standing, told=Told(text=text, source=signal.source.value), transport=transport, what=what, when=signal.when)


def _announced(signal: Signal, port: int) -> Word:
    service = signal.text("type")
    arduino = service.lower() == _ARDUINO
    udp = service.lower().endswith("._udp") or service.lower() == _MATTER or (arduino and port != _ARDUINO_HTTP)
    transport = "udp" if udp else "tcp"
    text = f"announced {service} on port {port} as '{signal.text('instance')}'"
    password = signal.txt("auth_upload")
    if arduino and password in ("yes", "no"):
        text += ", with a password" if password == "yes" else ", without a password"  # noqa: S105 - a TXT value
    return _word(Standing.ANNOUNCED, transport, text, signal, service)


def _replied(signal: Signal, port: int) -> Word:
    transport = "udp" if signal.kind == "udp.reply" else "tcp"
    protocol = signal.text("protocol")
    details = [f"{key} {signal.text(key)}" for key in _TELLING if signal.text(key)]
    bits = signal.number("nonce_bits")
    if bits is not None:
        details.append(f"a nonce of {bits} bits")
    about = f": {', '.join(details)}" if details else ""
    if protocol in ("", "unknown"):
        return _word(Standing.REPLIED, transport, f"answered on {port}/{transport} in a protocol that espied does not know{about}", signal)
    name = _PROTOCOLS.get(protocol, protocol)
    return _word(Standing.SPOKE, transport, f"answered on {port}/{transport} in {name}{about}", signal, name)


def _answered_http(signal: Signal, _port: int) -> Word:
    status = signal.number("status")
    said = f"status {status}" if status is not None else "no status"
    named = [text for text in (signal.text("title"), signal.text("server")) if text]
    about = f" ({'; '.join(named)})" if named else ""
    return _word(Standing.SPOKE, "tcp", f"answered GET {signal.text('path') or '/'} with {said}{about}", signal, "HTTP")


def _opened(signal: Signal, port: int) -> Word:
    return _word(Standing.OPEN, "tcp", f"accepted a connection on {port}/tcp, which was closed at once", signal)


def _refused(signal: Signal, port: int) -> Word:
    if signal.kind == "tcp.refused":
        return _word(Standing.REFUSED, "tcp", f"refused a connection to {port}/tcp", signal)
    return _word(Standing.REFUSED, "udp", f"refused a datagram to {port}/udp (ICMP port unreachable)", signal)


def _unanswered(signal: Signal, port: int) -> Word:
    return _word(Standing.SILENT, "tcp", f"did not answer a connection attempt to {port}/tcp", signal)


def _unreachable(signal: Signal, port: int) -> Word:
    reason = signal.text("reason") or "unreachable"
    return _word(Standing.SILENT, "udp", f"could not be reached on {port}/udp ({reason})", signal)


def _silent(signal: Signal, port: int) -> Word:
    tries = signal.number("tries")
    knocks = "a knock" if tries in (None, 1) else f"{tries} knocks"
    if signal.text("control") == "refused":
        return _word(Standing.LIKELY, "udp", f"stayed silent after {knocks} on {port}/udp, while a control port refused", signal)
    return _word(Standing.SILENT, "udp", f"stayed silent after {knocks} on {port}/udp, and no control port refused", signal)


def _checked(signal: Signal, port: int) -> Word | None:
    verdict = signal.text("verdict")
    transport = signal.text("transport")
    if transport not in ("tcp", "udp"):
        return None
    standing = {
        "ready": Standing.SPOKE,
        "ready-needs-password": Standing.SPOKE,
        "announced": Standing.ANNOUNCED,
        "likely": Standing.LIKELY,
        "closed": Standing.REFUSED,
        "wrong-service": Standing.REPLIED,
    }.get(verdict, Standing.SILENT)
    name = {"arduino": "ArduinoOTA", "esphome": "ESPHome's OTA protocol"}.get(signal.text("ota"), "")
    text = f"was checked for OTA on {port}/{transport}: {_OTA_WORDS.get(verdict, verdict)}"
    return _word(standing, transport, text, signal, name)


def _from_ota(device: Device, port: int) -> list[Word]:
    """Return the update port that follows from the family; a check that was made is a signal of its own."""
    status = device.ota
    if status is None or status.port != port or status.checked is not None or status.transport not in ("tcp", "udp"):
        return []
    said = f" {status.note}" if status.note else ""
    text = f"leads by its announcement to an update port, {port}/{status.transport}.{said}"
    return [Word(standing=Standing.EXPECTED, told=Told(text=text, source="ota"), transport=status.transport)]


def _from_listener(listener: Listener) -> Word | None:
    state = listener.state.value
    # The service may be no more than what the family uses the port for: only a codec's name proves a conversation.
    spoke = listener.service in _PROTOCOLS or listener.service == "http"
    standing = {
        "answered": Standing.SPOKE if spoke else Standing.OPEN,
        "announced": Standing.ANNOUNCED,
        "likely": Standing.LIKELY,
        "no-answer": Standing.SILENT,
        "closed": Standing.REFUSED,
    }.get(state)
    if standing is None:
        return None  # never asked: the device told nothing
    service = f" ({listener.service})" if listener.service else ""
    what = _PROTOCOLS.get(listener.service, listener.service) if spoke or standing is Standing.ANNOUNCED else ""
    text = f"{listener.port}/{listener.transport}{service}: {state}"
    return Word(standing=standing, told=Told(text=text, source=listener.source.value), transport=listener.transport, what=what)


_BY_KIND: Final[Mapping[str, Callable[[Signal, int], Word | None]]] = {
    "mdns.service": _announced,
    "udp.reply": _replied,
    "tcp.reply": _replied,
    "http.reply": _answered_http,
    "tcp.open": _opened,
    "tcp.refused": _refused,
    "udp.refused": _refused,
    "tcp.silent": _unanswered,
    "udp.silent": _silent,
    "udp.unreachable": _unreachable,
    "ota.checked": _checked,
}
"""What each kind of signal tells about the port that it names; the other kinds name none."""
