"""One device of the fault matrix, run in its own namespace: ``gadget.py LOG CONTROL KIND ADDRESS [key=value ...]``.

Kinds: arduino (variant=, password=), esphome (password=, old=), web (page=), uploader, webrepl. What happens to the device goes
into LOG, a line an event. CONTROL is a Unix socket that takes one line a connection: ``normal`` (as it should be), ``closed``
(nothing listens on its update port), ``http`` (a web server listens there instead), ``echo`` (its UDP port sends everything back).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from discover.demo.arduino import PORTS, ArduinoOtaDevice, Variant
from discover.demo.esphome_ota import EsphomeOtaDevice
from discover.demo.services import WebServer
from discover.demo.sockets import Sender, TcpPort, UdpPort
from tests.lab.device import Watched

UPLOADER_PORT = 65280
WEBREPL_PORT = 8266


class Part(Protocol):
    """Something that listens."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class Uploader:
    """The HTTP-like server of the ArduinoOTA library for other boards (JAndrassy/ArduinoOTA src/WiFiOTA.cpp pollServer).

    Any connection runs the sketch's onStart; whatever is no upload with the right password runs onError.
    """

    def __init__(self, address: str, log: Watched) -> None:
        self.address, self.log = address, log
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        self._tcp = await TcpPort.open(self.address, UPLOADER_PORT, self._converse)

    async def close(self) -> None:
        if self._tcp is not None:
            await self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.log.append("callback onStart")
        request = (await asyncio.wait_for(reader.readline(), 1.0)).decode("latin-1").strip()
        self.log.append(f"received {request}")
        known = request in {"POST /sketch HTTP/1.1", "POST /data HTTP/1.1"}
        self.log.append("callback onError")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\n\r\n" if known else b"HTTP/1.1 404 Not Found\r\n\r\n")
        await writer.drain()


class WebRepl:
    """MicroPython's WebREPL: a WebSocket whose first words are "Password: " (micropython/micropython-lib micropython/net/webrepl)."""

    def __init__(self, address: str, log: Watched) -> None:
        self.address, self.log = address, log
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        self._tcp = await TcpPort.open(self.address, WEBREPL_PORT, self._converse)

    async def close(self) -> None:
        if self._tcp is not None:
            await self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.log.append("connected")
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.log.append(f"received {head[0]}")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        key = fields.get("sec-websocket-key", "")
        if not key:  # webrepl.py accept_conn: no upgrade, the page that loads the client, and the connection ends
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n<base href=http://micropython.org/webrepl/></base>\r\n")
            await writer.drain()
            return
        # RFC 6455 section 4.2.2
        digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n\x81\x0aPassword: ")
        await writer.drain()
        while data := await reader.read(1024):
            self.log.append(f"received {data.hex()}")


class Echo:
    """A UDP port that sends back what it gets (RFC 862)."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self._udp: UdpPort | None = None

    async def start(self) -> None:
        self._udp = await UdpPort.open(self.address, self.port, self._return)

    async def close(self) -> None:
        if self._udp is not None:
            await self._udp.close()

    def _return(self, payload: bytes, sender: Sender) -> None:
        if self._udp is not None:
            self._udp.send(payload, sender)


class StrictWeb:
    """A web server that looks at what it gets byte by byte, as nginx and the ESP-IDF's do: what can be no method gets 400 at once."""

    def __init__(self, address: str, port: int, log: Watched) -> None:
        self.address, self.port, self.log = address, port, log
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        self._tcp = await TcpPort.open(self.address, self.port, self._converse)

    async def close(self) -> None:
        if self._tcp is not None:
            await self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(1024)
        self.log.append(f"received {data.hex()}")
        if data:
            status = b"200 OK" if data[:1].isupper() else b"400 Bad Request"
            writer.write(b"HTTP/1.1 " + status + b"\r\nServer: nginx\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()


_ELEGANT = "<!DOCTYPE html><html><head><title>ElegantOTA</title></head><body>ElegantOTA</body></html>"
PAGES: dict[str, dict[str, object]] = {
    "wled": {"/json/info": {"ver": "0.15.0", "name": "Shelf", "arch": "esp32", "brand": "WLED", "product": "FOSS", "mac": "246f28000b19"}},
    "tasmota": {
        "/cm?cmnd=Status%200": {
            "Status": {"DeviceName": "Coffee machine"},
            "StatusFWR": {"Version": "14.2.0(release-tasmota)", "Hardware": "ESP8266EX"},
            "StatusNET": {"Mac": "5C:CF:7F:00:0B:1A"},
        },
        "/cm?cmnd=Status%202": {"StatusFWR": {"Version": "14.2.0(release-tasmota)", "Hardware": "ESP8266EX"}},
    },
    "elegantota": {"/update": _ELEGANT},
    "esphome-web": {"/": "<!DOCTYPE html><html><head><title>Greenhouse</title></head><body><esp-app></esp-app></body></html>"},
}
"""What the web servers say; keys are the ``page`` option."""


class Gadget:
    """A device that can be turned into each of its faults and back."""

    def __init__(self, log: Watched, kind: str, address: str, options: dict[str, str]) -> None:
        self.log, self.kind, self.address, self.options = log, kind, address, options
        self.parts: list[Part] = []
        variant = Variant(options["variant"]) if kind == "arduino" else None
        fixed = {"esphome": 3232, "web": 80, "uploader": UPLOADER_PORT, "webrepl": WEBREPL_PORT}
        self.port = PORTS[variant] if variant is not None else fixed[kind]

    async def become(self, mode: str) -> None:
        """Change what listens. Raises KeyError for no mode and NetworkError where a port is taken."""
        parts = {"normal": self._itself, "closed": list, "http": self._web, "echo": self._echo}[mode]
        await self.close()
        for part in parts():
            await part.start()
            self.parts.append(part)

    async def close(self) -> None:
        while self.parts:
            await self.parts.pop().close()

    def _itself(self) -> list[Part]:
        options, log, address = self.options, self.log, self.address
        match self.kind:
            case "arduino":
                arduino = ArduinoOtaDevice(Variant(options["variant"]), password=options.get("password", ""), address=address)
                arduino.log = log
                return [arduino]
            case "esphome":
                node = EsphomeOtaDevice(password=options.get("password", ""), address=address, old="old" in options)
                node.log = log
                return [node]
            case "uploader":
                return [Uploader(address, log)]
            case "webrepl":
                return [WebRepl(address, log)]
        web = WebServer(PAGES[options["page"]], address=address)
        web.log = log
        return [web]

    def _web(self) -> list[Part]:
        return [StrictWeb(self.address, self.port, self.log)]

    def _echo(self) -> list[Part]:
        return [Echo(self.address, self.port)]


async def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    log, control = Watched(Path(arguments[0])), arguments[1]
    gadget = Gadget(log, arguments[2], arguments[3], dict(one.split("=", 1) for one in arguments[4:]))
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)

    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mode = (await reader.readline()).decode().strip()
        await gadget.become(mode)
        writer.write(b"done\n")
        writer.close()

    await gadget.become("normal")
    server = await asyncio.start_unix_server(obey, control)
    log.append("ready")
    await done.wait()
    server.close()
    await gadget.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
