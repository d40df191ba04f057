"""What the port phase asks: UDP questions, TCP connects, and the control ports that give silence a meaning.

The knock is the byte ``1`` (facts: ota, section 2): consumed whole and without effect on every core.
A listener never answers it, a closed port gives an ICMP error, and so does a surely closed control
port. Silence where a later control was refused means that something listens ("likely"); silence on
both means a filter or a lost datagram ("no-answer").

TCP connects go to three ports only, and are closed at once. 3197 and 3199 are normally *remote* ports
of Digi's device cloud: a device that listens there is a finding. 80 tells that there is a web server
to ask (see http.py). Not here, because a mere connect has side effects (facts: ota and gear): 3232,
8266, 2040 (ESPHome before 2025.9 logs an error, runs triggers or restarts), 6053, 4257, 6668 (few
clients: a connect may drop another one), 502.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from discover.proto import wellknown
from discover.proto.wellknown import KNOCK

Transport = Literal["udp", "tcp"]

KNOCK_PORTS: Final = (3232, 8266, 2040, 3197, 3199, 3231)
"""ArduinoOTA's default ports (ESP32, ESP8266, Pico), the two of Digi's device cloud, and 3231, which users set by hand."""
UPDATE_PORTS: Final = frozenset({3232, 8266, 2040, 3231})
"""Those of them behind which firmware waits for an update: a device that listens there is a small one, and fragile."""
TCP_PORTS: Final = (80, 3197, 3199)
LIVENESS_PORT: Final = 3232
"""Where the sweep's first datagram goes, so that it asks the first question of the port phase, too."""

_CONTROL_FIRST: Final = 61_000
_CONTROL_SPAN: Final = 4_000
CONTROLS: Final = 16
"""Control ports of one host."""


class PortQuestion(NamedTuple):
    """One port and how it is asked. ``payloads``: the datagram of each try, the last one for all further ones.

    ``judged``: silence is compared with a control port; else it is told as it is (control "none").
    """

    transport: Transport
    port: int
    purpose: str
    payloads: tuple[bytes, ...] = ()
    judged: bool = False

    @property
    def mute(self) -> bool:
        """Tell whether what listens there never answers: only a refusal says anything."""
        return self.payloads == (KNOCK,)

    def payload(self, number: int) -> bytes:
        """Return the datagram of try ``number`` (from 0)."""
        return self.payloads[min(number, len(self.payloads) - 1)]


def knock(port: int) -> PortQuestion:
    """Return the knock at a port where something may listen that never answers."""
    return PortQuestion(transport="udp", port=port, purpose="OTA knock", payloads=(KNOCK,), judged=True)


def connect(port: int) -> PortQuestion:
    """Return the TCP connect to a port."""
    return PortQuestion(transport="tcp", port=port, purpose="is the port open (connect)")


MICROCHIP: Final = PortQuestion(
    transport="udp",
    port=wellknown.MICROCHIP_PORT,
    purpose="Microchip announce",
    payloads=(wellknown.MICROCHIP_QUESTION, wellknown.MICROCHIP_QUESTION_SHORT),
)
"""The long form of the question first; some firmwares only know the short one (facts: gear)."""
GECKO: Final = PortQuestion(transport="udp", port=wellknown.GECKO_PORT, purpose="Gecko greeting", payloads=(wellknown.GECKO_QUESTION,))

DEFAULT: Final = (*map(knock, KNOCK_PORTS), *map(connect, TCP_PORTS), MICROCHIP, GECKO)
"""In the order of asking. Linux sends 6 ICMP errors at once to one peer (facts: network), so the six knocks come first."""


def control_port(address: str, index: int) -> int:
    """Return a UDP port that is surely closed on the host: 61000..64999, another one for each ``index`` 0..15.

    It follows from the address, so that a host is always asked at the same ports, and lies in the
    dynamic range (RFC 6335 section 6) above Linux's own ephemeral ports (32768..60999), where no
    embedded stack binds anything.
    """
    return _CONTROL_FIRST + binascii.crc32(address.encode()) % _CONTROL_SPAN // CONTROLS * CONTROLS + index % CONTROLS


def control(address: str, index: int) -> PortQuestion:
    """Return the knock at a control port."""
    return PortQuestion(
        transport="udp", port=control_port(address, index), purpose="control knock (a port that is surely closed)", payloads=(KNOCK,)
    )


def control_ports(address: str, questions: Iterable[PortQuestion] = ()) -> frozenset[int]:
    """Return all control ports of a host but those among ``questions``."""
    asked = {one.port for one in questions if one.transport == "udp"}
    first = control_port(address, 0)
    return frozenset(range(first, first + CONTROLS)) - asked
