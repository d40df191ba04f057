"""A ROM bootloader as esptool meets it, on a pty or a TCP socket; and everything else that can be behind a serial port.

The protocol: SLIP frames (RFC 1055) with a header of direction, command, length and value, little-endian; the answer's value is
the register that was read, its data ends with two status bytes (ESP8266) or four (all others). Source: esptool's documentation,
"Serial Protocol", and esptool 5.6 loader.py. Register addresses and values by chip: esptool targets/*.py and Espressif's manuals.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import struct
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
SYNC, WRITE_REG, READ_REG, SECURITY_INFO = 0x08, 0x09, 0x0A, 0x14
MAGIC = 0x40001000
MAC = bytes.fromhex("246f28123450")


@dataclass(frozen=True)
class Silicon:
    """What one chip answers: its registers (0 for all others), its security info and how many status bytes it sends."""

    registers: Mapping[int, int]
    security: bytes = b""
    status: int = 4
    secure_download: bool = False


def esp32(mac: bytes = MAC) -> Silicon:
    fuses = 0x3FF5A000
    return Silicon(
        {
            MAGIC: 0x00F01D83,
            fuses + 4: int.from_bytes(mac[2:]),  # BLK0 word 1: the last four bytes
            fuses + 8: int.from_bytes(mac[:2]),  # word 2: the first two, and their CRC (which esptool does not check)
            fuses + 12: 1 << 15 | 1 << 9,  # word 3: revision bit 0, package 1 (D0WD)
            fuses + 20: 1 << 20,  # word 5: revision bit 1
            0x3FF6607C: 1 << 31,  # APB_CTRL_DATE: revision bit 2
            0x3FF40014: 347,  # UART_CLKDIV: 40 MHz at 115200 baud
        }
    )


def esp8266(mac: bytes = bytes.fromhex("5ccf7f123450")) -> Silicon:
    return Silicon(
        {
            MAGIC: 0xFFF0C101,
            0x3FF00050: mac[5] << 24,
            0x3FF00054: mac[3] << 8 | mac[4],
            0x3FF0005C: int.from_bytes(mac[:3]),
            0x60000014: 451,  # UART_CLKDIV: 26 MHz, of which the bus has twice
        },
        status=2,
    )


def with_chip_id(chip_id: int, mac_register: int, mac: bytes = MAC, *, flags: int = 0) -> Silicon:
    registers = {mac_register: int.from_bytes(mac[2:]), mac_register + 4: int.from_bytes(mac[:2])}
    return Silicon(registers, struct.pack("<IB7sII", flags, 0, bytes(7), chip_id, 0), secure_download=bool(flags & 4))


def esp32c3(mac: bytes = MAC, *, flags: int = 0) -> Silicon:
    return with_chip_id(5, 0x60008844, mac, flags=flags)


def esp32s3(mac: bytes = MAC, *, flags: int = 0) -> Silicon:
    return with_chip_id(9, 0x60007044, mac, flags=flags)


def esp32c6(mac: bytes = MAC, *, flags: int = 0) -> Silicon:
    return with_chip_id(13, 0x600B0844, mac, flags=flags)


def slip(frame: bytes) -> bytes:
    return b"\xc0" + frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


@dataclass
class Rom:
    """The bootloader, without I/O: bytes in, bytes out. ``asked`` are the commands it understood, in order."""

    silicon: Silicon
    asked: list[int] = field(default_factory=list)
    written: list[tuple[int, int]] = field(default_factory=list)
    _frame: bytearray | None = None
    _escaped: bool = False

    def feed(self, data: bytes) -> bytes:
        out = b""
        for byte in data:
            if byte == END:
                if self._frame:
                    out += self.answer(bytes(self._frame))
                    self._frame = None
                else:
                    self._frame = bytearray()
            elif self._frame is not None:
                if byte == ESC:
                    self._escaped = True
                else:
                    self._frame.append({ESC_END: END, ESC_ESC: ESC}.get(byte, byte) if self._escaped else byte)
                    self._escaped = False
        return out

    def answer(self, frame: bytes) -> bytes:
        if len(frame) < 8 or frame[0] != 0:
            return b""
        command, data = frame[1], frame[8:]
        self.asked.append(command)
        good, bad = bytes(self.silicon.status), b"\x01\x05" + bytes(self.silicon.status - 2)
        if command == SYNC:
            return b"".join(self.reply(SYNC, 0x20120707, good) for _ in range(8))
        if command == SECURITY_INFO and self.silicon.security:
            return self.reply(command, 0, self.silicon.security + good)
        if command == READ_REG and len(data) == 4 and not self.silicon.secure_download:
            return self.reply(command, self.silicon.registers.get(int.from_bytes(data, "little"), 0), good)
        if command == WRITE_REG and len(data) == 16 and not self.silicon.secure_download:
            address, value, _, _ = struct.unpack("<IIII", data)
            self.written.append((address, value))
            return self.reply(command, 0, good)
        return self.reply(command, 0, bad)

    @staticmethod
    def reply(command: int, value: int, data: bytes) -> bytes:
        return slip(struct.pack("<BBHI", 1, command, len(data), value) + data)


def late(rom: Rom, deaf: int) -> Talk:
    """Hear nothing of the first ``deaf`` things that come: a board that is slow to start."""
    heard: list[bytes] = []

    def talk(data: bytes) -> bytes:
        heard.append(data)
        return rom.feed(data) if len(heard) > deaf else b""

    return talk


Talk = Callable[[bytes], bytes | None]
"""What came -> what goes back; None closes the port."""


def garbage(data: bytes) -> bytes:
    del data
    return b"\x00\xff\x1b[31mGuru Meditation Error\r\n" * 8


def silence(data: bytes) -> bytes:
    del data
    return b""


def echo(data: bytes) -> bytes:
    return data


def hang_up(data: bytes) -> None:
    del data


def only(rom: Rom, count: int) -> Talk:
    """Answer ``count`` commands, then close."""

    def talk(data: bytes) -> bytes | None:
        return rom.feed(data) if len(rom.asked) < count else None

    return talk


def cut_short(rom: Rom) -> Talk:
    """Lose the second half of every answer but the one to SYNC."""

    def talk(data: bytes) -> bytes:
        answer = rom.feed(data)
        return answer if rom.asked and rom.asked[-1] == SYNC else answer[: len(answer) // 2]

    return talk


@contextlib.contextmanager
def on_pty(talk: Talk) -> Iterator[str]:
    """Serve on a pty; yield its device."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        with _serving(master, lambda: os.read(master, 4096), lambda data: os.write(master, data), talk, lambda: os.close(slave)):
            yield os.ttyname(slave)
    finally:
        for one in (master, slave):
            with contextlib.suppress(OSError):
                os.close(one)


@contextlib.contextmanager
def on_socket(talk: Talk) -> Iterator[str]:
    """Serve one TCP client on loopback; yield its socket:// URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        clients: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                clients.append(client)
                client.settimeout(20)
                while data := client.recv(4096):
                    answer = talk(data)
                    if answer is None:
                        break
                    client.sendall(answer)
                client.close()

        thread = threading.Thread(target=serve, name="fake-rom")
        thread.start()
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        finally:
            for one in clients:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # wakes a thread that nobody connected to
            thread.join(5)
            assert not thread.is_alive()


class Lines:
    """A serial port as pyserial's RFC 2217 server wants one; ``changes`` are those of RTS and DTR, in order."""

    port = name = "fake"
    baudrate, bytesize, parity, stopbits = 115200, 8, "N", 1
    cts, dsr, ri, cd = True, True, False, False
    xonxoff = rtscts = break_condition = False

    def __init__(self) -> None:
        self.changes: list[tuple[str, bool]] = []
        self._rts = self._dtr = False

    def reset_input_buffer(self) -> None:
        """Nothing is kept."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept."""

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self.changes.append(("rts", on))

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self.changes.append(("dtr", on))

    @property
    def restarted(self) -> bool:
        """Reset (RTS) pulled and let go with the boot pin (DTR) free was the last that happened: the firmware starts."""
        resets = [on for line, on in self.changes if line == "rts"]
        return resets[-2:] == [True, False] and not self.dtr and not self.rts


@contextlib.contextmanager
def on_rfc2217(talk: Talk, lines: Lines) -> Iterator[str]:
    """Serve one client by RFC 2217, the protocol that carries the lines by which a board is restarted; yield its URL."""
    from serial.rfc2217 import PortManager  # type: ignore[import-untyped]  # noqa: PLC0415 - only here

    class Connection:
        """What the server writes to the client."""

        def __init__(self) -> None:
            self.out = b""

        def write(self, data: bytes) -> None:
            self.out += data

    manager: list[tuple[Any, Connection]] = []

    def speak(data: bytes) -> bytes | None:
        server, connection = manager[0]
        heard = b"".join(server.filter(data))
        answer = talk(heard) if heard else b""
        out, connection.out = connection.out, b""
        return None if answer is None else out + b"".join(server.escape(answer))

    connection = Connection()
    manager.append((PortManager(lines, connection), connection))
    with on_socket(speak) as url:
        yield url.replace("socket:", "rfc2217:")


@contextlib.contextmanager
def _serving(
    descriptor: int, read: Callable[[], bytes], write: Callable[[bytes], object], talk: Talk, close: Callable[[], None]
) -> Iterator[None]:
    wake, stop = os.pipe()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while wake not in (ready := select.select([descriptor, wake], [], [], 20)[0]) and ready:
                answer = talk(read())
                if answer is None:
                    close()
                    os.close(descriptor)
                    return
                if answer:
                    write(answer)

    thread = threading.Thread(target=serve, name="fake-rom")
    thread.start()
    try:
        yield
    finally:
        os.write(stop, b"x")
        thread.join(5)
        os.close(stop)
        os.close(wake)
        assert not thread.is_alive()
