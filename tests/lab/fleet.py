"""Many simulated devices in one process and one namespace: ``fleet.py FOLDER ADDRESS ...`` (each address with a MAC of its own).

The devices take turns: an ESP32 with a password, an ESP8266 without, an ESPHome node, a WLED. What happens to
each goes into FOLDER/ADDRESS.log. Says "ready" once all listen.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.lab.device import Watched
from tests.lab.gadget import Gadget
from tests.lab.matrix import Service


class Kind(NamedTuple):
    """One kind of the fleet: gadget.py's arguments and what it announces."""

    simulate: tuple[str, ...]
    announce: tuple[Service, ...]


def _arduino(port: int, board: str, password: str) -> Service:
    return Service("_arduino._tcp", port, (f"board={board}", "tcp_check=no", "ssh_upload=no", f"auth_upload={password}"))


KINDS = (
    Kind(("arduino", "variant=esp32", "password=secret"), (_arduino(3232, "esp32", "yes"),)),
    Kind(("arduino", "variant=esp8266"), (_arduino(8266, "nodemcuv2", "no"),)),
    Kind(("esphome", "password=secret"), (Service("_esphomelib._tcp", 6053, ("version=2026.6.5", "platform=ESP32", "board=esp32dev")),)),
    Kind(("web", "page=wled"), (Service("_wled._tcp", 80, ()), Service("_http._tcp", 80, ()))),
)


async def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    gadgets = []
    for index, address in enumerate(arguments[1:]):
        kind, *options = KINDS[index % len(KINDS)].simulate
        gadget = Gadget(Watched(Path(arguments[0]) / f"{address}.log"), kind, address, dict(one.split("=", 1) for one in options))
        await gadget.become("normal")
        gadgets.append(gadget)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await done.wait()
    for gadget in gadgets:
        await gadget.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
