"""Puts together what this machine knows of its way to a device and back: route, place, firewalls. Sends nothing."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Address, Interface
from discover.model.outlook import FirewallWord, Outlook
from discover.net import place
from discover.net.firewall.read import FirewallReader
from discover.net.gate import parse_address
from discover.net.neighbours import read_neighbours
from discover.net.routes import Path, path_to

VIRTUAL: Final = "containers or virtual machines"
"""The words of interfaces.py for their bridges and cables."""


def describe(address: str, interfaces: Sequence[Interface], path: Path, firewalls: Sequence[FirewallWord] = ()) -> Outlook:
    """Return the outlook from values alone; pure."""
    device = parse_address(address.partition("%")[0])
    face = _face(interfaces, path)
    ours = next(
        (one for one in (face.addresses if face is not None else ()) if str(one.address) == path.local),
        None,
    )
    name = face.name if face is not None else path.interface
    twins = tuple(one.name for one in interfaces if one.up and one.name != name and not one.loopback and _holds(one, device))
    return Outlook(
        local=path.local,
        interface=name,
        network=f"{ours.address}/{ours.network.prefixlen}" if ours is not None else "",
        gateway=path.gateway,
        trouble=path.trouble,
        point_to_point=face.point_to_point if face is not None else False,
        virtual=face is not None and VIRTUAL in face.skip,
        twins=() if device.is_link_local else twins,
        firewalls=tuple(firewalls),
        system=sys.platform,
    )


class Lookout:
    """Looks out of this machine: keeps what its firewalls said for a few seconds, so that many checks ask them once."""

    def __init__(self) -> None:
        self._firewalls = FirewallReader()

    async def look(
        self, address: str, interfaces: Sequence[Interface], *, port: int = 0, host_port: int = 0, firewalls: bool = True
    ) -> Outlook:
        """Return the outlook towards a device's address; see :meth:`discover.net.api.Network.outlook`. Sends nothing."""
        outlook = describe(address, interfaces, await asyncio.to_thread(path_to, address))
        outlook = replace(
            outlook,
            wireless=outlook.interface in place.wireless(interfaces),
            container=place.container(),
            wsl=place.wsl(),
            default_gateway=place.default_gateway(outlook.interface) if outlook.interface else "",
        )
        face = next((one for one in interfaces if one.name == outlook.interface), None)
        if outlook.default_gateway and face is not None:
            with contextlib.suppress(NetworkError):  # no neighbour table here: then it is no evidence
                rows = await asyncio.to_thread(read_neighbours, face)
                row = next((one for one in rows if one.address == outlook.default_gateway), None)
                outlook = replace(outlook, gateway_mac=row.mac if row else "", gateway_state=row.state if row else "")
        if firewalls and outlook.local:
            outlook = replace(outlook, firewalls=await self._firewalls.words(address, outlook, port=port, host_port=host_port))
        return outlook


def _face(interfaces: Sequence[Interface], path: Path) -> Interface | None:
    by_index = next((one for one in interfaces if path.link and one.index == path.link), None)
    by_name = next((one for one in interfaces if path.interface and one.name == path.interface), None)
    by_address = next((one for one in interfaces if any(str(ours.address) == path.local for ours in one.addresses)), None)
    return by_index or by_name or by_address


def _holds(interface: Interface, device: Address) -> bool:
    return any(device in ours.network for ours in interface.addresses if ours.address.version == device.version)


def same_network(outlook: Outlook, address: str) -> bool:
    """Tell whether the device's address lies in the network of our address there."""
    if not outlook.network:
        return False
    device = ipaddress.ip_address(address.partition("%")[0])
    network = ipaddress.ip_interface(outlook.network).network
    return device.version == network.version and device in network
