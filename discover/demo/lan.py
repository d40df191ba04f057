"""The demo LAN: starts the simulated devices on loopback, lets some of them leave, and ends without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sys
from collections.abc import Sequence
from typing import Final, Self

from discover.demo.announcer import INTERFACE_ADDRESS, Announcer, Service
from discover.demo.answers import MULTICAST_PORTS, Answerer
from discover.demo.device import DemoDevice, Departure, Server, Site
from discover.demo.devices import DEMO_DEVICES
from discover.demo.services import Listener
from discover.demo.sockets import OnDatagram, Sender, UdpPort, bind_error
from discover.errors import NetworkError
from discover.probe.ports import KNOCK_PORTS, control_ports
from discover.proto import gecko, microchip, ssdp

DEMO_NETWORK: Final = ipaddress.IPv4Network("127.77.0.0/27")
"""Where the devices are. Linux and Windows answer on all of 127.0.0.0/8; macOS on 127.0.0.1 alone."""
DEMO_INTERFACE: Final = {"linux": "lo", "win32": "Software Loopback Interface 1"}.get(sys.platform, "lo0")
"""The loopback interface's name, as ``list_interfaces()`` gives it (the Windows one as an English Windows names it)."""

_BROADCAST: Final = "127.255.255.255"
"""Broadcast address of 127.0.0.0/8, to which questions for all go on loopback."""
_WEB_PORT: Final = 80
_WEB_PORT_UNPRIVILEGED: Final = 8080


class RunningDevice:
    """One device that runs: its data, its address and its servers; ``gone`` once it has left."""

    def __init__(self, device: DemoDevice, site: Site) -> None:
        self.device = device
        self.site = site
        self.servers: list[Server] = [part(site) for part in device.parts]
        self.gone = False

    @property
    def address(self) -> str:
        """Its address."""
        return self.site.address

    @property
    def services(self) -> tuple[Service, ...]:
        """What it announces by mDNS."""
        return self.device.announces(self.site)

    @property
    def log(self) -> tuple[str, ...]:
        """What all its servers logged, server by server."""
        return tuple(line for server in self.servers for line in server.log)

    async def start(self) -> None:
        """Start every server. Raises NetworkError with none left running."""
        try:
            for server in self.servers:
                await server.start()
        except BaseException:
            await self.close()
            raise

    async def fall_silent(self) -> None:
        """Answer nothing any more, at no port that espied asks.

        The address is our own kernel's and never quite dead: TCP is refused. UDP ports stay bound, so
        that no ICMP error says that somebody is there.
        """
        self.gone = True
        await self.close()
        controls = control_ports(self.address)
        mute = Listener(udp=(*KNOCK_PORTS, microchip.PORT, gecko.PORT, *MULTICAST_PORTS, *controls), address=self.address)
        await mute.start()
        self.servers.append(mute)

    async def close(self) -> None:
        """Stop every server; idempotent. Raises what a server raised, after all are stopped."""
        results = await asyncio.gather(*(server.close() for server in self.servers), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


class DemoLan:
    """The simulated devices, from ``async with`` to its end.

    ``network`` gives the addresses (a /27 of 127.0.0.0/8, so that two of them can run side by side);
    ``lively`` lets devices leave when their time has come; ``announce`` False leaves mDNS out.
    Raises NetworkError where loopback has no room for it: no further addresses (macOS), ports taken.
    """

    def __init__(
        self,
        *,
        devices: Sequence[DemoDevice] = DEMO_DEVICES,
        network: ipaddress.IPv4Network = DEMO_NETWORK,
        lively: bool = True,
        announce: bool = True,
    ) -> None:
        self.network = network
        self.running: tuple[RunningDevice, ...] = ()
        self._devices = tuple(devices)
        self._lively = lively
        self._announcer = Announcer() if announce else None
        self._ears: list[UdpPort] = []
        self._departures: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start everything. Raises NetworkError with nothing left running."""
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop everything."""
        await self.close()

    def __getitem__(self, key: str) -> RunningDevice:
        """Return a device by its key. Raises KeyError."""
        for one in self.running:
            if one.device.key == key:
                return one
        raise KeyError(key)

    async def leave(self, key: str, departure: Departure | None = None) -> None:
        """Let a device leave now, in its own way or the given one. Raises KeyError."""
        one = self[key]
        how = one.device.departure if departure is None else departure
        if self._announcer is not None:
            if how is Departure.GOODBYE:
                await self._announcer.goodbye(key)
            else:
                self._announcer.forget(key)
        await one.fall_silent()

    async def close(self) -> None:
        """Stop everything; idempotent. Raises what a device raised, after all are stopped."""
        for task in self._departures:
            task.cancel()
        if self._departures:
            await asyncio.wait(self._departures)
            self._departures.clear()
        async with contextlib.AsyncExitStack() as stack:
            for one in self.running:
                stack.push_async_callback(one.close)
            for ear in self._ears:
                stack.push_async_callback(ear.close)
            if self._announcer is not None:
                stack.push_async_callback(self._announcer.close)
        self.running, self._ears = (), []

    async def _start(self) -> None:
        first = str(self.network[self._devices[0].number]) if self._devices else INTERFACE_ADDRESS
        web_port = _web_port(first)
        running: list[RunningDevice] = []
        for device in self._devices:
            one = RunningDevice(device, Site(str(self.network[device.number]), web_port, _BROADCAST))
            await one.start()
            running.append(one)
            self.running = tuple(running)
        await self._listen_for_all()
        if self._announcer is not None:
            await self._announcer.start()
            for one in running:
                if one.services:
                    await self._announcer.announce(one.device.key, one.device.hostname, one.address, one.services)
        if self._lively:
            for one in running:
                if one.device.departure is not Departure.STAYS:
                    self._departures.add(asyncio.create_task(self._depart(one)))

    async def _depart(self, one: RunningDevice) -> None:
        await asyncio.sleep(one.device.leaves_after)
        await self.leave(one.device.key)

    async def _listen_for_all(self) -> None:
        """Hear broadcast and multicast questions and hand them to every device that has the port."""
        answerers = [server for one in self.running for server in one.servers if isinstance(server, Answerer)]
        for port in sorted({server.port for server in answerers}):
            hear = _to_all(self, port)
            groups = [MULTICAST_PORTS[port]] if port in MULTICAST_PORTS else []
            if port != ssdp.PORT:
                groups.append(_BROADCAST)
            for group in groups:
                # Systems whose loopback has no broadcast leave the unicast questions, which find the devices as well.
                with contextlib.suppress(NetworkError):
                    self._ears.append(await UdpPort.open(INTERFACE_ADDRESS, port, hear, group=group))


def demo_supported() -> bool:
    """Tell whether devices can have addresses of their own on loopback (macOS: no)."""
    try:
        _bind_test(str(DEMO_NETWORK[10]), 0)
    except OSError:
        return False
    return True


def _to_all(lan: DemoLan, port: int) -> OnDatagram:
    def hear(payload: bytes, sender: Sender) -> None:
        for one in lan.running:
            for server in one.servers:
                if isinstance(server, Answerer) and server.port == port and not one.gone:
                    server.hear(payload, sender)

    return hear


def _web_port(address: str) -> int:
    """Return 80 where this user may bind it, else 8080. Raises NetworkError where loopback has no such address."""
    try:
        _bind_test(address, _WEB_PORT)
    except PermissionError:
        return _WEB_PORT_UNPRIVILEGED
    except OSError as error:
        raise bind_error(error, address, _WEB_PORT, "tcp") from error
    return _WEB_PORT


def _bind_test(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
