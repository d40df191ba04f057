"""Let this machine find a host out by ARP while its announcement is still listened for: Linux gives an absent one up only after 3 s."""

from __future__ import annotations

import contextlib
from typing import Final

from discover.errors import EspiedError
from discover.net.api import Network
from discover.ota.knocking import CONTROL_PORTS
from discover.ota.route import choose
from discover.proto.arduinoota import KNOCK

PORT: Final = CONTROL_PORTS[-1]
"""A surely closed port that the ladder's own control knocks do not use."""
_WHY: Final = "control knock at a surely closed port, so that this computer asks by ARP"


async def stir(network: Network, address: str, interface: str = "") -> None:
    """Knock once at a surely closed port of an address in a network of ours; wait for nothing, and leave errors for the check to tell."""
    with contextlib.suppress(EspiedError):
        route, face = choose((address,), network.interfaces(), interface)
        if face is None or not route.on_link or route.loopback:
            return
        end = network.udp(face)
        try:
            await end.send(KNOCK, route.address, PORT, purpose=_WHY)
        finally:
            end.close()
