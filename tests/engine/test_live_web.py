"""Web servers in a scan: asked where the catalogue has a reason, one at a time, and checks beside the scan."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

from discover.atlas.catalogue import Catalogue
from discover.engine import LiveFeed, plan_scan
from discover.model.signal import Signal
from discover.net.fake.hosts import TcpHandler, answers
from discover.net.fake.network import FakeNetwork
from tests.engine.scanning import NOTHING, asking, gadget, scan, service

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"ver": "1.2"}'[:-1]


def web(**changes: object) -> FakeNetwork:
    return FakeNetwork(gadget(20, **({"tcp": {80: answers(OK)}} | changes)))


async def test_an_open_port_80_is_asked_what_the_catalogue_wants_to_know() -> None:
    found = await scan(web(), catalogue=asking("/json/info", "oui:espressif"))
    (one,) = found.of("192.168.1.20", "http.reply")
    assert (one.text("path"), one.number("status")) == ("/json/info", 200)


async def test_without_a_reason_nothing_is_asked() -> None:
    for catalogue in (NOTHING, asking("/json/info", "oui:shelly"), asking("/json/info", "mdns:_wled._tcp", "host:wled-*")):
        found = await scan(web(), catalogue=catalogue)
        assert not found.of("192.168.1.20", "http.reply")
        assert not [one for one in found.packets("tcp") if one.payload]


async def test_a_type_or_a_name_that_mdns_tells_later_is_a_reason() -> None:
    for hint in ("mdns:_wled._tcp", "host:gad*"):
        network = web()
        network.mdns(service("_wled._tcp"), at=3.0)
        found = await scan(network, catalogue=asking("/json/info", hint))
        assert len(found.of("192.168.1.20", "http.reply")) == 1


async def test_an_announced_web_port_is_asked_although_80_is_closed() -> None:
    network = web(tcp={8081: answers(OK)})
    network.mdns(service("_wled._tcp", port=8081), at=0.2)
    found = await scan(network, catalogue=asking("/json/info", "mdns:_wled._tcp"))
    (one,) = found.of("192.168.1.20", "http.reply")
    assert one.number("port") == 8081


async def test_a_service_elsewhere_is_not_asked() -> None:
    network = web()
    network.mdns(service("_wled._tcp", addresses=("10.9.9.9", "8.8.8.8"), port=8081), at=0.2)
    found = await scan(network, catalogue=asking("/json/info", "mdns:_wled._tcp"))
    assert {one.to for one in found.packets("tcp")} == {"192.168.1.20"}


async def test_a_passive_scan_asks_no_web_server() -> None:
    network = web()
    network.mdns(service("_wled._tcp"), at=0.2)
    found = await scan(network, catalogue=asking("/json/info", "mdns:_wled._tcp"), passive=True)
    assert not found.packets("tcp")


async def test_one_get_at_a_time_and_each_page_once() -> None:
    open_now, most = 0, 0

    def slow() -> TcpHandler:
        def conversation() -> Generator[bytes, bytes, None]:
            nonlocal open_now, most
            yield b""  # until here it is the mere connect of the port phase, which closes at once
            open_now += 1
            most = max(most, open_now)
            try:
                yield OK
            finally:
                open_now -= 1

        return conversation

    families = tuple(asking(f"/page{number}", "oui:*").families[0] for number in range(4))
    network = web(tcp={80: slow(), 8080: slow()}, delay=0.15)
    network.mdns(service(port=8080), at=0.1)
    found = await scan(network, catalogue=Catalogue(families=families))
    asked = [(one.number("port"), one.text("path")) for one in found.of("192.168.1.20", "http.reply")]
    assert sorted(asked) == [(port, f"/page{number}") for port in (80, 8080) for number in range(4)]
    assert most == 1


async def test_a_web_server_that_never_answers_does_not_hold_the_scan() -> None:
    families = tuple(asking(f"/page{number}", "oui:*").families[0] for number in range(2))
    found = await scan(web(tcp={80: "open"}), catalogue=Catalogue(families=families))
    assert found.summary is not None
    assert found.summary.complete
    assert found.summary.seconds < 8


async def test_a_check_during_a_scan_is_a_signal_of_it() -> None:
    network = FakeNetwork(gadget(20, udp={3232: "silent"}))
    feed = LiveFeed(network, NOTHING, plan_scan(network))
    signals: list[Signal] = []
    run = asyncio.create_task(feed.run(signals.append))
    await network.clock.sleep(0.5)
    result = await feed.check("192.168.1.20", port=3232, kind="arduino", level=1)
    await run
    (one,) = [one for one in signals if one.kind == "ota.checked"]
    assert (one.peer, one.text("verdict"), one.number("port")) == ("192.168.1.20", result.verdict.value, 3232)
    assert 0.5 <= one.mono <= 5.0


async def test_a_check_without_a_scan_is_a_result_only() -> None:
    network = FakeNetwork(gadget(20, udp={3232: "silent"}))
    feed = LiveFeed(network, NOTHING, plan_scan(network))
    result = await feed.check("192.168.1.20", port=3232, kind="arduino", level=1)
    assert result.verdict.value == "likely"
    assert feed.ledger.count > 0
    assert network.open_count == 0
