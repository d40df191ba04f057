"""A socket that strangers write to: read in batches, with pauses in a flood, and given up where it only fails."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import pytest

from discover.net.drain import BATCH, FLOOD, PAUSE, Drain
from discover.net.virtual import VirtualClock


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Bytes written into the first are messages of one byte for the second."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        theirs.settimeout(0)
        yield ours, theirs


async def turns(count: int = 50) -> None:
    """Let the loop run: what was written to a socket is read within a few turns of it."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_is_there_is_told_in_order_and_nothing_after_the_close(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    got: list[bytes] = []
    drain = Drain(VirtualClock(), theirs, lambda: theirs.recv(1), got.extend)
    ours.sendall(b"abc")
    await turns()
    assert got == [b"a", b"b", b"c"]
    drain.close()
    drain.close()
    assert theirs.fileno() == -1


async def test_others_get_their_turn_between_two_batches(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    batches: list[int] = []
    drain = Drain(VirtualClock(), theirs, lambda: theirs.recv(1), lambda batch: batches.append(len(batch)))
    ours.sendall(bytes(3 * BATCH + 5))
    await turns()
    assert batches == [BATCH, BATCH, BATCH, 5]
    drain.close()


async def test_a_flood_is_read_with_pauses(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = VirtualClock()
    moments: dict[float, int] = {}

    def take(batch: list[bytes]) -> None:
        moments[clock.mono()] = moments.get(clock.mono(), 0) + len(batch)

    drain = Drain(clock, theirs, lambda: theirs.recv(1), take)
    size = 2 * FLOOD * BATCH + 7
    ours.sendall(bytes(size))
    await clock.sleep(9 * PAUSE)
    assert moments == {0.0: FLOOD * BATCH, PAUSE: FLOOD * BATCH, 2 * PAUSE: 7}
    drain.close()


async def test_closing_in_a_pause_leaves_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = VirtualClock()
    got: list[bytes] = []
    drain = Drain(clock, theirs, lambda: theirs.recv(1), got.extend)
    ours.sendall(bytes(2 * FLOOD * BATCH))
    await turns()
    drain.close()
    await clock.sleep(5 * PAUSE)
    assert len(got) == FLOOD * BATCH


async def test_errors_are_told_and_a_socket_that_only_fails_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    told: list[int | None] = []

    def fail() -> bytes:
        raise OSError(errno.ENETDOWN, "down")

    drain = Drain(VirtualClock(), theirs, fail, lambda _batch: None, lambda error: told.append(error.errno))
    ours.sendall(b"x")  # it stays readable for ever
    await turns()
    assert told == [errno.ENETDOWN] * 16
    drain.close()


async def test_an_error_between_messages_costs_none_of_them(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    got: list[bytes] = []
    faults = iter([False, True] * 40)

    def receive() -> bytes:
        if next(faults):
            raise OSError(errno.ENOBUFS, "overflow")
        return theirs.recv(1)

    told: list[OSError] = []
    drain = Drain(VirtualClock(), theirs, receive, got.extend, told.append)
    ours.sendall(bytes(range(30)))
    await turns()
    assert b"".join(got) == bytes(range(30))
    assert len(told) >= 29
    drain.close()


async def test_who_is_told_may_close(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    told: list[OSError] = []
    first = iter([True])

    def receive() -> bytes:
        if next(first, False):
            return theirs.recv(1)
        raise OSError(errno.ENOBUFS, "overflow")

    drain: Drain[bytes] = Drain(VirtualClock(), theirs, receive, lambda _batch: drain.close(), told.append)
    ours.sendall(b"x")
    await turns()
    assert not told
