"""TCP connects that harm nobody: to three ports only, closed at once.

3197 and 3199 are normally *remote* ports of Digi's device cloud: a device that listens there is a
finding. 80 tells that there is a web server to ask (see http.py). Not here, because a mere connect has
side effects (facts: ota and gear): 3232, 8266, 2040 (ESPHome before 2025.9 logs an error, runs triggers
or restarts), 6053, 4257, 6668 (few clients: a connect may drop another one), 502.
"""

from __future__ import annotations

import asyncio
from typing import Final

from discover.model.network import Interface
from discover.model.signal import Field, Source
from discover.net.api import Network, TcpOutcome
from discover.net.emitter import Emitter

TCP_PORTS: Final = (80, 3197, 3199)
TIMEOUT: Final = 2.5
"""Seconds for one connect: the kernel repeats a lost SYN after 1 s."""
SPACING: Final = 0.06

_KINDS: Final = {TcpOutcome.OPEN: "tcp.open", TcpOutcome.REFUSED: "tcp.refused", TcpOutcome.SILENT: "tcp.silent"}


async def connect_host(
    network: Network, interface: Interface, emit: Emitter, address: str, *, slots: asyncio.Semaphore, ports: tuple[int, ...] = TCP_PORTS
) -> None:
    """Connect to each port once and emit tcp.open, tcp.refused or tcp.silent.

    A port that cannot be reached (an ICMP error, no route) is silent with a ``reason``. ``slots`` bounds
    the sockets of the whole scan. Raises NetworkError where the system refuses.
    """

    async def one(port: int, delay: float) -> None:
        await network.clock.sleep(delay)
        async with slots:
            outcome, stream = await network.tcp(interface, address, port, purpose="is the port open (connect)", timeout=TIMEOUT)
        if stream is not None:
            stream.close()
        fields: dict[str, Field] = {"port": port}
        if outcome is TcpOutcome.UNREACHABLE:
            fields["reason"] = "unreachable"
        emit(Source.TCP, _KINDS.get(outcome, "tcp.silent"), address, fields)

    async with asyncio.TaskGroup() as group:
        for index, port in enumerate(ports):
            group.create_task(one(port, index * SPACING))
