"""A minimal unprivileged sweep with fixed timers: the prototype whose CPU goal 9 is measured against. Nothing of espied is in it.

One datagram an address makes the kernel ask by ARP; a dump of the neighbour table tells who is there; every one
of those is asked on all ports, then a second time on those that kept silent; all waits are fixed.

``python prototype.py NETWORK OWN_ADDRESS [--liveness SECONDS] [--wait SECONDS]`` prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import json
import socket
import struct
import time

UDP_PORTS = (3232, 3231, 3197, 3199, 8266, 10022, 30303)
TCP_PORTS = (80, 3232, 6053, 8266)
PAYLOADS = {30303: b"Discovery: Who is out there?", 10022: b"<HELLO>1</HELLO>"}
KNOCK = b"1"
ADDRESSES_A_SOCKET = 200
"""256 datagrams that wait for ARP fill one socket's buffer (measured)."""
UNRESOLVED = 900
"""Below the 1024 entries of the kernel's neighbour table."""
IP_RECVERR = 11
MSG_ERRQUEUE = 0x2000
RTM_GETNEIGH, RTM_NEWNEIGH, NLMSG_DONE = 30, 28, 3
NUD_ANSWERED = 0x02 | 0x04 | 0x08 | 0x10
"""Reachable, stale, delay, probe: somebody answered (linux/neighbour.h)."""


def udp_socket(own: str) -> socket.socket:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0)
    s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    s.bind((own, 0))
    return s


def send(s: socket.socket, payload: bytes, address: str, port: int) -> None:
    for _ in range(4):
        try:
            s.sendto(payload, (address, port))
        except BlockingIOError:
            return
        except OSError:
            continue  # an ICMP error to an earlier datagram, told here once; this one was not sent
        return


def neighbours() -> set[str]:
    """Dump the kernel's neighbour table: addresses that answered ARP."""
    found: set[str] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(struct.pack("=IHHII", 28, RTM_GETNEIGH, 0x301, 1, 0) + struct.pack("=BxxxiHBB", socket.AF_INET, 0, 0, 0, 0))
        while True:
            data, at = s.recv(1 << 16), 0
            while at < len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                if kind == NLMSG_DONE:
                    return found
                if kind == RTM_NEWNEIGH and struct.unpack_from("=H", data, at + 24)[0] & NUD_ANSWERED:
                    offset = at + 28
                    while offset < at + size:
                        length, attribute = struct.unpack_from("=HH", data, offset)
                        if attribute == 1:  # NDA_DST
                            found.add(socket.inet_ntoa(data[offset + 4 : offset + 8]))
                        offset += (length + 3) & ~3
                at += (size + 3) & ~3


class Sweep:
    def __init__(self, network: str, own: str, *, liveness: float, wait: float) -> None:
        self.own, self.liveness_wait, self.wait = own, liveness, wait
        self.addresses = [str(one) for one in ipaddress.ip_network(network).hosts() if str(one) != own]
        self.hosts: set[str] = set()
        self.states: dict[str, str] = {}
        self.events: list[tuple[float, str, str]] = []
        self.began = 0.0

    def note(self, state: str, key: str) -> None:
        if self.states.get(key) != state:
            self.states[key] = state
            self.events.append((round(time.monotonic() - self.began, 6), state, key))

    def alive(self, address: str) -> None:
        if address not in self.hosts:
            self.hosts.add(address)
            self.events.append((round(time.monotonic() - self.began, 6), "host", address))

    async def liveness(self) -> None:
        self.began = time.monotonic()
        for first in range(0, len(self.addresses), UNRESOLVED):
            sockets = []
            for begin in range(first, min(first + UNRESOLVED, len(self.addresses)), ADDRESSES_A_SOCKET):
                s = udp_socket(self.own)
                sockets.append(s)
                for address in self.addresses[begin : begin + ADDRESSES_A_SOCKET]:
                    send(s, KNOCK, address, UDP_PORTS[0])
            until = time.monotonic() + self.liveness_wait
            while time.monotonic() < until:
                await asyncio.sleep(0.02)
                for address in neighbours() & set(self.addresses):
                    self.alive(address)
            for s in sockets:
                s.close()

    def drain(self, s: socket.socket) -> None:
        """Take replies, and ICMP errors from the socket's error queue."""
        while True:
            try:
                _, (address, port) = s.recvfrom(2048)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error that the queue tells in full
            self.note("open", f"udp/{port}/{address}")
        while True:
            try:
                _, control, _, (address, port) = s.recvmsg(64, 512, MSG_ERRQUEUE)
            except OSError:
                return
            if any(kind == IP_RECVERR and struct.unpack_from("=I", data)[0] == errno.ECONNREFUSED for _, kind, data in control):
                self.note("closed", f"udp/{port}/{address}")

    async def connect(self, address: str, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(0)
            try:
                await asyncio.get_running_loop().sock_connect(s, (address, port))
            except ConnectionRefusedError:
                self.note("closed", f"tcp/{port}/{address}")
            except OSError:
                return
            else:
                self.note("open", f"tcp/{port}/{address}")

    async def ports(self) -> None:
        udp = udp_socket(self.own)
        asyncio.get_running_loop().add_reader(udp, self.drain, udp)
        for wait in (self.wait, self.wait / 2):
            connects = []
            for address in sorted(self.hosts):
                for port in UDP_PORTS:
                    if f"udp/{port}/{address}" not in self.states:
                        send(udp, PAYLOADS.get(port, KNOCK), address, port)
                connects += [
                    asyncio.create_task(self.connect(address, port)) for port in TCP_PORTS if f"tcp/{port}/{address}" not in self.states
                ]
                await asyncio.sleep(0)  # a few hundred errors fill the socket's buffer: let them be read
            await asyncio.sleep(wait)
            for one in connects:
                one.cancel()
            await asyncio.gather(*connects, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(udp)
        udp.close()

    async def run(self) -> None:
        await self.liveness()
        await self.ports()

    def result(self) -> dict[str, object]:
        """Silence counts as "maybe" where another UDP port of the host was refused."""
        refused = {key.split("/")[2] for key, state in self.states.items() if state == "closed" and key.startswith("udp/")}
        for address in sorted(self.hosts & refused):
            for port in UDP_PORTS:
                if f"udp/{port}/{address}" not in self.states:
                    self.note("maybe", f"udp/{port}/{address}")
        told = {name: sorted(key for key, state in self.states.items() if state == name) for name in ("open", "maybe", "closed")}
        return {**told, "hosts": sorted(self.hosts), "first_packet": self.began, "events": self.events}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("network")
    parser.add_argument("own")
    parser.add_argument("--liveness", type=float, default=0.1, help="seconds for hosts to show; the kernel repeats ARP after 1 and 2 s")
    parser.add_argument("--wait", type=float, default=1.0, help="seconds for the first answers; half of it for the second try")
    arguments = parser.parse_args()
    sweep = Sweep(arguments.network, arguments.own, liveness=arguments.liveness, wait=arguments.wait)
    asyncio.run(sweep.run())
    print(json.dumps(sweep.result()))


if __name__ == "__main__":
    main()
