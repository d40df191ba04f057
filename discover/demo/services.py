"""Simulated TCP services: a web server, ESPHome's native API, a Balboa spa module, a port that only listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from discover.demo.sockets import Sender, TcpPort, UdpPort
from discover.proto import balboa
from discover.proto import esphomeapi as api
from discover.proto.malformed import Malformed

_PATIENCE: Final = 60.0
"""Seconds after which a quiet client is hung up on."""
_MAX_HEAD: Final = 8192

# What a spa answers beside its identity, as a BP6013G1 with two pumps, one light and a circulation pump does
# (garbled1/pybalboa tests; the fields are explained in pybalboa client.py).
_SETUP: Final = balboa.SETUP + bytes.fromhex("0a0e32635068490300")
_CONFIGURATION: Final = balboa.CONFIGURATION + bytes.fromhex("0a0001800000")
_FILTERS: Final = balboa.FILTERS + bytes.fromhex("1400020088000200")


class WebServer:
    """A device's web server: GET of ``pages`` (path with query -> JSON value or HTML text), 404 for the rest.

    ``port`` 0 takes any free port. ``log`` holds one line a request ("GET /json/info"); anything but a GET
    is answered 405 and logged all the same, so that a test can say that none came.
    """

    def __init__(self, pages: Mapping[str, object], *, server: str = "", address: str = "127.0.0.1", port: int = 80) -> None:
        self.address = address
        self.port = port
        self.log: list[str] = []
        self._pages = pages
        self._server = server
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        """Listen. Raises NetworkError."""
        self._tcp = await TcpPort.open(self.address, self.port, self._converse)
        self.port = self._tcp.port

    async def close(self) -> None:
        """Stop; idempotent."""
        if self._tcp is not None:
            await self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        words = head[:_MAX_HEAD].split(b"\r\n")[0].decode("latin-1").split(" ")
        method, path = (words[0], words[1]) if len(words) == 3 else ("", "")
        self.log.append(f"{method} {path}")
        if method != "GET":
            status, body, kind = HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain"
        elif path not in self._pages:
            status, body, kind = HTTPStatus.NOT_FOUND, b"Not found", "text/plain"
        else:
            page = self._pages[path]
            status = HTTPStatus.OK
            body, kind = (page.encode(), "text/html") if isinstance(page, str) else (json.dumps(page).encode(), "application/json")
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
        if self._server:
            lines.insert(1, f"Server: {self._server}")
        writer.write("\r\n".join([*lines, "", ""]).encode("utf-8") + body)
        await writer.drain()


class EsphomeApi:
    """ESPHome's native API, plaintext: hello, connect, ping, device information, an empty entity list, disconnect.

    With ``encrypted`` the node wants noise: it tells its name and MAC to whoever asks in that protocol and
    rejects plaintext in words. ``log`` holds one line an event ("client espied", "frame 9").
    """

    def __init__(self, info: api.DeviceInfo, *, encrypted: bool = False, address: str = "127.0.0.1", port: int = api.PORT) -> None:
        self.address = address
        self.port = port
        self.log: list[str] = []
        self._info = info
        self._encrypted = encrypted
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        """Listen. Raises NetworkError."""
        self._tcp = await TcpPort.open(self.address, self.port, self._converse)
        self.port = self._tcp.port

    async def close(self) -> None:
        """Stop; idempotent."""
        if self._tcp is not None:
            await self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._encrypted:
            await self._noise(reader, writer)
            return
        frames = api.FrameReader()
        while data := await asyncio.wait_for(reader.read(4096), _PATIENCE):
            for frame in frames.feed(data):
                if not isinstance(frame, api.Frame) or not self._answer(frame, writer):
                    await writer.drain()
                    return
            await writer.drain()

    async def _noise(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        indicator = await reader.readexactly(1)
        self.log.append(f"indicator {indicator.hex()}")
        if indicator != b"\x01":
            reason = b"\x01Bad indicator byte"
            writer.write(b"\x01" + len(reason).to_bytes(2, "big") + reason)
        else:
            writer.write(api.encode_noise_hello(api.NoiseHello(self._info.name, self._info.mac)))
        await writer.drain()

    def _answer(self, frame: api.Frame, writer: asyncio.StreamWriter) -> bool:
        """Answer one frame; False where the connection ends with it."""
        self.log.append(f"frame {frame.type}")
        match frame.type:
            case api.HELLO_REQUEST:
                hello = api.decode_hello_request(frame.body)
                if isinstance(hello, Malformed):
                    return False
                self.log.append(f"client {hello.client_info}")
                version = f"{self._info.name} (esphome v{self._info.esphome_version})"
                answer = api.HelloResponse(api_major=1, api_minor=10, server_info=version, name=self._info.name)
                writer.write(api.encode_frame(api.HELLO_RESPONSE, api.encode_hello_response(answer)))
            case api.DEVICE_INFO_REQUEST:
                writer.write(api.encode_frame(api.DEVICE_INFO_RESPONSE, api.encode_device_info(self._info)))
            case api.DISCONNECT_REQUEST:
                writer.write(api.encode_frame(api.DISCONNECT_RESPONSE))
                return False
            case _ if frame.type in _EMPTY_ANSWERS:
                writer.write(api.encode_frame(_EMPTY_ANSWERS[frame.type]))
        return True


_EMPTY_ANSWERS: Final = {api.CONNECT_REQUEST: api.CONNECT_RESPONSE, api.PING_REQUEST: api.PING_RESPONSE, 11: 19}
"""Request type -> type of its empty answer; 11 and 19 are ListEntitiesRequest and ListEntitiesDone (api.proto)."""


class BalboaModule:
    """A spa's Wi-Fi module on TCP 4257: its status once a second unasked, identity and settings on request."""

    def __init__(
        self,
        module: balboa.ModuleIdentification,
        system: balboa.SystemInformation,
        *,
        ids: tuple[int, int, int, int],
        address: str = "127.0.0.1",
        port: int = balboa.PORT,
        status_seconds: float = 1.0,
    ) -> None:
        self.address = address
        self.port = port
        self.log: list[str] = []
        self._status_seconds = status_seconds
        self._answers: Mapping[bytes, bytes] = {
            balboa.REQUEST_MODULE: balboa.encode_module(module),
            balboa.REQUEST_SYSTEM: balboa.encode_system(system, ids=ids),
            balboa.REQUEST_SETUP: _SETUP,
            balboa.REQUEST_CONFIGURATION: _CONFIGURATION,
            balboa.REQUEST_FILTERS: _FILTERS,
        }
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        """Listen. Raises NetworkError."""
        self._tcp = await TcpPort.open(self.address, self.port, self._converse)
        self.port = self._tcp.port

    async def close(self) -> None:
        """Stop; idempotent."""
        if self._tcp is not None:
            await self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ticker = asyncio.create_task(self._tick(writer))
        frames = balboa.FrameReader()
        try:
            while data := await asyncio.wait_for(reader.read(512), _PATIENCE):
                for frame in frames.feed(data):
                    if isinstance(frame, balboa.Frame):
                        self.log.append(f"request {frame.body.hex()}")
                        if frame.body in self._answers:
                            writer.write(balboa.encode_frame(self._answers[frame.body]))
                await writer.drain()
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await ticker

    async def _tick(self, writer: asyncio.StreamWriter) -> None:
        minute = 0
        while True:
            status = balboa.Status(temperature=37.5, target=38.0, unit="C", hour=20, minute=minute % 60)
            writer.write(balboa.encode_frame(balboa.encode_status(status)))
            await writer.drain()
            await asyncio.sleep(self._status_seconds)
            minute += 1


class Listener:
    """TCP and UDP ports that are open and say nothing. ``log``: "connected 3197", "received 3197 31"."""

    def __init__(self, *, tcp: Sequence[int] = (), udp: Sequence[int] = (), address: str = "127.0.0.1") -> None:
        self.address = address
        self.tcp_ports = tuple(tcp)
        self.udp_ports = tuple(udp)
        self.log: list[str] = []
        self._open: list[TcpPort | UdpPort] = []

    async def start(self) -> None:
        """Open every port. Raises NetworkError, with none left open."""
        try:
            for port in self.tcp_ports:
                self._open.append(await TcpPort.open(self.address, port, self._held(port)))
            for port in self.udp_ports:
                self._open.append(await UdpPort.open(self.address, port, self._noted(port)))
        except BaseException:
            await self.close()
            raise
        self.tcp_ports = tuple(one.port for one in self._open if isinstance(one, TcpPort))
        self.udp_ports = tuple(one.port for one in self._open if isinstance(one, UdpPort))

    async def close(self) -> None:
        """Close every port; idempotent."""
        while self._open:
            await self._open.pop().close()

    def _held(self, port: int) -> _Hold:
        return _Hold(self.log, port)

    def _noted(self, port: int) -> _Note:
        return _Note(self.log, port)


class _Hold:
    """Accepts a connection and says nothing until the peer leaves."""

    def __init__(self, log: list[str], port: int) -> None:
        self._log, self._port = log, port

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        self._log.append(f"connected {self._port}")
        while await asyncio.wait_for(reader.read(512), _PATIENCE):
            pass


class _Note:
    """Takes a datagram and says nothing."""

    def __init__(self, log: list[str], port: int) -> None:
        self._log, self._port = log, port

    def __call__(self, payload: bytes, sender: Sender) -> None:
        del sender
        self._log.append(f"received {self._port} {payload.hex()}")
