"""Sweep exactly the asked ports with espied's engine, and print what came when, as one line of JSON.

``python espied_sweep.py INTERFACE NETWORK [--hosts-only | --udp-only]``. The line: {"hosts": [address], "open": [key],
"maybe": [key], "closed": [key], "unanswered": ports that stayed unknown, "complete": bool, "packets": sent,
"first_packet": CLOCK_MONOTONIC seconds, "events": [[seconds after it, "open|maybe|closed|host", key]]}.
A key is "udp/30303/10.77.0.9"; "maybe" is espied's "likely".
"""

from __future__ import annotations

import argparse
import json

from discover.lean import import_asyncio, lean_process

# Before anything else, as the command does.
lean_process()
import_asyncio()

from discover.atlas.catalogue import Catalogue
from discover.engine import LiveFeed, plan_scan
from discover.model.signal import Signal
from discover.net.loop import run
from discover.net.real import RealNetwork
from discover.probe.ports import GECKO, MICROCHIP, connect, knock

UDP_PORTS = (3232, 3231, 3197, 3199, 8266, 10022, 30303)
TCP_PORTS = (80, 3232, 6053, 8266)


class Told:
    """What the engine told, each thing once."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.hosts: dict[str, float] = {}
        self.events: list[tuple[float, str, str]] = []

    def host(self, mono: float, address: str) -> None:
        if address not in self.hosts:
            self.hosts[address] = mono
            self.events.append((mono, "host", address))

    def port(self, mono: float, state: str, transport: str, port: int, address: str) -> None:
        key = f"{transport}/{port}/{address}"
        if self.states.get(key) != state:
            self.states[key] = state
            self.events.append((mono, state, key))


async def sweep_once(interface: str, network: str, udp: tuple[int, ...], tcp: tuple[int, ...]) -> dict[str, object]:
    """Sweep one network once: espied's live feed with the asked ports, no listeners and no pages.

    The only place here that knows the engine.
    """
    net = RealNetwork()
    plan = plan_scan(net, names=(interface,), cidrs=(network,), seconds=0)
    # Silence is judged at every port here, as the others do; a scan leaves the two questions that answer themselves at that.
    answered = {30303: MICROCHIP._replace(judged=True), 10022: GECKO._replace(judged=True)}
    questions = (*(answered.get(port) or knock(port) for port in udp), *map(connect, tcp))
    feed = LiveFeed(net, Catalogue(families=()), plan._replace(interfaces=(), questions=questions))
    told = Told()
    began = net.clock.mono()
    states = {"udp.reply": "open", "udp.refused": "closed", "tcp.open": "open", "tcp.refused": "closed"}

    def on_signal(signal: Signal) -> None:
        mono, address, port = net.clock.mono(), signal.peer, signal.number("port") or 0
        state = states.get(signal.kind, "maybe" if signal.kind == "udp.silent" and signal.text("control") == "refused" else "")
        transport = signal.kind[:3]
        if (signal.kind == "neighbour.seen" or state) and ":" not in address:
            told.host(mono, address)
        if state and port in (udp if transport == "udp" else tcp):
            told.port(mono, state, transport, port, address)

    summary = await feed.run(on_signal)
    return result(
        told,
        first=net.ledger.packets[0].mono if net.ledger.count else began,
        packets=net.ledger.count,
        complete=summary.complete,
        asked=len(told.hosts) * (len(udp) + len(tcp)),
    )


def result(told: Told, *, first: float, packets: int, complete: bool, asked: int) -> dict[str, object]:
    """Put the JSON line together."""
    by_state = {name: sorted(key for key, state in told.states.items() if state == name) for name in ("open", "maybe", "closed")}
    return {
        "hosts": sorted(told.hosts),
        **by_state,
        "unanswered": asked - len(told.states),
        "complete": complete,
        "packets": packets,
        "first_packet": first,
        "events": [(round(mono - first, 6), kind, key) for mono, kind, key in told.events],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("interface")
    parser.add_argument("network")
    parser.add_argument("--hosts-only", action="store_true", help="ask no port: who is there")
    parser.add_argument("--udp-only", action="store_true")
    arguments = parser.parse_args()
    udp = () if arguments.hosts_only else UDP_PORTS
    tcp = () if arguments.hosts_only or arguments.udp_only else TCP_PORTS
    print(json.dumps(run(sweep_once(arguments.interface, arguments.network, udp, tcp))))


if __name__ == "__main__":
    main()
