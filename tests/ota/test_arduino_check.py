"""Checks of ArduinoOTA on the demo's simulated devices: true words, and no callback of the sketch."""

from __future__ import annotations

import asyncio
import errno

import pytest

from discover.demo.arduino import PORTS, ArduinoOtaDevice, State, Variant
from discover.errors import NotPrivateError
from discover.model.check import Hop, OtaCheck, Step, Verdict
from discover.model.device import Device, Password
from discover.net.fake.hosts import FakeHost, UdpBehaviour
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from discover.ota.arduino import INVITATION
from tests.ota.lan import ADDRESS, MAC, US, agrees_with_ledger, arduino, listener, step, words

KNOCK = b"1"


def lan(behaviour: UdpBehaviour, port: int = 3232, *, icmp: bool = True, loses: int = 0) -> FakeNetwork:
    return FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={port: behaviour}, icmp=icmp, loses=loses))


async def examine(
    network: FakeNetwork,
    host: str = ADDRESS,
    *,
    device: Device | None = None,
    level: int | None = None,
    consent: bool = False,
    kind: str = "",
) -> OtaCheck:
    """Check, and assert what holds for every check: it agrees with the ledger, and leaves nothing open."""
    result = await check(network, host, device=device, level=level, consent=consent, kind=kind)
    assert agrees_with_ledger(network, result)
    assert network.open_count == 0
    assert len(result.sent) <= 12
    return result


@pytest.mark.parametrize("variant", Variant)
async def test_a_device_with_a_password_is_ready_and_not_left_waiting(variant: Variant) -> None:
    port = PORTS[variant]
    device = ArduinoOtaDevice(variant, password="secret")
    result = await examine(lan(listener(device), port), device=arduino(port))
    assert (result.verdict, result.password, result.level) == (Verdict.READY_NEEDS_PASSWORD, Password.YES, 2)
    assert (result.kind, result.port, result.transport) == ("arduino", port, "udp")
    assert device.received == (INVITATION, KNOCK, KNOCK, KNOCK)  # the reset, thrice because two may be lost
    assert device.state is State.IDLE
    assert device.callbacks == ()
    assert device.flash_operations == ()
    scheme = "64 hex digits" if variant is Variant.ESP32 else "32 hex digits"
    assert scheme in step(result, "handshake")
    assert words(result) == [
        "name: pass",
        "announced: pass",
        "level: pass",
        "host up: pass",
        "handshake: pass",
        "reset: pass",
        "way back: pass",
    ]


async def test_after_a_check_the_first_invitation_of_a_real_upload_is_answered() -> None:
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)
    await examine(lan(say), device=arduino())
    assert say(b"0 40000 4096 " + b"0" * 32 + b"\n")[0].startswith(b"AUTH ")


async def test_a_device_that_somebody_left_waiting_is_found_and_freed() -> None:
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)
    assert say(INVITATION)
    assert device.log[-1] == "state waitauth"
    result = await examine(lan(say), device=arduino())
    assert result.verdict is Verdict.READY_NEEDS_PASSWORD
    assert device.state is State.IDLE


async def test_an_invitation_that_is_swallowed_is_repeated_after_a_reset() -> None:
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)

    def someone_else_comes_first(payload: bytes) -> list[bytes]:
        if payload == INVITATION and device.received.count(INVITATION) == 0:
            say(INVITATION)
        return say(payload)

    result = await examine(lan(someone_else_comes_first), device=arduino())
    assert result.verdict is Verdict.READY_NEEDS_PASSWORD
    assert device.state is State.IDLE
    assert device.callbacks == ()


async def test_without_a_password_the_check_stops_at_the_knock_by_itself() -> None:
    device = ArduinoOtaDevice(restart_on_error=True)
    result = await examine(lan(listener(device)), device=arduino(auth="no"))
    assert (result.verdict, result.password, result.level) == (Verdict.LIKELY, Password.NO, 1)
    assert device.received == (KNOCK, KNOCK, KNOCK)
    assert device.callbacks == ()


async def test_asking_for_the_handshake_without_consent_says_what_it_would_do() -> None:
    device = ArduinoOtaDevice()
    result = await examine(lan(listener(device)), device=arduino(auth="no"), level=2)
    assert result.level == 1
    assert device.callbacks == ()
    assert "onError" in step(result, "level")
    assert "--yes" in step(result, "level")
    assert "level: warn" in words(result)


@pytest.mark.parametrize("variant", Variant)
async def test_with_consent_a_device_without_password_runs_its_error_callback_and_nothing_else(variant: Variant) -> None:
    device = ArduinoOtaDevice(variant)
    result = await examine(lan(listener(device), PORTS[variant]), device=arduino(PORTS[variant], auth="no"), level=2, consent=True)
    assert (result.verdict, result.password, result.level) == (Verdict.READY, Password.NO, 2)
    assert device.callbacks == ("onError(BEGIN)",)
    assert device.flash_operations == ()
    assert "setPassword" in step(result, "handshake")


async def test_a_false_announcement_is_pointed_out() -> None:
    result = await examine(lan(listener(ArduinoOtaDevice())), device=arduino(auth="yes"))
    assert (result.verdict, result.password) == (Verdict.READY, Password.NO)
    assert "announced a password" in step(result, "handshake")


async def test_a_closed_port_on_a_host_that_is_up() -> None:
    result = await examine(FakeNetwork(FakeHost(address=ADDRESS, mac=MAC)), device=arduino())
    assert result.verdict is Verdict.CLOSED
    assert "ArduinoOTA.begin()" in step(result, "handshake")
    assert len(result.sent) == 1
    assert "way back: skip" not in words(result)


async def test_a_device_that_says_nothing_at_all_is_no_answer_never_open() -> None:
    result = await examine(lan("silent", icmp=False), device=arduino(auth="no"))
    assert result.verdict is Verdict.NO_ANSWER
    assert MAC in step(result, "host up")


async def test_a_silent_port_whose_handshake_fails_is_only_likely() -> None:
    result = await examine(lan("silent"), device=arduino())
    assert (result.verdict, result.level) == (Verdict.LIKELY, 2)
    assert "ArduinoOTA.handle()" in step(result, "handshake")
    assert result.sent[-1].bytes_hex == "31"


async def test_silence_counts_only_while_the_control_is_refused_behind_it() -> None:
    # A host that rations its ICMP errors says once that a port is closed, and then falls silent everywhere.
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, icmp_limit=1))
    result = await examine(network, device=arduino(auth="no"))
    assert result.verdict is Verdict.NO_ANSWER
    assert "host up: pass" in words(result)


async def test_a_host_that_rations_its_errors_gives_the_first_one_to_the_port_in_question() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, icmp_limit=1))
    assert (await examine(network, device=arduino(auth="no"))).verdict is Verdict.CLOSED


async def test_a_late_refusal_of_the_control_is_not_taken_for_the_update_port() -> None:
    # Power save holds the ICMP error back for longer than the knock at the control waits.
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, delay=1.4))
    result = await examine(network, device=arduino(auth="no"))
    assert result.verdict in (Verdict.LIKELY, Verdict.NO_ANSWER)


async def test_an_answer_from_somebody_else_is_no_answer() -> None:
    network = lan("silent")
    for at in (0.5, 1.5, 3.0, 5.0, 6.0):
        network.datagram(b"OK", source="192.168.1.99", source_port=3232, at=at)
    result = await examine(network, device=arduino())
    assert (result.verdict, result.password) == (Verdict.LIKELY, Password.YES)


async def test_an_answer_from_another_port_of_the_device_is_no_answer() -> None:
    network = lan("silent")
    network.datagram(b"OK", source=ADDRESS, source_port=3233, at=5.0)
    result = await examine(network, device=arduino())
    assert result.verdict is Verdict.LIKELY


async def test_a_reset_after_silence_claims_nothing_of_the_device() -> None:
    result = await examine(lan("silent"), device=arduino())
    assert "reset: skip" in words(result)
    assert "had an invitation arrived" in step(result, "reset")


async def test_an_absent_host_is_down_not_silent() -> None:
    result = await examine(FakeNetwork(), device=arduino())
    assert (result.verdict, result.level) == (Verdict.HOST_DOWN, 0)
    assert "host up: fail" in words(result)
    assert result.hop is Hop.HOST


async def test_a_host_that_vanishes_during_the_check_is_down() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, icmp=False))
    network.remove(ADDRESS, at=1.3)
    result = await examine(network, device=arduino(auth="no"))
    assert result.verdict in (Verdict.HOST_DOWN, Verdict.NO_ANSWER)
    assert result.negative


async def test_a_lost_first_datagram_changes_nothing() -> None:
    device = ArduinoOtaDevice(password="secret")
    result = await examine(lan(listener(device), loses=1), device=arduino())
    assert result.verdict is Verdict.READY_NEEDS_PASSWORD


async def test_a_service_that_answers_the_knock_is_not_arduino_ota() -> None:
    result = await examine(lan(lambda payload: b"echo " + payload), device=arduino())
    assert result.verdict is Verdict.WRONG_SERVICE
    assert "echo 0 9 0" in step(result, "handshake")
    quiet = await examine(lan(lambda payload: b"echo " + payload), device=arduino(auth="no"))
    assert quiet.verdict is Verdict.WRONG_SERVICE
    assert "echo 1" in step(quiet, "knock")


async def test_a_service_that_answers_the_invitation_with_rubbish_is_not_arduino_ota() -> None:
    result = await examine(lan(lambda payload: None if payload == KNOCK else b"\x1b[31mhello\x07"), device=arduino())
    assert result.verdict is Verdict.WRONG_SERVICE
    assert "\x1b" not in step(result, "handshake")
    assert result.sent[-1].bytes_hex == "31"


async def test_a_pico_without_file_system_cannot_be_updated() -> None:
    result = await examine(lan(lambda payload: None if payload == KNOCK else b"ERR: No Filesystem\n", 2040), device=arduino(2040))
    assert result.verdict is Verdict.BLOCKED
    assert "Flash Size" in step(result, "handshake")


async def test_an_upload_of_somebody_else_is_recognised() -> None:
    result = await examine(lan(lambda payload: None if payload == KNOCK else b"Authentication Failed"), device=arduino())
    assert result.verdict is Verdict.READY_NEEDS_PASSWORD
    assert "other upload" in step(result, "handshake")


async def test_this_machine_refusing_to_send_is_blocked_with_a_hint() -> None:
    network = lan("silent")
    network.fail("send", errno.EPERM)
    result = await check(network, ADDRESS, device=arduino())
    assert result.verdict is Verdict.BLOCKED
    assert "firewall" in step(result, "host up")
    assert agrees_with_ledger(network, result)
    assert network.open_count == 0


async def test_nothing_is_known_so_the_default_ports_are_knocked_at_and_tcp_is_not() -> None:
    device = ArduinoOtaDevice(Variant.ESP8266, password="secret")
    network = lan(listener(device), 8266)
    result = await examine(network)
    assert (result.verdict, result.kind, result.port) == (Verdict.LIKELY, "arduino", 8266)
    assert {sent.bytes_hex for sent in result.sent} == {"31"}
    assert {sent.transport for sent in result.sent} == {"udp"}


async def test_nothing_listens_and_the_check_says_what_it_did_not_try() -> None:
    result = await examine(FakeNetwork(FakeHost(address=ADDRESS, mac=MAC)))
    assert (result.verdict, result.kind) == (Verdict.CLOSED, "unknown")
    assert "TCP was not tried" in step(result, "update service")


async def test_level_zero_sends_nothing() -> None:
    device = ArduinoOtaDevice(password="secret")
    result = await examine(lan(listener(device)), device=arduino(), level=0)
    assert (result.verdict, result.level, result.sent) == (Verdict.ANNOUNCED, 0, ())
    assert device.log == []


async def test_the_uploader_over_tcp_is_left_alone() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, tcp={65280: "open"}))
    result = await examine(network, device=arduino(65280))
    assert (result.verdict, result.transport, result.sent) == (Verdict.ANNOUNCED, "tcp", ())
    assert "onStart" in step(result, "level")


async def test_the_way_back_names_the_address_that_the_device_would_call() -> None:
    result = await examine(lan(listener(ArduinoOtaDevice(password="secret"))), device=arduino())
    assert US[0] in step(result, "way back")


async def test_steps_come_as_they_are_done() -> None:
    seen: list[Step] = []
    network = lan(listener(ArduinoOtaDevice(password="secret")))
    result = await check(network, ADDRESS, device=arduino(), on_step=seen.append)
    assert tuple(seen) == result.steps


async def test_a_foreign_address_is_refused() -> None:
    network = FakeNetwork()
    with pytest.raises(NotPrivateError):
        await check(network, "8.8.8.8")
    assert network.ledger.count == 0
    assert network.open_count == 0


async def test_a_check_that_is_cut_short_frees_the_device_first() -> None:
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)

    def interrupted(payload: bytes) -> None:
        say(payload)
        if payload == INVITATION:
            assert device.state is State.WAITAUTH
            task.cancel()

    network = lan(interrupted)
    task = asyncio.create_task(check(network, ADDRESS, device=arduino()))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert device.state is State.IDLE
    assert device.received[-2:] == (INVITATION, KNOCK)
    assert device.callbacks == ()
    assert network.open_count == 0


@pytest.mark.parametrize("late", [0.4, 2.7, 3.4])
async def test_a_slow_sketch_gets_the_answer_to_its_last_challenge(late: float) -> None:
    """A busy loop() reads the invitation and its repetition one after the other: only the second challenge counts."""
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)
    queue: list[bytes] = []

    def busy(payload: bytes) -> list[bytes] | None:
        if network.clock.mono() - start >= late and not queue:
            return say(payload)
        if not queue:
            network.clock.script(late, drain)
        queue.append(payload)
        return None

    def drain() -> None:
        for payload in queue:
            for answer in say(payload):
                network.datagram(answer, source=ADDRESS, source_port=3232)
        queue.clear()

    network = lan(busy)
    start = network.clock.mono()
    result = await check(network, ADDRESS, device=arduino(), password="secret", consent=True)
    assert result.verdict is Verdict.READY_NEEDS_PASSWORD
    assert "password: pass" in words(result)
    assert device.callbacks == ("onError(BEGIN)",)
    assert device.state is State.IDLE


async def test_a_password_that_is_never_answered_is_neither_right_nor_wrong() -> None:
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)
    network = lan(lambda payload: None if payload.startswith(b"200 ") else say(payload))
    result = await check(network, ADDRESS, device=arduino(), password="secret", consent=True)
    assert (result.verdict, result.hop) == (Verdict.READY_NEEDS_PASSWORD, None)
    assert "neither right nor wrong" in step(result, "password")
    assert "no longer waits" in step(result, "password")
    assert device.state is State.IDLE
    assert device.callbacks == ()
    # The same answer twice: a device that has read it ignores the second, so a password is never judged twice.
    tried = [one.bytes_hex for one in result.sent if bytes.fromhex(one.bytes_hex).startswith(b"200 ")]
    assert len(tried) == 2
    assert len(set(tried)) == 1


async def test_a_check_with_a_password_that_is_cut_short_frees_the_device() -> None:
    device = ArduinoOtaDevice(password="secret")
    say = listener(device)

    def interrupted(payload: bytes) -> list[bytes] | None:
        if payload.startswith(b"200 "):
            task.cancel()
            return None
        return say(payload)

    network = lan(interrupted)
    task = asyncio.create_task(check(network, ADDRESS, device=arduino(), password="secret", consent=True))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert device.state is State.IDLE
    assert device.callbacks == ()
    assert network.open_count == 0
