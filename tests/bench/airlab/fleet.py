"""Many independent mDNS devices in one process: each has its own address, host name, service and random delay.

``python fleet.py OWN_ADDRESS NETWORK COUNT [--delay-ms LO HI] [--no-additional] [--seed N]``, on the device side. Device i is
``labdev00042._esphomelib._tcp.local`` at the network's address 10 + i, port 6053. As RFC 6762 asks: shared
answers are delayed by 20-120 ms (section 6), known answers are left out (7.1), QU questions and legacy
queriers get a unicast answer (5.4, 6.7). With ``--no-additional`` a PTR comes alone, and who wants SRV, TXT
and A must ask for them. Not done: no record is held back because it was sent within the last second.
"""

from __future__ import annotations

import argparse
import heapq
import ipaddress
import random
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass

TYPE = "_esphomelib._tcp.local"
META = "_services._dns-sd._udp.local"
GROUP, PORT = "224.0.0.251", 5353
INTERFACE = "d0"
FIRST = 10
"""Number of the first device's address in the network."""
DELAY_MS = (20.0, 120.0)
"""Milliseconds before a shared answer (RFC 6762 section 6)."""
PTR, TXT, A, SRV, ANY = 12, 16, 1, 33, 255
IN, FLUSH = 0x0001, 0x8001
LONG, SHORT = 4500, 120
"""TTLs of RFC 6762 section 10: records that hold no host name, and those that do."""
MAX_POINTERS = 20


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(owner: bytes, kind: int, group: int, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, group, ttl, len(data)) + data


def response(answers: list[bytes], additional: list[bytes]) -> bytes:
    return struct.pack("!HHHHHH", 0, 0x8400, 0, len(answers), 0, len(additional)) + b"".join(answers + additional)


def read_name(data: bytes, at: int) -> tuple[bytes, int]:
    """Read a name, lower case and without compression; return it and where it ended. Raises ValueError and IndexError."""
    labels, end = b"", 0
    for _ in range(MAX_POINTERS * 8):
        length = data[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
        elif length == 0:
            return labels.lower() + b"\0", end or at + 1
        else:
            labels += data[at : at + 1 + length]
            at += 1 + length
    msg = "a name without an end"
    raise ValueError(msg)


@dataclass(frozen=True)
class Device:
    address: bytes
    browsed: bytes
    """The answer to a question for the type."""
    resolved: bytes
    """The answer to a question for the instance."""
    located: bytes
    """The answer to a question for the host."""


class Fleet:
    def __init__(self, own: str, network: str, count: int, *, delay: tuple[float, float], additional: bool, seed: int) -> None:
        self.own, self.delay, self.rng = own, delay, random.Random(seed)  # noqa: S311 - repeatable by its seed, no secret
        net = ipaddress.IPv4Network(network)
        self.devices: list[Device] = []
        self.instances: dict[bytes, int] = {}
        self.hosts: dict[bytes, int] = {}
        for index in range(count):
            instance, host = name(f"labdev{index:05d}.{TYPE}"), name(f"labdev{index:05d}.local")
            address = net[FIRST + index].packed
            texts = (b"version=2026.1.0", b"mac=a0b1c2%06x" % index, b"platform=ESP32", b"board=esp32dev", b"network=wifi")
            pointer = record(name(TYPE), PTR, IN, LONG, instance)
            service = record(instance, SRV, FLUSH, SHORT, struct.pack("!HHH", 0, 0, 6053) + host)
            text = record(instance, TXT, FLUSH, LONG, b"".join(bytes([len(one)]) + one for one in texts))
            where = record(host, A, FLUSH, SHORT, address)
            browsed = response([pointer], [service, text, where] if additional else [])
            self.devices.append(Device(address, browsed, response([service, text], [where]), response([where], [])))
            self.instances[instance.lower()] = self.hosts[host.lower()] = index
        self.meta = response([record(name(META), PTR, IN, LONG, name(TYPE))], [])
        self.waiting: list[tuple[float, int, bytes, tuple[str, int]]] = []
        self.queries = self.sent = self.suppressed = 0
        self.socket = self.open()
        self.index = socket.if_nametoindex(INTERFACE)

    def open(self) -> socket.socket:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            s.setsockopt(socket.SOL_SOCKET, buffer, 1 << 22)
        s.bind(("", PORT))
        own = socket.inet_aton(self.own)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + own)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        s.setblocking(False)  # noqa: FBT003 - the standard library's signature
        return s

    def later(self, when: float, index: int, payload: bytes, to: tuple[str, int]) -> None:
        heapq.heappush(self.waiting, (when, index, payload, to))

    def send(self, index: int, payload: bytes, to: tuple[str, int]) -> None:
        # The datagram comes from the device's own address (IP_PKTINFO: interface, source, unused destination).
        info = struct.pack("i4s4s", self.index if to[0] == GROUP else 0, self.devices[index].address, b"\0\0\0\0")
        try:
            self.socket.sendmsg([payload], [(socket.IPPROTO_IP, 8, info)], 0, to)
        except OSError as error:
            print(error, file=sys.stderr)
        else:
            self.sent += 1

    def take(self, data: bytes, source: tuple[str, int]) -> None:
        """Answer one query. Raises ValueError, IndexError and struct.error for what is none."""
        _, flags, questions, answers, _, _ = struct.unpack_from("!HHHHHH", data)
        if flags & 0x8000:
            return
        self.queries += 1
        at, asked, known = 12, [], set()
        for _ in range(questions):
            owner, at = read_name(data, at)
            asked.append((owner, *struct.unpack_from("!HH", data, at)))
            at += 4
        for _ in range(answers):
            _, at = read_name(data, at)
            kind, _, ttl, length = struct.unpack_from("!HHIH", data, at)
            if kind == PTR and ttl > LONG // 2:
                known.add(read_name(data, at + 10)[0])
            at += 10 + length
        for owner, kind, group in asked:
            self.answer(owner, kind, source if group & 0x8000 or source[1] != PORT else (GROUP, PORT), known)

    def answer(self, owner: bytes, kind: int, to: tuple[str, int], known: set[bytes]) -> None:
        now = time.monotonic()
        if owner == name(TYPE) and kind in {PTR, ANY}:
            for instance, index in self.instances.items():
                if instance in known:
                    self.suppressed += 1
                else:
                    self.later(now + self.rng.uniform(*self.delay), index, self.devices[index].browsed, to)
        elif owner == name(META):
            self.later(now + self.rng.uniform(*self.delay), 0, self.meta, to)
        elif owner in self.instances:
            index = self.instances[owner]
            self.later(now, index, self.devices[index].resolved, to)
        elif owner in self.hosts:
            index = self.hosts[owner]
            self.later(now, index, self.devices[index].located, to)

    def run(self) -> None:
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while True:
            wait = 1.0 if not self.waiting else max(0.0, self.waiting[0][0] - time.monotonic())
            if poll.poll(1000 * wait):
                self.read()
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, index, payload, to = heapq.heappop(self.waiting)
                self.send(index, payload, to)

    def read(self) -> None:
        for _ in range(50):
            try:
                data, source = self.socket.recvfrom(9000)
                self.take(data, source)
            except BlockingIOError:
                return
            except (ValueError, IndexError, struct.error) as error:
                print(f"no query: {error}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("own")
    parser.add_argument("network")
    parser.add_argument("count", type=int)
    parser.add_argument("--delay-ms", type=float, nargs=2, default=DELAY_MS)
    parser.add_argument("--no-additional", action="store_true")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    lo, hi = arguments.delay_ms
    fleet = Fleet(
        arguments.own,
        arguments.network,
        arguments.count,
        delay=(lo / 1000, hi / 1000),
        additional=not arguments.no_additional,
        seed=arguments.seed,
    )
    print("ready", flush=True)
    fleet.run()


if __name__ == "__main__":
    main()
