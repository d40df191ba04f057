"""The password check against the real ESPHome firmware: the true word, no size ever, and a node that takes an upload afterwards."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator

import pytest

from discover.model.check import Hop, OtaCheck, Verdict
from discover.model.device import Password
from discover.net.real import RealNetwork
from discover.ota import check
from tests.peers.esphome_host import EsphomeNode, build, interpreter, unavailable
from tests.peers.test_esphome_firmware import known, news

REASON = unavailable()
pytestmark = [pytest.mark.peer, pytest.mark.skipif(bool(REASON), reason=REASON), pytest.mark.timeout(300)]

SECRET = "a real password"
LOCKED_PORTS = (28_268, 26_055)
OPEN_PORTS = (28_269, 26_056)
CLIENT = """
import sys
from pathlib import Path
from esphome.espota2 import run_ota
print(run_ota("127.0.0.1", int(sys.argv[1]), sys.argv[3], Path(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EsphomeNode]:
    folder = tmp_path_factory.mktemp("password")
    firmware = build(folder, name="password-node", password=SECRET, ota_port=LOCKED_PORTS[0], api_port=LOCKED_PORTS[1])
    with firmware.run(folder) as node:
        yield node


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EsphomeNode]:
    folder = tmp_path_factory.mktemp("no-password")
    with build(folder, name="no-password-node", ota_port=OPEN_PORTS[0], api_port=OPEN_PORTS[1]).run(folder) as node:
        yield node


async def examine(node: EsphomeNode, password: str) -> OtaCheck:
    node.settle()
    node.mark()
    result = await check(RealNetwork(), "127.0.0.1", kind="esphome", device=known(node), password=password, consent=True)
    assert node.process.poll() is None
    return result


async def test_a_wrong_password_is_the_hop_that_fails_and_leaves_a_line_in_the_log(locked: EsphomeNode) -> None:
    result = await examine(locked, "a wrong password")
    assert (result.verdict, result.hop, result.password) == (Verdict.BLOCKED, Hop.PASSWORD, Password.YES)
    lines = await news(locked, "Password mismatch")
    assert not [line for line in lines if line.startswith("E ")]


async def test_the_right_password_is_right_and_the_node_takes_an_upload_afterwards(locked: EsphomeNode) -> None:
    result = await examine(locked, SECRET)
    assert (result.verdict, result.hop, result.password) == (Verdict.READY_NEEDS_PASSWORD, None, Password.YES)
    locked.settle()
    # What it makes of a client that leaves after the password differs by version; that it goes on does not.
    assert any("Client left after the handshake" in line or "size" in line for line in locked.news())
    assert not any("Starting update" in line for line in locked.news())
    locked.mark()
    argv = [interpreter(), "-c", CLIENT, str(locked.firmware.ota_port), str(locked.firmware.program), SECRET]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip().startswith("(0,"), done.stdout + done.stderr
    await news(locked, "Update complete")


async def test_a_node_without_password_is_found_out(unlocked: EsphomeNode) -> None:
    result = await examine(unlocked, SECRET)
    assert (result.verdict, result.password) == (Verdict.READY, Password.NO)
    assert (await examine(unlocked, SECRET)).password is Password.NO  # and again: it was not left in its data phase
