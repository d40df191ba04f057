"""The simulated ESPHome OTA listener goes through the firmware's states, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from discover.demo.esphome_ota import EsphomeOtaDevice
from discover.errors import NetworkError
from discover.proto import esphomeota as ota

WORD = "secret"
IMAGE = b"\xe9" + bytes(range(256)) * 100


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes, count: int) -> bytes:
        self.writer.write(data)
        return await asyncio.wait_for(self.reader.readexactly(count), 5)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 5)


@asynccontextmanager
async def connect(device: EsphomeOtaDevice) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.mark.parametrize("version", [1, 2])
async def test_the_magic_alone_tells_the_version_and_leaves_one_warning(version: int, until: Until) -> None:
    async with EsphomeOtaDevice(port=0, version=version) as device:
        async with connect(device) as client:
            assert ota.decode_magic_reply(await client.ask(ota.MAGIC, 2)) == version
        await until(lambda: "warning Remote closed at read feature" in device.log)
    assert device.callbacks == ()
    assert device.flash_operations == ()


async def test_wrong_magic_is_refused() -> None:
    async with EsphomeOtaDevice(port=0) as device, connect(device) as client:
        assert await client.ask(b"GET /", 1) == b"\x80"
        assert await client.rest() == b""
    assert device.callbacks == ()


async def test_connecting_and_leaving_is_harmless_on_new_firmware_only(until: Until) -> None:
    for old, callbacks in ((False, ()), (True, ("on_begin", "on_error"))):
        async with EsphomeOtaDevice(port=0, old=old) as device:
            async with connect(device):
                pass
            await until(lambda: "warning Remote closed at read magic" in device.log)
        assert device.callbacks == callbacks


@pytest.mark.parametrize(("features", "ack"), [(b"\x02", b"\x40"), (b"\x07", b"\x48\x00")])
async def test_a_password_is_asked_for_by_sha256(features: bytes, ack: bytes, until: Until) -> None:
    async with EsphomeOtaDevice(port=0, password=WORD, nonce=lambda digits: "0f" * (digits // 2)) as device:
        async with connect(device) as client:
            await client.ask(ota.MAGIC, 2)
            assert await client.ask(features, len(ack)) == ack
            assert ota.decode_auth_request(await client.ask(b"", 65)) == ota.AuthRequest("sha256", "0f" * 32)
        await until(lambda: "warning Remote closed at read auth" in device.log)
    assert device.callbacks == ()


async def test_a_client_without_sha256_is_refused() -> None:
    async with EsphomeOtaDevice(port=0, password=WORD) as device, connect(device) as client:
        await client.ask(ota.MAGIC, 2)
        assert await client.ask(b"\x00", 2) == b"\x40\x82"
    assert "warning Auth: SHA256 required" in device.log


async def test_a_wrong_password_is_refused_without_a_callback() -> None:
    async with EsphomeOtaDevice(port=0, password=WORD) as device, connect(device) as client:
        await client.ask(ota.MAGIC, 2)
        await client.ask(b"\x02", 1 + 65)
        assert await client.ask(b"c" * 64 + b"0" * 64, 1) == b"\x82"
        assert await client.rest() == b""
    assert device.callbacks == ()
    assert "warning Auth: Password mismatch" in device.log


async def test_the_features_byte_of_a_device_without_password_enters_the_data_phase(until: Until) -> None:
    async with EsphomeOtaDevice(port=0) as device:
        async with connect(device) as client:
            await client.ask(ota.MAGIC, 2)
            assert await client.ask(b"\x02", 2) == b"\x40\x41"
        await until(lambda: "callback on_error" in device.log)
    assert device.flash_operations == ()


async def test_firmware_of_2026_10_only_notes_a_client_that_leaves_before_the_image(until: Until) -> None:
    async with EsphomeOtaDevice(port=0, forgiving=True) as device:
        async with connect(device) as client:
            await client.ask(ota.MAGIC, 2)
            await client.ask(b"\x02", 2)
        await until(lambda: "Client left after the handshake" in device.log)
    assert device.callbacks == ()


async def test_a_second_client_hears_nothing_until_the_first_has_gone() -> None:
    async with EsphomeOtaDevice(port=0) as device, connect(device) as first:
        await first.ask(ota.MAGIC, 2)
        async with connect(device) as second:
            second.writer.write(ota.MAGIC)
            await second.writer.drain()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.reader.readexactly(1), 0.05)
            first.writer.close()
            assert await asyncio.wait_for(second.reader.readexactly(2), 5) == b"\x00\x02"


async def test_a_client_that_holds_the_line_is_dropped() -> None:
    async with EsphomeOtaDevice(port=0, handshake_seconds=0.05) as device, connect(device) as client:
        assert await client.rest() == b""
    assert "warning Handshake timeout" in device.log
    assert device.callbacks == ()


async def send_image(client: Client, *, password: str, old: bool, image: bytes, md5: str) -> bytes:
    await client.ask(ota.MAGIC, 2)
    await client.ask(b"\x02", 1)
    if password:
        method, digits = ("md5", 32) if old else ("sha256", 64)
        request = ota.decode_auth_request(await client.ask(b"", 1 + digits))
        assert isinstance(request, ota.AuthRequest)
        assert request.method == method
        client.writer.write(b"c" * digits + ota.auth_response(method, password, request.nonce, "c" * digits).encode())
    assert await client.ask(b"", 1) == b"\x41"
    assert await client.ask(len(image).to_bytes(4, "big"), 1) == b"\x42"
    assert await client.ask(md5.encode(), 1) == b"\x43"
    client.writer.write(image)
    chunks = -(-len(image) // ota.CHUNK)
    assert await client.ask(b"", chunks) == b"\x47" * chunks
    return await client.ask(b"", 2)


@pytest.mark.parametrize(("password", "old"), [("", False), (WORD, False), (WORD, True), ("", True)])
async def test_an_upload_arrives_whole(password: str, old: bool, until: Until) -> None:  # noqa: FBT001 - a parametrised case
    async with EsphomeOtaDevice(port=0, password=password, old=old) as device, connect(device) as client:
        md5 = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
        assert await send_image(client, password=password, old=old, image=IMAGE, md5=md5) == b"\x44\x45"
        client.writer.write(b"\x00")
        await client.writer.drain()
        await until(lambda: "restart" in device.log)
    assert device.image == IMAGE
    assert device.callbacks == ("on_begin", "on_end")


async def test_an_image_with_another_checksum_is_refused() -> None:
    async with EsphomeOtaDevice(port=0) as device, connect(device) as client:
        assert await send_image(client, password="", old=False, image=IMAGE, md5="0" * 32) == b"\x44\x8b"
        assert await client.rest() == b""
    assert device.image == b""
    assert device.callbacks == ("on_begin", "on_error")


async def test_an_image_that_does_not_fit_is_refused_before_anything_is_erased() -> None:
    async with EsphomeOtaDevice(port=0, space=1000) as device, connect(device) as client:
        await client.ask(ota.MAGIC, 2)
        await client.ask(b"\x02", 2)
        assert await client.ask((1001).to_bytes(4, "big"), 1) == b"\x89"
    assert device.flash_operations == ()


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with EsphomeOtaDevice(port=0) as first:
        with pytest.raises(NetworkError, match=f"{first.port}/tcp"):
            await EsphomeOtaDevice(port=first.port).start()
