"""Read-only GETs that identify a family, as the catalogue asks for them (invariants 2 and 7).

GET only, no redirect followed, no credentials, at most 16 kB and 3 s, one at a time per host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from discover.atlas.catalogue import Catalogue
from discover.errors import NetworkError
from discover.model.network import Interface
from discover.model.signal import Field, Source
from discover.net.api import Network, TcpOutcome
from discover.net.emitter import Emitter
from discover.proto.malformed import Malformed

if TYPE_CHECKING:
    from discover.atlas.family import HttpProbe
    from discover.proto import http1

WEB_PORT: Final = 80
WEB_TYPES: Final = frozenset({"_http._tcp", "_wled._tcp", "_shelly._tcp"})
"""Service types whose port is a web server's: asked as port 80 would be."""
NOT_WEB: Final = frozenset(
    {
        *(2040, 3232, 8266, 8820, 8892),  # ESPHome's OTA: before 2025.9 any connection starts an update's triggers (facts: ota 2)
        65280,  # JAndrassy/ArduinoOTA calls onStart on any connection (facts: ota 1.2)
        *(4257, 4403, 6053, 6668, 55443),  # Balboa, Meshtastic, ESPHome's API, Tuya, Yeelight: few clients, one more may drop another
        502,  # Modbus: often a single client
        *(515, *range(9100, 9108)),  # printers print what they are sent (RFC 1179; raw printing, HP's JetDirect)
    }
)
"""Ports that are never asked, whoever announces a web server there: anybody can name them, at anybody's address."""
MAX_BODY: Final = 16 * 1024
TIMEOUT: Final = 3.0
"""Seconds for the whole of one GET."""

_READ: Final = 4096
# `cmnd=` is Tasmota's command interface: only Status, with an optional digit, reads (facts: ota 1.4).
_STATUS: Final = r"status( \d{1,2})?"
# Paths on which a GET writes: ElegantOTA's /ota/start, Shelly gen1's /ota, /reboot, /settings?.. and the like.
_WRITES: Final = r"/(ota|update|upgrade|reboot|restart|reset|settings|relay|light|color|control|win)([/?&.]|$)"


class WebHost:
    """What is known of a host when its web server is to be asked: hints that catalogue entries wait for.

    ``ports`` are web ports known to be open or announced, ``types`` mDNS types announced at its address,
    ``names`` its host names without ".local", all in lower case; ``asked`` what was asked already.
    """

    __slots__ = ("address", "asked", "mac", "names", "ports", "types")

    def __init__(
        self,
        address: str,
        *,
        mac: str = "",
        ports: Iterable[int] = (),
        types: Iterable[str] = (),
        names: Iterable[str] = (),
        asked: Iterable[tuple[int, str]] = (),
    ) -> None:
        self.address = address
        self.mac = mac
        self.ports = set(ports)
        self.types = set(types)
        self.names = set(names)
        self.asked = set(asked)


def is_harmless(path: str) -> bool:
    """Tell whether a GET of ``path`` only reads: no path known to write, and no ``cmnd=`` but Status."""
    from urllib.parse import unquote  # noqa: PLC0415 - a sweep that asks for no page needs none of this

    plain = unquote(path)
    if re.search(_WRITES, plain, re.IGNORECASE):
        return False
    commands = re.findall(r"[?&]cmnd=([^&]*)", plain, re.IGNORECASE)
    return all(re.fullmatch(_STATUS, command.replace("+", " "), re.IGNORECASE) for command in commands)


def due(catalogue: Catalogue, host: WebHost) -> Iterator[tuple[int, HttpProbe]]:
    """Yield (port, probe) of what the catalogue would ask this host now and has not asked yet.

    A probe for port 80 is asked at every web port of the host; one for another port only where that
    port is known to be open or announced. Ports in :data:`NOT_WEB` are left out.
    """
    for probe in (probe for family in catalogue.families for probe in family.http):
        ports = sorted(host.ports) if probe.port == WEB_PORT else sorted(host.ports & {probe.port})
        for port in ports:
            if port not in NOT_WEB and (port, probe.path) not in host.asked and is_harmless(probe.path) and holds(probe.when, host):
                yield port, probe


def holds(hints: Iterable[str], host: WebHost) -> bool:
    """Tell whether one of the hints holds: "oui:<vendor glob>", "mdns:<type>", "host:<name glob>" (all without case)."""
    for hint in hints:
        word, _, wanted = hint.lower().partition(":")
        if word == "oui" and host.mac and _is_vendor(host.mac, wanted):
            return True
        if word == "mdns" and wanted in host.types:
            return True
        if word == "host" and any(_fits(name, wanted) for name in host.names):
            return True
    return False


def _is_vendor(mac: str, wanted: str) -> bool:
    from discover.atlas.vendors import vendor_of  # noqa: PLC0415 - the vendor table is large, and few scans need it here

    return _fits(vendor_of(mac).lower(), wanted if "*" in wanted else f"{wanted}*")


def _fits(text: str, glob: str) -> bool:
    from fnmatch import fnmatchcase  # noqa: PLC0415 - likewise

    return fnmatchcase(text, glob)


async def ask_web(network: Network, interface: Interface, emit: Emitter, address: str, *, port: int, path: str) -> None:
    """GET one path and emit http.reply; nothing where the host does not answer or what comes is not HTTP.

    Raises ValueError for a path that could write (a mistake in the catalogue) and NetworkError.
    """
    from discover.proto import http1  # noqa: PLC0415 - likewise

    if not is_harmless(path):
        raise ValueError(f"a GET of {path!r} could change the device")
    clock = network.clock
    deadline = clock.mono() + TIMEOUT
    outcome, stream = await network.tcp(interface, address, port, purpose="read-only GET (connect)", timeout=TIMEOUT)
    if outcome is not TcpOutcome.OPEN or stream is None:
        return
    reader = http1.ResponseReader(max_body=MAX_BODY)
    try:
        await stream.send(http1.encode_get(address, path, port=port), purpose=f"read-only GET {path}")
        while not reader.done and (left := deadline - clock.mono()) > 0:
            data = await stream.receive(_READ, left)
            if not data:
                break
            reader.feed(data)
    except NetworkError:
        pass  # the peer hung up in the middle: what came so far still tells something
    finally:
        stream.close()
    answer = reader.end()
    if not isinstance(answer, Malformed):
        emit(Source.HTTP, "http.reply", address, _fields(port, path, answer), answer.body)


def _fields(port: int, path: str, answer: http1.Response) -> dict[str, Field]:
    from discover.proto import http1  # noqa: PLC0415 - likewise

    fields: dict[str, Field] = {"port": port, "path": path, "status": answer.status, "server": answer.server}
    fields["title"] = http1.title(answer.body)
    fields.update({f"json.{key}": value for key, value in http1.json_scalars(answer.body).items()})
    return fields
