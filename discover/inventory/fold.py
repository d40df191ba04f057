"""The fold: signals in, devices out. A pure function of the sequence of signals and of ``now``.

Replaying a recording reproduces the inventory byte for byte: no clock, no randomness, no I/O in here.
Only what a new signal touches is looked at again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.inventory.assemble import Assembled, Identify, assemble
from discover.inventory.endpoint import MAX_SLOTS, Endpoint, Held, Service, ServiceKey
from discover.inventory.facts import facts_of
from discover.inventory.identity import Key, keys_of, partition
from discover.model.device import Evidence
from discover.model.scan import ScanSummary, begun, ended
from discover.model.signal import Signal
from discover.model.snapshot import Snapshot
from discover.proto.mac import canonical_mac

EvidenceFor = Callable[[Signal, Catalogue], tuple[Evidence, ...]]

_NO_SERVICES: Final[Mapping[ServiceKey, Service]] = MappingProxyType({})
_BEGUN: Final = ScanSummary()


class _Cluster:
    """Endpoints that share a key, and the devices that come of them."""

    __slots__ = ("devices", "endpoints")

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self.endpoints = endpoints
        self.devices: list[Assembled] = []


class Inventory:
    """All devices, kept up to date signal by signal.

    ``identify`` and ``evidence_for`` default to those of :mod:`discover.identify`.
    """

    def __init__(self, catalogue: Catalogue, *, identify: Identify | None = None, evidence_for: EvidenceFor | None = None) -> None:
        """Begin empty."""
        if identify is None or evidence_for is None:
            from discover import identify as default  # noqa: PLC0415 - importing the fold must not load the catalogue's machinery

            identify = identify or default.identify
            evidence_for = evidence_for or default.evidence_for
        self._catalogue = catalogue
        self._identify = identify
        self._evidence_for = evidence_for
        self._epochs: dict[tuple[str, str, str], Endpoint] = {}
        self._current: dict[tuple[str, str], Endpoint] = {}
        self._interfaces: dict[str, dict[str, Endpoint]] = {}
        self._services: dict[ServiceKey, Service] = {}
        self._listed: dict[tuple[str, str], dict[ServiceKey, Service]] = {}
        self._count = 0
        self._scan = 0
        self._started: Signal | None = None
        self._summary = _BEGUN
        self._newest = -math.inf
        self._dirty: dict[Endpoint, None] = {}
        # Tuples, not sets: nearly every key has one endpoint, and 10,000 devices have 80,000 keys.
        self._index: dict[Key, tuple[Endpoint, ...]] = {}
        self._keys: dict[Endpoint, tuple[Key, ...]] = {}
        self._clusters: dict[Endpoint, _Cluster] = {}

    def add(self, signal: Signal) -> None:
        """Take one signal. Cheap: what follows from it is worked out by the next :meth:`snapshot`."""
        self._newest = max(self._newest, signal.when)
        match signal.kind:
            case "scan.started":
                self._scan += 1
                self._started = signal
                self._summary = begun(signal)
            case "scan.finished":
                self._started, self._summary = None, ended(self._summary, signal)
            case "mdns.service":
                self._announce(signal)
            case "mdns.goodbye" | "mdns.expired":
                self._end(signal)
            case "neighbour.seen":
                self._neighbour(signal)
            case _:
                self._answer(signal)

    def snapshot(self, now: float | None = None) -> Snapshot:
        """Return all devices at ``now`` (Unix seconds), which defaults to the time of the newest signal.

        A device that nothing has changed is the same object as in the last snapshot.
        """
        if now is None:
            now = self._newest if self._newest > -math.inf else 0.0
        self._regroup()
        devices = []
        for cluster in {id(cluster): cluster for cluster in self._clusters.values()}.values():
            devices += [assembled.at(now) for assembled in cluster.devices]
        devices.sort(key=lambda device: device.id)
        return Snapshot(generated=now, scan=self._scan_at(now), devices=tuple(devices))

    # Where a signal belongs

    def _held(self, signal: Signal) -> Held:
        evidence = self._evidence_for(signal, self._catalogue)
        return Held(signal, self._scan, facts_of(signal, evidence), evidence)

    def _answer(self, signal: Signal) -> None:
        interface = signal.interface or self._interface_of(signal.peer)
        endpoint = self._current.get((interface, signal.peer))
        if endpoint is None and signal.kind in ("neighbour.failed", "udp.unreachable"):
            return  # an address where nobody ever was is no device; a sweep finds thousands of them
        held = self._held(signal)
        endpoint = self._endpoint(interface, signal.peer, held.facts.macs)
        endpoint.hold(held)
        self._dirty[endpoint] = None

    def _neighbour(self, signal: Signal) -> None:
        mac = canonical_mac(signal.text("mac"))
        if not mac:
            return
        place = (signal.interface, signal.peer)
        endpoint = self._current.get(place)
        if endpoint is not None and endpoint.mac != mac:
            if endpoint.mac == "" and self._may_adopt(endpoint, signal.when):
                self._forget_epoch(endpoint)
                endpoint.mac = mac
                self._epochs[*place, mac] = endpoint
            else:
                endpoint = None
        if endpoint is None:
            endpoint = self._epochs.get((*place, mac)) or self._create(*place, mac)
            self._touch_at(place)
            self._current[place] = endpoint
        endpoint.hold(self._held(signal))
        self._dirty[endpoint] = None

    @staticmethod
    def _may_adopt(endpoint: Endpoint, when: float) -> bool:
        """Tell whether what was heard at an address is young enough to be of the MAC that now turns up there."""
        return not endpoint.alive or endpoint.span[1] >= when

    def _announce(self, signal: Signal) -> None:
        key = _service_key(signal)
        held = self._held(signal)
        addresses = list(dict.fromkeys(address for address in (signal.peer, *signal.items("addresses")) if address))
        # The peer is the one that we can reach; addresses of the device's other networks (172.17.0.1) are many devices'.
        address = addresses[0] if addresses else ""
        service = self._services.get(key)
        if service is not None and service.held.signal.when > signal.when:
            return
        if address:
            home = self._endpoint(signal.interface, address, held.facts.macs)
        elif service is not None:
            home = service.home  # a record without an address says nothing about where it is
        else:
            home = self._create(signal.interface, "", "")
        if service is None:
            service = self._services[key] = Service(key, held, home)
        else:
            self._unlist(service)
            if service.home is not home:
                self._move(service, addresses)
            service.held = held
            service.home = home
        home.announce(service)
        home.moved.pop(key, None)
        for one in addresses:
            listed = self._listed.setdefault((signal.interface, one), {})
            if key in listed or len(listed) < MAX_SLOTS:  # invented names, all with the addresses of others, end here
                listed[key] = service
            self._touch_at((signal.interface, one))
        self._dirty[home] = None

    def _move(self, service: Service, addresses: Sequence[str]) -> None:
        """Take a service from its old home; remember that it was there where the address is no longer named."""
        old = service.home
        old.services.pop(service.key, None)
        if old.address == "":
            self._drop(old)
            return
        if old.address not in addresses:
            old.moved[service.key] = service
        self._dirty[old] = None

    def _end(self, signal: Signal) -> None:
        service = self._services.get(_service_key(signal))
        if service is None or signal.when < service.held.signal.when:
            return
        if signal.when >= service.ended:
            service.ended = signal.when
            service.goodbye = signal.kind == "mdns.goodbye"
        self._dirty[service.home] = None

    def _endpoint(self, interface: str, address: str, told: Sequence[str]) -> Endpoint:
        """Return the endpoint that now stands at the address; an older one where the signal tells that one's MAC."""
        current = self._current.get((interface, address))
        if current is not None and told and current.mac not in told:
            for mac in told:
                older = self._epochs.get((interface, address, mac))
                if older is not None:
                    return older
        if current is None:
            current = self._current[interface, address] = self._create(interface, address, "")
        return current

    def _create(self, interface: str, address: str, mac: str) -> Endpoint:
        endpoint = Endpoint(interface, address, self._count, mac)
        self._count += 1
        if address:
            self._epochs[interface, address, mac] = endpoint
            self._interfaces.setdefault(address, {})[interface] = endpoint
        return endpoint

    def _interface_of(self, address: str) -> str:
        """Return the interface of an address that came without one, as an OTA check by name does; "" where it is not clear."""
        known = self._interfaces.get(address, {})
        return next(iter(known)) if len(known) == 1 else ""

    def _forget_epoch(self, endpoint: Endpoint) -> None:
        self._epochs.pop((endpoint.interface, endpoint.address, endpoint.mac), None)

    def _unlist(self, service: Service) -> None:
        signal = service.held.signal
        for one in (signal.peer, *signal.items("addresses")):
            listed = self._listed.get((signal.interface, one))
            if listed and listed.pop(service.key, None):
                self._touch_at((signal.interface, one))

    def _touch_at(self, place: tuple[str, str]) -> None:
        endpoint = self._current.get(place)
        if endpoint is not None:
            self._dirty[endpoint] = None

    def _drop(self, endpoint: Endpoint) -> None:
        """Take out an endpoint without an address whose one service has found its address."""
        self._dirty.pop(endpoint, None)
        cluster = self._clusters.pop(endpoint, None)
        self._file(endpoint, ())
        if cluster is not None:
            cluster.endpoints.remove(endpoint)
            cluster.devices = []
            for other in cluster.endpoints:
                self._dirty[other] = None

    # Which endpoints are one device

    def _listing(self, endpoint: Endpoint) -> Mapping[ServiceKey, Service]:
        if self._current.get((endpoint.interface, endpoint.address)) is not endpoint:
            return _NO_SERVICES
        return self._listed.get((endpoint.interface, endpoint.address), _NO_SERVICES)

    def _regroup(self) -> None:
        """Work out again who is who among the endpoints that changed and all that share a key with them."""
        if not self._dirty:
            return
        affected = dict(self._dirty)
        for endpoint in self._dirty:
            cluster = self._clusters.get(endpoint)
            if cluster is not None:
                affected.update(dict.fromkeys(cluster.endpoints))
            self._file(endpoint, keys_of(endpoint, self._listing(endpoint)))
        self._dirty.clear()
        seen: set[Endpoint] = set()
        for start in affected:
            if start not in seen:
                self._rebuild(self._reach(start, seen))

    def _file(self, endpoint: Endpoint, keys: Collection[Key]) -> None:
        """Put the endpoint into the index under ``keys`` and under no others."""
        before = self._keys.pop(endpoint, ())
        for key in before:
            if key not in keys:
                rest = tuple(other for other in self._index[key] if other is not endpoint)
                if rest:
                    self._index[key] = rest
                else:
                    del self._index[key]
        for key in keys:
            if key not in before:
                self._index[key] = (*self._index.get(key, ()), endpoint)
        if keys:
            self._keys[endpoint] = tuple(keys)

    def _reach(self, start: Endpoint, seen: set[Endpoint]) -> list[Endpoint]:
        """Return every endpoint that shares a key with ``start``, directly or through others."""
        seen.add(start)
        found = [start]
        visited: set[Key] = set()
        for endpoint in found:
            for key in self._keys.get(endpoint, ()):
                if key in visited:
                    continue
                visited.add(key)
                for other in self._index[key]:
                    if other not in seen:
                        seen.add(other)
                        found.append(other)
        found.sort(key=lambda endpoint: endpoint.order)
        return found

    def _rebuild(self, endpoints: list[Endpoint]) -> None:
        known: dict[str, Assembled] = {}
        for endpoint in endpoints:
            old = self._clusters.get(endpoint)
            if old is not None:
                known.update({one.id: one for one in old.devices})
        cluster = _Cluster(endpoints)
        for endpoint in endpoints:
            self._clusters[endpoint] = cluster
        for group in partition(endpoints, self._listing):
            cluster.devices.append(assemble(group, known.get(group.id), self._identify, self._catalogue))

    # The scan

    def _scan_at(self, now: float) -> ScanSummary:
        """Return the newest scan; one that still runs has lasted until ``now`` and is not complete."""
        if self._started is None:
            return self._summary
        seconds = round(max(0.0, now - self._started.when), 1)
        return self._summary._replace(seconds=seconds)


def fold(
    signals: Iterable[Signal],
    catalogue: Catalogue,
    *,
    now: float | None = None,
    identify: Identify | None = None,
    evidence_for: EvidenceFor | None = None,
) -> Snapshot:
    """Return the snapshot that a sequence of signals comes to."""
    inventory = Inventory(catalogue, identify=identify, evidence_for=evidence_for)
    for signal in signals:
        inventory.add(signal)
    return inventory.snapshot(now)


def _service_key(signal: Signal) -> ServiceKey:
    return signal.interface, signal.text("type").lower(), signal.text("instance").lower()
