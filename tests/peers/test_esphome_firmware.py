"""Our check against the real ESPHome firmware on loopback: the true word, and nothing but the expected lines in its log."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import tomllib
from collections.abc import Iterator

import pytest

from discover.model.check import OtaCheck, StepState, Verdict
from discover.model.device import Confidence, Device, FamilyVerdict, OtaStatus, Password
from discover.model.signal import Field, Signal, Source
from discover.net.real import RealNetwork
from discover.ota import check, esphome
from tests.peers.esphome_host import SAMPLE, EsphomeNode, build, build_sample, interpreter, unavailable

REASON = unavailable()
pytestmark = [pytest.mark.peer, pytest.mark.skipif(bool(REASON), reason=REASON), pytest.mark.timeout(300)]

# Fixed, because they are compiled in and the build is cached; outside the ephemeral ranges of Linux, macOS and Windows.
LOCKED_PORTS = (28_266, 26_053)
OPEN_PORTS = (28_267, 26_054)
CLIENT = """
import sys
from pathlib import Path
from esphome.espota2 import run_ota
print(run_ota("127.0.0.1", int(sys.argv[1]), None, Path(sys.argv[2])))
"""
HANDSHAKE = "D esphome.ota: Starting handshake from 127.0.0.1"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EsphomeNode]:
    """The sample firmware_samples/esphome-node, which has a password."""
    folder = tmp_path_factory.mktemp("locked")
    with build_sample(folder, ota_port=LOCKED_PORTS[0], api_port=LOCKED_PORTS[1]).run(folder) as node:
        yield node


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EsphomeNode]:
    """A node without OTA password."""
    folder = tmp_path_factory.mktemp("unlocked")
    with build(folder, name="open-node", ota_port=OPEN_PORTS[0], api_port=OPEN_PORTS[1]).run(folder) as node:
        yield node


@pytest.fixture(params=["locked", "unlocked"])
def node(request: pytest.FixtureRequest) -> EsphomeNode:
    found: EsphomeNode = request.getfixturevalue(request.param)
    found.settle()
    found.mark()
    return found


def known(node: EsphomeNode, *, version: str | None = None, password: Password = Password.UNKNOWN) -> Device:
    """The node as the inventory knows it once its announcement was heard."""
    told = node.firmware.version if version is None else version
    fields: dict[str, Field] = {
        "type": "_esphomelib._tcp",
        "instance": node.firmware.name,
        "port": node.firmware.api_port,
        "txt": (f"version={told}",),
    }
    signal = Signal(when=0.0, mono=0.0, source=Source.MDNS, interface="lo", peer="127.0.0.1", kind="mdns.service", fields=fields)
    status = OtaStatus(kind="esphome", port=node.firmware.ota_port, transport="tcp", password=password, verdict="announced", checked=None)
    return Device(
        id="x",
        name=node.firmware.name,
        addresses=("127.0.0.1",),
        family=FamilyVerdict(id="esphome", title="ESPHome node", confidence=Confidence.CERTAIN, score=97),
        ota=status,
        signals=(signal,),
    )


async def examine(node: EsphomeNode, device: Device | None, *, level: int | None = None, port: int | None = None) -> OtaCheck:
    network = RealNetwork()
    result = await check(network, "127.0.0.1", port=port, kind="esphome", device=device, level=level)
    assert [(one.transport, one.payload.hex()) for one in network.ledger.packets] == [(one.transport, one.bytes_hex) for one in result.sent]
    assert node.process.poll() is None
    return result


async def news(node: EsphomeNode, *texts: str) -> list[str]:
    """Wait for the texts in the node's log without holding up the loop; return all that is new."""
    found: list[str] = []
    for text in texts:
        found = await asyncio.to_thread(node.wait_for, text)
    return found


async def test_it_is_ready_and_its_log_holds_two_lines_of_it(node: EsphomeNode) -> None:
    result = await examine(node, known(node))
    assert (result.verdict, result.level, result.password) == (Verdict.READY, 2, Password.UNKNOWN)
    assert [step.state for step in result.steps] == [StepState.PASS] * len(result.steps)
    assert [sent.bytes_hex for sent in result.sent] == ["", "6c26f75c45"]
    assert await news(node, "Remote closed") == [HANDSHAKE, "W esphome.ota: Remote closed at read feature"]


async def test_a_password_that_is_known_is_said(locked: EsphomeNode) -> None:
    result = await examine(locked, known(locked, password=Password.YES))
    assert (result.verdict, result.password) == (Verdict.READY_NEEDS_PASSWORD, Password.YES)


async def test_the_sample_ends_as_its_expectation_says(locked: EsphomeNode) -> None:
    says = next(one for one in tomllib.loads((SAMPLE / "expected.toml").read_text())["variant"] if one["id"] == "host")
    result = await examine(locked, known(locked))
    assert (result.verdict, result.level, result.password) == (says["says"]["verdict"], says["says"]["level"], says["ota"]["password"])


async def test_level_one_connects_and_hangs_up(node: EsphomeNode) -> None:
    result = await examine(node, known(node), level=1)
    assert (result.verdict, result.level) == (Verdict.LIKELY, 1)
    assert await news(node, "Remote closed") == [HANDSHAKE, "W esphome.ota: Remote closed at read magic"]


async def test_one_check_after_the_other_finds_it_ready_again(node: EsphomeNode) -> None:
    for _ in range(3):
        assert (await examine(node, known(node))).verdict is Verdict.READY
        await news(node, "Remote closed")
        node.mark()


async def test_an_old_version_is_not_touched(node: EsphomeNode) -> None:
    result = await examine(node, known(node, version="2024.10.3"))
    assert (result.verdict, result.level) == (Verdict.ANNOUNCED, 0)
    assert not [sent for sent in result.sent if sent.transport == "tcp"]
    assert node.news() == []


async def test_a_port_without_a_listener_is_closed(node: EsphomeNode) -> None:
    result = await examine(node, known(node), port=node.firmware.ota_port + 1000)
    assert result.verdict is Verdict.CLOSED
    assert node.news() == []


async def test_the_native_api_is_not_taken_for_the_update_port(node: EsphomeNode) -> None:
    result = await examine(node, known(node), port=node.firmware.api_port)
    assert result.verdict in (Verdict.WRONG_SERVICE, Verdict.LIKELY)
    assert not any("esphome.ota" in line for line in node.news())


async def test_while_somebody_else_holds_it_the_check_says_busy(node: EsphomeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esphome, "REPLY_SECONDS", 0.4)
    with socket.create_connection(("127.0.0.1", node.firmware.ota_port), 3):
        await news(node, "Starting handshake")
        result = await examine(node, known(node))
        assert (result.verdict, result.level) == (Verdict.LIKELY, 2)
        assert "20 s" in result.steps[-1].fix
    # Both are gone now: it lets go of the first, and then sees that the second has left.
    await asyncio.to_thread(_settle, node)
    node.mark()
    assert (await examine(node, known(node))).verdict is Verdict.READY


def _settle(node: EsphomeNode) -> None:
    node.wait_for("Remote closed at read magic")
    node.wait_for("Remote closed at read feature")


async def test_right_after_a_check_the_real_client_uploads(unlocked: EsphomeNode) -> None:
    """The strongest word that a check leaves nothing behind: ESPHome's own client replaces the firmware (of a copy)."""
    unlocked.mark()
    assert (await examine(unlocked, known(unlocked))).verdict is Verdict.READY
    argv = [interpreter(), "-c", CLIENT, str(unlocked.firmware.ota_port), str(unlocked.firmware.program)]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip().startswith("(0,"), done.stdout + done.stderr
    lines = await news(unlocked, "Update complete")
    assert not [line for line in lines if line.startswith("E ")]
