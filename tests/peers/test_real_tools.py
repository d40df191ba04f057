"""The upload tools themselves: they take the lines that espied gives people to copy, and espied knows what they say."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from discover.atlas.load_symptoms import load_symptoms
from discover.atlas.match_symptom import find_symptoms
from discover.model.device import Confidence, Device, FamilyVerdict, Password
from discover.ota.commands import upload_commands

PYTHON = os.environ.get("ESPIED_ESPHOME_PYTHON", "")
NODE = Device(
    id="x",
    name="Kitchen",
    hostname="kitchen.local",
    addresses=("192.168.1.23",),
    chip="ESP32-S3",
    family=FamilyVerdict(id="esphome", title="ESPHome node", confidence=Confidence.CERTAIN, score=90),
)

pytestmark = pytest.mark.peer
needs_esphome = pytest.mark.skipif(not PYTHON, reason="ESPIED_ESPHOME_PYTHON names no interpreter with esphome")


def lines(kind: str, tool: str, image: str = "") -> list[str]:
    commands = upload_commands(NODE, kind=kind, address="192.168.1.23", port=3232, transport="tcp", password=Password.UNKNOWN, image=image)
    return [one.line for one in commands if one.tool == tool]


def esphome(code: str, *arguments: str) -> str:
    return subprocess.run([PYTHON, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


@needs_esphome
def test_esphome_understands_its_lines() -> None:
    wanted = [*lines("esphome", "esphome"), *lines("esphome", "esphome", "firmware.bin"), *lines("http", "esphome")]
    code = "import sys, shlex\nfrom esphome.__main__ import parse_args\nfor one in sys.argv[1:]: print(vars(parse_args(shlex.split(one))))"
    told = esphome(code, *wanted).splitlines()
    assert len(told) == len(wanted) == 5
    for one in told:
        assert "'configuration': ['kitchen.yaml']" in one
        assert "'device': ['192.168.1.23']" in one
    assert "'file': 'firmware.bin'" in told[3]
    assert "'ota_platform': 'web_server'" in told[4]


@needs_esphome
def test_the_errors_that_a_node_can_give_esphome_are_known() -> None:
    """Whatever esphome is newest: a message that was added last month may be missing, a change of all of them may not."""
    code = "import json\nfrom esphome import espota2\nprint(json.dumps(list(getattr(espota2, '_ERROR_MESSAGES', {}).values())))"
    messages = json.loads(esphome(code))
    if not messages:
        pytest.skip("before 2026.7 esphome kept its messages in the code")
    symptoms = load_symptoms()
    found = {message: find_symptoms(f"ERROR {message}", symptoms) for message in messages}
    unknown = [message for message, one in found.items() if one.match != "contains"]
    assert len(unknown) <= len(messages) // 10, unknown
    assert {hit.symptom.tool for one in found.values() for hit in one.hits[:1]} == {"esphome"}


def test_esptool_understands_its_line_and_what_it_says_is_known(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"\xe9" + bytes(31))
    (line,) = lines("esphome", "esptool", str(image))
    words = shlex.split(line.replace(" PORT ", " /dev/there-is-no-such-port "))
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "COLUMNS": "200"}
    )
    said = done.stdout + done.stderr
    assert "Usage" not in said
    found = find_symptoms(said, load_symptoms())
    assert found.hits[0].symptom.id == "esptool/could-not-open", said
