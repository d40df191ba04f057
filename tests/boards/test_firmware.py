"""Reading firmware files: whatever they are, and whatever is wrong with them."""

from __future__ import annotations

import gzip
import io
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.boards import esptool_api
from discover.boards.firmware import describe, inspect, read_firmware
from discover.boards.read import HEAD, MAX_SIZE, read_stdin
from discover.model.firmware import FileKind, Trouble
from discover.proto import espimage
from discover.proto.malformed import Malformed
from tests.boards.images import EXPECTED, sample

APP = sample("esp32-app.bin")
MERGED = sample("esp32s3-merged.bin")
GOOD = [sample(one["file"]) for one in EXPECTED if "troubles" not in one and not one["file"].endswith("-merged.bin")]


@st.composite
def hurt(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 5))):
        data[draw(st.integers(0, min(len(data), 500) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@given(hurt())
def test_no_file_is_too_broken_to_speak_of(data: bytes) -> None:
    file = inspect("x", data)
    assert file.size == len(data)
    assert all(one.text and "\n" not in one.text for one in file.problems)
    if file.kind in {FileKind.NOT_FIRMWARE, FileKind.IMAGE}:
        assert not file.sound


@given(hurt())
def test_what_has_a_whole_outline_esptool_can_read_too(data: bytes) -> None:
    if not espimage.is_image(data) or espimage.outline(data).problem:
        return
    keys = ["esp8266"] if espimage.is_esp8266(data) else [one.key for one in esptool_api.chips() if one.image_id is not None]
    assert not isinstance(esptool_api.load_image(data, keys[0]), Malformed)


@pytest.mark.parametrize("place", [0x7000, 0x10000 + 40, len(MERGED) - 40])
def test_a_merged_image_that_was_hurt_somewhere_says_where(place: int) -> None:
    data = bytearray(MERGED)
    data[place] ^= 0x40
    file = inspect("x", bytes(data))
    assert file.kind is FileKind.MERGED
    assert file.sound == (place == 0x7000), "between the bootloader and the table nothing is checked"
    assert all((one.offset or 0) >= 0x10000 for one in file.problems)


def test_a_merged_image_that_is_cut_short_in_its_app_says_so() -> None:
    file = inspect("x", MERGED[:-100])
    assert file.kind is FileKind.MERGED
    assert [one.trouble for one in file.problems] == [Trouble.TRUNCATED]


def test_an_app_that_is_larger_than_its_slot_is_said() -> None:
    entry = b"\xaa\x50\x00\x10" + (0x10000).to_bytes(4, "little") + (0x100).to_bytes(4, "little") + b"app0".ljust(20, b"\0")
    data = MERGED[:0x8000] + (entry + b"\xff" * 32).ljust(0x1000, b"\xff") + MERGED[0x9000:]
    file = inspect("x", data)
    assert [one.trouble for one in file.problems] == [Trouble.TOO_LARGE_FOR_SLOT]
    assert "464 bytes, but its slot app0 only 256" in file.problems[0].text


def test_an_app_slot_with_something_else_in_it_is_said() -> None:
    data = MERGED[:0x10000] + b"\x7fELF" + MERGED[0x10004:]
    assert "app partition app0 begins with 0x7f instead of 0xe9" in inspect("x", data).problems[0].text


def test_the_parts_of_a_merged_image_tell_what_lies_where() -> None:
    said = {one.name: (one.what, one.address, one.used) for one in inspect("x", sample("esp32-merged.bin")).parts}
    assert said["bootloader"] == ("bootloader", 0x1000, 224)
    assert said["partition table"] == ("partition-table", 0x8000, 7 * 32)
    assert said["app0"] == ("app", 0x10000, 464)
    assert said["nvs"][0] == "blank"
    assert said["app1"][0] == "absent"


def test_what_follows_an_image_is_told() -> None:
    assert inspect("x", APP).notes == ()
    assert inspect("x", APP + b"\xff" * 48).notes == ("48 bytes of padding follow the image.",)
    assert "no header tells of" in inspect("x", APP + b"unknown bytes").notes[0]
    signed = APP.ljust(4096, b"\xff") + b"\xe7\x02" + bytes(1214)
    assert inspect("x", signed).notes == ("A Secure Boot v2 signature follows the image.",)


def test_a_bomb_is_not_inflated() -> None:
    file = inspect("x", gzip.compress(bytes(MAX_SIZE + 4096)))
    assert [one.trouble for one in file.problems] == [Trouble.TOO_LARGE]
    assert file.inner is None


def test_damaged_compressed_data_is_said() -> None:
    data = bytearray(gzip.compress(APP))
    data[20] ^= 0xFF
    assert [one.trouble for one in inspect("x", bytes(data)).problems] in ([Trouble.BAD_ARCHIVE], [Trouble.TRUNCATED])


def test_text_out_of_a_file_is_cleaned() -> None:
    project = APP.find(b"espied-sample")
    data = APP[:project] + b"\x1b[31m" + APP[project + 5 :]
    (image,) = inspect("\x1b]0;x\x07.bin", data).images
    assert image.app is not None
    assert "\x1b" not in image.app.project
    assert "\x1b" not in inspect("\x1b]0;x\x07.bin", data).name


def test_a_file_of_two_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.bin"
    with path.open("wb") as stream:
        stream.write(b"\xe9")
        stream.truncate(2 << 30)
    file = read_firmware(str(path))
    assert file.size == 2 << 30
    assert [one.trouble for one in file.problems] == [Trouble.TOO_LARGE]
    assert file.md5 == ""


def test_a_large_elf_file_is_still_told_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "app.elf"
    with path.open("wb") as stream:
        stream.write(sample("esp32.elf"))
        stream.truncate(MAX_SIZE + 1)
    assert read_firmware(str(path)).kind is FileKind.ELF


def test_the_largest_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "flash.bin"
    path.write_bytes(MERGED)
    with path.open("r+b") as stream:
        stream.truncate(MAX_SIZE)
    assert read_firmware(str(path)).kind is FileKind.MERGED


def unreadable(path: Path | str) -> tuple[Trouble, str]:
    file = read_firmware(str(path))
    assert file.kind is FileKind.UNREADABLE
    (problem,) = file.problems
    return problem.trouble, problem.text


@pytest.mark.timeout(10)
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert unreadable(pipe) == (Trouble.NOT_A_FILE, "it is a pipe, not a file")
    assert unreadable(tmp_path) == (Trouble.NOT_A_FILE, "it is a folder, not a file")
    assert unreadable("/dev/null") == (Trouble.NOT_A_FILE, "it is a device, not a file")


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert unreadable(tmp_path / "none.bin") == (Trouble.MISSING, "there is no such file")
    assert unreadable("a\0b")[0] is Trouble.READ_ERROR
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert unreadable(loop)[0] is Trouble.READ_ERROR
    (tmp_path / "file").write_bytes(b"x")
    assert unreadable(tmp_path / "file" / "below")[0] is Trouble.READ_ERROR


def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.bin"
    path.write_bytes(APP)
    path.chmod(0)
    root = os.geteuid() == 0
    tmp_path.chmod(tmp_path.stat().st_mode | stat.S_IXOTH)
    if root:
        os.seteuid(65534)
    try:
        assert unreadable(path) == (Trouble.NO_PERMISSION, "you may not read it")
    finally:
        if root:
            os.seteuid(0)


def test_standard_input_is_read_to_its_end_and_not_beyond_a_limit() -> None:
    assert describe("-", read_stdin(io.BytesIO(APP))).kind is FileKind.APP
    endless = io.BytesIO(bytes(MAX_SIZE + HEAD))
    file = describe("-", read_stdin(endless))
    assert [one.trouble for one in file.problems] == [Trouble.TOO_LARGE]
    assert endless.closed


def test_a_pipe_that_breaks_is_said() -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    file = describe("-", read_stdin(Broken()))
    assert file.problems[0].text == "it cannot be read: Input/output error"
