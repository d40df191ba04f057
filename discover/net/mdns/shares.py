"""More receive buffer than the system gives one socket: several sockets on one port, each with a share of the senders (Linux).

A stock Linux gives an unprivileged socket 425,984 bytes, some 300 mDNS answers: a thousand devices that
answer in the same moment overflow it whenever this process is not scheduled for 10 ms (0 of 1000 answers were lost
with eight sockets, 52 to 57 with one; measured). Every socket that joined a group gets a copy of each of its
packets, so a filter (classic BPF, which needs no privilege; man 7 socket, "SO_ATTACH_FILTER") lets each socket
keep one share, by the sender's address: packets of one sender stay in order. Unicasts are spread by the
kernel itself (SO_REUSEPORT). What a filter refuses is in the system's count of UDP receive errors.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from array import array
from typing import Final

from discover.net.sockets import BUFFER, LINUX

MOST: Final = 8
"""Sockets of one group at most; a power of two. With stock buffers 3.4 MB."""
_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h
_NET: Final = 0xFFF0_0000  # SKF_NET_OFF, linux/filter.h: from here on an offset counts from the IP header
_LOAD_BYTE: Final = 0x30  # BPF_LD | BPF_B | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALL: Final = 0xFFFF_FFFF
_LOST: Final = re.compile(rb"^Udp: (?P<names>\D.*)\nUdp: (?P<numbers>.*)$", re.MULTILINE)
_LOST6: Final = re.compile(rb"^Udp6RcvbufErrors\s+(\d+)$", re.MULTILINE)


def shares(sock: socket.socket) -> int:
    """Return how many sockets together have the buffer that one should have: 1 where the system gave it, or cannot divide."""
    if not LINUX:
        return 1
    size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    count = 1
    while count < MOST and count * size < BUFFER:
        count *= 2
    return count


def program(family: int, index: int, count: int) -> bytes:
    """Return the filter (an array of struct sock_filter, linux/filter.h) that keeps share ``index`` of ``count``, and all unicasts.

    ``count`` is a power of two. The share is the last bits of the sender's address (RFC 791 section 3.1, RFC 8200 section 3).
    """
    target, mask, group, sender = (16, 0xF0, 0xE0, 15) if family == socket.AF_INET else (24, 0xFF, 0xFF, 23)
    steps = (
        (_LOAD_BYTE, 0, 0, _NET + target),
        (_AND, 0, 0, mask),
        (_EQUAL, 0, 3, group),  # a unicast: keep it
        (_LOAD_BYTE, 0, 0, _NET + sender),
        (_AND, 0, 0, count - 1),
        (_EQUAL, 0, 1, index),
        (_RETURN, 0, 0, _ALL),
        (_RETURN, 0, 0, 0),
    )
    return b"".join(struct.pack("@HBBI", *step) for step in steps)


def keep_share(sock: socket.socket, index: int, count: int) -> None:
    """Let the socket hear only its share. Raises OSError where the system knows no filters."""
    code = program(sock.family, index, count)
    buffer = array("B", code)  # struct sock_fprog points to it
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(code) // 8, buffer.buffer_info()[0]))


def lost_packets() -> int:
    """Return how many UDP packets this system dropped so far because a receive buffer was full, any program's; 0 where it keeps silent."""
    if not LINUX:
        return 0
    lost = 0
    found = _LOST.search(_read("/proc/self/net/snmp"))
    if found is not None:
        lost += int(dict(zip(found["names"].split(), found["numbers"].split(), strict=False)).get(b"RcvbufErrors", 0))
    found = _LOST6.search(_read("/proc/self/net/snmp6"))
    return lost + (int(found[1]) if found is not None else 0)


def _read(path: str) -> bytes:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:  # no such file in this container
        return b""
    try:
        return os.read(number, 65_536)
    finally:
        os.close(number)
