"""Read-only GETs: only where the catalogue has a reason, only what reads, and little of it."""

from __future__ import annotations

import errno
from collections.abc import Generator

import pytest

from discover.atlas.catalogue import Catalogue
from discover.atlas.family import Family, HttpProbe
from discover.atlas.loader import load_catalogue
from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.net.fake.hosts import FakeHost, TcpBehaviour, answers
from discover.net.fake.network import FakeNetwork
from discover.probe.http import MAX_BODY, NOT_WEB, TIMEOUT, WebHost, ask_web, due, holds, is_harmless

ADDRESS = "192.168.1.20"
INFO = b'{"ver":"0.15.0","arch":"esp32","leds":{"count":30},"list":[1]}'


def response(body: bytes, *, head: bytes = b"HTTP/1.1 200 OK\r\nServer: gadget") -> bytes:
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def ask(behaviour: TcpBehaviour, *, path: str = "/json/info", port: int = 80, **changes: object) -> tuple[FakeNetwork, list[Signal]]:
    network = FakeNetwork(FakeHost(address=ADDRESS, tcp={port: behaviour}, **changes))  # type: ignore[arg-type]
    signals: list[Signal] = []
    emit = Emitter(network.clock, "lan0", signals.append, 0.0)
    await ask_web(network, network.interfaces()[0], emit, ADDRESS, port=port, path=path)
    assert network.open_count == 0
    return network, signals


async def test_a_json_answer_becomes_fields() -> None:
    network, (one,) = await ask(answers(response(INFO)))
    assert dict(one.fields) == {
        "port": 80,
        "path": "/json/info",
        "status": 200,
        "server": "gadget",
        "title": "",
        "json.ver": "0.15.0",
        "json.arch": "esp32",
        "json.leds.count": 30,
    }
    assert (one.kind, one.peer, one.raw) == ("http.reply", ADDRESS, INFO)
    (connect, request) = network.ledger.packets
    assert connect.payload == b""
    assert request.payload.startswith(b"GET /json/info HTTP/1.1\r\nHost: 192.168.1.20\r\n")


async def test_a_page_tells_its_title() -> None:
    _, (one,) = await ask(answers(response(b"<html><title>My &amp; lamp\x1b[31m</title>")), path="/")
    assert one.text("title").startswith("My & lamp")
    assert "\x1b" not in one.text("title")


async def test_redirects_are_told_and_not_followed() -> None:
    network, (one,) = await ask(answers(b"HTTP/1.1 302 Found\r\nLocation: http://192.168.1.1/reboot\r\nContent-Length: 0\r\n\r\n"))
    assert one.number("status") == 302
    assert {packet.to for packet in network.ledger.packets} == {ADDRESS}
    assert len(network.ledger.packets) == 2


async def test_no_credentials_and_nothing_but_get() -> None:
    network, _ = await ask(answers(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"))
    for packet in network.ledger.packets[1:]:
        assert packet.payload.startswith(b"GET ")
        assert b"authorization" not in packet.payload.lower()
        assert b"cookie" not in packet.payload.lower()


async def test_a_body_without_end_is_cut() -> None:
    def endless() -> Generator[bytes, bytes, None]:
        yield b""
        yield b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY * 3)

    network, (one,) = await ask(endless)
    assert one.number("status") == 200
    assert network.clock.mono() < TIMEOUT


@pytest.mark.parametrize(
    "behaviour",
    ["silent", "refused", "closes", "open", answers(b"SSH-2.0-dropbear\r\n"), answers(greeting=b"220 ftp\r\n"), answers(b"HTTP/1.1 2")],
)
async def test_what_is_no_web_server_says_nothing_and_takes_no_longer(behaviour: TcpBehaviour) -> None:
    network, signals = await ask(behaviour)
    assert not signals
    assert network.clock.mono() <= TIMEOUT + 0.1


async def test_a_server_that_hangs_up_in_the_middle_is_heard_so_far() -> None:
    _, (one,) = await ask(answers(b"HTTP/1.1 200 OK\r\nServer: brief\r\nContent-Length: 100\r\n\r\nhalf"))
    assert one.text("server") == "brief"


async def test_a_system_that_refuses_is_the_callers_to_tell() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    network.fail("tcp", errno.ENETDOWN)
    with pytest.raises(Exception, match="ENETDOWN"):
        await ask_web(network, network.interfaces()[0], Emitter(network.clock, "", lambda _: None, 0.0), ADDRESS, port=80, path="/")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/json/info",
        "/shelly",
        "/cp/version.json",
        "/cm?cmnd=Status%202",
        "/cm?cmnd=Status+0",
        "/cm?cmnd=STATUS",
        "/rpc/Shelly.GetDeviceInfo",
        "/elgato/accessory-info",
    ],
)
def test_paths_that_read(path: str) -> None:
    assert is_harmless(path)


@pytest.mark.parametrize(
    "path",
    [
        "/ota/start?mode=fw&hash=0",
        "/OTA/start",
        "/%6fta/start",
        "/ota?update=true",
        "/update",
        "/reboot",
        "/reset",
        "/cm?cmnd=Restart%201",
        "/cm?cmnd=Status%201;Restart%201",
        "/cm?cmnd=Status&cmnd=Power%20on",
        "/cm?cmnd=Upgrade%201",
        "/cm?CMND=Reset%201",
        "/cm?cmnd=",
        "/relay/0?turn=on",
        "/win&T=2",
        "/settings?mqtt_enable=0",
        "/control?cmd=reboot",
    ],
)
async def test_paths_that_could_write_are_never_asked(path: str) -> None:
    assert not is_harmless(path)
    with pytest.raises(ValueError, match="could change"):
        await ask(answers(response(b"")), path=path)


def test_every_probe_of_the_catalogue_only_reads() -> None:
    probes = [probe for family in load_catalogue().families for probe in family.http]
    assert probes
    assert all(is_harmless(probe.path) for probe in probes)


def catalogue(*probes: HttpProbe) -> Catalogue:
    return Catalogue(families=(Family(id="x", title="X", summary="", kind="light", http=probes),))


def probe(path: str = "/info", *when: str, port: int = 80) -> HttpProbe:
    return HttpProbe(port=port, path=path, when=when or ("mdns:_wled._tcp",), side_effects="None.", source="test")


def test_a_probe_waits_for_one_of_its_hints_and_for_a_web_port() -> None:
    asked = catalogue(probe("/info", "mdns:_wled._tcp", "host:wled-*", "oui:espressif"))
    host = WebHost(ADDRESS, ports={80})
    assert not list(due(asked, host))
    for hint in ({"types": {"_wled._tcp"}}, {"names": {"wled-kitchen"}}, {"mac": "24:6f:28:00:00:01"}):
        assert [port for port, _ in due(asked, WebHost(ADDRESS, ports={80}, **hint))] == [80]
        assert not list(due(asked, WebHost(ADDRESS, **hint)))


def test_a_probe_is_asked_at_every_web_port_but_an_odd_port_only_where_it_is_known() -> None:
    host = WebHost(ADDRESS, ports={80, 8080}, types={"_wled._tcp"})
    assert [port for port, _ in due(catalogue(probe()), host)] == [80, 8080]
    assert [port for port, _ in due(catalogue(probe(port=9123)), host)] == []
    host.ports.add(9123)
    assert [port for port, _ in due(catalogue(probe(port=9123)), host)] == [9123]


def test_what_was_asked_is_not_due_and_what_writes_never_is() -> None:
    host = WebHost(ADDRESS, ports={80}, types={"_wled._tcp"}, asked={(80, "/info")})
    assert not list(due(catalogue(probe()), host))
    assert not list(due(catalogue(probe("/ota/start")), host))


@pytest.mark.parametrize("hint", ["", "oui:", "mdns", "host:", "weather:fine", ":::"])
def test_hints_that_say_nothing_hold_for_nobody(hint: str) -> None:
    host = WebHost(ADDRESS, names={"x"}, types={"_http._tcp"})
    assert not holds((hint,), host)


@pytest.mark.parametrize("port", sorted(NOT_WEB))
def test_an_announcement_cannot_point_us_at_a_port_where_a_connection_does_harm(port: int) -> None:
    # Anybody may announce a web server at anybody's address: an old ESPHome's OTA port, a printer.
    host = WebHost(ADDRESS, ports={80, port}, types={"_wled._tcp", "_shelly._tcp"}, names={"tasmota-1"})
    assert {asked for asked, _ in due(load_catalogue(), host)} == {80}


def test_the_ports_that_connects_leave_out_are_left_out_here_too() -> None:
    # discover/probe/tcp.py says why.
    assert {3232, 8266, 2040, 6053, 4257, 6668, 502} <= NOT_WEB
