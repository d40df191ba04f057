"""Simulated UDP services that answer a question, unicast or broadcast, and those that speak unasked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from discover.demo.sockets import Sender, UdpPort
from discover.proto import addp, gecko, microchip, ssdp
from discover.proto.malformed import Malformed

Answer = Callable[[bytes], bytes | None]
"""A question in, the answer out; None for silence."""

MULTICAST_PORTS: Final = {addp.PORT: addp.GROUP, ssdp.PORT: ssdp.GROUP}
"""Ports whose questions also come to a group."""


class Answerer:
    """One UDP port that answers. ``log`` holds one line a datagram ("received HEX")."""

    def __init__(self, port: int, answer: Answer, *, address: str = "127.0.0.1", bind: bool = True) -> None:
        self.address = address
        self.port = port
        self.log: list[str] = []
        self._answer = answer
        self._bind = bind
        self._udp: UdpPort | None = None

    async def start(self) -> None:
        """Bind the port, or any free one where ``bind`` is False (an SSDP answer comes from anywhere). Raises NetworkError."""
        self._udp = await UdpPort.open(self.address, self.port if self._bind else 0, self.hear)
        if self._bind:
            self.port = self._udp.port

    async def close(self) -> None:
        """Close the port; idempotent."""
        if self._udp is not None:
            await self._udp.close()

    def silence(self) -> None:
        """Stay bound, answer nothing."""
        if self._udp is not None:
            self._udp.mute = True

    def hear(self, payload: bytes, sender: Sender) -> None:
        """Take one question, from the own port or from a broadcast, and answer it from the own port."""
        self.log.append(f"received {payload.hex()}")
        answer = self._answer(payload)
        if answer is not None and self._udp is not None:
            self._udp.send(answer, sender)


class Broadcaster:
    """Speaks unasked: ``payload`` to the loopback broadcast address and ``port``, at once and every ``seconds``."""

    def __init__(self, port: int, payload: bytes, *, to: str, seconds: float = 10.0, address: str = "127.0.0.1") -> None:
        self.address = address
        self.port = port
        self.log: list[str] = []
        self._payload = payload
        self._to = to
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._speak())

    async def close(self) -> None:
        """Stop; idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _speak(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.settimeout(0)
            sock.bind((self.address, 0))
            while True:
                try:
                    sock.sendto(self._payload, (self._to, self.port))
                except OSError as error:
                    # Loopback without broadcast (not Linux): the device is still found by its other services.
                    self.log.append(f"cannot broadcast: {error}")
                    return
                await asyncio.sleep(self._seconds)


def microchip_answer(announce: microchip.Announce) -> Answer:
    """Answer as Microchip's stack does, which looks at the first byte only."""
    reply = microchip.encode_announce(announce)
    return lambda question: reply if question[:1] == b"D" else None


def gecko_answer(hello: gecko.Hello) -> Answer:
    """Answer the broadcast greeting; a client's own greeting would register it, and is only taken."""
    reply = gecko.encode_hello(hello)
    return lambda question: reply if question == gecko.QUESTION else None


def addp_answer(reply: addp.AddpReply) -> Answer:
    """Answer type 1 for all or for this MAC; everything else would configure the module, and gets silence."""
    payload = addp.encode_reply(reply)
    return lambda question: payload if addp.is_question(question, reply.mac) else None


def ssdp_answer(target: str, *, server: str, usn: str, location: str) -> Answer:
    """Answer an M-SEARCH for ``target`` or for everything, as UPnP Device Architecture 2.0 section 1.3.3 says."""
    reply = (
        f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: {location}\r\n"
        f"SERVER: {server}\r\nST: {target}\r\nUSN: {usn}\r\n\r\n"
    ).encode()

    def answer(question: bytes) -> bytes | None:
        search = ssdp.decode(question)
        if isinstance(search, Malformed) or search.method != "M-SEARCH":
            return None
        return reply if search.st in ("ssdp:all", target) else None

    return answer
