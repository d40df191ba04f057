"""The browser on loopback, against a python-zeroconf responder in this process and hand-made packets."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from blockbuster import blockbuster_ctx
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from discover.errors import NetworkError
from discover.model.network import Interface, Packet
from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.gate import Gate
from discover.net.ledger import MemoryLedger
from discover.net.mdns.browse import Browser
from discover.net.mdns.out import Outbox, Sender
from discover.net.real import RealNetwork
from discover.net.virtual import VirtualClock

# Other programs may speak mDNS on this machine's loopback: names of our own keep us apart.
UNIQUE = f"t{os.getpid()}"
TXT = b"\x05a=one\x05a=two\x04flag\x04b=\xff\xfe\x02c="


@pytest.fixture
def network() -> RealNetwork:
    return RealNetwork()


@pytest.fixture
def loopback(network: RealNetwork) -> Interface:
    return next(face for face in network.interfaces() if face.loopback)


Browse = Callable[[list[str], Callable[[MdnsEvent], None]], Awaitable[Browser]]


@pytest.fixture
async def browse(network: RealNetwork, loopback: Interface) -> AsyncIterator[Browse]:
    browsers: list[Browser] = []

    async def start(types: list[str], on_event: Callable[[MdnsEvent], None]) -> Browser:
        browser = await network.browse(loopback, types, on_event)
        assert isinstance(browser, Browser)
        browsers.append(browser)
        return browser

    yield start
    for browser in browsers:
        await browser.close()


class Heard:
    """Collects events and waits for one."""

    def __init__(self) -> None:
        self.events: list[MdnsEvent] = []
        self._news = asyncio.Event()

    def __call__(self, event: MdnsEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, wanted: Callable[[MdnsEvent], bool]) -> MdnsEvent:
        async with asyncio.timeout(15):
            while True:
                for event in self.events:
                    if wanted(event):
                        self.events.remove(event)
                        return event
                self._news.clear()
                await self._news.wait()


def of(kind: MdnsEventKind, instance: str) -> Callable[[MdnsEvent], bool]:
    return lambda event: event.kind is kind and event.instance == instance


@pytest.fixture
async def responder() -> AsyncIterator[AsyncZeroconf]:
    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"])
    yield zeroconf
    await zeroconf.async_close()


def service(instance: str, *, text: bytes = TXT, kind: str = "_wled._tcp") -> AsyncServiceInfo:
    return AsyncServiceInfo(
        f"{kind}.local.",
        f"{instance}.{kind}.local.",
        port=8080,
        properties=text,
        server=f"{UNIQUE}_host.local.",
        addresses=[socket.inet_aton("127.77.9.3"), socket.inet_aton("127.77.9.4")],
    )


async def test_from_registration_to_goodbye(browse: Browse, responder: AsyncZeroconf) -> None:
    heard = Heard()
    with blockbuster_ctx():
        browser = await browse(["_wled._tcp"], heard)
    instance = f"Lamp v1.2 {UNIQUE}"
    info = service(instance)
    await responder.async_register_service(info, cooperating_responders=True)
    event = await heard.until(of(MdnsEventKind.RESOLVED, instance))
    assert (event.interface, event.type, event.host, event.port) == ("lo", "_wled._tcp", f"{UNIQUE}_host.local", 8080)
    assert (event.addresses, event.txt, event.ttl) == (("127.77.9.3", "127.77.9.4"), TXT, 4500)
    changed = service(instance, text=b"\x03d=1")
    await responder.async_update_service(changed)
    assert (await heard.until(of(MdnsEventKind.RESOLVED, instance))).txt == b"\x03d=1"
    await responder.async_unregister_service(changed)
    gone = await heard.until(of(MdnsEventKind.GOODBYE, instance))
    assert (gone.type, gone.interface) == ("_wled._tcp", "lo")
    await browser.close()
    await browser.close()  # idempotent
    assert not [task for task in asyncio.all_tasks() if "mDNS" in task.get_name()]


async def test_a_type_that_turns_up_is_browsed(browse: Browse, responder: AsyncZeroconf) -> None:
    kind = f"_{UNIQUE}._udp"
    await (await responder.async_register_service(service("early bird", kind=kind), cooperating_responders=True))
    heard = Heard()
    await browse([], heard)
    await heard.until(lambda event: event.kind is MdnsEventKind.TYPE and event.type == kind)
    assert (await heard.until(of(MdnsEventKind.RESOLVED, "early bird"))).type == kind


async def test_all_that_is_sent_is_questions_and_in_the_ledger(network: RealNetwork, browse: Browse) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tap:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        tap.bind(("224.0.0.251", 5353))
        tap.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1"))
        tap.settimeout(5)
        await browse([f"_{UNIQUE}a._tcp"], lambda _: None)
        sent = [packet.payload for packet in network.ledger.packets]
        seen: set[bytes] = set()
        while not set(sent) <= seen:
            seen.add(await asyncio.to_thread(tap.recv, 9000))
    assert sent
    for packet in network.ledger.packets:
        assert (packet.to, packet.port, packet.transport, packet.purpose, packet.interface) == (
            "224.0.0.251",
            5353,
            "mdns",
            "mDNS query",
            "lo",
        )
        assert packet.payload[2] & 0x80 == 0


async def test_a_local_name_is_resolved_by_mdns(network: RealNetwork, responder: AsyncZeroconf) -> None:
    await responder.async_register_service(service(f"named {UNIQUE}"), cooperating_responders=True)
    assert await network.resolve(f"{UNIQUE}_host.local.") == ("127.77.9.3", "127.77.9.4")


async def test_names_that_are_addresses_or_nothing(network: RealNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await network.resolve("127.0.0.1") == ("127.0.0.1",)
    assert await network.resolve("x" * 70 + ".local") == ()

    async def nobody(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
    assert await network.resolve("nowhere.example") == ()


def name(*labels: bytes) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def record(owner: bytes, kind: int, rdata: bytes, *, ttl: int = 4500, unique: bool = False) -> bytes:
    return owner + struct.pack("!HHIH", kind, 0x8001 if unique else 1, ttl, len(rdata)) + rdata


def answer(*records: bytes) -> bytes:
    return struct.pack("!6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


@pytest.fixture
async def shout() -> AsyncIterator[Callable[[bytes], None]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))

        def send(packet: bytes) -> None:
            sock.sendto(packet, ("224.0.0.251", 5353))

        yield send


async def test_records_one_by_one_in_the_wrong_order_and_in_mixed_case(browse: Browse, shout: Callable[[bytes], None]) -> None:
    heard = Heard()
    await browse([], heard)
    kind = (b"_wled", b"_tcp", b"local")
    loud = (b"_WLED", b"_TCP", b"local")
    instance = f"Odd One {UNIQUE}".encode()
    host = (f"odd_{UNIQUE}".encode(), b"local")
    shout(answer(record(name(*host), 1, bytes((127, 77, 9, 9)), ttl=120)))
    shout(answer(record(name(instance.lower(), *kind), 16, TXT)))
    shout(answer(record(name(*loud), 12, name(instance, *loud))))
    shout(answer(record(name(instance.upper(), *kind), 33, struct.pack("!HHH", 0, 0, 81) + name(*host), ttl=120)))
    event = await heard.until(of(MdnsEventKind.RESOLVED, instance.decode()))
    assert (event.type, event.port, event.addresses, event.txt) == ("_wled._tcp", 81, ("127.77.9.9",), TXT)
    shout(answer(record(name(*kind), 12, name(instance, *kind), ttl=0)))
    await heard.until(of(MdnsEventKind.GOODBYE, instance.decode()))


async def test_hostile_packets_neither_stop_the_browser_nor_become_types(browse: Browse, shout: Callable[[bytes], None]) -> None:
    heard = Heard()
    await browse([], heard)
    meta = name(b"_services", b"_dns-sd", b"_udp", b"local")
    kind = name(b"_wled", b"_tcp", b"local")
    evil = [
        b"",
        b"\x84",
        os.urandom(300),
        answer(record(meta, 12, name(b"_\x1b[31m" + UNIQUE.encode(), b"_tcp", b"local"))),
        answer(record(meta, 12, name(b"_--" + UNIQUE.encode(), b"_tcp", b"local"))),
        answer(record(meta, 12, kind[:5])),
        answer(record(kind, 12, b"\xc0\x0c")),
        answer(record(kind, 12, name(b"x", b"_other", b"_tcp", b"local"))),
        answer(record(kind, 1, b"\1\2\3")),
    ]
    for packet in evil:
        if packet:
            shout(packet)
    odd = b"caf\xe9 " + UNIQUE.encode()  # Latin-1, not UTF-8
    full = name(odd, b"_wled", b"_tcp", b"local")
    shout(
        answer(
            record(kind, 12, full),
            record(full, 33, struct.pack("!HHH", 0, 0, 80) + name(UNIQUE.encode(), b"local"), ttl=120),
            record(full, 16, b"\x02\xff="),
            record(name(UNIQUE.encode(), b"local"), 1, bytes((127, 77, 9, 10)), ttl=120),
        )
    )
    event = await heard.until(of(MdnsEventKind.RESOLVED, odd.decode("utf-8", "replace")))
    assert event.txt == b"\x02\xff="
    assert all("\x1b" not in one.type and "--" not in one.type for one in heard.events)


async def test_an_instance_without_records_is_asked_for_and_its_end_by_time_is_no_goodbye(
    network: RealNetwork, browse: Browse, shout: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    instance = f"mute.{UNIQUE}".encode()
    full = name(instance, b"_wled", b"_tcp", b"local")
    record_packet = network.ledger.record

    def watch(packet: Packet) -> None:
        record_packet(packet)
        if full in packet.payload:
            asked.set()

    monkeypatch.setattr(network.ledger, "record", watch)
    heard = Heard()
    browser = await browse([], heard)
    shout(answer(record(name(b"_wled", b"_tcp", b"local"), 12, full)))
    async with asyncio.timeout(15):
        await asked.wait()
    browser._look(network.clock.mono() + 5000)  # what it does whenever it wakes
    assert (await heard.until(of(MdnsEventKind.EXPIRED, instance.decode()))).type == "_wled._tcp"


async def test_a_listener_that_fails_does_not_stop_the_browser(browse: Browse, responder: AsyncZeroconf) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    heard = Heard()

    def fail(event: MdnsEvent) -> None:
        heard(event)
        raise RuntimeError("mine")

    await browse([], fail)
    for word in ("first", "second"):
        await responder.async_register_service(service(f"{word} {UNIQUE}"), cooperating_responders=True)
        await heard.until(of(MdnsEventKind.RESOLVED, f"{word} {UNIQUE}"))
    assert failures
    assert {str(one) for one in failures} == {"mine"}


async def test_where_multicast_may_not_leave_a_sentence_says_so(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Sender, _packet: bytes) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Sender, "send", refuse)
    with pytest.raises(NetworkError, match="EPERM") as caught:
        await browse([], lambda _: None)
    assert "firewall" in caught.value.hint


async def test_where_no_file_is_left_a_sentence_says_so(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("discover.net.sockets.socket.socket", refuse)
    with pytest.raises(NetworkError, match="EMFILE"):
        await browse([], lambda _: None)


async def test_where_the_group_cannot_be_joined_a_sentence_says_so(network: RealNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Interface(name="gone0", index=4711, mac="", addresses=())
    with pytest.raises(NetworkError, match="no address"):
        await network.browse(gone, [], lambda _: None)
    real = socket.socket.setsockopt

    def refuse(self: socket.socket, level: int, option: int, *value: bytes) -> None:
        if (level, option) == (socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP):
            raise OSError(errno.ENODEV, "No such device")
        real(self, level, option, *value)

    monkeypatch.setattr(socket, "socket", type("Refusing", (socket.socket,), {"setsockopt": refuse}))
    face = next(one for one in network.interfaces() if one.loopback)
    with pytest.raises(NetworkError, match=r"join the mDNS group on lo.*ENODEV") as caught:
        await network.browse(face, [], lambda _: None)
    assert "gone" in caught.value.hint


class Scripted(Sender):
    """A sender that fails while told to."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.errors: list[int] = []
        self.sent: list[bytes] = []

    def send(self, packet: bytes) -> None:
        if self.errors:
            raise OSError(self.errors.pop(), "refused")
        self.sent.append(packet)


async def test_a_send_that_fails_later_is_kept_and_one_family_is_enough(network: RealNetwork, loopback: Interface) -> None:
    four, six = Scripted("224.0.0.251"), Scripted("ff02::fb")
    box = Outbox(network.gate, network.clock, loopback, [four, six])
    six.errors = [errno.ENETDOWN]
    await box.ask(lambda: b"question")
    await box.first_question()
    assert box.error is None
    four.errors, six.errors = [errno.ENETDOWN], [errno.ENETDOWN]
    await box.ask(lambda: b"question")
    assert box.error is not None
    assert "down" in box.error.hint
    await box.ask(lambda: b"question")
    assert box.error is None
    assert len(four.sent) == 2
    assert network.ledger.count == len(four.sent) + len(six.sent)  # what did not leave is not in the ledger
    box.close()


async def test_a_full_queue_is_tried_again_and_no_packet_is_noted_for_nothing(loopback: Interface) -> None:
    clock, ledger = VirtualClock(), MemoryLedger()
    four = Scripted("224.0.0.251")
    box = Outbox(Gate(clock, ledger), clock, loopback, [four])
    four.errors = [errno.ENOBUFS, errno.EAGAIN]
    await box.ask(lambda: b"question")
    assert (four.sent, box.error, ledger.count) == ([b"question"], None, 1)
    assert clock.mono() > 0
    four.errors = [errno.ENOBUFS] * 20
    await box.ask(lambda: b"question")
    assert box.error is not None
    await box.ask(lambda: b"")  # answered in the meantime
    assert (len(four.sent), ledger.count) == (1, 1)
    box.close()
