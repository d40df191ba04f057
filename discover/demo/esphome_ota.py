"""A simulated ESPHome OTA listener: the TCP state machine of the firmware, with the image kept in memory.

Source: esphome/esphome esphome/components/esphome/ota/ota_esphome.cpp (2026.10) and, for ``old``, its
2024.10 form; esphome's own client uploads to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from discover.demo.sockets import TcpPort
from discover.proto import esphomeota as ota

SPACE: Final = 1_835_008
"""Bytes of an app slot in ESPHome's partition table for 4 MB of flash."""
_HANDSHAKE_SECONDS: Final = 20.0
_DATA_SECONDS: Final = 105.0


_BEFORE_START: Final = ("data: ota type", "data: size")
"""Steps at which a client that leaves has begun nothing."""


class _RefuseError(Exception):
    """The device answers with an error byte and hangs up."""

    def __init__(self, code: int) -> None:
        super().__init__(ota.ERRORS[code])
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What a session needs to know of its firmware."""

    password: str
    version: int
    old: bool
    space: int
    nonce: Callable[[int], str]


class EsphomeOtaDevice:
    """One node with ESPHome's native OTA. ``port`` 0 takes any free port.

    ``log`` tells everything in order: "connected", "warning Remote closed at read magic", "callback on_begin",
    "flash erase", "callback on_end"; ``image`` is what the last update brought. ``old`` is a firmware before
    2025.9: any connection runs on_begin and on_error, the nonce is MD5's, and there is no extended protocol.
    ``forgiving`` is one of 2026.10, which only notes a client that leaves between handshake and image; before, that ran on_error.
    """

    def __init__(
        self,
        *,
        password: str = "",
        address: str = "127.0.0.1",
        port: int = 3232,
        version: int = 2,
        old: bool = False,
        forgiving: bool = False,
        space: int = SPACE,
        nonce: Callable[[int], str] | None = None,
        handshake_seconds: float = _HANDSHAKE_SECONDS,
    ) -> None:
        self.address = address
        self.port = port
        self.old = old
        self._forgiving = forgiving and not old
        self.log: list[str] = []
        self.image = b""
        make_nonce = nonce or (lambda digits: secrets.token_hex(digits // 2))
        self._settings = _Settings(password=password, version=version, old=old, space=space, nonce=make_nonce)
        self._handshake_seconds = handshake_seconds
        self._one_client = asyncio.Lock()
        self._tcp: TcpPort | None = None

    async def start(self) -> None:
        """Listen. Raises NetworkError where that is not possible."""
        self._tcp = await TcpPort.open(self.address, self.port, self._converse)
        self.port = self._tcp.port

    async def close(self) -> None:
        """Hang up and stop listening; idempotent."""
        if self._tcp is not None:
            await self._tcp.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await self.close()

    @property
    def callbacks(self) -> tuple[str, ...]:
        """The automations that ran, in order: "on_begin", "on_error", "on_end"."""
        return tuple(line.removeprefix("callback ") for line in self.log if line.startswith("callback "))

    @property
    def flash_operations(self) -> tuple[str, ...]:
        """What was erased from or written to flash, in order; empty unless a size was sent."""
        return tuple(line for line in self.log if line.startswith("flash "))

    @property
    def received(self) -> bytes:
        """Every byte of every handshake, in order (the image is in :attr:`image`)."""
        return b"".join(bytes.fromhex(line[9:]) for line in self.log if line.startswith("received "))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # listen(1) and one client: the next is accepted by the stack and hears nothing until this one is gone.
        async with self._one_client:
            self.log.append("connected")
            session = _Session(self._settings, self, reader, writer)
            if self.old:
                self.log.append("callback on_begin")
            try:
                async with asyncio.timeout(self._handshake_seconds):
                    extended = await session.handshake()
                async with asyncio.timeout(_DATA_SECONDS):
                    await session.update(extended=extended)
            except _RefuseError as refused:
                writer.write(bytes((refused.code,)))
                await writer.drain()
                self._failed(session.step)
            except TimeoutError:
                self.log.append("warning Handshake timeout")
                self._failed(session.step)
            except (asyncio.IncompleteReadError, ConnectionError):
                if self._forgiving and session.step in _BEFORE_START:
                    self.log.append("Client left after the handshake")
                else:
                    self.log.append(f"warning Remote closed at {session.step}")
                    self._failed(session.step)

    def _failed(self, step: str) -> None:
        """Run on_error where the real firmware would: an old one always, a new one from the data phase on."""
        if self.old or step.startswith("data"):
            self.log.append("callback on_error")


class _Session:
    """One connection; ``step`` is what it waits for, in the firmware's words."""

    def __init__(self, settings: _Settings, device: EsphomeOtaDevice, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.step = "read magic"
        self._is = settings
        self._device = device
        self._reader = reader
        self._writer = writer

    async def handshake(self) -> bool:
        """Go through magic, features and password; return whether the client speaks the extended protocol."""
        if await self._read(len(ota.MAGIC), "read magic") != ota.MAGIC:
            self._device.log.append("warning Magic bytes mismatch!")
            raise _RefuseError(0x80)
        await self._write(bytes((ota.OK, self._is.version)))
        features = (await self._read(1, "read feature"))[0]
        extended = bool(features & ota.FEATURE_EXTENDED) and not self._is.old
        await self._write(bytes((ota.FEATURE_FLAGS, 0)) if extended else bytes((ota.HEADER_OK,)))
        if self._is.password:
            await self._authenticate(features)
        # From here on the firmware's main loop stands still until the data has come or the client has gone.
        self.step = "data: ota type" if extended else "data: size"
        await self._write(bytes((ota.AUTH_OK,)))
        return extended

    async def _authenticate(self, features: int) -> None:
        method, kind = ("md5", ota.REQUEST_AUTH_MD5) if self._is.old else ("sha256", ota.REQUEST_AUTH_SHA256)
        if not self._is.old and not features & ota.FEATURE_SHA256_AUTH:
            self._device.log.append("warning Auth: SHA256 required")
            raise _RefuseError(0x82)
        digits = 64 if method == "sha256" else 32
        nonce = self._is.nonce(digits)
        await self._write(bytes((kind,)) + nonce.encode())
        answer = (await self._read(2 * digits, "read auth")).decode("latin-1")
        expected = ota.auth_response(method, self._is.password, nonce, answer[:digits])
        if not secrets.compare_digest(expected.encode(), answer[digits:].encode("utf-8")):
            self._device.log.append("warning Auth: Password mismatch")
            raise _RefuseError(0x82)

    async def update(self, *, extended: bool) -> None:
        """Take size, checksum and image, acknowledging as the firmware does."""
        log = self._device.log
        if extended and await self._read(1, "data: ota type") != b"\x00":
            raise _RefuseError(0x8E)
        size = int.from_bytes(await self._read(4, "data: size"), "big")
        if not self._is.old:
            log.append("callback on_begin")
        if size > self._is.space:
            raise _RefuseError(0x89)
        # On the ESP32 beginning erases: the whole slot for size 0.
        log.append(f"flash erase {size or self._is.space}")
        await self._write(bytes((ota.PREPARE_OK,)))
        digest = (await self._read(32, "data: checksum")).decode("latin-1")
        await self._write(bytes((ota.MD5_OK,)))
        image = await self._image(size)
        await self._write(bytes((ota.RECEIVE_OK,)))
        if hashlib.md5(image, usedforsecurity=False).hexdigest() != digest.lower():
            raise _RefuseError(0x8B)
        self._device.image = image
        log.append("callback on_end")
        await self._write(bytes((ota.END_OK,)))
        self.step = "end acknowledgement"
        await self._read(1, "end acknowledgement")
        log.append("restart")

    async def _image(self, size: int) -> bytes:
        image = bytearray()
        acknowledged = 0
        self.step = "data: image"
        while len(image) < size:
            data = await self._reader.read(min(1024, size - len(image)))
            if not data:
                raise asyncio.IncompleteReadError(bytes(image[-1:]), size)
            image += data
            self._device.log.append(f"flash write {len(data)}")
            done = len(image) == size
            while self._is.version >= 2 and acknowledged < len(image) and (done or acknowledged + ota.CHUNK <= len(image)):
                acknowledged = min(acknowledged + ota.CHUNK, size)
                await self._write(bytes((ota.CHUNK_OK,)))
        return bytes(image)

    async def _read(self, count: int, step: str) -> bytes:
        self.step = step
        data = await self._reader.readexactly(count)
        self._device.log.append(f"received {data.hex()}")
        return data

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
