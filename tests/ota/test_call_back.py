"""Level 3 on a scripted network: the call that comes, the one that does not, and everything that may go wrong with our port."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from discover.demo.arduino import PORTS, ArduinoOtaDevice, State, Variant
from discover.errors import UsageError
from discover.model.check import Hop, OtaCheck, Verdict
from discover.model.device import Device, Password
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import EPHEMERAL, FakeNetwork
from discover.ota import check
from discover.ota.actions import Action, AwaitCall, Done, Event, Failed, Listen, Opened, OpenPort, Reply, Route, Use
from discover.ota.ladder import Ladder
from discover.ota.levels import CALLBACK_WARNING
from discover.ota.target import Announcement, Host
from discover.proto.arduinoota import encode_callback_invitation
from tests.ota.driving import play
from tests.ota.lan import ADDRESS, MAC, agrees_with_ledger, arduino, esphome, step, words

INVITATION = encode_callback_invitation(EPHEMERAL)


def lan(answer: Callable[[bytes], bytes | None], *, calls: tuple[str, ...] = (ADDRESS,), after: float = 0.3) -> FakeNetwork:
    """A device that answers as ``answer`` says; where it says OK, ``calls`` call the port it was told."""

    def listener(payload: bytes) -> bytes | None:
        said = answer(payload)
        if said == b"OK":
            for source in calls:
                network.clock.script_in(after, partial(network.call, source, EPHEMERAL))
        return said

    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: listener}))
    return network


async def examine(network: FakeNetwork, *, auth: str = "no", password: str | None = None, host_port: int | None = None) -> OtaCheck:
    result = await check(network, ADDRESS, device=arduino(auth=auth), level=3, consent=True, password=password, host_port=host_port)
    assert agrees_with_ledger(network, result)
    assert network.open_count == 0
    return result


def accepting(payload: bytes) -> bytes | None:
    return b"OK" if payload == INVITATION else None


async def test_a_call_that_comes_opens_the_way_back() -> None:
    result = await examine(lan(accepting))
    assert (result.verdict, result.hop, result.level) == (Verdict.READY, None, 3)
    assert [bytes.fromhex(one.bytes_hex) for one in result.sent] == [INVITATION]
    assert "call back: pass" in words(result)
    assert str(EPHEMERAL) in step(result, "call back")


async def test_a_call_that_does_not_come_is_the_way_back_blocked() -> None:
    network = lan(accepting, calls=())
    before = network.clock.mono()
    result = await examine(network)
    assert (result.verdict, result.hop) == (Verdict.BLOCKED, Hop.WAY_BACK)
    assert "call back: fail" in words(result)
    assert network.clock.mono() - before == pytest.approx(10, abs=0.5)


async def test_a_strangers_call_is_not_the_devices() -> None:
    result = await examine(lan(accepting, calls=("192.168.1.99",)))
    assert (result.verdict, result.hop) == (Verdict.BLOCKED, Hop.WAY_BACK)


async def test_a_call_proves_the_ok_that_was_lost() -> None:
    def deaf(payload: bytes) -> None:
        if payload == INVITATION:
            network.clock.script_in(0.2, lambda: network.call(ADDRESS, EPHEMERAL))

    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: deaf}))
    result = await examine(network)
    assert result.verdict is Verdict.READY
    assert sum(bytes.fromhex(one.bytes_hex) == INVITATION for one in result.sent) == 1


async def test_a_silent_device_is_invited_twice_and_no_more() -> None:
    result = await examine(FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"})))
    assert result.verdict is Verdict.LIKELY
    assert sum(bytes.fromhex(one.bytes_hex) == INVITATION for one in result.sent) == 2
    assert result.sent[-1].bytes_hex == "31"


async def test_a_port_that_is_taken_stops_before_anything_is_sent() -> None:
    network = lan(accepting)
    network.fail("listen", errno.EADDRINUSE)
    result = await examine(network, host_port=EPHEMERAL)
    assert (result.verdict, result.hop, result.sent) == (Verdict.BLOCKED, Hop.WAY_BACK, ())
    assert str(EPHEMERAL) in step(result, "call back")


async def test_a_device_that_is_not_there_is_down() -> None:
    result = await examine(FakeNetwork())
    assert (result.verdict, result.hop) == (Verdict.HOST_DOWN, Hop.HOST)


@pytest.mark.parametrize("variant", Variant)
async def test_a_device_that_turns_out_to_have_a_password_is_not_left_waiting(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant, password="secret")
    port = PORTS[variant]

    def listener(payload: bytes) -> list[bytes]:
        before = len(device.log)
        device._received(payload, ("192.168.1.2", 50_000))
        return [bytes.fromhex(line.removeprefix("sent ")) for line in device.log[before:] if line.startswith("sent ")]

    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={port: listener}))
    result = await check(network, ADDRESS, device=arduino(port, auth="no"), level=3, consent=True)
    assert (result.verdict, result.password) == (Verdict.READY_NEEDS_PASSWORD, Password.YES)
    assert device.state is State.IDLE
    assert device.callbacks == ()


@pytest.mark.parametrize(
    ("device", "consent", "password", "reached", "said"),
    [
        (arduino(auth="no"), False, None, 1, CALLBACK_WARNING),
        (arduino(auth="yes"), False, None, 2, CALLBACK_WARNING),
        (arduino(auth="yes"), True, None, 2, "needs its password"),
        (arduino(65280), True, None, 0, "onStart"),
        (esphome(), True, None, 2, "never calls back"),
    ],
)
async def test_level_3_is_refused_with_its_reason(device: Device, said: str, password: str | None, reached: int, *, consent: bool) -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, tcp={3232: "open"}))
    result = await check(network, ADDRESS, device=device, level=3, consent=consent, password=password)
    assert result.level <= reached
    assert said in step(result, "level")
    assert not any(bytes.fromhex(one.bytes_hex).startswith(b"0 40000 4096") for one in result.sent)


async def test_a_check_that_is_cut_short_stops_listening() -> None:
    network = lan(accepting, calls=())
    task = asyncio.create_task(check(network, ADDRESS, device=arduino(auth="no"), level=3, consent=True))
    network.clock.script_in(2.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert network.open_count == 0


@pytest.mark.parametrize("wrong", [{"level": 4}, {"host_port": 0}, {"host_port": 65536}, {"password": ""}])
async def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        await check(FakeNetwork(), ADDRESS, **wrong)


def test_a_machine_that_can_take_no_call_says_so() -> None:
    events: dict[type[Action], Event] = {
        OpenPort: Opened(EPHEMERAL),
        Listen: Reply(3232, b"OK"),
        AwaitCall: Failed("cannot take a call: Too many open files", "Close some."),
        Use: Route(ADDRESS, "lan0", "192.168.1.2", on_link=True),
    }
    found = Announcement(kind="arduino", port=3232, transport="udp", password=Password.NO, heard=True)
    ladder = Ladder(Host(name=ADDRESS, port=None, literal=True), found, asked=3, consent=True)
    trace = play(ladder.climb(), lambda action: events.get(type(action), Done()))
    assert (trace.result.verdict, trace.result.hop, trace.result.called_back) == (Verdict.BLOCKED, Hop.WAY_BACK, None)
    assert trace.steps[-1] == "call back:fail"
