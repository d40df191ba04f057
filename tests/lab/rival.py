"""Another computer's uploads, begun and held where they are: ``rival.py ADDRESS KIND=DEVICE:PORT[:PASSWORD] ...``.

Kinds: waitauth (an ArduinoOTA device waits for the password of an invitation), update (it fetches an image, a few bytes at a time),
esphome (the OTA listener is in a handshake). Says "ready" once all are under way, and ends at SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from discover.demo.sockets import UdpPort
from discover.proto import arduinoota as ota
from discover.proto.esphomeota import MAGIC

SIZE = 4000
"""Less than a flash page (4096 bytes), so that not even a whole upload writes one before its end."""


async def invite(address: str, device: str, port: int, own: int, password: str) -> None:
    """Send an invitation that names our port, and answer the challenge where there is a password for it. Raises TimeoutError."""
    replies: asyncio.Queue[bytes] = asyncio.Queue()
    udp = await UdpPort.open(address, 0, lambda data, _: replies.put_nowait(data))
    try:
        udp.send(f"{ota.FLASH} {own} {SIZE} {'0' * 32}\n".encode(), (device, port))
        reply = ota.decode_reply(await asyncio.wait_for(replies.get(), 5))
        if isinstance(reply, ota.ReplyAuth) and password:
            cnonce = "c" * len(reply.nonce)
            respond = ota.pbkdf2_response if reply.bits == 256 else ota.md5_response
            udp.send(ota.encode_auth(cnonce, respond(password, reply.nonce, cnonce)), (device, port))
            await asyncio.wait_for(replies.get(), 5)
    finally:
        await udp.close()


async def begin(address: str, kind: str, device: str, port: int, password: str) -> asyncio.AbstractServer | asyncio.StreamWriter | None:
    """Bring one device to where it is held; return what holds it."""
    if kind == "esphome":
        reader, writer = await asyncio.open_connection(device, port)
        writer.write(MAGIC)
        await reader.readexactly(2)
        return writer
    if kind == "waitauth":
        await invite(address, device, port, 9, "")
        return None
    called = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        while not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.3)

    server = await asyncio.start_server(trickle, address, 0)
    own = server.sockets[0].getsockname()[1]
    await invite(address, device, port, own, password)
    await asyncio.wait_for(called.wait(), 5)
    return server


async def main(arguments: Sequence[str]) -> None:
    """Begin everything, say so, and wait."""
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    held = []
    for word in arguments[1:]:
        kind, _, rest = word.partition("=")
        device, port, password = (*rest.split(":"), "")[:3]
        held.append(await begin(arguments[0], kind, device, int(port), password))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await done.wait()
    for one in held:
        if one is not None:
            one.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
