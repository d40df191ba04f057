"""The simulated ArduinoOTA devices behave as the real cores do, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from discover.demo.arduino import ArduinoOtaDevice, State, Variant
from discover.demo.sockets import Sender, UdpPort
from discover.errors import NetworkError
from discover.proto import arduinoota as ota

WORD = "secret"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
EVERY = pytest.mark.parametrize("variant", list(Variant))
ESP32 = (Variant.ESP32, Variant.ESP32_MD5)


class Peer:
    """A UDP socket that talks to one device."""

    def __init__(self, port: int) -> None:
        self.to: Sender = ("127.0.0.1", port)
        self.replies: asyncio.Queue[bytes] = asyncio.Queue()
        self.socket: UdpPort

    def send(self, payload: bytes) -> None:
        if payload:
            self.socket.send(payload, self.to)
            return
        # asyncio leaves empty datagrams out, so this one goes by a socket of its own.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.sendto(b"", self.to)

    async def ask(self, payload: bytes) -> bytes:
        self.send(payload)
        return await asyncio.wait_for(self.replies.get(), 5)


@asynccontextmanager
async def talk(device: ArduinoOtaDevice) -> AsyncIterator[Peer]:
    async with device:
        peer = Peer(device.port)
        peer.socket = await UdpPort.open("127.0.0.1", 0, lambda data, _: peer.replies.put_nowait(data))
        try:
            yield peer
        finally:
            await peer.socket.close()


Until = Callable[[Callable[[], bool]], Awaitable[None]]


def invitation(port: int = 4711, size: int = 0, md5: str = MD5) -> bytes:
    return f"0 {port} {size} {md5}\n".encode()


@EVERY
async def test_the_knock_and_garbage_stay_unanswered_and_change_nothing(variant: Variant, until: Until) -> None:
    device = ArduinoOtaDevice(variant, port=0)
    async with talk(device) as peer:
        for payload in (ota.KNOCK, b"", b"hello", b"200 x y\n", b"0 1 0 short\n"):
            peer.send(payload)
        await until(lambda: len(device.received) == 5)
        assert peer.replies.empty()
    assert device.state is State.IDLE
    assert [line for line in device.log if not line.startswith("received")] == []


@pytest.mark.parametrize(("variant", "digits"), [(Variant.ESP32, 64), (Variant.ESP32_MD5, 32), (Variant.ESP8266, 32), (Variant.PICO, 32)])
async def test_with_a_password_the_nonce_comes_and_no_callback_runs(variant: Variant, digits: int) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0)
    async with talk(device) as peer:
        reply = ota.decode_reply(await peer.ask(invitation()))
        assert isinstance(reply, ota.ReplyAuth)
        assert len(reply.nonce) == digits
        assert device.state is State.WAITAUTH
    assert device.callbacks == ()


@EVERY
async def test_waitauth_swallows_the_next_invitation(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0)
    async with talk(device) as peer:
        first = await peer.ask(invitation())
        peer.send(invitation())  # silence
        third = await peer.ask(invitation())
        assert peer.replies.empty()
    assert first.startswith(b"AUTH ")
    assert third.startswith(b"AUTH ")
    assert first != third
    assert device.callbacks == ()


@EVERY
async def test_the_reset_byte_rearms_the_listener_and_an_empty_datagram_does_not(variant: Variant, until: Until) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0)
    async with talk(device) as peer:
        await peer.ask(invitation())
        peer.send(b"")
        await until(lambda: len(device.received) == 2)
        assert device.state is State.WAITAUTH
        peer.send(ota.RESET)
        await until(lambda: len(device.received) == 3)
        assert device.state.value == "idle"
        assert (await peer.ask(invitation())).startswith(b"AUTH ")
    assert device.callbacks == ()


@EVERY
async def test_a_wrong_password_is_told_and_calls_on_error(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0, restart_on_error=True)
    digits = 64 if variant is Variant.ESP32 else 32
    async with talk(device) as peer:
        await peer.ask(invitation())
        assert await peer.ask(ota.encode_auth("c" * digits, "0" * digits)) == b"Authentication Failed"
        assert device.state is State.IDLE
    assert device.callbacks == ("onError(AUTH)",)
    assert "restart" in device.log


@EVERY
async def test_an_answer_of_the_wrong_length_goes_unanswered(variant: Variant, until: Until) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0)
    wrong = 32 if variant is Variant.ESP32 else 64
    async with talk(device) as peer:
        await peer.ask(invitation())
        peer.send(ota.encode_auth("c" * wrong, "0" * wrong))
        await until(lambda: len(device.received) == 2)
        assert device.state is State.IDLE
    assert device.callbacks == ()


@EVERY
async def test_the_right_password_with_size_0_fails_at_begin_and_nowhere_later(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0)
    respond = ota.pbkdf2_response if variant is Variant.ESP32 else ota.md5_response
    async with talk(device) as peer:
        reply = ota.decode_reply(await peer.ask(invitation()))
        assert isinstance(reply, ota.ReplyAuth)
        cnonce = "c" * len(reply.nonce)
        answer = await peer.ask(ota.encode_auth(cnonce, respond(WORD, reply.nonce, cnonce)))
    assert answer == (b"OK" if variant in ESP32 else b"ERR: ERROR[5]: Bad Size Given\n")
    assert device.callbacks == ("onError(BEGIN)",)
    assert device.flash_operations == ()


@EVERY
@pytest.mark.parametrize(("size", "problem"), [(0, b"ERR: ERROR[5]: Bad Size Given\n"), (10_000_000, b"ERR: ERROR[4]: Not Enough Space\n")])
async def test_without_a_password_a_size_that_cannot_be_calls_on_error_alone(variant: Variant, size: int, problem: bytes) -> None:
    device = ArduinoOtaDevice(variant, port=0)
    async with talk(device) as peer:
        assert await peer.ask(invitation(size=size)) == (b"OK" if variant in ESP32 else problem)
        assert await peer.ask(invitation(size=size)) == (b"OK" if variant in ESP32 else problem)  # armed again
    assert device.callbacks == ("onError(BEGIN)",) * 2
    assert device.flash_operations == ()


async def upload(device: ArduinoOtaDevice, peer: Peer, image: bytes, *, send: bytes | None = None, password: str = "") -> bytes:
    """Do as espota: listen, invite, answer the challenge, serve the image; return what the device said over TCP."""
    said = bytearray()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(image if send is None else send)
        writer.write_eof()
        said.extend(await reader.read())
        writer.close()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    md5 = hashlib.md5(image, usedforsecurity=False).hexdigest()
    reply = ota.decode_reply(await peer.ask(invitation(port, len(image), md5)))
    if isinstance(reply, ota.ReplyAuth):
        cnonce = "c" * len(reply.nonce)
        respond = ota.pbkdf2_response if reply.bits == 256 else ota.md5_response
        reply = ota.decode_reply(await peer.ask(ota.encode_auth(cnonce, respond(password, reply.nonce, cnonce))))
    assert reply == ota.ReplyOk()
    await asyncio.wait_for(over.wait(), 5)
    await device.updated()
    server.close()
    await server.wait_closed()
    return bytes(said)


@EVERY
async def test_a_real_upload_arrives_whole(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, password=WORD, port=0)
    image = bytes(range(256)) * 40
    async with talk(device) as peer:
        said = await upload(device, peer, image, password=WORD)
        assert device.state is State.IDLE
    assert said.endswith(b"OK")
    assert device.image == image
    assert device.callbacks == ("onStart", "onProgress", "onEnd")
    assert device.flash_operations == ("flash write 4096", "flash write 4096", "flash write 2048")


@EVERY
async def test_an_image_with_another_checksum_is_refused(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, port=0)
    async with talk(device) as peer:
        said = await upload(device, peer, b"a" * 5000, send=b"b" * 5000)
    assert b"MD5 Check Failed" in said
    assert device.image == b""
    assert device.callbacks[-1] == "onError(END)"


@EVERY
async def test_a_connection_that_closes_without_data_touches_no_flash(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, port=0)
    async with talk(device) as peer:
        await upload(device, peer, b"a" * 5000, send=b"")
    assert device.callbacks == ("onStart", "onProgress", "onError(END)")
    assert device.flash_operations == ()


async def test_a_refused_callback_runs_on_start_but_touches_no_flash() -> None:
    device = ArduinoOtaDevice(Variant.ESP8266, port=0)
    async with talk(device) as peer:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        closed = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        assert await peer.ask(invitation(closed, 4096)) == b"OK"
        await device.updated()
        assert device.state is State.IDLE
    assert device.callbacks == ("onStart", "onProgress", "onError(CONNECT)", "onError(END)")
    assert device.flash_operations == ()


async def test_the_esp8266_answers_the_inviter_and_the_esp32_the_sender_of_the_answer() -> None:
    for variant, answers_sender in ((Variant.ESP8266, False), (Variant.PICO, False), (Variant.ESP32, True), (Variant.ESP32_MD5, True)):
        device = ArduinoOtaDevice(variant, password=WORD, port=0)
        digits = 64 if variant is Variant.ESP32 else 32
        async with talk(device) as inviter:
            other = Peer(device.port)
            other.socket = await UdpPort.open("127.0.0.1", 0, lambda data, _, peer=other: peer.replies.put_nowait(data))  # type: ignore[misc]
            await inviter.ask(invitation())
            other.send(ota.encode_auth("c" * digits, "0" * digits))
            heard = (other if answers_sender else inviter).replies
            assert await asyncio.wait_for(heard.get(), 5) == b"Authentication Failed"
            await other.socket.close()


async def test_a_silenced_device_keeps_its_port_and_answers_nothing(until: Until) -> None:
    device = ArduinoOtaDevice(Variant.ESP32, password=WORD, port=0)
    async with talk(device) as peer:
        device.silence()
        peer.send(invitation())
        udp = device._udp
        assert udp is not None
        await until(lambda: udp.received == 1)
        assert peer.replies.empty()
        assert device.log == []


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with ArduinoOtaDevice(port=0) as first:
        with pytest.raises(NetworkError, match=f"127.0.0.1:{first.port}/udp") as raised:
            await ArduinoOtaDevice(port=first.port).start()
    assert "Another program" in raised.value.hint


async def test_closing_ends_an_update_that_hangs() -> None:
    device = ArduinoOtaDevice(Variant.ESP8266, port=0)
    async with talk(device) as peer:
        connected, released = asyncio.Event(), asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.set()
            await reader.read()  # until the device hangs up
            writer.close()
            released.set()

        server = await asyncio.start_server(hold, "127.0.0.1", 0)
        assert await peer.ask(invitation(server.sockets[0].getsockname()[1], 4096)) == b"OK"
        await asyncio.wait_for(connected.wait(), 5)
        await device.close()
        await asyncio.wait_for(released.wait(), 5)
        server.close()
        await server.wait_closed()
    assert device.image == b""
