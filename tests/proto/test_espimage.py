from __future__ import annotations

import zlib
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.firmware import FileKind, Trouble
from discover.proto import espimage, esppartition, filekind
from discover.proto.malformed import Malformed
from tests.boards.images import sample

APP = sample("esp32-app.bin")
V2 = sample("esp8266-v2.bin")
TABLE = sample("partitions.bin")
SKETCH = sample("esp8266-arduino.bin")


@st.composite
def hurt(draw: st.DrawFn, *good: bytes) -> bytes:
    """Draw noise, or a good file that is cut short, lengthened, and changed in some bytes."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=600))
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, min(len(data), 400) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=20))


@given(hurt(APP, V2, SKETCH), st.integers(0, 64))
def test_an_outline_of_anything_stays_within_the_bytes_or_says_how_it_breaks_off(data: bytes, offset: int) -> None:
    found = espimage.outline(data, offset)
    size = max(len(data) - offset, 0)
    assert found.end <= size
    assert all(one.offset + one.length <= size for one in found.segments)
    assert (found.checksum_at is None) <= (found.problem is not None)
    if found.checksum_at is not None:
        assert found.checksum_at % 16 == 15
    if found.problem:
        assert found.problem.offset is not None
        assert found.problem.text


@given(hurt(APP, sample("esp32-bootloader.bin")))
def test_descriptions_of_anything_are_read_or_refused(data: bytes) -> None:
    app = espimage.app_description(data)
    assert app is None or max(len(app.project), len(app.version), len(app.idf)) <= 64
    bootloader = espimage.bootloader_description(data)
    assert bootloader is None or bootloader.idf


@given(hurt(TABLE), st.integers(0, 40))
def test_a_partition_table_of_anything_is_read_or_refused(data: bytes, offset: int) -> None:
    decoded = esppartition.decode(data, offset)
    if not isinstance(decoded, Malformed):
        table, problems = decoded
        assert len(table.partitions) <= 96
        assert (table.md5 is None or table.md5.valid) or any(one.trouble is Trouble.BAD_MD5 for one in problems)


@given(hurt(*map(sample, ("boot_app0.bin", "esp32s2.uf2", "esp32.elf", "esp32.hex", "littlefs.bin", "damaged/archive.zip"))))
def test_other_formats_of_anything_are_told_or_not(data: bytes) -> None:
    found = filekind.sniff(data)
    assert found is None or found.kind in FileKind


@pytest.mark.parametrize("size", range(0, len(APP), 7))
def test_a_file_cut_short_anywhere_is_truncated(size: int) -> None:
    problem = espimage.outline(APP[:size]).problem
    assert problem is not None
    assert problem.trouble is Trouble.TRUNCATED


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_checksum_is_the_xor_of_all_bytes(first: bytes, second: bytes) -> None:
    assert espimage.checksum((first, second)) == reduce(lambda total, byte: total ^ byte, first + second, 0xEF)


def test_the_checksums_are_those_of_their_published_test_vectors() -> None:
    assert espimage.crc32_mpeg2(b"123456789") == 0x0376E6E7
    assert espimage.esp8266_v2_crc32(b"123456789") == zlib.crc32(b"123456789") ^ 0xFFFFFFFF


def test_the_header_of_the_esp8266_is_told_from_the_longer_one() -> None:
    assert espimage.is_esp8266(SKETCH)
    assert espimage.is_esp8266(V2)
    assert not espimage.is_esp8266(APP)


def test_a_partition_table_keeps_unknown_types_and_flags() -> None:
    entry = bytes.fromhex("aa50 40 07 00001000 00100000") + b"mine".ljust(16, b"\0") + (3).to_bytes(4, "little")
    decoded = esppartition.decode(entry + b"\xff" * 32)
    assert not isinstance(decoded, Malformed)
    (mine,) = decoded[0].partitions
    assert (mine.name, mine.type, mine.subtype, mine.offset, mine.size) == ("mine", "0x40", "0x07", 0x100000, 0x1000)
    assert mine.encrypted
    assert mine.read_only
    assert decoded[1] == ()


def test_partitions_that_overlap_or_lie_askew_are_said() -> None:
    def entry(name: str, offset: int, size: int) -> bytes:
        place = offset.to_bytes(4, "little") + size.to_bytes(4, "little")
        return b"\xaa\x50\x00\x10" + place + name.encode().ljust(20, b"\0")

    decoded = esppartition.decode(entry("one", 0x10000, 0x20000) + entry("two", 0x20800, 0x10000) + b"\xff" * 32)
    assert not isinstance(decoded, Malformed)
    texts = [one.text for one in decoded[1]]
    assert any("two begins at 0x20800, which is no multiple of 0x10000" in text for text in texts)
    assert any("two at 0x20800 overlaps one, which ends at 0x30000" in text for text in texts)


@pytest.mark.parametrize("block", [4096, 8192])
@pytest.mark.parametrize("counted", [True, False])
def test_spiffs_is_told_by_the_magic_of_its_blocks(block: int, *, counted: bool) -> None:
    # spiffs_nucleus.h: the seed, the page size and, where a build counts them, the blocks from here to the end
    data = bytearray(b"\xff" * block * 4)
    for index in range(4):
        magic = 0x20140529 ^ 256 ^ (4 - index if counted else 0)
        data[index * block + 252 : index * block + 254] = (magic & 0xFFFF).to_bytes(2, "little")
    found = filekind.sniff(bytes(data))
    assert found is not None
    assert (found.kind, found.detail) == (FileKind.FILESYSTEM, "SPIFFS")
    data[block + 252] ^= 1
    assert filekind.sniff(bytes(data)) is None


def test_images_of_raspberry_pis_chips_are_told_by_what_their_boot_roms_seek() -> None:
    rp2350 = bytes(0x120) + bytes.fromhex("d3deffff 42012110 ff010000 00000000 793512ab") + bytes(400)
    found = filekind.sniff(rp2350)
    assert found is not None
    assert (found.kind, found.chip) == (FileKind.FOREIGN, "RP2350")
    assert filekind.sniff(bytes(5000)) is None
    assert filekind.sniff(sample("rp2040.bin")[:255]) is None
