"""A loop that rests: what comes in is read a little later and together, what is due by time is on time, and nobody has to know."""

from __future__ import annotations

import asyncio
import selectors
import socket
import sys
import time

import pytest

from discover.net import loop
from discover.net.fake.hosts import fake_interface
from discover.net.real import RealNetwork

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows' loop has no selector")

REST = 0.04


def test_what_comes_in_while_the_selector_rests_is_found_at_once_afterwards() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, loop.RestingSelector() as selector:
        selector.register(ours, selectors.EVENT_READ)
        selector.rest = REST
        theirs.send(b"1")
        assert selector.select(None)
        began = time.monotonic()
        assert selector.select(None), "still there, because nobody has read it"
        assert time.monotonic() - began >= REST * 0.9
        assert selector.select(0), "who does not want to wait does not rest"


@pytest.mark.parametrize("rest", [0.0, 60.0])
def test_a_timeout_is_kept(rest: float) -> None:
    with loop.RestingSelector() as selector:
        selector.rest = rest
        selector.select(0)
        began = time.monotonic()
        assert not selector.select(REST)
        assert REST * 0.9 <= time.monotonic() - began < 30.0, "not the rest, but what was asked for"


def test_many_small_arrivals_wake_a_resting_loop_seldom() -> None:
    async def woken() -> tuple[int, int, float]:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        wakes = received = 0

        def read() -> None:
            nonlocal wakes, received
            wakes += 1
            received += len(ours.recv(4096))

        with ours, theirs:
            loop.rest(REST)
            began = time.monotonic()
            asyncio.get_running_loop().add_reader(ours, read)

            def trickle() -> None:
                for _ in range(40):
                    theirs.send(b"1")
                    time.sleep(0.003)

            await asyncio.to_thread(trickle)
            await asyncio.sleep(REST)
            asyncio.get_running_loop().remove_reader(ours)
            return wakes, received, time.monotonic() - began

    wakes, received, seconds = loop.run(woken())
    assert received == 40, "nothing is lost"
    assert wakes <= seconds / REST + 2, "not once for each"


def test_a_loop_of_somebody_else_goes_on_as_it_is() -> None:
    async def elsewhere() -> bool:
        loop.rest(REST)
        return isinstance(asyncio.get_running_loop(), loop.RestingLoop)

    assert asyncio.run(elsewhere()) is False
    assert loop.run(elsewhere()) is True


def test_the_loop_rests_as_long_as_the_most_impatient_interface_allows() -> None:
    async def rests() -> list[float]:
        network, running = RealNetwork(), asyncio.get_running_loop()
        assert isinstance(running, loop.RestingLoop)
        lan, air = fake_interface(name="lan0"), fake_interface(name="wlan0")
        told = []
        for face, seconds in ((air, 0.03), (lan, 0.004), (lan, None), (air, 9.0), (air, None), (air, None)):
            network.rest(face, seconds)
            told.append(running.files.rest)
        return told

    assert loop.run(rests()) == [0.03, 0.004, 0.03, loop.LONGEST_REST, 0.0, 0.0]
