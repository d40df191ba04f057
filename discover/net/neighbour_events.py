"""Changes of Linux's neighbour table as they happen: who answers ARP or NDP is known within milliseconds.

The kernel tells them by netlink to any user (rtnetlink(7), RTMGRP_NEIGH); nothing is sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from discover.model.network import Interface, Neighbour
from discover.net import netlink
from discover.net.api import Clock
from discover.net.drain import Drain
from discover.net.neighbours import host_row
from discover.net.sockets import raise_buffers

_MAX_DATAGRAM: Final = 4096
"""The kernel tells one neighbour a datagram, in 64 to 88 bytes (measured)."""

_Received = tuple[bytes, tuple[int, int]]
"""A datagram, and the port and groups of who sent it (netlink(7))."""


class NeighbourEvents:
    """Tells the changes of one interface's table until it is closed; needs a running event loop. Raises OSError.

    That the kernel has begun to ask is no change to it (measured). A row that is taken out of the table is not told:
    the kernel forgets what nobody has used for a while, and people delete rows; neither says anything about the host.
    """

    def __init__(self, clock: Clock, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> None:
        self._interface = interface
        self._on_change = on_change
        sock = netlink.subscribe()
        # The usual 208 KiB hold 512 changes (measured), and a burst of answers comes faster than a busy loop reads.
        raise_buffers(sock)
        self._drain: Drain[_Received] = Drain(clock, sock, partial(sock.recvfrom, _MAX_DATAGRAM), self._batch, self._error)

    def _batch(self, received: list[_Received]) -> None:
        # Port 0 is the kernel; only root could send here, too.
        rows = [row for data, (port, _) in received if port == 0 for row in netlink.changes(data)]
        for row in rows:
            neighbour = None if row.gone else host_row(row, self._interface)
            if neighbour is not None:
                self._on_change(neighbour)
            if self._drain.closed:
                return  # who was told has closed us

    def _error(self, _error: OSError) -> None:
        # ENOBUFS, the one error that is known here: the queue overflowed, and what it still holds is told next.
        self._on_change(None)

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._drain.close()


def subscribe(clock: Clock, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> NeighbourEvents | None:
    """Return the subscription, None off Linux and where the system refuses it (a sandbox without netlink)."""
    if sys.platform != "linux":
        return None
    try:
        return NeighbourEvents(clock, interface, on_change)
    except OSError:
        return None
