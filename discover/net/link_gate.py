"""How packets that never wait pass the gate: until the gate has its own way."""

# ruff: noqa: SLF001 - it stands in for two methods that the gate is about to get

from __future__ import annotations

from dataclasses import replace

from discover.model.network import Packet
from discover.net.gate import Gate, parse_address


def wait(gate: Gate, address: str, *, liveness: bool) -> float:
    """Return the seconds until a packet to ``address`` may leave: 0.0 where it may now. Raises NotPrivateError."""
    del liveness
    gate.check(address)
    now = gate._clock.mono()
    return max(gate._pace.host_wait(str(parse_address(address)), now), gate._pace.overall_wait(now))


def note(gate: Gate, packet: Packet, *, liveness: bool) -> None:
    """Count a packet that has just left, and write it into the ledger."""
    del liveness
    now = gate._clock.mono()
    gate._pace.spend(str(parse_address(packet.to)), now)
    gate._ledger.record(replace(packet, mono=now))
