"""One simulated device of the lab, run in its own namespace: ``device.py LOG KIND ADDRESS [key=value ...]``.

Kinds: arduino (variant=, password=), esphome-ota (password=), tcp (ports=3197,3199), balboa (name=, mac=), mute (port=).
What happens to the device goes into LOG, a line an event.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from discover.demo.arduino import ArduinoOtaDevice, Variant
from discover.demo.esphome_ota import EsphomeOtaDevice


class Watched(list[str]):
    """A device's log that is also written to a file as it grows."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._file.write_text("", encoding="utf-8")

    def append(self, item: str) -> None:
        super().append(item)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(item + "\n")


class Balboa(asyncio.DatagramProtocol):
    """Answers a Microchip announce question as a spa module does."""

    def __init__(self, answer: bytes, log: Watched) -> None:
        self.answer, self.log = answer, log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: asyncio's own UDP transport is no DatagramTransport before Python 3.12.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.log.append(f"received {data.hex()}")
        self.transport.sendto(self.answer, addr)


class Mute(asyncio.DatagramProtocol):
    """Takes datagrams and says nothing."""

    def __init__(self, log: Watched) -> None:
        self.log = log

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self.log.append(f"received {data.hex()}")


async def serve(stack: contextlib.AsyncExitStack, log: Watched, kind: str, address: str, options: dict[str, str]) -> None:
    """Start one device. Raises NetworkError or OSError where its port is taken."""
    loop = asyncio.get_running_loop()
    if kind == "arduino":
        arduino = ArduinoOtaDevice(Variant(options.get("variant", "esp32")), password=options.get("password", ""), address=address)
        arduino.log = log
        await stack.enter_async_context(arduino)
    elif kind == "esphome-ota":
        node = EsphomeOtaDevice(password=options.get("password", ""), address=address)
        node.log = log
        await stack.enter_async_context(node)
    elif kind == "tcp":

        def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            log.append("connected")
            writer.close()

        for port in options["ports"].split(","):
            await stack.enter_async_context(await asyncio.start_server(accepted, address, int(port)))
    elif kind == "balboa":
        answer = f"{options.get('name', 'BWGSPA')}\r\n{options['mac'].upper().replace(':', '-')}\r\n".encode()
        # Bound to all addresses: a broadcast is not delivered to a socket bound to one.
        await loop.create_datagram_endpoint(lambda: Balboa(answer, log), ("0.0.0.0", 30303))
    elif kind == "mute":
        await loop.create_datagram_endpoint(lambda: Mute(log), (address, int(options["port"])))
    else:
        raise SystemExit(f"no such kind: {kind}")


async def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    log = Watched(Path(arguments[0]))
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    async with contextlib.AsyncExitStack() as stack:
        await serve(stack, log, arguments[1], arguments[2], dict(one.split("=", 1) for one in arguments[3:]))
        log.append("ready")
        await done.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
