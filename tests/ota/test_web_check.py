"""Checks of devices that are updated by a web server: one page is read, and nothing that could begin an update is sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator

import hypothesis.strategies as st
import pytest
from hypothesis import given

from discover.atlas.loader import load_catalogue
from discover.model.check import Hop, OtaCheck, Verdict
from discover.model.device import Password
from discover.net.fake.hosts import FakeHost, TcpBehaviour, TcpHandler, answers
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from discover.ota.http import ALLOWED, judge
from discover.probe.http import NOT_WEB
from discover.proto.http1 import Response
from tests.ota.lan import ADDRESS, MAC, agrees_with_ledger, known, step, words

PAGES = [one.ota.page for one in load_catalogue().families if one.ota is not None and one.ota.page is not None]
WLED = {"ver": "0.15.0", "brand": "WLED", "opt": 79}
TASMOTA = {"StatusFWR": {"Version": "14.2.0(release-tasmota)"}}


def page(body: bytes | object, *, status: str = "200 OK", head: str = "") -> TcpHandler:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = f"HTTP/1.1 {status}\r\nContent-Length: {len(raw)}\r\n{head}Connection: close\r\n\r\n"
    return answers(lines.encode() + raw)


async def examine(
    behaviour: TcpBehaviour, *, kind: str = "", family: str = "", level: int | None = None, port: int | None = None
) -> OtaCheck:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, tcp={80: behaviour}))
    device = known(family=family, title=family) if family else None
    result = await check(network, ADDRESS, kind=kind, device=device, level=level, port=port)
    assert agrees_with_ledger(network, result)
    assert network.open_count == 0
    # Beside the connection there is only the control knock, and that only where nothing answers.
    assert all(one.transport == "tcp" or one.bytes_hex == "31" for one in result.sent)
    return result


@pytest.mark.parametrize(
    ("kind", "behaviour", "verdict", "path"),
    [
        ("wled", page(WLED), Verdict.LIKELY, "/json/info"),
        ("wled", page(WLED | {"opt": 78}), Verdict.BLOCKED, "/json/info"),
        ("wled", page({"brand": "Other"}), Verdict.WRONG_SERVICE, "/json/info"),
        ("wled", page(b"no", status="404 Not Found"), Verdict.WRONG_SERVICE, "/json/info"),
        ("tasmota", page(TASMOTA), Verdict.LIKELY, "/cm?cmnd=Status%202"),
        ("tasmota", page({"WARNING": "Need user=<username>&password=<password>"}), Verdict.READY_NEEDS_PASSWORD, "/cm?cmnd=Status%202"),
        ("tasmota", page({"StatusFWR": {"Version": "OpenBK7231T_1.18.0"}}), Verdict.WRONG_SERVICE, "/cm?cmnd=Status%202"),
        ("elegantota", page(b"<title>ElegantOTA</title>"), Verdict.READY, "/update"),
        (
            "elegantota",
            page(gzip.compress(b"<title>ElegantOTA</title>", mtime=0), head="Content-Encoding: gzip\r\n"),
            Verdict.READY,
            "/update",
        ),
        ("elegantota", page(b"", status="401 Unauthorized"), Verdict.READY_NEEDS_PASSWORD, "/update"),
        ("elegantota", page(b"\x1f\x8bbroken", head="Content-Encoding: gzip\r\n"), Verdict.WRONG_SERVICE, "/update"),
        ("web_server", page(b'<form method="POST" action="/update">EspHome Web API'), Verdict.READY, "/"),
        ("web_server", page(b"<esp-app></esp-app>"), Verdict.LIKELY, "/"),
        ("web_server", answers(b"SSH-2.0-dropbear\r\n"), Verdict.WRONG_SERVICE, "/"),
        ("web_server", "open", Verdict.LIKELY, "/"),
        ("web_server", "closes", Verdict.LIKELY, "/"),
    ],
)
async def test_one_page_tells(kind: str, behaviour: TcpBehaviour, verdict: Verdict, path: str) -> None:
    result = await examine(behaviour, kind=kind)
    assert (result.verdict, result.level, result.port, result.transport) == (verdict, 2, 80, "tcp")
    head = bytes.fromhex(result.sent[-1].bytes_hex)
    if behaviour == "closes":
        assert len(result.sent) in (1, 2)
    else:
        assert head == f"GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nUser-Agent: espied\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
    assert (result.hop is Hop.LISTENER) == (verdict in (Verdict.BLOCKED, Verdict.WRONG_SERVICE))
    password = {Verdict.READY_NEEDS_PASSWORD: Password.YES, Verdict.READY: Password.NO}.get(verdict, Password.UNKNOWN)
    assert result.password is password


async def test_a_family_that_is_known_brings_its_page_along() -> None:
    result = await examine(page(WLED), family="wled")
    assert (result.verdict, result.kind) == (Verdict.LIKELY, "http")
    assert words(result)[-4:] == ["level: pass", "host up: pass", "connect: pass", "page: pass"]


@pytest.mark.parametrize(("level", "verdict", "sent"), [(0, Verdict.NO_ANSWER, 0), (1, Verdict.LIKELY, 1), (3, Verdict.LIKELY, 2)])
async def test_the_level_limits_what_is_sent(level: int, verdict: Verdict, sent: int) -> None:
    result = await examine(page(WLED), kind="wled", level=level)
    assert (result.verdict, len(result.sent)) == (verdict, sent)
    assert result.level == min(level, 2)


async def test_ports_and_hosts_without_a_web_server() -> None:
    assert (await examine("refused", kind="wled")).verdict is Verdict.CLOSED
    assert (await examine("silent", kind="wled")).verdict is Verdict.NO_ANSWER
    assert (await check(FakeNetwork(), ADDRESS, kind="wled")).verdict is Verdict.HOST_DOWN


@pytest.mark.parametrize("port", sorted(NOT_WEB)[:6])
async def test_a_port_on_which_a_connection_could_do_harm_is_never_asked(port: int) -> None:
    result = await examine(page(WLED), kind="wled", port=port)
    assert (result.verdict, result.sent) == (Verdict.NOT_APPLICABLE, ())
    assert "did not connect" in step(result, "connect").lower()


async def test_a_web_server_that_never_ends_is_hung_up_on() -> None:
    def flood() -> Generator[bytes, bytes, None]:
        yield b""
        yield b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000

    assert (await examine(flood, kind="web_server")).verdict is Verdict.WRONG_SERVICE


async def test_webrepl_is_not_asked_because() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, tcp={8266: "open"}))
    result = await check(network, ADDRESS, kind="webrepl")
    assert (result.verdict, result.sent) == (Verdict.NOT_APPLICABLE, ())
    assert "files, not firmware" in step(result, "update service")


def test_every_page_of_the_catalogue_is_on_the_short_list() -> None:
    assert {one.path for one in PAGES} == ALLOWED


async def test_a_page_that_unpacks_without_end_is_cut() -> None:
    bomb = gzip.compress(b"elegantota" + bytes(30_000_000), mtime=0)
    result = await examine(page(bomb, head="Content-Encoding: gzip\r\n"), kind="elegantota")
    assert result.verdict is Verdict.READY


async def test_what_a_page_says_cannot_write_to_the_terminal() -> None:
    result = await examine(page(b"<title>\x1b]0;owned\x07\xe2\x80\xaebackwards</title>", head="Server: \x1b[31mred\r\n"), kind="wled")
    told = step(result, "page")
    assert told.isprintable()


@given(
    status=st.integers(100, 999),
    headers=st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4),
    body=st.binary(max_size=400),
)
def test_no_answer_makes_judging_it_fail(status: int, headers: dict[str, str], body: bytes) -> None:
    for one in PAGES:
        for extra in ({}, {"content-encoding": "gzip"}):
            asked = judge(one, Response(status, {**headers, **extra}, body))
            assert asked.connected
            assert asked.told.isprintable()
