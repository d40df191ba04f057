"""The knock: one byte ``1`` on the OTA ports of one live host, and the control port that gives silence a meaning.

Why this byte: facts ota, section 2; it is consumed whole and changes nothing on every core. A listener
never answers it, a closed port gives an ICMP error, and so does a surely closed control port. Silence
where the control port next to it is refused means that something listens ("likely"); silence on both
means a filter or a lost datagram ("no-answer").

ICMP errors are rationed: Linux sends a burst of 6 to one peer, then one a second (facts: network). So
knocks are spread, and only ports that stayed silent are asked again, a second later, each with a
control of its own right behind it: a ration that is spent makes both silent, never the knock alone.
"""

from __future__ import annotations

import zlib
from typing import Final

from discover.model.signal import Source
from discover.net.api import Clock
from discover.net.emitter import Emitter
from discover.probe.book import Book, Line
from discover.probe.wait import wait_until
from discover.proto.arduinoota import KNOCK

KNOCK_PORTS: Final = (3232, 8266, 2040, 3197, 3199, 3231)
"""ArduinoOTA's default ports (ESP32, ESP8266, Pico), the two of Digi's device cloud, and 3231, which users set by hand."""
SPACING: Final = 0.06
"""Seconds between two datagrams to one host: 17 a second, with the TCP connects beside it well below the budget of 40."""
RETRY_AFTER: Final = 1.1
"""Seconds before a silent port is asked again: one ICMP error a second is Linux's ration to one peer (icmp_ratelimit 1000)."""
PATIENCE: Final = 1.0
"""Seconds a host may take for its last answer; power save holds a datagram up to about 300 ms (measured)."""
CONTROL_GAP: Final = 0.02
"""Seconds between a knock and its control: in order, and with one fiftieth of a chance that a new ration comes in between."""
GRACE: Final = 0.15
"""Seconds that a knock's answer may come after its control's, which was sent behind it."""
ENOUGH: Final = 3
"""Refused controls beside a silent knock, in different rounds, before silence is believed: with 5 % loss each way one
round says "likely" of one closed port in a hundred, and a scan of 60 hosts has some 300 closed ports."""
LEAST: Final = 2
"""Refused controls that are believed where the host's ration allows no more."""
MAX_ROUNDS: Final = 5
GIVE_UP: Final = 7.0
"""Seconds after which no further round begins: a host that rations its errors would hold the whole scan."""

_CONTROL_FIRST: Final = 61_000
_CONTROL_SPAN: Final = 4_000


def control_port(address: str, index: int) -> int:
    """Return a UDP port that is surely closed on the host: 61000..64999, one for each knock (``index`` 0..15).

    It follows from the address, so that a host is always asked at the same ports, and lies in the
    dynamic range (RFC 6335 section 6) above Linux's own ephemeral ports (32768..60999), where no
    embedded stack binds anything.
    """
    return _CONTROL_FIRST + zlib.crc32(address.encode()) % _CONTROL_SPAN // 16 * 16 + index


async def knock_host(line: Line, book: Book, emit: Emitter, clock: Clock, address: str, *, asked: tuple[int, ...] = ()) -> None:
    """Knock at every port of :data:`KNOCK_PORTS` and emit udp.silent for those that stay silent.

    Answers and ICMP errors become signals in the book. ``asked`` are ports that were knocked at just
    now by the sweep. Raises NetworkError where the system refuses to send.
    """
    contact = book.contact(address)
    pairs = {port: control_port(address, index) for index, port in enumerate(KNOCK_PORTS)}
    contact.controls.update(pairs.values())
    began = clock.mono()
    tries = dict.fromkeys(KNOCK_PORTS, 1)
    refused = dict.fromkeys(KNOCK_PORTS, 0)
    for port in KNOCK_PORTS:
        if port not in asked:
            await line.send(KNOCK, address, port, purpose=_KNOCK)
            await clock.sleep(SPACING)
    await wait_until(clock, contact, lambda: all(map(contact.resolved, KNOCK_PORTS)), RETRY_AFTER)
    for number in range(2, MAX_ROUNDS + 1):
        undecided = [port for port in KNOCK_PORTS if not contact.resolved(port) and refused[port] < ENOUGH]
        if not undecided or clock.mono() - began > GIVE_UP or (number > 2 and not contact.refused):
            break  # a host that never sent an ICMP error will not send one now
        for port in undecided:
            contact.refused.discard(pairs[port])
            tries[port] += 1
            await line.send(KNOCK, address, port, purpose=_KNOCK)
            await clock.sleep(CONTROL_GAP)
            await line.send(KNOCK, address, pairs[port], purpose=_CONTROL)
            # A control that stayed silent where others were refused: the ration is short, one pair a second.
            await clock.sleep(SPACING if number == 2 or refused[port] else RETRY_AFTER)
        asking = [(port, pairs[port]) for port in undecided]
        await wait_until(clock, contact, lambda: all(map(contact.either, asking)), PATIENCE)  # noqa: B023 - called in this turn only
        if any(not contact.resolved(port) and contact.resolved(control) for port, control in asking):
            await clock.sleep(GRACE)
        for port, control in asking:
            refused[port] += control in contact.refused
    for port in KNOCK_PORTS:
        if not contact.resolved(port):
            word = "refused" if refused[port] >= LEAST else "silent"
            emit(Source.UDP, "udp.silent", address, {"port": port, "tries": tries[port], "control": word})


_KNOCK: Final = "OTA knock"
_CONTROL: Final = "control knock (a port that is surely closed)"
