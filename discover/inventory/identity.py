"""Identity: which voices are one device, and what the device is called in the inventory.

MAC told by the device > MAC from the neighbour table > vendor id > (interface, mDNS instance) > address
(DESIGN section 1). Everything is recomputed from the facts, so every merge and every split is undone as
soon as the facts say otherwise; each leaves evidence that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from discover.inventory.endpoint import Endpoint, Service, ServiceKey
from discover.inventory.facts import related_macs
from discover.inventory.voices import Voice, voices_at
from discover.model.device import Evidence
from discover.model.signal import Source

Key = tuple[str, ...]

# How much each kind of identity weighs, 1..100: our choice; only the order matters (DESIGN section 1).
_TOLD: Final = 95
_NEIGHBOUR: Final = 85
_VENDOR_ID: Final = 75
_INSTANCE: Final = 60
_ADDRESS: Final = 30
_WARNING: Final = 80

MANY: Final = 16
"""Addresses from which a device is said to have many. Our choice: a host with IPv6 privacy addresses has about ten."""


class Group:
    """Voices that are one device, and the evidence for putting them together or keeping them apart."""

    __slots__ = ("_span", "bridged", "evidence", "hosts", "id", "macs", "neighbours", "voices")

    def __init__(self, voice: Voice) -> None:
        """Begin with one voice."""
        self.voices = [voice]
        self.bridged: set[str] = set()
        """Neighbour MACs that stand for several devices."""
        self.evidence: list[Evidence] = []
        self.id = ""
        # Kept, not worked out anew: behind a proxy a thousand groups are compared with each other.
        self.macs: frozenset[str] = voice.macs
        """The MACs told."""
        self.hosts: frozenset[str] = voice.hosts
        """The host names told."""
        self.neighbours: frozenset[str] = frozenset([voice.neighbour] if voice.neighbour else ())
        """The MACs that the neighbour table gives."""
        self._span: tuple[float, float] | None = None

    def take(self, other: Group) -> None:
        """Take all that ``other`` has."""
        self.voices += other.voices
        self.bridged |= other.bridged
        self.evidence += other.evidence
        self.macs |= other.macs
        self.hosts |= other.hosts
        self.neighbours |= other.neighbours
        self._span = None

    @property
    def order(self) -> tuple[int, str]:
        """Who turned up first; the told MAC decides between voices of one endpoint."""
        return min((voice.endpoint.order, voice.mac) for voice in self.voices)

    @property
    def span(self) -> tuple[float, float]:
        """When it was heard first and until when anything it said holds."""
        if self._span is None:
            spans = [voice.span for voice in self.voices]
            self._span = min(first for first, _ in spans), max(until for _, until in spans)
        return self._span

    def places(self) -> str:
        """Name its addresses for people."""
        return _listing(sorted({f"{voice.endpoint.address or 'no address'} ({voice.endpoint.interface})" for voice in self.voices}))


def keys_of(endpoint: Endpoint, listed: Mapping[ServiceKey, Service]) -> set[Key]:
    """Return every key by which this endpoint can turn out to be the same device as another."""
    keys: set[Key] = {("at", endpoint.interface, endpoint.address or str(endpoint.order))}
    if endpoint.mac:
        keys.add(("mac", endpoint.mac))
    for held in [*endpoint.answers, *(service.held for service in endpoint.services.values())]:
        keys.update(("mac", mac) for mac in held.facts.macs)
        keys.update(("id", value) for value in held.facts.ids)
    for key, service in [*endpoint.services.items(), *endpoint.moved.items(), *listed.items()]:
        keys.add(("service", *key))
        if service.held.facts.host:
            keys.add(("host", key[0], service.held.facts.host))
    return keys


def partition(endpoints: Sequence[Endpoint], listed: Callable[[Endpoint], Mapping[ServiceKey, Service]]) -> list[Group]:
    """Return the devices behind endpoints that share keys, each with its id; endpoints without a sign of life are left out."""
    groups = []
    for endpoint in endpoints:
        voices = [voice for voice in voices_at(endpoint, listed(endpoint)) if voice.alive]
        fresh = [Group(voice) for voice in voices]
        if len(fresh) > 1:
            _say_several_voices(endpoint, fresh)
        groups += fresh
    groups = _merge_told(groups)
    groups = _merge_services(groups)
    groups = _merge_neighbours(groups)
    groups = _merge_ids(groups)
    _say_conflicts(groups)
    _name(groups)
    return groups


def _merge_told(groups: list[Group]) -> list[Group]:
    """Merge what tells the same MAC, unless other host names speak against it."""
    for mac in sorted({mac for group in groups for mac in group.macs}):
        same = [group for group in groups if mac in group.macs]
        clusters: list[Group] = []
        for group in same:
            into = next((one for one in clusters if not _hosts_contradict(one, group)), None)
            if into is None:
                clusters.append(group)
            else:
                groups = _join(groups, into, group, why=f"they tell the same MAC address {mac}", rule="inventory.merge-told", weight=_TOLD)
        if len(clusters) > 1:
            for group in clusters:
                group.evidence.append(
                    _warning(
                        group,
                        mac,
                        "inventory.same-mac-other-name",
                        f"{len(clusters)} devices with different host names tell the MAC address {mac}: "
                        "a proxy or a clone, so they are kept apart",
                    )
                )
    return groups


def _merge_services(groups: list[Group]) -> list[Group]:
    """Merge addresses that one mDNS record names together, or that one mDNS name has had one after the other."""
    shared: dict[Key, list[Voice]] = {}
    for group in groups:
        for voice in group.voices:
            for key in _mdns_keys(voice):
                shared.setdefault(key, []).append(voice)
    for key in sorted(key for key, voices in shared.items() if len(voices) > 1):
        for voice in shared[key][1:]:
            one = _group_of(groups, shared[key][0])
            other = _group_of(groups, voice)
            if one is other or _macs_contradict(one, other) or _neighbours_contradict(one, other) or _hosts_contradict(one, other):
                continue
            name = key[-1]
            groups = _join(groups, one, other, why=f"mDNS announces both as {name!r}", rule="inventory.merge-mdns", weight=_INSTANCE)
    return groups


def _merge_neighbours(groups: list[Group]) -> list[Group]:
    """Merge addresses behind one neighbour MAC, unless anything says that a bridge stands there."""
    for mac in sorted({mac for group in groups for mac in group.neighbours}):
        same = [group for group in groups if mac in group.neighbours]
        if _is_bridge(same, mac):
            why = (
                f"the neighbour table gives the MAC address {mac} for {len(same)} devices that say they are different: "
                "a repeater, bridge or proxy stands between, so they are kept apart"
            )
            for group in same:
                group.bridged.add(mac)
                group.evidence.append(_warning(group, mac, "inventory.bridge", why))
            continue
        into = same[0]
        for group in same[1:]:
            groups = _join(
                groups, into, group, why=f"the neighbour table gives both {mac}", rule="inventory.merge-neighbour", weight=_NEIGHBOUR
            )
        for group in [one for one in groups if mac in one.macs and one is not into]:
            if not (_macs_contradict(into, group) or _hosts_contradict(into, group)):
                why = f"one tells the MAC address {mac}, the neighbour table gives it for the other"
                groups = _join(groups, into, group, why=why, rule="inventory.merge-neighbour", weight=_NEIGHBOUR)
        if len(same) > MANY:
            why = (
                f"the neighbour table gives the MAC address {mac} for {len(same)} addresses: one device with many addresses, "
                "or a router that answers for all of them (proxy ARP), and what is behind it cannot be told apart"
            )
            into.evidence.append(_warning(into, mac, "inventory.many-addresses", why))
    return groups


def _is_bridge(same: Sequence[Group], mac: str) -> bool:
    """Tell whether devices behind one neighbour MAC contradict each other, or tell a MAC that is not this one."""
    if len(same) < 2:
        return False
    if any(group.macs and not _belongs(group, mac) for group in same):
        return True
    telling = [group for group in same if group.macs or group.hosts]  # the others contradict nobody
    pairs = ((one, other) for index, one in enumerate(telling) for other in telling[index + 1 :])
    return any(_macs_contradict(one, other) or _hosts_contradict(one, other) for one, other in pairs)


def _merge_ids(groups: list[Group]) -> list[Group]:
    """Merge what tells the same vendor id, unless any stronger identity speaks against it."""
    values = {value for group in groups for voice in group.voices for value in voice.ids}
    for value in sorted(values):
        same = [group for group in groups if any(value in voice.ids for voice in group.voices)]
        for group in same[1:]:
            one = same[0]
            if not (_macs_contradict(one, group) or _neighbours_contradict(one, group) or _hosts_contradict(one, group)):
                groups = _join(
                    groups, one, group, why=f"they tell the same identifier {value}", rule="inventory.merge-id", weight=_VENDOR_ID
                )
    return groups


def _mdns_keys(voice: Voice) -> set[Key]:
    keys: set[Key] = set()
    for service in voice.services:
        keys.add(("service", *service.key))
        if service.held.facts.host:
            keys.add(("host", service.key[0], service.held.facts.host))
    if voice.whole:
        keys.update(("service", *key) for key, service in voice.listed.items() if service.word().until > voice.first)
        # A name that has moved on speaks for this address only while nobody else does.
        if not voice.hosts and not voice.macs:
            keys.update(("service", *key) for key in voice.endpoint.moved)
    return keys


def _hosts_contradict(one: Group, other: Group) -> bool:
    """Tell whether both told host names at the same time, and none in common: a device renamed later is still itself."""
    mine, theirs = one.hosts, other.hosts
    if not mine or not theirs or mine & theirs:
        return False
    first, until = one.span
    start, end = other.span
    return first < end and start < until


def _macs_contradict(one: Group, other: Group) -> bool:
    mine, theirs = one.macs, other.macs
    return bool(mine and theirs) and not any(related_macs(a, b) for a in mine for b in theirs)


def _neighbours_contradict(one: Group, other: Group) -> bool:
    mine, theirs = one.neighbours, other.neighbours
    return bool(mine and theirs) and not mine & theirs


def _belongs(group: Group, mac: str) -> bool:
    return any(related_macs(mac, told) for told in group.macs)


def _join(groups: list[Group], into: Group, other: Group, *, why: str, rule: str, weight: int) -> list[Group]:
    """Put ``other`` into ``into`` and say why."""
    if len(into.voices) >= MANY:  # a sentence for each of a thousand addresses, naming all before it, tells nobody anything
        into.take(other)
    else:
        places = f"{into.places()} and {other.places()}" if into.places() != other.places() else into.places()
        sign = _sign(other)
        when = max(_sign(into).when, sign.when)
        why = f"{places}: one device, for {why}"
        into.take(other)
        into.evidence.append(Evidence(claim="identity", value="", weight=weight, rule=rule, source=sign.source, when=when, why=why))
    return [group for group in groups if group is not other]


def _group_of(groups: Iterable[Group], voice: Voice) -> Group:
    return next(group for group in groups if voice in group.voices)


class _Sign:
    """Where a piece of identity evidence comes from."""

    __slots__ = ("source", "when")

    def __init__(self, source: Source, when: float) -> None:
        self.source = source
        self.when = when


def _sign(group: Group, *, mac: str = "", identifier: str = "") -> _Sign:
    """Return source and time of the newest signal that tells the MAC or id, else of the first sign of life."""
    signals = [signal for voice in group.voices if (signal := voice.witness(mac, identifier)) is not None]
    if signals:
        newest = max(signals, key=lambda signal: signal.when)
        return _Sign(newest.source, newest.when)
    words = [word for voice in group.voices for word in voice.words()]
    if not words:
        return _Sign(Source.SCAN, max(voice.first for voice in group.voices))
    if mac:
        words = [word for word in words if word.source is Source.NEIGHBOUR] or words
    newest_word = max(words, key=lambda word: (word.last, word.source))
    return _Sign(newest_word.source, newest_word.last)


def _warning(group: Group, value: str, rule: str, why: str) -> Evidence:
    sign = _sign(group, mac=value)
    return Evidence(claim="warning", value=value, weight=_WARNING, rule=rule, source=sign.source, when=sign.when, why=why)


def _say_several_voices(endpoint: Endpoint, groups: list[Group]) -> None:
    told = sorted({mac for group in groups for mac in group.macs})
    for group in groups:
        group.evidence.append(
            _warning(
                group,
                endpoint.address,
                "inventory.several-macs",
                f"the address {endpoint.address} tells {len(told)} unrelated MAC addresses ({_listing(told)}): "
                "a bridge, or one device after another; kept apart",
            )
        )


def _say_conflicts(groups: list[Group]) -> None:
    """Warn where two MACs answered for one address in turn: both cannot keep it."""
    at: dict[tuple[str, str], list[tuple[Group, Endpoint]]] = {}
    for group in groups:
        for voice in group.voices:
            endpoint = voice.endpoint
            if endpoint.mac and Source.NEIGHBOUR in endpoint.heard and voice.neighbour:
                at.setdefault((endpoint.interface, endpoint.address), []).append((group, endpoint))
    for (interface, address), rivals in sorted(at.items()):
        ordered = sorted(rivals, key=lambda rival: rival[1].order)
        for index, (group, earlier) in enumerate(ordered):
            for other, later in ordered[index + 1 :]:
                if earlier.heard[Source.NEIGHBOUR][0] > later.first:
                    why = f"{earlier.mac} and {later.mac} answer in turn for {address} on {interface}: two devices use one address"
                    for one in {id(group): group, id(other): other}.values():
                        one.evidence.append(_warning(one, address, "inventory.address-conflict", why))


def _name(groups: list[Group]) -> None:
    """Give every group its id; where two could have the same, the one that the neighbour table confirms has it."""
    taken: set[str] = set()
    for group in sorted(groups, key=lambda one: (not (one.macs & one.neighbours), one.order)):
        for name, evidence in _candidates(group):
            if name not in taken:
                taken.add(name)
                group.id = name
                group.evidence.insert(0, evidence)
                break
        group.evidence[:] = [replace(one, value=group.id) if one.claim == "identity" and not one.value else one for one in group.evidence]


def _candidates(group: Group) -> Iterable[tuple[str, Evidence]]:
    """Yield the names the group may have, best first; the last one is its alone."""
    for mac in _told_in_order(group):
        why = f"it tells its own MAC address {mac}: the same device wherever its address moves"
        extra = sorted(group.neighbours - group.macs - group.bridged)
        if extra and not any(related_macs(mac, other) for other in extra):
            why = f"it tells its own MAC address {mac}; frames come from {_listing(extra)}, which stands between or is its other interface"
        yield f"mac:{mac}", _identity(group, f"mac:{mac}", _TOLD, "inventory.mac-told", why, mac=mac)
    for mac in sorted(group.neighbours - group.bridged):
        why = f"the neighbour table gives the MAC address {mac}; the device itself tells none"
        yield f"mac:{mac}", _identity(group, f"mac:{mac}", _NEIGHBOUR, "inventory.mac-neighbour", why, mac=mac)
    for value in sorted(value for voice in group.voices for value in voice.ids):
        why = f"it tells the identifier {value}; no MAC address is known to be its own"
        yield f"id:{value}", _identity(group, f"id:{value}", _VENDOR_ID, "inventory.vendor-id", why, identifier=value)
    services = [service for voice in group.voices if (service := voice.best_service) is not None]
    for service in sorted(services, key=lambda one: one.key):
        interface, kind, instance = service.key
        name = f"mdns:{interface}/{kind}/{instance}"
        why = f"no MAC address is known to be its own; it is told apart by its mDNS name, which is unique on {interface} alone"
        yield name, _identity(group, name, _INSTANCE, "inventory.mdns-instance", why)
    endpoint = min((voice.endpoint for voice in group.voices), key=lambda one: one.order)
    why = "only its address is known, and DHCP may give that to another device"
    plain = f"addr:{endpoint.interface}/{endpoint.address}"
    for name in (plain, f"{plain}#{endpoint.mac or endpoint.order}", f"{plain}#{'.'.join(map(str, group.order))}"):
        yield name, _identity(group, name, _ADDRESS, "inventory.address", why)


def _told_in_order(group: Group) -> list[str]:
    """Return the told MACs, the one that the neighbour table confirms first, then each voice's base MAC."""
    best = {voice.mac for voice in group.voices if voice.mac}
    return sorted(group.macs, key=lambda mac: (mac not in group.neighbours, mac not in best, mac))


def _identity(group: Group, value: str, weight: int, rule: str, why: str, *, mac: str = "", identifier: str = "") -> Evidence:
    sign = _sign(group, mac=mac, identifier=identifier)
    return Evidence(claim="identity", value=value, weight=weight, rule=rule, source=sign.source, when=sign.when, why=why)


def _listing(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
