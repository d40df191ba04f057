"""Changes of Linux's neighbour table as they happen: who answers ARP or NDP is known within milliseconds.

The kernel tells them by netlink to any user (rtnetlink(7), RTMGRP_NEIGH); nothing is sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from discover.model.network import Interface, Neighbour
from discover.net import netlink
from discover.net.api import Clock
from discover.net.drain import Drain
from discover.net.neighbours import host_row
from discover.net.sockets import raise_buffers

FAILED: Final = "failed"
_MAX_DATAGRAM: Final = 4096
"""The kernel tells one neighbour a datagram, in 64 to 88 bytes (measured)."""

_Received = tuple[bytes, tuple[int, int]]
"""A datagram, and the port and groups of who sent it (netlink(7))."""


class NeighbourEvents:
    """Tells the changes of one interface's table until it is closed; needs a running event loop. Raises OSError.

    That the kernel has begun to ask is no change to it. A row that the table drops is not told: the kernel
    forgets what nobody has used for a while, which says nothing about the host. Nor is a failure that is told
    in one breath with the row's removal: so the kernel speaks of rows that somebody deletes (``ip neigh
    flush``), while the row of an address that did not answer stays for seconds (all measured).
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
        for neighbour in worth_telling(rows, self._interface):
            if self._drain.closed:
                return  # who was told has closed us
            self._on_change(neighbour)

    def _error(self, _error: OSError) -> None:
        # ENOBUFS, the one error that is known here: the queue overflowed, and what it still holds is told next.
        self._on_change(None)

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._drain.close()


def worth_telling(rows: Sequence[netlink.Row], interface: Interface) -> Iterable[Neighbour]:
    """Return what of ``rows``, in their order, is news of the interface's hosts; see :class:`NeighbourEvents`."""
    for position, row in enumerate(rows):
        if row.gone or (row.state == FAILED and _is_gone(row, rows[position + 1 : position + 2])):
            continue
        neighbour = host_row(row, interface)
        if neighbour is not None:
            yield neighbour


def _is_gone(row: netlink.Row, after: Sequence[netlink.Row]) -> bool:
    return any(one.gone and (one.index, one.address) == (row.index, row.address) for one in after)


def subscribe(clock: Clock, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> NeighbourEvents | None:
    """Return the subscription, None off Linux and where the system refuses it (a sandbox without netlink)."""
    if sys.platform != "linux":
        return None
    try:
        return NeighbourEvents(clock, interface, on_change)
    except OSError:
        return None
