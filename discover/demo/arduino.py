"""A simulated ArduinoOTA device: the state machine of the real cores, callbacks logged instead of run.

Source: esp8266/Arduino and espressif/arduino-esp32 libraries/ArduinoOTA/src/ArduinoOTA.cpp, and experiments
on the real ESP8266 code. It takes a whole image into memory, so that an uploader can be tested against it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Self

from discover.demo.sockets import Sender, UdpPort
from discover.proto import arduinoota as ota
from discover.proto.malformed import Malformed

SPACE: Final = 1_310_720
"""Bytes of an app slot in the default partition table of arduino-esp32 (tools/partitions/default.csv)."""
_CONNECT_SECONDS: Final = 3.0
_RECEIVE_SECONDS: Final = 1.0
_READ: Final = 1460


class Variant(StrEnum):
    """Which core the sketch was built with."""

    ESP32 = "esp32"
    """arduino-esp32 3.3.1 or later: 64-digit nonce, PBKDF2."""
    ESP32_MD5 = "esp32-md5"
    """arduino-esp32 before 3.3.1."""
    ESP8266 = "esp8266"
    PICO = "pico"


class State(StrEnum):
    """The listener's states."""

    IDLE = "idle"
    WAITAUTH = "waitauth"
    RUNUPDATE = "runupdate"


PORTS: Final = {Variant.ESP32: 3232, Variant.ESP32_MD5: 3232, Variant.ESP8266: 8266, Variant.PICO: 2040}


class ArduinoOtaDevice:
    """One device with ArduinoOTA. ``port`` None takes the core's default, 0 any free port.

    ``log`` tells everything in order: "received HEX", "sent HEX", "state idle", "callback onError(BEGIN)",
    "flash write 4096"; ``callbacks`` only what the sketch would have run. ``image`` is what the last update
    brought, ``nonce`` makes the challenge (given the number of digits), ``restart_on_error`` notes that
    the sketch restarts in onError, as the core's OTALeds example does ("restart" in the log).
    """

    def __init__(
        self,
        variant: Variant = Variant.ESP32,
        *,
        password: str = "",
        address: str = "127.0.0.1",
        port: int | None = None,
        space: int = SPACE,
        nonce: Callable[[int], str] | None = None,
        restart_on_error: bool = False,
    ) -> None:
        self.variant = variant
        self.address = address
        self.port = PORTS[variant] if port is None else port
        self.log: list[str] = []
        self.image = b""
        self.state = State.IDLE
        self._password = password
        self._space = space
        self._make_nonce = nonce or (lambda digits: secrets.token_hex(digits // 2))
        self._restart_on_error = restart_on_error
        self._nonce = ""
        self._invitation: ota.Invitation | None = None
        self._requester: Sender = ("", 0)
        self._udp: UdpPort | None = None
        self._update: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind the UDP port. Raises NetworkError where that is not possible."""
        self._udp = await UdpPort.open(self.address, self.port, self._received)
        self.port = self._udp.port

    async def close(self) -> None:
        """End a running update and close the socket; idempotent."""
        if self._update is not None:
            self._update.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._update
            self._update = None
        if self._udp is not None:
            await self._udp.close()

    def silence(self) -> None:
        """Keep the port bound and never answer again: asleep, or its power cut."""
        if self._udp is not None:
            self._udp.mute = True

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await self.close()

    @property
    def callbacks(self) -> tuple[str, ...]:
        """The sketch's callbacks that ran, in order: "onStart", "onProgress", "onError(BEGIN)", "onEnd"."""
        return tuple(line.removeprefix("callback ") for line in self.log if line.startswith("callback "))

    @property
    def received(self) -> tuple[bytes, ...]:
        """Every datagram that came, in order."""
        return tuple(bytes.fromhex(line[9:]) for line in self.log if line.startswith("received "))

    @property
    def flash_operations(self) -> tuple[str, ...]:
        """What was written to or erased from flash, in order; empty unless an image came."""
        return tuple(line for line in self.log if line.startswith("flash "))

    async def updated(self) -> None:
        """Wait until the running update, if there is one, has ended."""
        if self._update is not None:
            await asyncio.wait({self._update})

    # The listener

    def _received(self, payload: bytes, sender: Sender) -> None:
        self.log.append(f"received {payload.hex()}")
        if not payload:
            # parsePacket() says 0: no core of today sees an empty datagram (early ones went deaf by it).
            return
        if self.state is State.IDLE:
            self._invited(payload, sender)
        elif self.state is State.WAITAUTH:
            self._answered(payload, sender)
        # While an update runs nobody reads the socket.

    def _invited(self, payload: bytes, sender: Sender) -> None:
        invitation = ota.decode_invitation(payload)
        if isinstance(invitation, Malformed):
            return
        self._invitation, self._requester = invitation, sender
        if not self._password:
            self._run()
            return
        self._nonce = self._make_nonce(self._digits)
        self._send(ota.ReplyAuth(self._nonce), sender)
        self._enter(State.WAITAUTH)

    def _answered(self, payload: bytes, sender: Sender) -> None:
        answer = ota.decode_auth(payload)
        if isinstance(answer, Malformed) or {len(answer.cnonce), len(answer.response)} != {self._digits}:
            # Anything but a well-formed 200 leaves WAITAUTH without a word; an invitation is swallowed by it.
            self._enter(State.IDLE)
            return
        respond = ota.pbkdf2_response if self._digits == 64 else ota.md5_response
        if self.variant in (Variant.ESP32, Variant.ESP32_MD5):
            # The ESP32 answers whoever sent the 200, the others whoever sent the invitation.
            self._requester = sender
        if secrets.compare_digest(respond(self._password, self._nonce, answer.cnonce), answer.response):
            self._run()
            return
        self._send(ota.ReplyAuthFailed(), self._requester)
        self._error("AUTH")
        self._enter(State.IDLE)

    @property
    def _digits(self) -> int:
        return 64 if self.variant is Variant.ESP32 else 32

    def _send(self, reply: ota.Reply, to: Sender) -> None:
        payload = ota.encode_reply(reply)
        self.log.append(f"sent {payload.hex()}")
        if self._udp is not None:
            self._udp.send(payload, to)

    def _enter(self, state: State) -> None:
        self.state = state
        self.log.append(f"state {state}")

    def _error(self, kind: str) -> None:
        self.log.append(f"callback onError({kind})")
        if self._restart_on_error:
            self.log.append("restart")

    # The update

    def _run(self) -> None:
        self._enter(State.RUNUPDATE)
        invitation = self._invitation
        if invitation is None:  # pragma: no cover - set by _invited, before any path leads here
            return
        problem = self._begin(invitation.size)
        early = self.variant in (Variant.ESP32, Variant.ESP32_MD5)
        if early:
            # The ESP32 says OK before it looks whether the image fits.
            self._send(ota.ReplyOk(), self._requester)
        elif problem:
            self._send(ota.ReplyError(problem), self._requester)
        if problem:
            self._error("BEGIN")
            self._enter(State.IDLE)
            return
        if not early:
            self._send(ota.ReplyOk(), self._requester)
        self._update = asyncio.get_running_loop().create_task(self._fetch(invitation, self._requester[0]))

    def _begin(self, size: int) -> str:
        """Do as Update.begin: no flash operation, only a look at the size; "" where it fits."""
        if size == 0:
            return "ERROR[5]: Bad Size Given"
        return "ERROR[4]: Not Enough Space" if size > self._space else ""

    async def _fetch(self, invitation: ota.Invitation, host: str) -> None:
        """Connect to the uploader and take the image: the part that really is TCP, device to host."""
        self.log.append("callback onStart")
        self.log.append("callback onProgress")
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(host, invitation.port, local_addr=(self.address, 0)), _CONNECT_SECONDS
            )
        except (OSError, TimeoutError):
            self._error("CONNECT")
            self._error("END")
            self._enter(State.IDLE)
            return
        try:
            image = await self._receive(reader, writer, invitation.size)
            self._finish(image, invitation, writer)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._enter(State.IDLE)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> bytes:
        """Read up to ``size`` bytes, acknowledging each read with its length as the cores do."""
        image = bytearray()
        # An ESP8266 or a Pico waits as long as the peer holds the connection; the ESP32 gives up after a second.
        patience = _RECEIVE_SECONDS if self.variant in (Variant.ESP32, Variant.ESP32_MD5) else None
        while len(image) < size:
            try:
                data = await asyncio.wait_for(reader.read(min(_READ, size - len(image))), patience)
            except (TimeoutError, ConnectionError):
                self._error("RECEIVE")
                break
            if not data:
                break
            written = len(image) // 4096
            image += data
            for _ in range(len(image) // 4096 - written):
                self.log.append("flash write 4096")
            writer.write(str(len(data)).encode())
        return bytes(image)

    def _finish(self, image: bytes, invitation: ota.Invitation, writer: asyncio.StreamWriter) -> None:
        digest = hashlib.md5(image, usedforsecurity=False).hexdigest()
        if len(image) < invitation.size:
            self._error("END")
        elif digest != invitation.md5.lower():
            writer.write(b"ERROR[10]: MD5 Check Failed")
            self._error("END")
        else:
            if len(image) % 4096:
                self.log.append(f"flash write {len(image) % 4096}")
            self.image = image
            writer.write(b"OK")
            self.log.append("callback onEnd")
