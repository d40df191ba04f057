"""The demo LAN: every device answers over real loopback sockets, leaves in its own way, and closes cleanly."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aioesphomeapi.client import APIClient
from aioesphomeapi.core import RequiresEncryptionAPIError
from pybalboa.client import SpaClient
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from discover.atlas.loader import load_catalogue
from discover.demo import DEMO_DEVICES, DEMO_NETWORK, DemoDevice, DemoLan, Departure, demo_supported
from discover.demo.devices import HOSTILE_NAME
from discover.demo.lan import RunningDevice
from discover.demo.sockets import Sender, UdpPort
from discover.errors import NetworkError
from discover.model.signal import Field
from discover.probe.http import is_harmless
from discover.proto import addp, arduinoota, esphomeapi, gecko, http1, microchip, ssdp, wled
from discover.proto.malformed import Malformed
from discover.proto.replies import decode_udp

Until = Callable[[Callable[[], bool]], Awaitable[None]]
# A network of this process alone, so that two test runs, or a demo, do not take each other's ports.
NETWORK = ipaddress.IPv4Network((f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 256}.0", 27))

pytestmark = pytest.mark.skipif(not demo_supported(), reason="this system has no further loopback addresses")


def lan(*keys: str, announce: bool = False, lively: bool = False) -> DemoLan:
    """A demo LAN of the named devices (all without any)."""
    return DemoLan(devices=[one for one in DEMO_DEVICES if not keys or one.key in keys], network=NETWORK, lively=lively, announce=announce)


@asynccontextmanager
async def questioner() -> AsyncIterator[tuple[UdpPort, asyncio.Queue[tuple[bytes, Sender]]]]:
    answers: asyncio.Queue[tuple[bytes, Sender]] = asyncio.Queue()
    port = await UdpPort.open("127.0.0.1", 0, lambda data, sender: answers.put_nowait((data, sender)))
    try:
        yield port, answers
    finally:
        await port.close()


async def ask(question: bytes, one: RunningDevice, port: int) -> tuple[str, dict[str, Field]]:
    async with questioner() as (sock, answers):
        sock.send(question, (one.address, port))
        data, sender = await asyncio.wait_for(answers.get(), 5)
        assert sender == (one.address, port)
        return decode_udp(port, data)


async def get(one: RunningDevice, path: str) -> http1.Response:
    reader, writer = await asyncio.open_connection(one.address, one.site.web_port)
    writer.write(http1.encode_get(one.address, path))
    parser = http1.ResponseReader()
    while not parser.done and (data := await asyncio.wait_for(reader.read(65536), 5)):
        parser.feed(data)
    writer.close()
    await writer.wait_closed()
    response = parser.end()
    assert not isinstance(response, Malformed)
    return response


# The data


def test_there_are_enough_devices_each_with_its_own_key_address_and_mac() -> None:
    assert len(DEMO_DEVICES) >= 14
    assert len({one.key for one in DEMO_DEVICES}) == len({one.number for one in DEMO_DEVICES}) == len(DEMO_DEVICES)
    macs = [one.mac for one in DEMO_DEVICES if one.mac]
    assert len(set(macs)) == len(macs)
    assert all(DEMO_NETWORK[one.number] in DEMO_NETWORK for one in DEMO_DEVICES)
    assert {one.departure for one in DEMO_DEVICES} == set(Departure)


def test_every_family_is_one_the_catalogue_knows() -> None:
    catalogue = load_catalogue()
    assert [one.key for one in DEMO_DEVICES if catalogue.family(one.family) is None] == []


# All of it


async def test_everything_starts_and_ends_and_starts_again() -> None:
    demo = lan()
    for _ in range(2):
        async with demo:
            assert len(demo.running) == len(DEMO_DEVICES)
        assert demo.running == ()


async def test_a_second_demo_on_the_same_addresses_is_refused_in_words() -> None:
    async with lan("greenhouse"):
        with pytest.raises(NetworkError, match="3232/udp") as raised:
            await lan("letterbox", "greenhouse").__aenter__()
    assert "second `espied demo`" in raised.value.hint


async def test_a_failed_start_leaves_nothing_running() -> None:
    both = ("greenhouse", "letterbox")
    async with lan("letterbox"):
        with pytest.raises(NetworkError):
            await lan(*both).__aenter__()
    async with lan(*both) as demo:  # both ports are free again
        assert len(demo.running) == 2


async def test_an_address_that_is_not_ours_is_refused_with_the_way_out() -> None:
    elsewhere = DemoLan(devices=DEMO_DEVICES[:1], network=ipaddress.IPv4Network("192.0.2.0/27"), announce=False)
    with pytest.raises(NetworkError) as raised:
        await elsewhere.__aenter__()
    assert "replay" in raised.value.hint


def test_an_unknown_key_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        DemoLan()["nobody"]


# Who answers what


@pytest.mark.parametrize(("key", "port", "bits"), [("greenhouse", 3232, 256), ("doorbell", 8266, 128), ("balcony", 3232, 128)])
async def test_arduinoota_with_a_password(key: str, port: int, bits: int) -> None:
    async with lan(key) as demo:
        invitation = arduinoota.encode_invitation(arduinoota.Invitation(command=0, port=4711, size=0, md5="0" * 32))
        protocol, fields = await ask(invitation, demo[key], port)
    assert (protocol, fields["nonce_bits"]) == ("arduinoota", bits)


@pytest.mark.parametrize(("key", "port", "text"), [("letterbox", 3232, "OK"), ("weather-mast", 2040, "ERR: ERROR[5]: Bad Size Given")])
async def test_arduinoota_without_a_password(key: str, port: int, text: str) -> None:
    async with lan(key) as demo:
        invitation = arduinoota.encode_invitation(arduinoota.Invitation(command=0, port=4711, size=0, md5="0" * 32))
        assert await ask(invitation, demo[key], port) == ("arduinoota", {"text": text})


@pytest.mark.parametrize("question", [microchip.QUESTION, microchip.QUESTION_SHORT, b"Discovery"])
async def test_the_balboa_spa_answers_every_spelling(question: bytes) -> None:
    async with lan("spa") as demo:
        expected = {"name": "BWGSPA", "mac": "00:15:27:e4:00:9d"}
        assert await ask(question, demo["spa"], microchip.PORT) == ("microchip-announce", expected)


async def test_the_gecko_spa_and_the_digi_module_answer() -> None:
    async with lan("hot-tub", "serial-bridge") as demo:
        _, tub = await ask(gecko.QUESTION, demo["hot-tub"], gecko.PORT)
        _, digi = await ask(addp.QUESTION, demo["serial-bridge"], addp.PORT)
    assert (tub["name"], tub["mac"]) == ("Hot tub", "00:90:c2:10:00:21")
    assert (digi["device"], digi["mac"], digi["ip"]) == ("Digi Connect ME", "00:40:9d:31:a9:0a", str(NETWORK[22]))


@pytest.mark.parametrize("payload", [b"DIGI\x00\x05\x00\x06" + b"\xff" * 6, b"<HELLO>IOS1234</HELLO>", b"1", b"x"])
async def test_anything_but_the_question_goes_unanswered(payload: bytes, until: Until) -> None:
    async with lan("spa", "hot-tub", "serial-bridge") as demo, questioner() as (sock, answers):
        for one, port in ((demo["spa"], microchip.PORT), (demo["hot-tub"], gecko.PORT), (demo["serial-bridge"], addp.PORT)):
            if not (port == microchip.PORT and payload.startswith(b"D")):
                sock.send(payload, (one.address, port))
        await until(lambda: len(demo["serial-bridge"].log) == 1 == len(demo["hot-tub"].log))
        assert answers.empty()


@pytest.mark.parametrize(
    ("question", "to", "port", "keys"),
    [
        (microchip.QUESTION, "127.255.255.255", microchip.PORT, {"spa"}),
        (gecko.QUESTION, "127.255.255.255", gecko.PORT, {"hot-tub", "hostile"}),
        (addp.QUESTION, "127.255.255.255", addp.PORT, {"serial-bridge"}),
        (addp.QUESTION, addp.GROUP, addp.PORT, {"serial-bridge"}),
        (ssdp.encode_search(), ssdp.GROUP, ssdp.PORT, {"fan"}),
    ],
)
async def test_questions_to_all_are_answered_by_each_from_its_own_address(question: bytes, to: str, port: int, keys: set[str]) -> None:
    async with lan("spa", "hot-tub", "serial-bridge", "hostile", "fan") as demo, questioner() as (sock, answers):
        transport = sock._transport
        assert transport is not None
        plain = transport.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.send(question, (to, port))
        wanted = {demo[key].address for key in keys}
        heard: set[str] = set()
        while not wanted <= heard:
            heard.add((await asyncio.wait_for(answers.get(), 5))[1][0])
        assert {address for address in heard if ipaddress.ip_address(address) in NETWORK} == wanted


async def test_the_light_broadcasts_unasked() -> None:
    heard: asyncio.Queue[tuple[bytes, Sender]] = asyncio.Queue()
    ear = await UdpPort.open("127.0.0.1", wled.PORT, lambda data, sender: heard.put_nowait((data, sender)), group="127.255.255.255")
    async with lan("shelf-light") as demo:
        sender, data = ("", 0), b""
        while sender[0] != demo["shelf-light"].address:
            data, sender = await asyncio.wait_for(heard.get(), 5)
    await ear.close()
    told, fields = decode_udp(wled.PORT, data)
    assert (told, fields["name"]) == ("wled-sync", "Shelf light")


@pytest.mark.parametrize(
    ("key", "path", "field", "value"),
    [
        ("shelf-light", "/json/info", "brand", "WLED"),
        ("heating-pump", "/shelly", "gen", 2),
        ("heating-pump", "/rpc/Shelly.GetDeviceInfo", "app", "Plus1"),
        ("hall-lamp", "/shelly", "type", "SHSW-1"),
        ("coffee-machine", "/cm?cmnd=Status%200", "StatusFWR.Version", "14.2.0(release-tasmota)"),
        ("coffee-machine", "/cm?cmnd=Status%202", "StatusFWR.Hardware", "ESP8266EX"),
    ],
)
async def test_web_pages_tell_who_they_are(key: str, path: str, field: str, value: object) -> None:
    async with lan(key) as demo:
        response = await get(demo[key], path)
        assert response.status == 200
        assert http1.json_scalars(response.body)[field] == value
        assert f"GET {path}" in demo[key].log


async def test_every_page_that_the_catalogue_asks_for_is_served_by_its_family() -> None:
    catalogue = load_catalogue()
    async with lan("shelf-light", "heating-pump", "hall-lamp", "coffee-machine") as demo:
        for one in demo.running:
            family = catalogue.family(one.device.family)
            assert family is not None
            assert family.http
            for probe in family.http:
                assert is_harmless(probe.path)
                assert (await get(one, probe.path)).status == 200


async def test_other_pages_and_other_methods_are_refused() -> None:
    async with lan("coffee-machine") as demo:
        one = demo["coffee-machine"]
        assert (await get(one, "/cm?cmnd=Power%20on")).status == 404
        reader, writer = await asyncio.open_connection(one.address, one.site.web_port)
        writer.write(b"POST /u2 HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 405 ")
        writer.close()
        await writer.wait_closed()
        assert one.log == ("GET /cm?cmnd=Power%20on", "POST /u2")


async def test_aioesphomeapi_talks_to_the_esphome_node() -> None:
    async with lan("living-room") as demo:
        client = APIClient(demo["living-room"].address, 6053, None, client_info="oracle")
        await client.connect(login=True)
        info = await client.device_info()
        entities, services = await client.list_entities_services()
        await client.disconnect()
        assert (info.name, info.friendly_name, info.mac_address) == ("living-room", "Living room sensor", "24:6F:28:10:00:14")
        assert (info.esphome_version, info.model) == ("2026.6.5", "esp32dev")
        assert (entities, services) == ([], [])
        assert any(line.startswith("client oracle") for line in demo["living-room"].log)


async def test_the_encrypted_node_asks_for_a_key_and_tells_its_name_before() -> None:
    async with lan("garage-door") as demo:
        address = demo["garage-door"].address
        with pytest.raises(RequiresEncryptionAPIError):
            await APIClient(address, 6053, None, client_info="oracle").connect(login=True)
        reader, writer = await asyncio.open_connection(address, 6053)
        writer.write(esphomeapi.NOISE_CLIENT_HELLO)
        told = esphomeapi.FrameReader().feed(await asyncio.wait_for(reader.read(512), 5))
        writer.close()
        await writer.wait_closed()
    assert told == (esphomeapi.NoiseHello("garage-door", "ec:fa:bc:10:00:15"),)


async def test_pybalboa_talks_to_the_spa() -> None:
    async with lan("spa") as demo, SpaClient(demo["spa"].address) as spa:
        assert await spa.async_configuration_loaded(10)
        assert (spa.mac_address, spa.model, spa.software_version) == ("00:15:27:e4:00:9d", "BP6013G1", "M100_201 V20.0")
        assert spa.idigi_device_id == "00000000-00000000-001527FF-FFE4009D"
        assert (spa.temperature, spa.target_temperature) == (37.5, 38.0)
        assert spa.circulation_pump is not None
        assert len(spa.pumps) == 2
        assert len(spa.lights) == 1


@pytest.mark.parametrize("port", [3197, 3199])
async def test_the_controller_listens_on_the_edp_ports_and_the_spa_does_not(port: int, until: Until) -> None:
    async with lan("pool-controller", "spa") as demo, questioner() as (sock, answers):
        one = demo["pool-controller"]
        _, writer = await asyncio.open_connection(one.address, port)
        sock.send(arduinoota.KNOCK, (one.address, port))
        await until(lambda: f"connected {port}" in one.log and f"received {port} 31" in one.log)
        assert answers.empty()
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(demo["spa"].address, port)


async def test_the_silent_one_takes_the_knock_and_says_nothing(until: Until) -> None:
    async with lan("silent") as demo, questioner() as (sock, answers):
        sock.send(arduinoota.KNOCK, (demo["silent"].address, 3232))
        await until(lambda: demo["silent"].log == ("received 3232 31",))
        assert answers.empty()


async def test_the_hostile_name_arrives_unharmed_by_us() -> None:
    async with lan("hostile") as demo:
        one = demo["hostile"]
        _, fields = await ask(gecko.QUESTION, one, gecko.PORT)
        page = await get(one, "/")
    assert fields["name"] == HOSTILE_NAME
    assert len(HOSTILE_NAME) > 10_000
    assert "\x1b[2J" in page.server.encode("latin-1").decode()
    assert HOSTILE_NAME.encode() in page.body
    assert one.device.name.isprintable()


# mDNS


class Ears:
    """What a browser of another zeroconf instance hears."""

    def __init__(self, zeroconf: AsyncZeroconf) -> None:
        self.zeroconf = zeroconf
        self.added: set[str] = set()
        self.removed: set[str] = set()

    def take(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf
        heard = self.removed if state_change is ServiceStateChange.Removed else self.added
        heard.add(name.removesuffix(f".{service_type}"))

    async def resolve(self, service_type: str, instance: str) -> AsyncServiceInfo:
        info = AsyncServiceInfo(service_type, f"{instance}.{service_type}")
        assert await info.async_request(self.zeroconf.zeroconf, 5000)
        return info


@asynccontextmanager
async def browse(*types: str) -> AsyncIterator[Ears]:
    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    ears = Ears(zeroconf)
    browser = AsyncServiceBrowser(zeroconf.zeroconf, [f"{one}.local." for one in types], handlers=[ears.take])
    try:
        yield ears
    finally:
        await browser.async_cancel()
        await zeroconf.async_close()


def named(devices: tuple[DemoDevice, ...] = DEMO_DEVICES) -> list[DemoDevice]:
    """The devices with instance names of this process alone: mDNS is one name space for all test runs."""
    return [replace(one, announces=renamed(one)) for one in devices]


def renamed(device: DemoDevice) -> Callable[..., tuple]:  # type: ignore[type-arg]
    suffix = f" {os.getpid()}"
    return lambda site: tuple(replace(one, instance=one.instance[:40] + suffix) for one in device.announces(site))


async def test_everything_announced_can_be_browsed_and_resolved(until: Until) -> None:
    types = ("_arduino._tcp", "_esphomelib._tcp", "_wled._tcp", "_shelly._tcp", "_http._tcp")
    async with browse(*types) as ears, DemoLan(devices=named(), network=NETWORK, lively=False) as demo:
        announced = {service.instance: (one, service) for one in demo.running for service in one.services}
        await until(lambda: announced.keys() <= ears.added)
        for instance, (one, service) in announced.items():
            info = await ears.resolve(f"{service.type}.local.", instance)
            assert info.port == service.port
            assert info.parsed_addresses() == [one.address]
            assert info.server == f"{one.device.hostname}.local."


async def test_goodbye_power_cut_and_sleep_are_three_different_things(until: Until) -> None:
    devices = [one for one in named() if one.departure is not Departure.STAYS]
    by_way = {one.departure: one for one in devices}
    async with browse("_arduino._tcp") as ears, DemoLan(devices=devices, network=NETWORK, lively=False) as demo:
        instances = {one.device.departure: one.services[0].instance for one in demo.running}
        await until(lambda: set(instances.values()) <= ears.added)
        for way in (Departure.SLEEPS, Departure.POWER_CUT, Departure.GOODBYE):
            await demo.leave(by_way[way].key)
            assert demo[by_way[way].key].gone
        await until(lambda: instances[Departure.GOODBYE] in ears.removed)
        assert ears.removed.isdisjoint({instances[Departure.SLEEPS], instances[Departure.POWER_CUT]})


async def test_a_device_that_left_answers_at_no_port(until: Until) -> None:
    async with lan("plant-sensor") as demo, questioner() as (sock, answers):
        one = demo["plant-sensor"]
        await demo.leave("plant-sensor")
        for port in (3232, 8266, microchip.PORT):
            sock.send(arduinoota.KNOCK, (one.address, port))
        await until(lambda: sum(line.startswith("received ") for line in one.log) == 3)
        assert answers.empty()


async def test_a_lively_lan_lets_devices_leave_by_themselves(until: Until) -> None:
    devices = [replace(one, leaves_after=0.0) for one in DEMO_DEVICES if one.departure is not Departure.STAYS]
    async with DemoLan(devices=devices, network=NETWORK, announce=False) as demo:
        await until(lambda: all(one.gone for one in demo.running))


def test_importing_the_demo_loads_no_zeroconf() -> None:
    code = "import sys, discover.demo; sys.exit('zeroconf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
