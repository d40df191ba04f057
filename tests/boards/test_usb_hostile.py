"""Whatever a chip answers, asking it ends with a value or an error that says what to do; nothing hostile reaches the terminal."""

from __future__ import annotations

import errno

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discover.boards.board import FREE, ToldChip
from discover.boards.identify import Target, identify
from discover.errors import EspiedError
from discover.text import is_clean
from tests.boards.fake_rom import (
    SYNC,
    Lines,
    Rom,
    Silicon,
    Talk,
    esp32,
    esp32c3,
    esp32c6,
    esp32s3,
    esp8266,
    garbage,
    hang_up,
    silence,
)


class MemoryPort:
    """As much of pyserial as esptool uses, without waiting: what is not there yet never comes."""

    port = name = "memory"
    baudrate = 115200
    timeout: float | None = 3.0
    write_timeout: float | None = None
    is_open = True

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.waiting = b""

    @property
    def cts(self) -> bool:
        raise OSError(errno.ENOTTY, "no lines")

    def inWaiting(self) -> int:  # noqa: N802 - pyserial's name
        return len(self.waiting)

    def read(self, size: int = 1) -> bytes:
        out, self.waiting = self.waiting[:size], self.waiting[size:]
        return out

    def write(self, data: bytes) -> int:
        answer = self.talk(data)
        if answer is None:
            raise OSError(errno.EIO, "gone")
        self.waiting += answer
        return len(data)

    def flushInput(self) -> None:  # noqa: N802 - likewise
        self.waiting = b""

    def flushOutput(self) -> None:  # noqa: N802 - likewise
        """Nothing waits."""

    def reset_input_buffer(self) -> None:
        self.waiting = b""

    def close(self) -> None:
        self.is_open = False


class MemoryLines(Lines, MemoryPort):
    """A memory port with RTS and DTR. Its name has esptool set them one by one, as it does where there is no file descriptor."""

    port = name = "rfc2217://memory"
    cts = True

    def __init__(self, talk: Talk) -> None:
        Lines.__init__(self)
        MemoryPort.__init__(self, talk)

    def isOpen(self) -> bool:  # noqa: N802 - pyserial's name
        return self.is_open

    def open(self) -> None:
        self.is_open = True

    def setRTS(self, on: bool) -> None:  # noqa: FBT001, N802 - likewise
        self.rts = on

    def setDTR(self, on: bool) -> None:  # noqa: FBT001, N802 - likewise
        self.dtr = on


def ask(talk: Talk, port: MemoryPort | None = None) -> ToldChip:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("discover.boards.esptool_api._open", lambda _: port or MemoryPort(talk))
        patch.setattr("time.sleep", lambda _: None)  # esptool waits between attempts; nothing changes meanwhile here
        return identify(Target(name="memory", url="memory", in_network=False), seconds=5, access=lambda _: FREE)


def spoilt(rom: Rom, spoils: list[tuple[int, int]]) -> Talk:
    """Answer as ``rom`` does, with some bytes of each answer but SYNC's changed."""

    def talk(data: bytes) -> bytes:
        answer = bytearray(rom.feed(data))
        if answer and rom.asked[-1] != SYNC:
            for place, value in spoils:
                answer[place % len(answer)] ^= value
        return bytes(answer)

    return talk


def outcome(talk: Talk) -> ToldChip | EspiedError:
    """What came of it: a value, or an error of ours that says what to do."""
    try:
        told = ask(talk)
    except EspiedError as error:
        result = error
    else:
        assert all(is_clean(one) for one in (told.name, told.description, *told.features, *told.missing))
        return told
    assert result.hint
    assert is_clean(result.message)
    return result


KINDS = {"esp32": esp32, "esp8266": esp8266, "esp32c3": esp32c3, "esp32s3": esp32s3, "esp32c6": esp32c6}
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@pytest.mark.parametrize("name", KINDS)
def test_the_memory_port_is_one_that_chips_answer_on(name: str) -> None:
    told = outcome(Rom(KINDS[name]()).feed)
    assert isinstance(told, ToldChip)
    assert told.name.lower().replace("-", "") == name


@pytest.mark.parametrize("talk", [silence, garbage, hang_up, Rom(Silicon({})).feed], ids=["silent", "garbage", "vanishes", "unknown"])
def test_the_board_is_restarted_whatever_was_behind_the_port(talk: Talk) -> None:
    port = MemoryLines(talk)
    with pytest.raises(EspiedError):
        ask(talk, port)
    assert port.restarted
    assert not port.is_open


def test_who_gives_up_leaves_no_board_in_its_bootloader() -> None:
    def interrupted(data: bytes) -> bytes:
        del data
        raise KeyboardInterrupt

    port = MemoryLines(interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(interrupted, port)
    assert port.restarted
    assert not port.is_open


@FEW
@given(st.sampled_from(sorted(KINDS)), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 255)), max_size=4))
def test_spoilt_answers_end_well(name: str, spoils: list[tuple[int, int]]) -> None:
    outcome(spoilt(Rom(KINDS[name]()), spoils))


@FEW
@given(st.lists(st.binary(max_size=80), max_size=30))
def test_any_bytes_end_well(answers: list[bytes]) -> None:
    rest = iter(answers)
    outcome(lambda _: next(rest, b""))


@FEW
@given(st.dictionaries(st.integers(0x3FF00000, 0x60040000), st.integers(0, 0xFFFFFFFF), max_size=8), st.binary(min_size=20, max_size=20))
def test_any_registers_and_any_security_info_end_well(registers: dict[int, int], security: bytes) -> None:
    outcome(Rom(Silicon(registers, security)).feed)
    # Every register with the same odd value, behind the magic number of a chip that is read by registers.
    outcome(Rom(Silicon({**dict.fromkeys(range(0x3FF5A000, 0x3FF5A080, 4), sum(security)), 0x40001000: 0x00F01D83})).feed)
