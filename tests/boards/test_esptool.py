"""esptool's own opinion of the sample images, and that it says nothing on stdout."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from discover.boards import esptool_api
from discover.boards.firmware import inspect
from discover.model.firmware import FileKind
from discover.proto import espimage
from discover.proto.malformed import Malformed
from tests.boards.images import EXPECTED, FOLDER, sample

IMAGES = [one["file"] for one in EXPECTED if "troubles" not in one and one["kind"] in {"app", "bootloader"}]
ASK = "import sys, esptool\nfor name in sys.argv[1:]:\n    print(f'==> {name}', flush=True)\n    esptool.main(['image-info', name])\n"


@pytest.fixture(scope="module")
def opinions() -> dict[str, str]:
    """What ``esptool image-info`` prints of each valid image, asked in one process."""
    command = [sys.executable, "-c", ASK, *IMAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=FOLDER)
    assert done.returncode == 0, done.stderr
    return {name: text for name, _, text in (part.partition("\n") for part in done.stdout.split("==> ")[1:])}


@pytest.mark.parametrize("name", IMAGES)
def test_esptool_says_the_same_of_a_valid_image(name: str, opinions: dict[str, str]) -> None:
    said, data = opinions[name], sample(name)
    image = inspect(name, data).images[0]
    assert f"Detected image type: {image.chip}" in said
    assert re.search(r"Checksum: 0x[0-9a-f]{2} \(valid\)", said)
    assert f"Segments: {len(image.segments)}" in said
    if image.sha256:
        assert f"Validation hash: {image.sha256.stored} (valid)" in said
    assert f"Flash size: {image.flash_size}" in said
    assert f"Flash freq: {image.flash_frequency}" in said
    assert f"Flash mode: {image.flash_mode.upper()}" in said
    if image.app:
        assert f"Project name: {image.app.project}" in said
        assert f"App version: {image.app.version}" in said
        assert f"Compile time: {image.app.built}" in said
        assert f"ELF file SHA256: {image.app.elf_sha256}" in said
        assert f"ESP-IDF: {image.app.idf}" in said
    if image.bootloader:
        assert "Bootloader version: 1" in said
        assert f"Compile time: {image.bootloader.built}" in said


@pytest.mark.parametrize("name", IMAGES)
def test_our_checksum_is_esptools(name: str) -> None:
    from esptool.bin_image import LoadFirmwareImage  # type: ignore[import-untyped]  # noqa: PLC0415 - the oracle, only here

    data = sample(name)
    image = inspect(name, data).images[0]
    key = next(one.key for one in esptool_api.chips() if one.name == image.chip)
    theirs = LoadFirmwareImage(key, data)
    assert image.checksum is not None
    assert int(image.checksum.computed, 16) == theirs.calculate_checksum()
    assert int(image.checksum.stored, 16) == theirs.checksum


def test_there_is_a_sample_app_for_each_chip_that_can_be_updated_over_wifi_or_thread() -> None:
    apps = {one["chip"] for one in EXPECTED if one["kind"] == "app" and "troubles" not in one}
    # Announced or without radio when these samples were made: nobody has firmware for them to lose.
    assert {one.name for one in esptool_api.chips()} - apps == {"ESP32-E22", "ESP32-H21", "ESP32-H4", "ESP32-S31"}


def test_every_chip_of_esptool_has_what_is_asked_of_it() -> None:
    chips = esptool_api.chips()
    assert len(chips) >= 11
    assert [one.name for one in chips if one.image_id is None] == ["ESP8266"]
    ids = [one.image_id for one in chips if one.image_id is not None]
    assert len(ids) == len(set(ids))
    assert all(one.flash_sizes and one.flash_frequencies for one in chips)
    assert all(one.bootloader_offset in {0, 0x1000, 0x2000} for one in chips)


def test_esptool_neither_prints_nor_raises(capfd: pytest.CaptureFixture[str]) -> None:
    odd = b"\xe9\x01\x00\x00" + bytes(4) + b"\x00\x00\x00\x50\x10\x00\x00\x00" + bytes(32)
    loaded = esptool_api.load_image(odd, "esp8266")
    assert not isinstance(loaded, Malformed)
    assert "Suspicious segment" in loaded.warnings[0]
    for key in ("esp8266", "esp32", "no-such-chip"):
        assert isinstance(esptool_api.load_image(b"", key), Malformed)
        assert isinstance(esptool_api.load_image(b"\xe9", key), Malformed)
    assert capfd.readouterr() == ("", "")


def test_an_image_without_description_is_told_by_what_it_runs_from() -> None:
    app, loader = sample("esp32-app.bin"), sample("esp32-bootloader.bin")
    assert inspect("x", app.replace(espimage.APP_MAGIC.to_bytes(4, "little"), bytes(4))).kind is FileKind.APP
    assert inspect("x", loader.replace(b"\x50\0\0\0\x01", bytes(5))).kind is FileKind.BOOTLOADER
