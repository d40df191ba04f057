"""Which of our interfaces a check uses, and which of our addresses the device would call back."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from discover.errors import NoInterfaceError, UsageError
from discover.model.network import Address, Interface, InterfaceAddress
from discover.ota.actions import Route
from discover.ota.target import is_group
from discover.text import clean


def choose(addresses: Sequence[str], interfaces: Sequence[Interface], wanted: str = "") -> tuple[Route, Interface | None]:
    """Return the best of the device's addresses and the interface to it; pure.

    An address in a network of ours beats a routed one, IPv4 beats IPv6 (ArduinoOTA of the ESP8266 and most
    ESPHome builds have no IPv6), the longest prefix beats a shorter one. ``wanted`` is an interface's name. The
    route has an empty address where none of the texts is one. Raises NoInterfaceError where ``wanted`` is not there.
    """
    if wanted and not any(interface.name == wanted for interface in interfaces):
        raise NoInterfaceError(
            f"There is no interface {wanted}.", "This machine has: " + ", ".join(sorted(interface.name for interface in interfaces))
        )
    parsed = [address for address in map(_parse, addresses) if address is not None]
    usable = [one for one in interfaces if one.up and (not wanted or one.name == wanted)]
    best: tuple[tuple[int, int, int], Address, Interface, InterfaceAddress] | None = None
    for order, address in enumerate(parsed):
        for interface in usable:
            if isinstance(address, ipaddress.IPv6Address) and address.scope_id not in (None, interface.name, str(interface.index)):
                continue
            for ours in interface.addresses:
                if not _inside(address, ours):
                    continue
                rank = (-address.version, ours.network.prefixlen, -order)
                if best is None or rank > best[0]:
                    best = (rank, address, interface, ours)
    if best is not None:
        _, address, interface, ours = best
        note = f"The way there leads over {interface.name}: {interface.skip}" if interface.skip and not interface.loopback else ""
        return (
            Route(_text(address, interface), interface.name, str(ours.address), on_link=True, loopback=interface.loopback, note=note),
            interface,
        )
    if not parsed:
        return Route("", "", "", on_link=False), None
    address = min(parsed, key=lambda one: one.version)
    out = next((one for one in usable if wanted or (not one.loopback and not one.skip and _speaks(one, address))), None)
    local = next((str(one.address) for one in (out.addresses if out else ()) if one.address.version == address.version), "")
    note = "The address lies in none of this machine's networks, so a router stands between; ArduinoOTA has to call back through it."
    return Route(str(address), out.name if out else "", local, on_link=False, note=note), out


def refuse(address: str, interfaces: Sequence[Interface]) -> None:
    """Refuse an address that a user wrote and that cannot be one device's here; pure.

    Raises NoInterfaceError where its zone is no interface, UsageError for the broadcast address of one of our networks.
    """
    zone = address.partition("%")[2]
    if zone and all(zone not in (one.name, str(one.index)) for one in interfaces):
        names = ", ".join(sorted(one.name for one in interfaces))
        raise NoInterfaceError(f"There is no interface {clean(zone, 40)}, which {clean(address, 80)} names.", f"This machine has: {names}")
    for interface in interfaces:
        if any(str(ours.broadcast) == address for ours in interface.addresses):
            raise UsageError(
                f"{address} is the broadcast address of {interface.name}, not one device's.", "`espied scan` finds the devices there."
            )


def _parse(text: str) -> Address | None:
    """Return a device's address; None for what is none, also for a group, whoever told it: a check is about one device."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if is_group(text) else address


def _inside(address: Address, ours: InterfaceAddress) -> bool:
    if address.version != ours.address.version:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = ipaddress.IPv6Address(int(address))  # a network never contains an address with a zone
    return address in ours.network


def _text(address: Address, interface: Interface) -> str:
    """A link-local address is nothing without its zone."""
    if isinstance(address, ipaddress.IPv6Address) and address.is_link_local and address.scope_id is None:
        return f"{address}%{interface.name}"
    return str(address)


def _speaks(interface: Interface, address: Address) -> bool:
    return any(one.address.version == address.version for one in interface.addresses)
