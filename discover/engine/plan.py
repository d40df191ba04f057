"""What a scan will do, decided before a packet is sent: interfaces, networks, addresses, time."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final, NamedTuple

from discover.errors import NoInterfaceError, NotPrivateError, UsageError
from discover.model.network import Interface, InterfaceAddress, Network
from discover.model.scan import ScanInterface
from discover.net.api import Network as NetworkApi
from discover.net.gate import ipv4_text, is_private, pack_ipv4
from discover.probe.ports import DEFAULT as DEFAULT_QUESTIONS
from discover.probe.ports import PortQuestion

MAX_ADDRESSES: Final = 1 << 16
"""Most addresses of one scan: a /16. At about 290 a second (see probe/sweep.py) that is under four minutes."""
MAX_LOOPBACK: Final = 1 << 10
"""Most loopback addresses of one scan: a /22. Every one of them answers, so every one is asked for its ports."""
NEAR_PREFIX: Final = 24
"""Where an interface's own network is larger than a scan may be, the /24 around our address is taken."""
DEFAULT_SECONDS: Final = 5.0
MAX_SECONDS: Final = 7 * 86_400.0

_LOOPBACK: Final = IPv4Network("127.0.0.0/8")
_LINK_LOCAL: Final = IPv4Network("169.254.0.0/16")


class Target:
    """The addresses to sweep through one interface.

    ``own`` is our address there, ``attached`` tells whether the network is directly attached (then ARP
    tells who is there); ``excluded`` are addresses inside ``network`` that are no hosts: ours, the
    network's own and its broadcast.
    """

    __slots__ = ("_excluded", "_first", "_mask", "attached", "excluded", "interface", "network", "own")

    def __init__(
        self,
        *,
        interface: Interface,
        network: IPv4Network,
        own: IPv4Address,
        attached: bool = True,
        excluded: frozenset[IPv4Address] = frozenset(),
    ) -> None:
        self.interface = interface
        self.network = network
        self.own = own
        self.attached = attached
        self.excluded = excluded
        # As numbers, because every address that is heard of is looked up here.
        self._first, self._mask = int(network.network_address), int(network.netmask)
        self._excluded = frozenset(int(one) for one in excluded)

    @property
    def planned(self) -> int:
        """How many addresses will be asked."""
        return self.network.num_addresses - len(self.excluded)

    def addresses(self) -> Iterator[str]:
        """Yield the addresses to ask, lowest first."""
        numbers = range(self._first, self._first + self.network.num_addresses)
        return (ipv4_text(number) for number in numbers if number not in self._excluded)

    def __contains__(self, address: str) -> bool:
        """Tell whether ``address`` is one that will be asked."""
        packed = pack_ipv4(address)
        number = int.from_bytes(packed)
        return bool(packed) and number & self._mask == self._first and number not in self._excluded


class ScanPlan(NamedTuple):
    """A scan before it runs. ``interfaces`` are listened on, ``targets`` swept; ``seconds`` is how long to listen at least.

    ``notices`` are sentences about what will not be done, and why.
    """

    interfaces: tuple[Interface, ...]
    targets: tuple[Target, ...]
    seconds: float = DEFAULT_SECONDS
    passive: bool = False
    limited: bool = False
    """The user named networks: the neighbour table counts inside them only."""
    notices: tuple[str, ...] = ()
    own: frozenset[str] = frozenset()
    """All addresses of this machine, as canonical text: what comes from there is no news."""
    questions: tuple[PortQuestion, ...] = DEFAULT_QUESTIONS
    """What each host that is found is asked; who changes it answers for what it does to the devices (see probe/ports.py)."""

    @property
    def planned(self) -> int:
        """How many addresses will be asked; 0 for a passive scan."""
        return 0 if self.passive else sum(target.planned for target in self.targets)

    @property
    def scan_interfaces(self) -> tuple[ScanInterface, ...]:
        """Interface, our address and network, one for each target and for each interface that is only listened on."""
        swept = [ScanInterface(name=one.interface.name, address=str(one.own), network=str(one.network)) for one in self.targets]
        named = {one.name for one in swept}
        for interface in self.interfaces:
            if interface.name not in named:
                first = next(iter((*interface.ipv4, *interface.ipv6)))
                swept.append(ScanInterface(name=interface.name, address=str(first.address), network=str(first.network)))
        return tuple(swept)


def plan_scan(
    network: NetworkApi,
    *,
    names: Iterable[str] = (),
    cidrs: Iterable[str | Network] = (),
    own: bool = False,
    seconds: float = DEFAULT_SECONDS,
    passive: bool = False,
) -> ScanPlan:
    """Choose interfaces, networks and addresses; nothing is sent.

    ``names``: interfaces to use whatever a default scan thinks of them; without any, all that have no
    reason to be skipped. ``cidrs``: networks to sweep instead of the interfaces' own; each must lie in a
    directly attached private network, unless ``own`` says that it is the user's. ``seconds``: how long to
    listen at least, 0 for no longer than the sweep takes.

    Raises NoInterfaceError, NotPrivateError (a foreign network), UsageError (an unknown interface, no
    network, too large a network, a bad time) and NetworkError (the interfaces cannot be listed).
    """
    if not 0 <= seconds <= MAX_SECONDS or math.isnan(seconds):
        raise UsageError(f"{seconds} is no time to listen", f"Give seconds from 0 to {MAX_SECONDS:.0f}.")
    interfaces = tuple(network.interfaces())
    wanted = tuple(dict.fromkeys(names))
    chosen = _named(interfaces, wanted) if wanted else tuple(one for one in interfaces if not one.skip and _usable(one))
    notices: list[str] = []
    ours = frozenset(one.address for face in interfaces for one in face.ipv4 if isinstance(one.address, IPv4Address))
    parsed = _parse(cidrs)
    if parsed:
        pool = chosen if wanted else (*chosen, *(one for one in interfaces if one not in chosen and one.up))
        targets = [_target(one, pool, ours, own=own, fallback=chosen) for one in parsed]
        if not wanted:
            chosen = tuple(face for face in interfaces if any(one.interface == face and one.attached for one in targets))
    else:
        if not chosen:
            raise NoInterfaceError(_why_none(interfaces), "`espied doctor` says for each interface what is missing and what to do.")
        targets = [target for face in chosen for target in _own_targets(face, ours, notices)]
    total = sum(target.planned for target in targets)
    if total > MAX_ADDRESSES:
        raise UsageError(
            f"{total} addresses are more than one scan asks ({MAX_ADDRESSES})", "Name a /16 or a smaller part of it: --network 10.1.2.0/24."
        )
    return ScanPlan(
        interfaces=chosen,
        targets=tuple(targets),
        seconds=seconds,
        passive=passive,
        limited=bool(parsed),
        notices=tuple(notices),
        own=frozenset(str(one.address) for face in interfaces for one in face.addresses),
    )


def _usable(interface: Interface) -> bool:
    return interface.up and any(is_private(one.network) for one in interface.addresses)


def _named(interfaces: Sequence[Interface], names: Sequence[str]) -> tuple[Interface, ...]:
    by_name = {one.name: one for one in interfaces}
    found = []
    for name in names:
        interface = by_name.get(name)
        if interface is None:
            raise UsageError(
                f"there is no interface {name!r} here", f"These are: {', '.join(by_name) or 'none'}. `espied doctor` explains them."
            )
        if not interface.up:
            raise NoInterfaceError(f"{name} is down", "Bring it up and try again; `espied doctor` shows all interfaces.")
        if not interface.addresses:
            raise NoInterfaceError(f"{name} has no address", "It may still wait for DHCP; `espied doctor` shows all interfaces.")
        found.append(interface)
    return tuple(found)


def _why_none(interfaces: Sequence[Interface]) -> str:
    if not interfaces:
        return "this machine has no network interface"
    reasons = "; ".join(f"{one.name}: {_reason(one)}" for one in interfaces)
    return f"no interface here can be used for discovery ({reasons})"


def _reason(interface: Interface) -> str:
    if interface.skip:
        return interface.skip.rstrip(".")
    return "it is down" if not interface.up else "it has no private address"


def _parse(cidrs: Iterable[str | Network]) -> tuple[IPv4Network, ...]:
    found: list[IPv4Network] = []
    for cidr in cidrs:
        try:
            network = ipaddress.ip_network(cidr, strict=False)  # 192.168.1.5/24 names the network that it is in
        except ValueError:
            raise UsageError(f"{cidr!r} is not a network", "Write it as address/prefix, for example 192.168.1.0/24.") from None
        if not isinstance(network, IPv4Network):
            raise UsageError(
                f"{network} is an IPv6 network, which nobody can sweep: a /64 has 2^64 addresses",
                "Leave --network out: IPv6 devices are found by mDNS and in the neighbour table.",
            )
        found.append(network)
    return tuple(ipaddress.collapse_addresses(found))


def _target(
    wanted: IPv4Network, pool: Sequence[Interface], ours: frozenset[IPv4Address], *, own: bool, fallback: Sequence[Interface]
) -> Target:
    for interface in pool:
        for one in interface.ipv4:
            if isinstance(one.network, IPv4Network) and wanted.subnet_of(one.network) and (own or is_private(one.network)):
                _check_size(wanted)
                return _attached(interface, one, wanted, ours)
    if not own:
        raise _foreign(wanted, pool)
    _check_size(wanted)
    for interface in (*fallback, *pool):
        first = next((one.address for one in interface.ipv4 if isinstance(one.address, IPv4Address)), None)
        if first is not None and not interface.loopback:
            edges = {wanted.network_address, wanted.broadcast_address} if wanted.prefixlen <= 30 else set()
            excluded = frozenset(edges | {one for one in ours if one in wanted})
            return Target(interface=interface, network=wanted, own=first, attached=False, excluded=excluded)
    raise NoInterfaceError(f"no interface with an IPv4 address leads to {wanted}", "`espied doctor` shows all interfaces.")


def _foreign(wanted: IPv4Network, pool: Sequence[Interface]) -> NotPrivateError:
    attached = ", ".join(str(one.network) for face in pool for one in face.ipv4 if is_private(one.network) and not face.loopback)
    here = f"Attached here: {attached}." if attached else "No private network is attached here."
    if is_private(wanted):
        return NotPrivateError(
            f"{wanted} lies in no network that this machine is directly attached to", f"{here} If it is yours, add --own."
        )
    return NotPrivateError(
        f"{wanted} is not a private network",
        f"espied scans directly attached private networks only. {here} If {wanted} is yours, add --own.",
    )


def _check_size(network: IPv4Network) -> None:
    if network.overlaps(_LOOPBACK) and network.num_addresses > MAX_LOOPBACK:
        raise UsageError(f"{network} is too large a part of the loopback network", "Name a /22 or less: --network 127.77.0.0/27.")
    if network.num_addresses > MAX_ADDRESSES:
        raise UsageError(f"{network} is too large to sweep", f"Name a /16 or a smaller part: --network {network.network_address}/24.")


def _own_targets(interface: Interface, ours: frozenset[IPv4Address], notices: list[str]) -> Iterator[Target]:
    others = any(one.network != _LINK_LOCAL for one in interface.ipv4 if is_private(one.network))
    seen: set[Network] = set()
    for one in interface.ipv4:
        network = one.network
        if not isinstance(network, IPv4Network) or network in seen:
            continue
        seen.add(network)
        if interface.loopback:
            notices.append(f"{interface.name}: only listened on; name the part of {network} to sweep, e.g. --network 127.77.0.0/27.")
        elif not is_private(network):
            notices.append(f"{interface.name}: {network} is a public network and is not swept; if it is yours, --network {network} --own.")
        elif network == _LINK_LOCAL and others:
            notices.append(f"{interface.name}: {network} is listened on but not swept; name it with --network to sweep it.")
        elif network.num_addresses > MAX_ADDRESSES:
            near = IPv4Network(f"{one.address}/{NEAR_PREFIX}", strict=False)
            notices.append(
                f"{interface.name}: {network} is too large to sweep; only {near}, around our address, is. Name others with --network."
            )
            yield _attached(interface, one, near, ours)
        else:
            yield _attached(interface, one, network, ours)


def _attached(interface: Interface, one: InterfaceAddress, wanted: IPv4Network, ours: frozenset[IPv4Address]) -> Target:
    whole, address = one.network, one.address
    if not isinstance(whole, IPv4Network) or not isinstance(address, IPv4Address):  # pragma: no cover - ipv4 holds only these
        raise TypeError("an IPv4 target needs an IPv4 network")
    edges = {whole.network_address, whole.broadcast_address} if whole.prefixlen <= 30 else set()  # RFC 3021: a /31 has none
    excluded = frozenset(each for each in (edges | ours) if each in wanted)
    return Target(interface=interface, network=wanted, own=address, excluded=excluded)
