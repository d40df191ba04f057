"""A simulated device as data: who it is, what it announces and speaks, and what espied must conclude."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from discover.demo.announcer import Service
from discover.model.device import Confidence


class Server(Protocol):
    """One simulated service of a device."""

    log: list[str]

    async def start(self) -> None:
        """Begin to serve. Raises NetworkError where a port cannot be had."""
        ...

    async def close(self) -> None:
        """End; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """Where a device stands: its address, the port of its web server, and the address that reaches all."""

    address: str
    web_port: int
    broadcast: str


Part = Callable[[Site], Server]
Announcements = Callable[[Site], tuple[Service, ...]]


class Departure(StrEnum):
    """How a device leaves in the course of the demo."""

    STAYS = "stays"
    SLEEPS = "sleeps"
    """Falls silent without goodbye, as a battery-powered device does."""
    GOODBYE = "goodbye"
    """Withdraws its mDNS records, as on a restart or an orderly shutdown."""
    POWER_CUT = "power-cut"
    """Vanishes without goodbye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDevice:
    """One device of the demo LAN.

    ``number`` is the last byte of its address; ``family``, ``confidence``, ``name`` and ``mac`` are what
    espied must conclude ("" where it cannot know); ``leaves_after`` is in seconds from the start.
    """

    key: str
    number: int
    family: str
    name: str
    notes: str
    confidence: Confidence = Confidence.CERTAIN
    mac: str = ""
    hostname: str = ""
    parts: tuple[Part, ...] = ()
    announces: Announcements = lambda _site: ()
    departure: Departure = Departure.STAYS
    leaves_after: float = 0.0
