"""A default scan of the demo LAN concludes what each device promises, and does harm to none of them."""

from __future__ import annotations

import ipaddress
import os

import pytest

from discover.atlas.loader import load_catalogue
from discover.demo import DEMO_INTERFACE, DemoLan, demo_supported
from discover.demo.arduino import ArduinoOtaDevice
from discover.demo.esphome_ota import EsphomeOtaDevice
from discover.demo.services import EsphomeApi, WebServer
from discover.engine import LiveFeed, plan_scan
from discover.inventory.fold import fold
from discover.model.signal import Signal
from discover.model.snapshot import Snapshot
from discover.net.real import RealNetwork
from discover.probe.http import is_harmless
from discover.proto.arduinoota import KNOCK

# A network of this process alone, so that two test runs, or a demo, do not take each other's ports.
NETWORK = ipaddress.IPv4Network((f"127.{20 + os.getpid() % 50}.{os.getpid() // 50 % 256}.0", 27))

pytestmark = pytest.mark.skipif(not demo_supported(), reason="this system has no further loopback addresses")


async def scan(demo: DemoLan) -> tuple[Snapshot, RealNetwork]:
    network = RealNetwork()
    catalogue = load_catalogue()
    plan = plan_scan(network, names=(DEMO_INTERFACE,), cidrs=(str(demo.network),), seconds=4)
    signals: list[Signal] = []
    await LiveFeed(network, catalogue, plan).run(signals.append)
    return fold(signals, catalogue), network


def check_conclusions(demo: DemoLan, snapshot: Snapshot) -> None:
    by_address = {address: device for device in snapshot.devices for address in device.addresses}
    for one in demo.running:
        wanted, found = one.device, by_address[one.address]
        concluded = (found.family.id, found.family.confidence, found.name, found.mac)
        assert concluded == (wanted.family, wanted.confidence, wanted.name, wanted.mac), wanted.key
        assert found.name == "" or found.name.isprintable()
    strangers = [
        device.addresses for device in snapshot.devices if not {one.address for one in demo.running}.intersection(device.addresses)
    ]
    # Another demo or responder on this machine may be heard by mDNS, but nothing else may be made up in our network.
    assert not [addresses for addresses in strangers if any(ipaddress.ip_address(address) in NETWORK for address in addresses)]


def check_no_harm(demo: DemoLan) -> None:
    for one in demo.running:
        for server in one.servers:
            if isinstance(server, ArduinoOtaDevice):
                assert set(server.received) == {KNOCK}, one.device.key
            if isinstance(server, ArduinoOtaDevice | EsphomeOtaDevice):
                assert server.callbacks == (), one.device.key
                assert server.flash_operations == (), one.device.key
            if isinstance(server, EsphomeOtaDevice | EsphomeApi):
                assert server.log == [], one.device.key
            if isinstance(server, WebServer):
                assert all(line.startswith("GET ") and is_harmless(line[4:]) for line in server.log), server.log


def check_ledger(demo: DemoLan, network: RealNetwork) -> None:
    """Every datagram that a device took is in the ledger: nothing is sent past the gate."""
    sent = [(packet.to, packet.port, packet.payload) for packet in network.ledger.packets if packet.transport == "udp"]
    assert all(payload for _, _, payload in sent)
    for one in demo.running:
        for server in one.servers:
            if isinstance(server, ArduinoOtaDevice):
                told = sum(1 for to, port, payload in sent if (to, port, payload) == (one.address, server.port, KNOCK))
                assert len(server.received) <= told


async def test_a_default_scan_of_the_demo() -> None:
    async with DemoLan(network=NETWORK, lively=False) as demo:
        snapshot, network = await scan(demo)
        check_conclusions(demo, snapshot)
        check_no_harm(demo)
        check_ledger(demo, network)
        assert snapshot.scan.complete
