"""All budgets of a scan in one place: how many packets, how fast, how many at once (DESIGN section 3, invariant 5).

The gate enforces rates, whoever sends; the sweep plans within the rest, so that it seldom waits at the gate.
"""

from __future__ import annotations

from typing import NamedTuple


class Policy(NamedTuple):
    """Budgets. Rates are packets a second, sizes packets or addresses, times seconds."""

    host_packets: int = 40
    """Most packets to one address in any ``host_window`` (the design's law: 40 in any second)."""
    host_window: float = 1.0
    overall_rate: float = 1000.0
    """Over all addresses, outside the liveness phase (the design's law)."""
    overall_burst: float = 1000.0
    liveness_rate: float = 2000.0
    """Of the liveness phase: one small datagram or ARP request an address. A /24 is asked in one burst."""
    liveness_burst: float = 1000.0

    fragile_packets: int = 16
    """Most packets in any ``host_window`` to a fragile device: one with an Espressif MAC or an update port."""
    host_probes: int = 12
    """Questions to one host that may wait for an answer at once."""
    fragile_probes: int = 3
    """Of a fragile device: lwIP keeps 6 datagrams a socket and few sockets (CONFIG_LWIP_UDP_RECVMBOX_SIZE's default)."""
    fragile_spacing: float = 0.06
    """Seconds between two questions to a fragile device."""
    connect_packets: int = 4
    """Packets of ours that a TCP connect takes if the port is open: SYN, ACK, FIN, ACK."""

    unresolved: int = 900
    """Addresses that may wait for ARP at once: Linux's table holds 1024 (gc_thresh3), and beyond it hosts are lost without an error."""
    socket_addresses: int = 180
    """Addresses asked through one socket: 256 datagrams that wait for ARP fill one (measured)."""
    active_hosts: int = 256
    """Hosts whose ports are asked at once."""
    streams: int = 128
    """TCP sockets open at once: macOS gives a process 256 files by default."""


DEFAULT = Policy()
