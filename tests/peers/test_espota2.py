"""ESPHome's own OTA client uploads to the simulated device: the strongest word on whether the simulation is one.

The client needs an interpreter with esphome installed, named by ESPIED_ESPHOME_PYTHON.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from discover.demo.esphome_ota import EsphomeOtaDevice

PYTHON = os.environ.get("ESPIED_ESPHOME_PYTHON", "")
WORD = "a real pässword"
CLIENT = """
import logging, sys
from pathlib import Path
from esphome.espota2 import run_ota
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
host, port, password, image = sys.argv[1:]
code, address = run_ota(host, int(port), password or None, Path(image))
print("RESULT", code, address)
"""

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not PYTHON, reason="ESPIED_ESPHOME_PYTHON names no interpreter with esphome"),
]


async def run_client(device: EsphomeOtaDevice, password: str, image: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        "-c",
        CLIENT,
        device.address,
        str(device.port),
        password,
        str(image),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(50):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("utf-8", "replace")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("password", ["", WORD])
async def test_esphomes_client_uploads_an_image(tmp_path: Path, password: str, version: int) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"\xe9" + os.urandom(50_000))
    async with EsphomeOtaDevice(port=0, password=password, version=version) as device:
        output = await run_client(device, password, image)
    assert "RESULT 0 127.0.0.1" in output, output
    assert device.image == image.read_bytes()
    assert device.callbacks == ("on_begin", "on_end")


async def test_it_uploads_to_an_old_device_with_an_md5_password(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"\xe9" + bytes(9000))
    async with EsphomeOtaDevice(port=0, password=WORD, version=1, old=True) as device:
        output = await run_client(device, WORD, image)
    assert "RESULT 0 127.0.0.1" in output, output
    assert device.image == image.read_bytes()


async def test_it_is_refused_with_a_wrong_password(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"\xe9" + bytes(100))
    async with EsphomeOtaDevice(port=0, password=WORD) as device:
        output = await run_client(device, "wrong", image)
    assert "RESULT 1 None" in output, output
    assert "Authentication invalid" in output
    assert device.image == b""
    assert device.callbacks == ()
