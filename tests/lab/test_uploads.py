"""After a check of any level the device takes an upload at the first try: nothing was left waiting, blocked or half begun."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.lab.matrix import Fault, Gadget, load
from tests.lab.world import ENV, ROOT, World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
MATRIX = load()
ARDUINO = [gadget for gadget in MATRIX.gadgets if gadget.simulate[0] == "arduino"]


def upload(world: World, gadgets: Sequence[Gadget]) -> dict[str, str]:
    """Upload to all at once, one invitation each; what each device said at the end."""
    running = {}
    for gadget in gadgets:
        scanner = world.computer("scanner", gadget)
        words = [scanner.address, world.devices[gadget.id].address, str(gadget.number), gadget.password]
        argv = scanner.argv([sys.executable, str(ROOT / "tests/lab/upload.py"), *words])
        running[gadget.id] = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
    return {name: process.communicate(timeout=60)[0].strip() for name, process in running.items()}


CHECKS = {
    "default": Fault("upload-default", "", "", {}),
    "level-2": Fault("upload-level-2", "", "", {}, args=("--level", "2", "--yes"), default=False),
    "password": Fault("upload-password", "", "", {}, args=("--yes",), password="secret", default=False),
    "wrong-password": Fault("upload-wrong-password", "", "", {}, args=("--yes",), password="not this one", default=False),
    "level-3": Fault("upload-level-3", "", "", {}, args=("--level", "3", "--yes"), default=False),
}


@pytest.mark.parametrize("name", CHECKS)
def test_right_after_a_check_the_first_invitation_is_taken(world: World, name: str) -> None:
    fault = CHECKS[name]
    gadgets = [gadget for gadget in ARDUINO if gadget.password or not fault.password]
    checked = world.ask(fault, gadgets)
    for gadget in gadgets:
        got = checked[gadget.id]
        assert got.code in {0, 1}, got.err
        happened = [line for line in got.log if line.startswith(("callback", "flash", "restart"))]
        # What a level may make the sketch run is known, and nothing else runs; the flash is never touched.
        assert not [line for line in happened if not line.startswith("callback")], got.log
        assert happened == [] or not fault.default, got.log
    before = {gadget.id: len(world.log(gadget)) for gadget in gadgets}
    said = upload(world, gadgets)
    for gadget in gadgets:
        assert said[gadget.id].endswith("OK"), (gadget.id, said[gadget.id], checked[gadget.id].log)
        news = world.log(gadget)[before[gadget.id] :]
        assert [line for line in news if line.startswith("callback")] == ["callback onStart", "callback onProgress", "callback onEnd"], news


def test_the_uploader_of_these_tests_is_swallowed_where_a_check_would_have_left_the_device_waiting(world: World) -> None:
    """The counter-proof: after an invitation without the reset byte the same upload fails."""
    gadget = next(one for one in ARDUINO if one.id == "esp8266")
    code = "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect((sys.argv[1], 8266)); "
    code += "s.send(b'0 9 0 ' + b'0' * 32 + b'\\n'); print(s.recv(99)[:4])"
    done = world.rival.run(sys.executable, "-c", code, world.devices[gadget.id].address)
    assert done.stdout.strip() == b"b'AUTH'", done.stderr
    assert "OK" not in upload(world, [gadget])[gadget.id]
    assert upload(world, [gadget])[gadget.id].endswith("OK")
