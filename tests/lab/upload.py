"""A minimal espota.py: ``upload.py OWN DEVICE PORT [PASSWORD]`` sends one invitation and serves the image to whoever calls back.

As the uploader of the ESP8266 core does, it asks exactly once: a device that still waits for somebody else's password would
swallow that. Prints what the device said at the end; the exit code is 0 where that is "OK".
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence

from discover.demo.sockets import UdpPort
from discover.proto import arduinoota as ota

SECONDS = 10.0
"""espota.py's patience with each answer, and with the callback."""
IMAGE = bytes(range(256)) * 40


async def upload(own: str, device: str, port: int, password: str) -> str:
    """Upload IMAGE and return the device's last words. Raises TimeoutError where an answer or the callback does not come."""
    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(IMAGE)
        writer.write_eof()
        said.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, own, 0)
    callback = server.sockets[0].getsockname()[1]
    replies: asyncio.Queue[bytes] = asyncio.Queue()
    udp = await UdpPort.open(own, 0, lambda data, _: replies.put_nowait(data))
    try:
        digest = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
        udp.send(f"{ota.FLASH} {callback} {len(IMAGE)} {digest}\n".encode(), (device, port))
        reply = ota.decode_reply(await asyncio.wait_for(replies.get(), SECONDS))
        if isinstance(reply, ota.ReplyAuth):
            cnonce = "c" * len(reply.nonce)
            respond = ota.pbkdf2_response if reply.bits == 256 else ota.md5_response
            udp.send(ota.encode_auth(cnonce, respond(password, reply.nonce, cnonce)), (device, port))
            reply = ota.decode_reply(await asyncio.wait_for(replies.get(), SECONDS))
        if reply != ota.ReplyOk():
            return repr(reply)
        return (await asyncio.wait_for(said, SECONDS)).decode("ascii", "replace")
    finally:
        await udp.close()
        server.close()


def main(arguments: Sequence[str]) -> int:
    """Upload, and say what came of it."""
    own, device, port, password = (*arguments, "")[:4]
    words = asyncio.run(upload(own, device, int(port), password))
    sys.stdout.write(f"{words}\n")
    return 0 if words.endswith("OK") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
