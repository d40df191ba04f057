"""Which chip a device has, whether there is room for an image, and what its strings tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from discover.boards.chips import chip_of, flash_of_8266
from discover.boards.firmware import inspect
from discover.boards.suit import Answer, suit
from discover.model.check import StepState
from discover.model.device import Device
from discover.model.firmware import FirmwareFile
from discover.model.signal import Signal, Source
from tests.boards.images import sample

ESP32 = inspect("app.bin", sample("esp32-app.bin"))
NODE = inspect("node.bin", sample("esp32-esphome.bin"))
SKETCH = inspect("sketch.bin", sample("esp8266-arduino.bin"))


def device(chip: str = "", model: str = "") -> Device:
    return Device(id="x", name="x", chip=chip, model=model)


@pytest.mark.parametrize(
    ("chip", "model", "name", "exact"),
    [
        ("ESP32", "esp32dev", "ESP32", True),
        ("ESP32", "esp32-s3-devkitc-1", "ESP32-S3", True),
        ("ESP32", "adafruit_feather_esp32s2", "ESP32-S2", True),
        ("ESP32", "seeed_xiao_esp32c6", "ESP32-C6", True),
        ("ESP32", "esp32-c61-devkitc1-n8r2", "ESP32-C61", True),
        ("ESP32", "um_feathers3", "ESP32-S3", True),
        ("ESP32", "m5stack-atoms3u", "ESP32-S3", True),
        ("ESP32", "nodemcu-32s2", "ESP32-S2", True),
        ("ESP32", "nodemcu-32s", "ESP32", True),
        ("ESP32", "heltec_wifi_kit_32_V3", "ESP32", False),
        ("ESP32", "sparkfun_esp32s2_thing_plus_c", "ESP32", True),  # the name is wrong, not the board
        ("ESP32", "", "ESP32", False),
        ("ESP32-S3", "anything", "ESP32-S3", True),
        ("ESP32-D0WD-V3 v3.1", "", "ESP32", True),
        ("ESP32-U4WDH", "", "ESP32", True),
        ("ESP8266EX", "", "ESP8266", True),
        ("ESP8285", "", "ESP8266", True),
        ("RP2040/RP2350", "rpipicow", "RP2040/RP2350", True),
        ("BK7231T", "", "BK7231T", True),
        ("", "esp32-s3-devkitc-1", "ESP32-S3", True),
        ("", "kitchen-plug-s3", "", False),
        ("", "", "", False),
    ],
)
def test_the_chip_is_taken_from_what_tells_most(chip: str, model: str, name: str, *, exact: bool) -> None:
    told = chip_of(device(chip, model))
    assert (told.name, told.exact) == (name, exact)


@pytest.mark.parametrize(
    ("chip", "revision"), [("ESP32-C3 v0.4", 4), ("ESP32-D0WD-V3 v3.1", 301), ("ESP32-D0WDQ6 rev.1", 100), ("ESP32-S3", None)]
)
def test_a_revision_is_taken_where_it_is_told(chip: str, revision: int | None) -> None:
    assert chip_of(device(chip)).revision == revision


def test_nobody_tells_nothing() -> None:
    assert chip_of(None).name == ""
    assert flash_of_8266(None) is None
    assert suit(ESP32, None).answer is Answer.UNKNOWN


def room(file: FirmwareFile, size: int, told: Device, kind: str = "arduino") -> tuple[StepState, str]:
    step = next(one for one in suit(replace(file, size=size), told, kind=kind).steps if one.name == "image size")
    return step.state, step.detail


def test_an_esp32_has_the_slots_that_its_firmware_usually_makes() -> None:
    plain = device("ESP32", "esp32")
    assert room(ESP32, 1_310_720, plain)[0] is StepState.PASS
    state, said = room(ESP32, 1_310_721, plain)
    assert state is StepState.WARN
    assert "do not fit into the slot of 1,310,720 bytes that the Arduino core makes on 4 MB of flash" in said
    assert room(NODE, 1_310_721, plain, "esphome")[0] is StepState.PASS
    assert "ESPHome" in room(NODE, 1_835_009, plain, "esphome")[1]
    assert "more than half of the flash" in room(ESP32, 2_100_000, plain)[1]


def test_an_image_for_an_unusual_flash_is_not_compared() -> None:
    (image,) = ESP32.images
    odd = replace(ESP32, images=(replace(image, flash_size="64MB"),))
    assert room(odd, 1000, device("ESP32", "esp32"))[0] is StepState.SKIP
    unknown = replace(ESP32, images=(replace(image, flash_size=""),))
    assert "an unknown size" in room(unknown, 1000, device("ESP32", "esp32"))[1]


@pytest.mark.parametrize(
    ("model", "size", "state", "said"),
    [
        ("d1_mini", 1_000_000, StepState.PASS, "left for the firmware that runs now, on 4 MB"),
        ("esp01_1m", 500_000, StepState.PASS, "on 1 MB of flash"),
        ("", 500_000, StepState.PASS, "even on 1 MB of flash"),
        ("esp01_1m", 600_000, StepState.WARN, "both lie there at once"),
        ("", 600_000, StepState.WARN, "How much flash this board has is not told"),
        ("esp01_1m", 1_027_000, StepState.FAIL, "do not fit beside the firmware that runs now on 1 MB"),
        ("", 1_027_000, StepState.WARN, "do not fit beside"),
        ("d1_mini", 1_200_000, StepState.FAIL, "more than the 1 MB of flash that an ESP8266 can run from"),
    ],
)
def test_an_esp8266_needs_room_for_both_firmwares_at_once(model: str, size: int, state: StepState, said: str) -> None:
    got, detail = room(SKETCH, size, device("ESP8266", model))
    assert got is state
    assert said in detail


def test_the_uploaders_md5_is_that_of_the_file_but_for_esphome_on_the_esp8266() -> None:
    told = device("ESP8266", "d1_mini")
    md5 = {kind: suit(SKETCH, told, kind=kind).steps[-2].detail for kind in ("arduino", "esphome", "http")}
    assert md5["arduino"] == f"The uploader announces {SKETCH.size:,} bytes with the MD5 {SKETCH.md5}."
    assert "esphome compresses it" in md5["esphome"]
    assert md5["http"].startswith("The file has")


def test_a_compressed_image_is_for_the_esp8266_alone() -> None:
    packed = inspect("x.gz", sample("esp8266-arduino.bin.gz"))
    assert suit(packed, device("ESP8266"), kind="arduino").answer is Answer.YES
    assert suit(packed, None, kind="arduino").answer is Answer.UNKNOWN
    app = replace(packed, chip="ESP32", inner=ESP32)
    refused = suit(app, device("ESP32", "esp32"), kind="arduino")
    assert refused.answer is Answer.NO
    assert "refuses it: the first byte of an update has to be 0xe9" in refused.sentence


def test_another_makers_device_is_told_that_its_files_are_not_read() -> None:
    told = device("BK7231T")
    assert suit(inspect("x.uf2", sample("esp32s2.uf2")), told, kind="esphome").answer is Answer.NO
    assert suit(inspect("x", sample("damaged/random.bin")), told, kind="esphome").answer is Answer.UNKNOWN
    assert suit(inspect("x", sample("rp2040.bin")), None, kind="arduino").answer is Answer.UNKNOWN
    pico = inspect("x.uf2", sample("esp32s2.uf2")[:28] + (0xE48BFF56).to_bytes(4, "little") + bytes(480))
    assert pico.chip == "RP2040"
    assert suit(pico, device("RP2040/RP2350", "rpipicow"), kind="arduino").answer is Answer.NO


def test_a_device_that_takes_signed_images_alone_gets_no_other() -> None:
    announced = Signal(
        when=0.0,
        mono=0.0,
        source=Source.MDNS,
        interface="lo",
        peer="127.0.0.1",
        kind="mdns.service",
        fields={"type": "_esphomelib._tcp", "txt": ("ota_signed=1",)},
    )
    told = replace(device("ESP32", "esp32dev"), signals=(announced,))
    refused = suit(NODE, told, kind="esphome")
    assert refused.answer is Answer.NO
    assert "takes signed images alone" in refused.sentence
    signed = inspect("x", sample("esp32-esphome.bin").ljust(4096, b"\xff") + b"\xe7\x02" + bytes(1214))
    assert suit(signed, told, kind="esphome").answer is Answer.YES


def test_a_file_system_is_not_what_esphome_takes() -> None:
    files = inspect("x", sample("littlefs.bin"))
    assert suit(files, device("ESP32", "esp32"), kind="esphome").answer is Answer.NO
    assert suit(files, device("ESP32", "esp32"), kind="arduino").answer is Answer.UNKNOWN


def test_four_bytes_by_chance_are_not_taken_for_wleds_description() -> None:
    data = sample("esp32s3-wled.bin")
    assert inspect("x", data.replace(b"ESP32-S3_4M_qspi", b"ESP32-S3_8M_qspi")).hints[0].firmware == "Arduino"


def test_a_merged_image_tells_which_slot_it_starts() -> None:
    data = sample("esp32s3-merged.bin")
    assert "Its OTA data starts app0." in inspect("x", data).notes
    assert "Its OTA data starts" not in " ".join(inspect("x", data[:0xE000] + b"\xff" * 0x2000 + data[0x10000:]).notes)
