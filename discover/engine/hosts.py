"""The port phase: each live host of an interface is asked once, as soon as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from discover.engine.shared import Shared
from discover.errors import EspiedError, NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.probe.asking import PortPhase
from discover.probe.http import WEB_PORT, WEB_TYPES, WebHost, ask_web, due

ASK_AGAIN: Final = 3600.0
"""Seconds after which a watch asks a host for its ports again; in between only its liveness is looked at."""
MAX_FACTS: Final = 64
"""Names and types kept of one host: a device has a handful, a liar any number."""
MAX_WEB_PORTS: Final = 8
"""Web ports asked of one host: announcements, which anybody can make up, must not turn us on a host."""


TELLING: Final = frozenset({"neighbour.seen", "udp.reply", "tcp.open", "mdns.service"})
"""Kinds of signals that tell something about a web server: of hundreds of refused and silent ports a sweep nobody need think."""
_REFUSED: Final = (NetworkError, NotPrivateError)
"""What the system or the gate refuses: an interface that moved to another network leaves hosts of the old one behind."""


class _Host:
    __slots__ = ("asked", "browsing", "web")

    def __init__(self, address: str) -> None:
        self.web = WebHost(address)
        self.asked: float | None = None
        """When its port phase began (monotonic seconds)."""
        self.browsing = False
        """A GET is under way: one at a time."""


class Hosts:
    """The live hosts of one interface: when each is asked for its ports, and what its web server is asked.

    Only addresses of the sweep's targets are ever asked anything.
    """

    def __init__(self, shared: Shared, interface: Interface, emit: Emitter, ports: PortPhase) -> None:
        self._shared = shared
        self._interface = interface
        self._emit = emit
        self._ports = ports
        self._hosts: dict[str, _Host] = {}
        self._troubled = False

    def live(self, address: str, *, mac: str, asked: Mapping[int, float], trip: float) -> None:
        """Ask the host for its ports, unless that was done a while ago or is being done. ``asked``, ``trip``: see PortPhase.add."""
        host = self._host(address)
        now = self._shared.network.clock.mono()
        if host.asked is not None and now - host.asked < ASK_AGAIN:
            return
        host.asked = now
        host.web.asked.clear()
        self._shared.begin()
        self._ports.add(address, mac=mac, asked=asked, trip=trip)

    def done(self, address: str) -> None:
        """Note that the host has been asked for all its ports."""
        del address
        self._shared.end()

    def trouble(self, error: EspiedError) -> None:
        """Make one notice of what the system refuses: what is wrong is wrong for every host."""
        if not self._troubled:
            self._troubled = True
            self._shared.trouble(f"{self._interface.name}: some ports were not asked", error)

    def learn(self, signal: Signal, addresses: tuple[str, ...]) -> None:
        """Keep what a signal tells about the web server of these addresses, and ask it what is due now."""
        for address in addresses:
            host = self._host(address)
            web = host.web
            match signal.kind:
                case "neighbour.seen":
                    web.mac = signal.text("mac")
                case "udp.reply":
                    web.mac = web.mac or signal.text("mac")
                case "tcp.open" if signal.number("port") == WEB_PORT:
                    web.ports.add(WEB_PORT)
                case "mdns.service":
                    _learn_service(web, signal)
                case _:
                    continue
            self._browse(host)

    def _host(self, address: str) -> _Host:
        host = self._hosts.get(address)
        if host is None:
            host = self._hosts[address] = _Host(address)
        return host

    def _browse(self, host: _Host) -> None:
        if host.browsing or next(due(self._shared.catalogue, host.web), None) is None:
            return
        host.browsing = True
        self._shared.begin()
        self._shared.group.create_task(self._ask_web(host))

    async def _ask_web(self, host: _Host) -> None:
        shared = self._shared
        address = host.web.address
        try:
            # What is due may grow while we ask: mDNS tells more, or the answer itself does.
            while (task := next(due(shared.catalogue, host.web), None)) is not None:
                port, probe = task
                host.web.asked.add((port, probe.path))
                async with shared.streams:
                    await ask_web(shared.network, self._interface, self._emit, address, port=port, path=probe.path)
        except _REFUSED as error:
            self.trouble(error)
        finally:
            host.browsing = False
            shared.end()


def _learn_service(web: WebHost, signal: Signal) -> None:
    kind = signal.text("type").lower()
    port = signal.number("port") or 0
    if len(web.types) < MAX_FACTS:
        web.types.add(kind)
    name = signal.text("host").lower().removesuffix(".local")
    if name and len(web.names) < MAX_FACTS:
        web.names.add(name)
    if kind in WEB_TYPES and 0 < port <= 65535 and len(web.ports) < MAX_WEB_PORTS:
        web.ports.add(port)
