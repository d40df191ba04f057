"""Ready-made upload commands: the exact line for each tool, to copy, with address and ports filled in. Pure.

What only the owner knows stays a word in capitals: PASSWORD, FIRMWARE.bin, BOARD, SKETCH, PORT. Names and addresses come
from devices and stand in lines that people paste into a shell, so whatever is not plainly harmless is quoted.

Every option was looked up in the tool itself: espota.py of the ESP32, ESP8266 and Pico cores (--help), arduino-cli 1.4
(commands/arduino-cli_upload), PlatformIO 6.2 (pio run --help; project/options.py: PLATFORMIO_UPLOAD_FLAGS; its espressif32
platform, builder/main.py), esphome 2026.10 (upload --help, run --help), esptool 5.6 (--help), the arduinoOTA recipe of
JAndrassy/ArduinoOTA (README) and micropython/webrepl webrepl_cli.py.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from discover.model.check import Command
from discover.model.device import Password
from discover.text import clean

if TYPE_CHECKING:
    from discover.model.device import Device

HOST_PORT: Final = 40000
"""The TCP port of ours that the device is to call, where nobody chose one: a fixed one can be allowed in a firewall (wayback.PIN)."""
IMAGE: Final = "FIRMWARE.bin"
SECRET: Final = "PASSWORD"  # noqa: S105 - a placeholder, not a password

_CORES: Final = {"esp32": "esp32:esp32", "esp8266": "esp8266:esp8266", "rp2040": "rp2040:rp2040"}
"""Platform -> vendor and architecture of its Arduino core (the first two parts of an FQBN)."""
_DEFAULT_PORTS: Final = {3232: "esp32", 8266: "esp8266", 2040: "rp2040"}
_NAMES: Final = {"esp32": "ESP32", "esp8266": "ESP8266", "rp2040": "Pico"}
_APP_AT: Final = {"esp8266": "0x0", "esp32": "0x10000"}
"""Platform -> where its core's linker puts the sketch: the ESP8266 from the start, the others behind boot loader and partition table."""
_BOARDS: Final = frozenset({"esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c5", "esp32c6", "esp32h2", "esp32p4"})
"""Variants whose name is a board's, too (espressif/arduino-esp32 boards.txt): what ArduinoOTA announces there is the variant."""
_CHIPS: Final = ("esp8266", "esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32p4")
"""Names that esptool takes for --chip."""
_BOARD_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,40}")
"""A board's id of the ESP8266 core (boards.txt); older ones announce ARDUINO_BOARD, which is in capitals and none."""
_PAGES: Final = {"wled": "/update", "tasmota": "/up", "elegantota": "/update"}
"""Family -> its upload page (wled/WLED wled_server.cpp; arendst/Tasmota xdrv_01_webserver.ino; ElegantOTA.cpp); others: the first page."""
_WEB_SERVER: Final = ("esphome", "esphome-web")


def upload_commands(
    device: Device | None,
    *,
    kind: str,
    address: str,
    port: int,
    transport: str,
    password: Password,
    host_port: int | None = None,
    image: str = "",
    family: str = "",
) -> tuple[Command, ...]:
    """Return the commands that upload to the device, the most usual first; empty where no way is known.

    ``kind`` is that of a check ("arduino", "esphome", "http", "pull", ...), ``port`` the device's own, ``host_port`` the TCP
    port of ours that it is to call (None: HOST_PORT), ``image`` a file to name instead of a placeholder, ``family`` the one
    that the user named ("": the device's own).
    """
    target = _target(address, device)
    if not target:
        return ()
    where = _Where(
        device=device,
        bare=target,
        target=quoted(target),
        port=port,
        host_port=host_port or HOST_PORT,
        image=quoted(image) if image else IMAGE,
        given=bool(image),
        password=password,
        platform=platform_of(device, port),
    )
    family = family or (device.family.id if device is not None else "")
    if kind == "arduino" and not port:
        return ()  # nobody knows which of the three default ports it is
    if kind == "arduino":
        over_air = _arduino_tcp(where) if transport == "tcp" else _arduino(where)
    elif kind == "esphome":
        over_air = _esphome(where)
    elif family == "micropython-webrepl":
        return (_webrepl(where),)
    elif kind in ("http", "pull"):
        over_air = _http(where, family)
    else:
        return ()
    return (*over_air, *_cable(where))


class _Where(NamedTuple):
    """What the lines are made of; ``target`` and ``image`` are ready for a shell."""

    device: Device | None
    bare: str
    """The address as it is ..."""
    target: str
    """... and quoted."""
    port: int
    host_port: int
    image: str
    given: bool
    """True where the image is a file that was named."""
    password: Password
    platform: str

    @property
    def locked(self) -> bool:
        """True where a password is asked for or may be."""
        return self.password is not Password.NO


def quoted(text: str) -> str:
    """Return the text for a POSIX shell, on one line and without control characters; never taken for an option."""
    safe = clean(text)
    return shlex.quote(f"./{safe}" if safe.startswith("-") else safe)


def platform_of(device: Device | None, port: int = 0) -> str:
    """Return "esp32", "esp8266" or "rp2040" as far as the device's family, chip or update port tells; "" where nothing does."""
    if device is not None:
        told = f"{device.family.id} {device.chip} {device.model}".casefold()
        for word, platform in (("8266", "esp8266"), ("pico", "rp2040"), ("rp2", "rp2040"), ("esp32", "esp32")):
            if word in told:
                return platform
    return _DEFAULT_PORTS.get(port, "")


def _target(address: str, device: Device | None) -> str:
    """Return the address to name: espota.py and most tools speak IPv4 only, so the device's own IPv4 address wins over an IPv6 one."""
    if ":" in address and device is not None:
        return next((one for one in device.addresses if ":" not in one), address)
    return address


def _arduino(where: _Where) -> tuple[Command, ...]:
    if ":" in where.bare:
        return ()  # espota.py opens AF_INET sockets only, in every core
    core = _CORES.get(where.platform, "")
    of = f"the espota.py of the {_NAMES[where.platform]} core" if where.platform else "the espota.py of the device's core"
    # The script does not set SO_REUSEADDR, and closes first: the port stays in TIME_WAIT for a minute (measured).
    calls = (
        f"the device calls back to TCP {where.host_port} of this computer: allow it in the firewall, and take another -P within a minute"
    )
    secret = f" -a {SECRET}" if where.locked else ""
    unsure = f"; leave -a {SECRET} away where it has none" if where.password is Password.UNKNOWN else ""
    flags = [f"--port={where.port}", f"--host_port={where.host_port}", *([f"--auth={SECRET}"] if where.locked else [])]
    return (
        Command(
            "espota.py",
            f"python3 espota.py -i {where.target} -p {where.port} -P {where.host_port}{secret} -f {where.image}",
            f"{of}; {calls}{unsure}",
        ),
        _arduino_cli(where, core),
        Command(
            "PlatformIO",
            f'PLATFORMIO_UPLOAD_FLAGS="{", ".join(flags)}" pio run -t upload --upload-port {where.target}',
            "with upload_protocol = espota in platformio.ini; the flags may stand there as upload_flags, and must on Windows",
        ),
    )


def _arduino_cli(where: _Where, core: str) -> Command:
    secret = SECRET if where.locked else ""
    what = f"--input-file {where.image}" if where.given else "SKETCH"
    return Command(
        "arduino-cli",
        f"arduino-cli upload --fqbn {core or 'VENDOR:ARCH'}:{_board(where)} --port {where.target} --protocol network "
        f"--upload-field password={secret} {what}",
        "it uploads only to ports that it hears announced by mDNS, and wants the field password even where there is none; "
        "the port that the device calls back is chosen at random",
    )


def _board(where: _Where) -> str:
    """Return the board's id where the device announces one that its core knows: the ESP8266 tells the id itself, the ESP32 the variant."""
    told = where.device.model if where.device is not None else ""
    known = told in _BOARDS if where.platform == "esp32" else where.platform == "esp8266" and _BOARD_ID.fullmatch(told)
    return told if known else "BOARD"


def _arduino_tcp(where: _Where) -> tuple[Command, ...]:
    line = (
        f"arduinoOTA -address {where.target} -port {where.port} -username arduino -password {SECRET} "
        f"-sketch {where.image} -upload /sketch -b"
    )
    return (Command("arduinoOTA", line, "the tool comes with the Arduino AVR and SAMD cores; nothing calls back to this computer"),)


def _esphome(where: _Where) -> tuple[Command, ...]:
    node = _node_file(where.device)
    default = {"esp32": 3232, "esp8266": 8266, "rp2040": 2040}.get(where.platform)
    other = default is not None and where.port not in (0, default)
    port = f"; its ota: must say port: {where.port}" if other else ""
    return (
        Command(
            "esphome", f"esphome run {node} --device {where.target}", f"compiles and uploads; password and port come from the YAML{port}"
        ),
        Command(
            "esphome",
            f"esphome upload {node} --device {where.target}" + (f" --file {where.image}" if where.given else ""),
            "uploads what was compiled last" if not where.given else "uploads this file",
        ),
    )


def _node_file(device: Device | None) -> str:
    name = (device.hostname if device is not None else "").removesuffix(".").removesuffix(".local")
    return quoted(f"{name}.yaml") if name else "NODE.yaml"


def _http(where: _Where, family: str) -> tuple[Command, ...]:
    page = url(where.bare, where.port or 80, _PAGES.get(family, "/"))
    note = "open it in a browser and choose the file there" if family in _PAGES else "its update is on a page of its web interface"
    pages = [Command("browser", page, note)]
    if family in _WEB_SERVER:
        node = _node_file(where.device)
        line = f"esphome upload {node} --device {where.target} --ota-platform web_server"
        pages.append(Command("esphome", line, "for a node with ota: platform: web_server"))
    return tuple(pages)


def url(host: str, port: int, path: str) -> str:
    """Return the address of a page, ready for a shell and for a browser."""
    bare, _, _ = clean(host).partition("%")
    try:
        literal = f"[{bare}]" if ipaddress.ip_address(bare).version == 6 else bare
    except ValueError:
        literal = bare
    return shlex.quote(f"http://{literal}{'' if port == 80 else f':{port}'}{path}")


def _webrepl(where: _Where) -> Command:
    return Command(
        "webrepl_cli.py",
        f"webrepl_cli.py -p {SECRET} main.py {where.target}:/main.py",
        "copies a file, not firmware: MicroPython itself is updated by cable",
    )


def _cable(where: _Where) -> tuple[Command, ...]:
    """Return the line for the day on which the air does not work; only for chips that esptool knows."""
    if where.platform not in _APP_AT:
        return ()
    told = (where.device.chip if where.device is not None else "").casefold().replace("-", "").partition(" ")[0]
    chip = f" --chip {told}" if told in _CHIPS else " --chip esp8266" if where.platform == "esp8266" else ""
    return (
        Command(
            "esptool",
            f"esptool --port PORT{chip} write-flash {_APP_AT[where.platform]} {where.image}",
            "by cable; `espied boards` lists the ports. This is for an image of the app alone, a factory image goes to 0x0",
        ),
    )
