"""What happens between us and each scripted host: loss, delay, ICMP limits, ARP. The same every time, for the same seed."""

from __future__ import annotations

from random import Random
from typing import Final

from discover.net.fake.hosts import FakeHost
from discover.net.pace import Bucket
from discover.net.virtual import VirtualClock

ARP_TRIES: Final = 3
"""Linux asks so often, a second apart (mcast_solicit, arp(7)), and then gives up."""


class Air:
    """The state of every host's path. Each host has a random sequence of its own, so that one more host changes no other's."""

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self._randoms: dict[str, Random] = {}
        self._reached: dict[str, int] = {}
        self._icmp_sent: dict[str, int] = {}
        self._icmp: dict[str, Bucket] = {}

    def _random(self, host: FakeHost) -> Random:
        found = self._randoms.get(host.address)
        if found is None:
            found = self._randoms[host.address] = Random(f"{self._seed} {host.address}")  # noqa: S311 - a script, no secret
        return found

    def drops(self, host: FakeHost) -> bool:
        """Tell whether one packet, either way, is lost by chance."""
        return host.loss > 0 and self._random(host).random() < host.loss

    def loses(self, host: FakeHost) -> bool:
        """Tell whether this datagram to the host is lost: one of the first ``loses``, or by chance."""
        self._reached[host.address] = self._reached.get(host.address, 0) + 1
        return self._reached[host.address] <= host.loses or self.drops(host)

    def delay(self, host: FakeHost) -> float:
        """Return the seconds until this answer of the host is back."""
        if isinstance(host.delay, tuple):
            return self._random(host).uniform(*host.delay)
        return host.delay(self._random(host)) if callable(host.delay) else host.delay

    def refuses(self, host: FakeHost) -> bool:
        """Tell whether the host sends an ICMP error for a datagram to a closed port."""
        if not host.icmp:
            return False
        if host.icmp_burst is not None:
            bucket = self._icmp.get(host.address)
            if bucket is None:
                bucket = self._icmp[host.address] = Bucket(host.icmp_rate, host.icmp_burst)
            if bucket.wait(self._clock.mono()) > 0:
                return False
            bucket.spend(self._clock.mono())
        sent = self._icmp_sent[host.address] = self._icmp_sent.get(host.address, 0) + 1
        return host.icmp_limit is None or sent <= host.icmp_limit

    def arp(self, host: FakeHost) -> tuple[float, float] | None:
        """Return how long the kernel asks in vain before the ARP request that is answered, and the answer's way; None where none is."""
        for tries in range(ARP_TRIES):
            if not self.drops(host) and not self.drops(host):
                return float(tries), self.delay(host) / 2
        return None
