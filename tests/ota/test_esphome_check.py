"""Checks of ESPHome: old ones are left alone, new ones see five bytes, and nobody's automation runs."""

from __future__ import annotations

import errno

import pytest

from discover.model.check import Hop, OtaCheck, Verdict
from discover.model.device import Device, OtaStatus, Password
from discover.net.fake.hosts import FakeHost, TcpBehaviour, answers
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from tests.ota.lan import ADDRESS, MAC, agrees_with_ledger, esphome, known, step, words

MAGIC = "6c26f75c45"


def lan(behaviour: TcpBehaviour, port: int = 3232) -> FakeNetwork:
    return FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, tcp={port: behaviour}))


async def examine(network: FakeNetwork, device: Device | None = None, *, level: int | None = None, consent: bool = False) -> OtaCheck:
    result = await check(network, ADDRESS, kind="esphome", device=device, level=level, consent=consent)
    assert agrees_with_ledger(network, result)
    assert network.open_count == 0
    return result


@pytest.mark.parametrize(
    ("password", "verdict", "sentence"),
    [
        (Password.UNKNOWN, Verdict.READY, "was not asked"),
        (Password.NO, Verdict.READY, "known to want no password"),
        (Password.YES, Verdict.READY_NEEDS_PASSWORD, "known to want a password"),
    ],
)
async def test_a_new_esphome_is_ready_and_its_password_is_not_guessed(password: Password, verdict: Verdict, sentence: str) -> None:
    result = await examine(lan(answers(b"\x00\x02")), esphome(password=password))
    assert (result.verdict, result.password, result.level, result.transport) == (verdict, password, 2, "tcp")
    assert sentence in step(result, "handshake")
    assert [sent.bytes_hex for sent in result.sent] == ["", MAGIC]
    assert words(result) == ["name: pass", "announced: pass", "level: pass", "host up: pass", "connect: pass", "handshake: pass"]


@pytest.mark.parametrize("version", ["2024.10.3", "2025.8.4", "2025.9.0-dev", "", "rubbish"])
async def test_an_old_or_unknown_esphome_is_not_connected_to(version: str) -> None:
    result = await examine(lan("open"), esphome(version))
    assert (result.verdict, result.level) == (Verdict.ANNOUNCED, 0)
    assert [sent.transport for sent in result.sent] == ["udp"]
    assert "connect: skip" in words(result)
    assert "--yes" in step(result, "connect")


async def test_with_consent_an_old_one_gets_the_magic_at_once() -> None:
    result = await examine(lan(answers(b"\x00\x01")), esphome("2024.10.3"), level=2, consent=True)
    assert (result.verdict, result.level) == (Verdict.READY, 2)
    assert "protocol version 1" in step(result, "handshake")


async def test_consent_to_level_one_does_not_hold_a_silent_connection_to_an_old_one() -> None:
    result = await examine(lan("open"), esphome("2024.10.3"), level=1, consent=True)
    assert all(sent.transport == "udp" for sent in result.sent)


async def test_level_one_connects_and_says_nothing() -> None:
    result = await examine(lan("open"), esphome(), level=1)
    assert (result.verdict, result.level) == (Verdict.LIKELY, 1)
    assert [sent.bytes_hex for sent in result.sent] == [""]


async def test_level_zero_sends_nothing() -> None:
    result = await examine(lan("open"), esphome(), level=0)
    assert (result.verdict, result.sent) == (Verdict.ANNOUNCED, ())


@pytest.mark.parametrize("said", [b"\x80", b"SSH-2.0-dropbear\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\x00\x00", b"\x00\xff", b"\x1b["])
async def test_another_service_is_called_that(said: bytes) -> None:
    result = await examine(lan(answers(said)), esphome())
    assert result.verdict is Verdict.WRONG_SERVICE
    assert "\x1b" not in step(result, "handshake")
    assert result.negative


async def test_a_greeting_of_another_service_is_not_taken_for_an_answer() -> None:
    result = await examine(lan(answers(b"", greeting=b"SSH-2.0-x\r\n")), esphome())
    assert result.verdict is Verdict.WRONG_SERVICE


async def test_a_busy_esphome_is_likely_and_the_wait_is_named() -> None:
    result = await examine(lan("open"), esphome())
    assert (result.verdict, result.level, result.hop) == (Verdict.LIKELY, 2, Hop.LISTENER)
    assert "20 s" in step(result, "handshake")
    assert "In doubt is the listener: 3232/tcp took the connection and did not answer" in result.sentence


async def test_one_that_hangs_up_without_a_word_is_likely_busy() -> None:
    result = await examine(lan("closes"), esphome())
    assert result.verdict is Verdict.LIKELY
    assert "20 s" in step(result, "handshake")


async def test_a_version_in_two_pieces_is_read() -> None:
    result = await examine(lan(answers(b"\x02", greeting=b"\x00")), esphome())
    assert result.verdict is Verdict.READY


@pytest.mark.parametrize(("behaviour", "verdict"), [("refused", Verdict.CLOSED), ("silent", Verdict.NO_ANSWER)])
async def test_no_listener(behaviour: TcpBehaviour, verdict: Verdict) -> None:
    result = await examine(lan(behaviour), esphome())
    assert (result.verdict, result.level, result.hop) == (verdict, 1, Hop.LISTENER)
    assert [sent.transport for sent in result.sent][:1] == ["tcp"]


async def test_after_a_silent_port_a_knock_tells_whether_the_host_is_there() -> None:
    host = FakeHost(address=ADDRESS, mac=MAC, tcp={3232: "silent"}, icmp=False, known=True)
    network = FakeNetwork(host)
    result = await examine(network, esphome())
    assert (result.verdict, {sent.bytes_hex for sent in result.sent}) == (Verdict.NO_ANSWER, {"", "31"})
    assert "closed" in step(result, "host up")


async def test_a_firewall_here_that_swallows_the_connection_is_found_by_the_knock() -> None:
    network = lan("silent")
    network.fail("send", errno.EPERM)
    result = await examine(network, esphome())
    assert (result.verdict, result.hop) == (Verdict.BLOCKED, Hop.HOST)


async def test_an_old_one_that_is_only_remembered_is_announced_where_its_host_is_up() -> None:
    status = OtaStatus(kind="esphome", port=3232, transport="tcp", password=Password.UNKNOWN, verdict="announced", checked=None)
    result = await examine(lan("open"), known(ota=status, family="esphome", firmware="2024.10.3"))
    assert (result.verdict, result.hop) == (Verdict.ANNOUNCED, None)
    assert [sent.transport for sent in result.sent] == ["udp"]


async def test_an_absent_host_is_down() -> None:
    result = await examine(FakeNetwork(), esphome())
    assert result.verdict is Verdict.HOST_DOWN


async def test_a_machine_that_may_not_connect_is_blocked() -> None:
    network = lan("open")
    network.fail("tcp", errno.EACCES)
    result = await examine(network, esphome())
    assert result.verdict is Verdict.BLOCKED
    assert "firewall" in step(result, "connect")


async def test_the_port_follows_from_the_platform_and_the_user_may_say_better() -> None:
    network = lan(answers(b"\x00\x02"), 8892)
    device = esphome(platform="BK7231N", port=8892)
    result = await check(network, ADDRESS, device=device)
    assert (result.port, result.verdict) == (8892, Verdict.READY)
    assert "8892/tcp is the default" in step(result, "announced")
    other = lan(answers(b"\x00\x02"), 12345)
    result = await check(other, f"{ADDRESS}:12345", device=device)
    assert (result.port, result.verdict) == (12345, Verdict.READY)
