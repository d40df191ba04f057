"""``espied check HOST --image FILE``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from discover.errors import EXIT_CANNOT, EXIT_NEGATIVE, EXIT_USAGE, UsageError
from discover.model.check import Command, OtaCheck, StepState, Verdict
from discover.model.device import Device, Password
from discover.net.interfaces import list_interfaces
from tests.boards.images import FOLDER
from tests.cli.conftest import Run
from tui.cli.check_image import judge_of, read_image

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "espied.ota-check-1.json").read_text())
CHECK = OtaCheck(
    host="kitchen",
    address="10.0.0.3",
    port=3232,
    transport="udp",
    kind="arduino",
    level=2,
    verdict=Verdict.READY,
    password=Password.NO,
    steps=(),
    sent=(),
    sentence="It is ready.",
    commands=(Command("espota.py", "espota.py -i 10.0.0.3 -f FIRMWARE.bin"), Command("esptool", "esptool write-flash 0x0 FIRMWARE.bin")),
    fix="Do this.",
)
LOOPBACK = next(one.name for one in list_interfaces() if one.loopback)
KITCHEN = Device(id="x", name="kitchen", chip="ESP32-S3", model="esp32s3")


def test_an_image_that_suits_stands_in_the_upload_commands() -> None:
    path = str(FOLDER / "esp32s3-app.bin")
    judged = judge_of(path)(CHECK, KITCHEN)
    assert (judged.image, judged.negative) == ("yes", False)
    assert judged.commands[0].line == f"espota.py -i 10.0.0.3 -f {path}"
    assert judged.sentence == "It is ready. esp32s3-app.bin suits this device, as far as it can be told from here."


def test_a_name_that_a_shell_would_take_apart_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "my; firmware.bin"
    path.write_bytes((FOLDER / "esp32s3-app.bin").read_bytes())
    assert judge_of(str(path))(CHECK, KITCHEN).commands[0].line.endswith(f"-f '{path}'")


def test_an_image_that_must_not_be_sent_makes_the_check_negative_and_stays_out_of_the_commands() -> None:
    judged = judge_of(str(FOLDER / "esp32s3-merged.bin"))(CHECK, KITCHEN)
    assert (judged.image, judged.negative, judged.verdict) == ("no", True, Verdict.READY)
    assert judged.commands == CHECK.commands
    assert judged.steps[-1].state is StepState.FAIL
    assert "must not be sent to this device" in judged.sentence
    assert judged.fix.startswith("Do this. Send the app alone")


def test_a_compressed_file_is_not_for_a_cable_and_a_file_system_for_no_line_that_sends_apps() -> None:
    plug = Device(id="x", name="plug", chip="ESP8266", model="d1_mini")
    packed = judge_of(str(FOLDER / "esp8266-arduino.bin.gz"))(CHECK, plug)
    assert packed.image == "yes"
    assert packed.commands[0].line.endswith("esp8266-arduino.bin.gz")
    assert packed.commands[1] == CHECK.commands[1]
    assert judge_of(str(FOLDER / "littlefs.bin"))(CHECK, plug).commands == CHECK.commands


def test_the_json_says_whether_the_image_suits(espied: Callable[..., Run]) -> None:
    arguments = ("check", "127.0.0.1:3232", "-i", LOOPBACK, "--listen", "0", "--level", "0", "--kind", "arduino", "--format", "json")
    without = json.loads(espied(*arguments).out)
    jsonschema.validate(without, SCHEMA)
    assert "image" not in without
    for name, answer in (("esp32-app.bin", "unknown"), ("esp32-merged.bin", "no"), ("damaged/bad-hash.bin", "no")):
        done = espied(*arguments, "--image", str(FOLDER / name))
        document = json.loads(done.out)
        jsonschema.validate(document, SCHEMA)
        assert document["image"] == answer
        assert document["sent"] == without["sent"]
        assert document["steps"][-1]["name"] == "image"
        if answer == "no":
            assert done.code == EXIT_NEGATIVE


def test_a_file_that_cannot_be_read_is_said_before_anything_is_sent(
    espied: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def noting(*_: object, **__: object) -> None:
        asked.append(True)

    monkeypatch.setattr("discover.ota.check", noting)
    for name, said in ((tmp_path / "none.bin", "there is no such file"), (tmp_path, "it is a folder"), ("-", "--image needs a file")):
        done = espied("check", "127.0.0.1", "-i", LOOPBACK, "--listen", "0", "--image", str(name))
        assert done.code == EXIT_USAGE
        assert said in done.err
    assert asked == []


def test_a_file_that_may_not_be_read_is_no_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError) as error:
        read_image(str(tmp_path / "file" / "below"))
    assert error.value.exit_code == EXIT_CANNOT
