"""Redaction: a snapshot that can be shown to strangers and still tells what is what.

Pseudonyms are numbers given in the order of the device ids, not hashes: the 24 bits of a MAC that are the
device's own would be found from a hash in seconds. The same snapshot always gives the same pseudonyms.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from discover.inventory.document import text
from discover.model.device import Device, Evidence
from discover.model.scan import ScanInterface
from discover.model.snapshot import Snapshot
from discover.proto.mac import canonical_mac

# Ranges for documentation (RFC 5737, RFC 3849), and the benchmark range (RFC 2544) once those are used up.
_IPV4: Final = tuple(map(ipaddress.IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")))
_IPV6: Final = ipaddress.IPv6Network("2001:db8::/32")

_MAC: Final = (
    r"(?<![0-9A-Fa-f:.-])(?:[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})"
    r"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})(?![0-9A-Fa-f])"
)
_UUID: Final = r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
_V6: Final = r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%[\w.-]+)?(?![\w:])"
_V4: Final = r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)"
# Serial numbers, chip ids, the tails of MACs in names ("wled-aabbcc", "enx246f28aabbcc"): six hex digits or
# more that are not a word. Without a digit it may well be one ("decade", "facade").
_HEX: Final = r"(?<![0-9A-Za-z])(?:(?:en|wl|ww)x)?(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{6,}(?![0-9A-Za-z])"
_PATTERNS: Final = f"(?P<uuid>{_UUID})|(?P<mac>{_MAC})|(?P<v6>{_V6})|(?P<v4>{_V4})|(?P<hex>{_HEX})"

# What may stand before twelve hex digits that are a MAC: nothing, or systemd's names of interfaces ("enx246f28aabbcc").
_MAC_PREFIXES: Final = ("", "enx", "wlx", "wwx")

# Claims whose values belong to one household; other claims name products.
_PERSONAL: Final = frozenset({"name", "hostname", "label", "identity"})


def redact(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with MACs, names, identifiers and addresses replaced by stable pseudonyms.

    MACs keep the vendor's prefix, addresses come from the documentation ranges, notes are counted only, raw signals
    are left out. Families, models, versions, ports, times and the sentences of the evidence stay.
    """
    stand_ins = _StandIns()
    devices = [_device(device, stand_ins) for device in sorted(snapshot.devices, key=lambda device: device.id)]
    scan = snapshot.scan._replace(
        interfaces=tuple(
            ScanInterface(
                name=stand_ins.scrub(one.name, ()), address=stand_ins.address(one.address), network=stand_ins.network(one.network)
            )
            for one in snapshot.scan.interfaces
        ),
    )
    return replace(snapshot, scan=scan, devices=tuple(sorted(devices, key=lambda device: device.id)))


class _StandIns:
    """The pseudonyms given so far."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._tails: dict[str, str] = {}
        """The last three bytes of each MAC, which names often end in, with those of its pseudonym."""

    def numbered(self, kind: str, value: str) -> str:
        """Return "kind-7" for the value, compared without case; "" stays ""."""
        if not value.strip():
            return ""
        key = (kind, value.casefold())
        if key not in self._given:
            self._given[key] = f"{kind}-{self._next(kind)}"
        return self._given[key]

    def host(self, value: str) -> str:
        """Return a stand-in for a host name; ".local" stays, and a host called like a device gets its name."""
        bare = value.removesuffix(".").removesuffix(".local")
        return self.numbered("name", bare) + value[len(bare) :] if bare else ""

    def mac(self, value: str) -> str:
        """Return a MAC with the vendor's prefix and a number; a locally administered one, which has no vendor, keeps none."""
        mac = canonical_mac(value)
        if not mac:
            return self.numbered("id", value)
        if ("mac", mac) not in self._given:
            prefix = "02:00:00" if int(mac[:2], 16) & 2 else mac[:8]
            number = self._next("mac") & 0xFFFFFF
            own = number.to_bytes(3, "big")
            self._given["mac", mac] = f"{prefix}:{own.hex(':')}"
            self._tails[mac[9:].replace(":", "")] = own.hex()
        return self._given["mac", mac]

    def address(self, value: str) -> str:
        """Return a documentation address; what is no address gets a number."""
        try:
            parsed = ipaddress.ip_address(value.partition("%")[0])
        except ValueError:
            return self.numbered("address", value)
        key = ("address", str(parsed))
        if key not in self._given:
            self._given[key] = self._nth_ipv4() if parsed.version == 4 else str(_IPV6[self._next("v6")])
        return self._given[key]

    def network(self, value: str) -> str:
        """Return a documentation network with the prefix length of the real one."""
        address, slash, length = value.partition("/")
        try:
            version = ipaddress.ip_address(address).version
        except ValueError:
            return self.numbered("network", value)
        base = str(_IPV4[0].network_address) if version == 4 else str(_IPV6.network_address)
        return f"{base}{slash}{length}"

    def scrub(self, value: str, known: Iterable[str]) -> str:
        """Replace what looks like a MAC, an address or a serial number, and every text of ``known``."""
        words = sorted({one.strip() for one in known if one.strip()}, key=lambda one: (-len(one), one))
        literal = "|".join(re.escape(one) for one in words)
        pattern = f"(?P<known>(?<!\\w)(?:{literal})(?!\\w))|{_PATTERNS}" if literal else _PATTERNS
        return re.sub(pattern, self._replace, text(value), flags=re.IGNORECASE)

    def _replace(self, match: re.Match[str]) -> str:
        found = match[0]
        mac = canonical_mac(found[-12:]) if found[:-12].lower() in _MAC_PREFIXES else ""
        match match.lastgroup:
            case _ if found.lower() in self._tails:
                stand_in = self._tails[found.lower()]
            case "mac":
                stand_in = self.mac(found)
            case "v4":
                stand_in = self.address(found)
            case "v6":
                # "::" alone and times of day are no addresses.
                stand_in = self.address(found) if _is_address(found) else found
            case "hex" if mac:
                stand_in = found[:-12] + self.mac(mac).replace(":", "")
            case "hex" | "uuid":
                stand_in = self.numbered("id", found)
            case _:
                stand_in = self.host(found)
        return stand_in

    def _next(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]

    def _nth_ipv4(self) -> str:
        number = self._next("v4")
        for network in _IPV4:
            usable = network.num_addresses - 2
            if number <= usable:
                return str(network[number])
            number -= usable
        return "198.19.255.255"


def _device(device: Device, stand_ins: _StandIns) -> Device:
    known = _known(device)
    firmware = device.firmware

    def scrub(value: str) -> str:
        return stand_ins.scrub(value, known)

    return replace(
        device,
        id=_identifier(device.id, stand_ins),
        name=stand_ins.host(device.name),
        label=stand_ins.numbered("label", device.label),
        notes=("(note)",) * len(device.notes),
        tags=tuple(stand_ins.numbered("tag", tag) for tag in device.tags),
        interfaces=tuple(stand_ins.scrub(name, ()) for name in device.interfaces),
        hostname=stand_ins.host(device.hostname),
        addresses=tuple(stand_ins.address(address) for address in device.addresses),
        mac=stand_ins.mac(device.mac) if device.mac else "",
        kind=scrub(device.kind),
        model=scrub(device.model),
        chip=scrub(device.chip),
        firmware=replace(firmware, name=scrub(firmware.name)) if firmware else None,
        listeners=tuple(replace(one, service=scrub(one.service)) for one in device.listeners),
        ota=replace(device.ota, note=scrub(device.ota.note)) if device.ota else None,
        evidence=tuple(_evidence(one, stand_ins, known) for one in device.evidence),
        signals=(),
    )


def _evidence(evidence: Evidence, stand_ins: _StandIns, known: Iterable[str]) -> Evidence:
    value = evidence.value
    if evidence.claim == "identity":
        value = _identifier(value, stand_ins)
    elif evidence.claim in _PERSONAL:
        value = stand_ins.host(value)
    elif evidence.claim == "mac":
        value = stand_ins.mac(value)
    elif evidence.claim != "firmware_version":
        value = stand_ins.scrub(value, known)
    return replace(evidence, value=value, why=stand_ins.scrub(evidence.why, known))


def _identifier(value: str, stand_ins: _StandIns) -> str:
    """Return a device id or vendor id with its private part replaced."""
    kind, colon, rest = value.partition(":")
    match kind if colon else "":
        case "mac":
            return f"mac:{stand_ins.mac(rest)}"
        case "mdns":
            interface, _, rest = rest.partition("/")
            service, _, instance = rest.partition("/")
            return f"mdns:{stand_ins.scrub(interface, ())}/{service}/{stand_ins.host(instance)}"
        case "addr":
            interface, _, rest = rest.partition("/")
            address, sign, epoch = rest.partition("#")
            mac = canonical_mac(epoch)
            return f"addr:{stand_ins.scrub(interface, ())}/{stand_ins.address(address)}{sign}{stand_ins.mac(mac) if mac else epoch}"
        case "id":
            return f"id:{stand_ins.numbered('id', rest)}"
        case _:
            return stand_ins.numbered("id", value)


def _known(device: Device) -> list[str]:
    """Return the texts of this device that belong to its household, wherever they may be quoted."""
    found = [device.name, device.hostname, device.label, *device.tags]
    found += [one.value for one in device.evidence if one.claim in _PERSONAL]
    kind, _, rest = device.id.partition(":")
    if kind == "mdns":
        found.append(rest.split("/", 2)[-1])
    elif kind == "id":
        found.append(rest)
    found += [mac[9:].replace(":", "") for mac in (device.mac, rest if kind == "mac" else "") if mac]
    for signal in device.signals:
        found += [signal.text(key) for key in ("instance", "host", "name", "identifier", "title", "usn", "location")]
    found += [one.removesuffix(".").removesuffix(".local") for one in found]
    # A device that is simply called "WLED" gives nothing away, and every sentence about WLED would suffer.
    common = {text(one).casefold() for one in (device.family.title, device.family.id, device.vendor, device.model, device.chip)}
    return [one for one in dict.fromkeys(map(text, found)) if one.casefold() not in common]


def _is_address(value: str) -> bool:
    try:
        return bool(int(ipaddress.ip_address(value.partition("%")[0])))
    except ValueError:
        return False
