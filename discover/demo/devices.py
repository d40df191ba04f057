"""The devices of the demo LAN. A new one is an entry here: the servers are shared."""

from __future__ import annotations

from typing import Final

from discover.demo.announcer import Service
from discover.demo.answers import Answerer, Broadcaster, addp_answer, gecko_answer, microchip_answer, ssdp_answer
from discover.demo.arduino import ArduinoOtaDevice, Variant
from discover.demo.device import Announcements, DemoDevice, Departure, Part
from discover.demo.esphome_ota import EsphomeOtaDevice
from discover.demo.pages import SHELLY_GEN1, SHELLY_GEN2, TASMOTA_STATUS, WLED_INFO
from discover.demo.services import BalboaModule, EsphomeApi, Listener, WebServer
from discover.model.device import Confidence
from discover.proto import addp, balboa, esphomeapi, gecko, microchip, ssdp, wled
from discover.text import clean

PASSWORD: Final = "demo"  # noqa: S105 - the password of every simulated device that has one
ESPHOME_VERSION: Final = "2026.6.5"

HOSTILE_NAME: Final = "\x1b]0;owned\x07\x1b[31m[/red][@click=app.quit]\u202egpj.tub\u202c\u200b " + "A" * 10_000
"""A name made to hurt: terminal escapes, markup, a bidi override, an invisible character, and ten kilobytes."""
HOSTILE_INSTANCE: Final = "[/red][@click=app.quit]\x9b31m\u202egpj.tub"
"""The same within the 63 bytes of an mDNS instance, where C1 controls are what responders let through."""
_DIGI_MAC: Final = "00:40:9d:31:a9:0a"
_BALBOA: Final = balboa.ModuleIdentification("00:15:27:e4:00:9d", "00000000-00000000-001527FF-FFE4009D")
_BALBOA_IDS: Final = (100, 201, 20, 0)
_BALBOA_SYSTEM: Final = balboa.SystemInformation(software="M100_201 V20.0", model="BP6013G1", setup=3, voltage=240)


def _arduino(variant: Variant, *, password: bool = False) -> Part:
    return lambda site: ArduinoOtaDevice(variant, password=PASSWORD if password else "", address=site.address)


def _arduino_service(instance: str, port: int, board: str, *, password: bool = False) -> Announcements:
    auth = b"auth_upload=yes" if password else b"auth_upload=no"
    strings = (b"board=" + board.encode(), b"tcp_check=no", b"ssh_upload=no", auth)
    return lambda _site: (Service(type="_arduino._tcp", instance=instance, port=port, txt=strings),)


def _web(pages: dict[str, object], server: str = "") -> Part:
    return lambda site: WebServer(pages, server=server, address=site.address, port=site.web_port)


def _esphome(info: esphomeapi.DeviceInfo, port: int, *, password: bool, encrypted: bool = False) -> tuple[Part, ...]:
    return (
        lambda site: EsphomeApi(info, encrypted=encrypted, address=site.address),
        lambda site: EsphomeOtaDevice(password=PASSWORD if password else "", address=site.address, port=port),
    )


def _esphome_service(info: esphomeapi.DeviceInfo, platform: str, board: str, *further: bytes) -> Announcements:
    strings = (
        b"friendly_name=" + info.friendly_name.encode(),
        b"version=" + info.esphome_version.encode(),
        b"mac=" + info.mac.replace(":", "").encode(),
        b"platform=" + platform.encode(),
        b"board=" + board.encode(),
        b"network=wifi",
        *further,
    )
    return lambda _site: (Service(type="_esphomelib._tcp", instance=info.name, port=esphomeapi.PORT, txt=strings),)


def _node(name: str, friendly: str, mac: str, model: str) -> esphomeapi.DeviceInfo:
    return esphomeapi.DeviceInfo(
        name=name, mac=mac, esphome_version=ESPHOME_VERSION, model=model, friendly_name=friendly, manufacturer="Espressif"
    )


_LIVING: Final = _node("living-room", "Living room sensor", "24:6f:28:10:00:14", "esp32dev")
_GARAGE: Final = _node("garage-door", "Garage door", "ec:fa:bc:10:00:15", "d1_mini")


def _wled_broadcast(address: str) -> bytes:
    return wled.encode(wled.NodeInfo(ip=address, name="Shelf light", type="ESP32", on=True, unit=0, build=2412100))


DEMO_DEVICES: Final = (
    DemoDevice(
        key="greenhouse",
        number=10,
        family="arduino-ota-esp32",
        name="greenhouse",
        mac="24:6f:28:10:00:10",
        hostname="esp32-246f28100010",
        parts=(_arduino(Variant.ESP32, password=True),),
        announces=_arduino_service("greenhouse", 3232, "esp32", password=True),
        notes="An ESP32 sketch with ArduinoOTA and a password, core 3.3.1 or later: its nonce has 64 digits.",
    ),
    DemoDevice(
        key="doorbell",
        number=11,
        family="arduino-ota-esp8266",
        name="doorbell",
        hostname="esp8266-10011a",
        parts=(_arduino(Variant.ESP8266, password=True),),
        announces=_arduino_service("doorbell", 8266, "nodemcuv2", password=True),
        notes="An ESP8266 sketch with ArduinoOTA and a password: 32 digits, MD5.",
    ),
    DemoDevice(
        key="letterbox",
        number=12,
        family="arduino-ota-esp32",
        name="letterbox",
        mac="24:6f:28:10:00:12",
        hostname="esp32-246f28100012",
        parts=(_arduino(Variant.ESP32),),
        announces=_arduino_service("letterbox", 3232, "esp32c3"),
        notes="An ESP32 sketch with ArduinoOTA and no password: anybody on the LAN can replace its firmware.",
    ),
    DemoDevice(
        key="weather-mast",
        number=13,
        family="arduino-ota-pico",
        name="weather-mast",
        hostname="pico-e66138528310",
        parts=(_arduino(Variant.PICO),),
        announces=_arduino_service("weather-mast", 2040, "rpipicow"),
        notes="A Pico W with arduino-pico's ArduinoOTA on 2040/udp.",
    ),
    DemoDevice(
        key="living-room",
        number=14,
        family="esphome",
        name="Living room sensor",
        mac=_LIVING.mac,
        hostname="living-room",
        parts=_esphome(_LIVING, 3232, password=True),
        announces=_esphome_service(_LIVING, "ESP32", "esp32dev"),
        notes="An ESPHome node: native API on 6053/tcp, OTA with a password on 3232/tcp.",
    ),
    DemoDevice(
        key="garage-door",
        number=15,
        family="esphome",
        name="Garage door",
        mac=_GARAGE.mac,
        hostname="garage-door",
        parts=_esphome(_GARAGE, 8266, password=False, encrypted=True),
        announces=_esphome_service(_GARAGE, "ESP8266", "d1_mini", b"api_encryption=Noise_NNpsk0_25519_ChaChaPoly_SHA256"),
        notes="An ESPHome node on an ESP8266: encrypted native API, OTA without a password on 8266/tcp.",
    ),
    DemoDevice(
        key="shelf-light",
        number=16,
        family="wled",
        name="Shelf light",
        mac="a4:cf:12:10:00:16",
        hostname="wled-shelf",
        parts=(
            _web({"/": "<html><head><title>WLED</title></head></html>", "/json/info": WLED_INFO}),
            lambda site: Broadcaster(wled.PORT, _wled_broadcast(site.address), to=site.broadcast, seconds=2.0, address=site.address),
        ),
        announces=lambda site: (
            Service(type="_wled._tcp", instance="Shelf light", port=site.web_port, txt=(b"mac=a4cf12100016",)),
            Service(type="_http._tcp", instance="Shelf light", port=site.web_port),
        ),
        notes="A WLED light: _wled._tcp, /json/info, and its broadcast to other lights on 65506/udp.",
    ),
    DemoDevice(
        key="heating-pump",
        number=17,
        family="shelly-gen2",
        name="Heating pump",
        mac="a8:03:2a:10:00:17",
        hostname="ShellyPlus1-A8032A100017",
        parts=(_web({"/shelly": SHELLY_GEN2, "/rpc/Shelly.GetDeviceInfo": SHELLY_GEN2}, "ShellyHTTP/1.0.0"),),
        announces=lambda site: (
            Service(
                type="_shelly._tcp", instance="shellyplus1-a8032a100017", port=site.web_port, txt=(b"gen=2", b"app=Plus1", b"ver=1.4.4")
            ),
            Service(type="_http._tcp", instance="shellyplus1-a8032a100017", port=site.web_port, txt=(b"gen=2",)),
        ),
        notes="A Shelly of the second generation: _shelly._tcp and /shelly.",
    ),
    DemoDevice(
        key="hall-lamp",
        number=18,
        family="shelly-gen1",
        name="shelly1-C45BBE100018",
        mac="c4:5b:be:10:00:18",
        hostname="shelly1-C45BBE100018",
        parts=(_web({"/shelly": SHELLY_GEN1}, "Mongoose/6.18"),),
        announces=lambda site: (Service(type="_http._tcp", instance="shelly1-C45BBE100018", port=site.web_port),),
        notes="A Shelly of the first generation: only its name and /shelly tell.",
    ),
    DemoDevice(
        key="coffee-machine",
        number=19,
        family="tasmota",
        name="Coffee machine",
        mac="dc:4f:22:10:00:19",
        hostname="tasmota-100019-0025",
        parts=(
            _web(
                {
                    "/": "<html><head><title>Coffee machine - Main Menu</title></head></html>",
                    "/cm?cmnd=Status%200": TASMOTA_STATUS,
                    "/cm?cmnd=Status%202": {"StatusFWR": TASMOTA_STATUS["StatusFWR"]},
                },
                "Tasmota/14.2.0 (ESP8266EX)",
            ),
        ),
        announces=lambda site: (
            Service(type="_http._tcp", instance="tasmota-100019-0025", port=site.web_port, txt=(b"devicetype=tasmota",)),
        ),
        notes="A Tasmota plug whose owner set SetOption55, so that it announces itself.",
    ),
    DemoDevice(
        key="spa",
        number=20,
        family="balboa-spa",
        name="BWGSPA",
        mac=_BALBOA.mac,
        parts=(
            lambda site: Answerer(microchip.PORT, microchip_answer(microchip.Announce("BWGSPA", _BALBOA.mac)), address=site.address),
            lambda site: BalboaModule(_BALBOA, _BALBOA_SYSTEM, ids=_BALBOA_IDS, address=site.address),
        ),
        notes="A Balboa spa module: answers on 30303/udp, speaks frames on 4257/tcp, and listens on neither 3197 nor 3199.",
    ),
    DemoDevice(
        key="hot-tub",
        number=21,
        family="gecko-spa",
        name="Hot tub",
        mac="00:90:c2:10:00:21",
        parts=(
            lambda site: Answerer(
                gecko.PORT, gecko_answer(gecko.Hello("SPA00:90:c2:10:00:21", "00:90:c2:10:00:21", "Hot tub")), address=site.address
            ),
        ),
        notes="A Gecko in.touch2 spa module: answers the greeting on 10022/udp.",
    ),
    DemoDevice(
        key="serial-bridge",
        number=22,
        family="digi",
        name="serial-bridge",
        mac=_DIGI_MAC,
        parts=(
            lambda site: Answerer(
                addp.PORT,
                addp_answer(
                    addp.AddpReply(
                        mac=_DIGI_MAC,
                        ip=site.address,
                        mask="255.255.255.224",
                        name="serial-bridge",
                        device="Digi Connect ME",
                        firmware="Version 82000856_F6 07/21/2006",
                        real_port=771,
                        tls_port=1027,
                        serial_ports=1,
                    )
                ),
                address=site.address,
            ),
        ),
        notes="A Digi module: answers ADDP type 1 on 2362/udp.",
    ),
    DemoDevice(
        key="pool-controller",
        number=23,
        family="edp-listener",
        name="Pool controller",
        hostname="pool-controller",
        parts=(
            lambda site: Listener(tcp=(3197, 3199), udp=(3197, 3199), address=site.address),
            _web({"/": "<html><head><title>Pool controller</title></head></html>"}),
        ),
        announces=lambda site: (Service(type="_http._tcp", instance="Pool controller", port=site.web_port),),
        notes="A controller that listens on 3197 and 3199, which devices normally dial out to: a finding of its own.",
    ),
    DemoDevice(
        key="silent",
        number=24,
        family="arduino-ota-esp32",
        confidence=Confidence.POSSIBLE,
        name="",
        parts=(lambda site: Listener(udp=(3232,), address=site.address),),
        notes="Something is bound to 3232/udp, answers nothing and announces nothing: possibly an ESP32, and silence is never open.",
    ),
    DemoDevice(
        key="hostile",
        number=25,
        family="gecko-spa",
        name=clean(HOSTILE_INSTANCE),
        mac="00:90:c2:10:00:25",
        hostname="hostile",
        parts=(
            lambda site: Answerer(
                gecko.PORT, gecko_answer(gecko.Hello("SPA00:90:c2:10:00:25", "00:90:c2:10:00:25", HOSTILE_NAME)), address=site.address
            ),
            _web({"/": f"<html><head><title>{HOSTILE_NAME}</title></head></html>"}, "\x1b[2J[bold red]server"),
        ),
        announces=lambda site: (
            Service(
                type="_http._tcp", instance=HOSTILE_INSTANCE, port=site.web_port, txt=(b"note=\x1b]0;owned\x07", b"\xff\xfe=\x9b31m", b"")
            ),
        ),
        notes="A device whose name, page title, server and TXT record carry terminal escapes, markup, bidi overrides and 10 kB.",
    ),
    DemoDevice(
        key="plant-sensor",
        number=26,
        family="arduino-ota-esp32",
        name="plant-sensor",
        mac="24:6f:28:10:00:26",
        hostname="esp32-246f28100026",
        parts=(_arduino(Variant.ESP32, password=True),),
        announces=_arduino_service("plant-sensor", 3232, "esp32", password=True),
        departure=Departure.SLEEPS,
        leaves_after=25.0,
        notes="A battery sensor: announces itself, then sleeps without a goodbye and answers nothing.",
    ),
    DemoDevice(
        key="workbench",
        number=27,
        family="arduino-ota-esp8266",
        name="workbench",
        hostname="esp8266-10027b",
        parts=(_arduino(Variant.ESP8266),),
        announces=_arduino_service("workbench", 8266, "d1_mini"),
        departure=Departure.GOODBYE,
        leaves_after=40.0,
        notes="A device that is shut down in order and says goodbye.",
    ),
    DemoDevice(
        key="balcony",
        number=28,
        family="arduino-ota-esp32",
        name="balcony",
        mac="24:6f:28:10:00:28",
        hostname="esp32-246f28100028",
        parts=(_arduino(Variant.ESP32_MD5, password=True),),
        announces=_arduino_service("balcony", 3232, "esp32", password=True),
        departure=Departure.POWER_CUT,
        leaves_after=55.0,
        notes="A device on an older core whose power is cut: it vanishes without a goodbye.",
    ),
    DemoDevice(
        key="fan",
        number=30,
        family="openbeken",
        name="",
        parts=(
            lambda site: Answerer(
                ssdp.PORT,
                ssdp_answer(
                    "upnp:rootdevice",
                    server="OpenBk",
                    usn="uuid:e427ac1a-75e6-11ed-a1eb-0242ac100030::upnp:rootdevice",
                    location=f"http://{site.address}:{site.web_port}/ssdp.xml",
                ),
                address=site.address,
                bind=False,
            ),
        ),
        notes="An OpenBeken device: answers a search by SSDP and calls itself OpenBk.",
    ),
)
"""Twenty devices; their numbers are the last bytes of their addresses in 127.77.0.0/27."""
