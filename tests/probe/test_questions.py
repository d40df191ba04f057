"""Questions to a whole network: which, to whom, and how often."""

from __future__ import annotations

import asyncio
import errno

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.probe.book import Book, Line
from discover.probe.questions import ask_network, questions
from discover.proto import addp, microchip

ADDRESS = "192.168.1.20"
SPA = b"BWGSPA\r\n00-15-27-00-00-01\r\n"


class Asked:
    def __init__(self, *hosts: FakeHost, interface: Interface | None = None) -> None:
        self.network = FakeNetwork(*hosts, interfaces=[interface or fake_interface()])
        self.signals: list[Signal] = []
        self.trouble: list[NetworkError] = []

    async def run(self) -> Asked:
        interface = self.network.interfaces()[0]
        emit = Emitter(self.network.clock, interface.name, self.signals.append, 0.0)
        line = Line(self.network, interface, Book(emit, (), lambda _address: None), open_to_all=True)
        pump = asyncio.create_task(line.run())
        await ask_network(line, interface, self.network.clock, self.trouble.append)
        await self.network.clock.sleep(0.5)
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        line.close()
        assert self.network.open_count == 0
        return self


async def test_a_network_is_asked_in_its_own_broadcast_and_in_two_groups() -> None:
    asked = await Asked(interface=fake_interface("lan0", "10.1.2.3/22")).run()
    assert {one.to for one in asked.network.ledger.packets} == {"10.1.3.255", "239.255.255.250", "224.0.5.128"}
    assert len(asked.network.ledger.packets) == len(questions())


async def test_a_public_network_and_a_point_to_point_one_get_no_broadcast() -> None:
    for address in ("203.0.113.5/24", "10.0.0.0/31"):
        asked = await Asked(interface=fake_interface("lan0", address)).run()
        assert {one.to for one in asked.network.ledger.packets} == {"239.255.255.250", "224.0.5.128"}


async def test_the_long_form_comes_first_and_the_short_one_later() -> None:
    asked = await Asked().run()
    forms = [(one.mono, one.payload) for one in asked.network.ledger.packets if one.port == microchip.PORT]
    assert [payload for _, payload in forms] == [microchip.QUESTION, microchip.QUESTION_SHORT]
    assert forms[1][0] - forms[0][0] >= 1.0


async def test_one_question_that_is_refused_does_not_stop_the_others() -> None:
    asked = Asked(FakeHost(address=ADDRESS, udp={30303: lambda question: SPA if question == b"D" else None}))
    asked.network.fail("send", errno.EPERM, until=0.5)
    await asked.run()
    assert len(asked.trouble) == 5
    assert [one.kind for one in asked.signals] == ["udp.reply"]


async def test_digi_modules_answer_with_what_they_are() -> None:
    reply = addp.encode_reply(addp.AddpReply(mac="00:40:9d:00:00:01", ip=ADDRESS, device="Digi Connect ME", firmware="Version 82000856_F6"))
    asked = await Asked(FakeHost(address=ADDRESS, udp={2362: lambda question: reply if question == addp.QUESTION else None})).run()
    (one,) = asked.signals
    assert (one.text("protocol"), one.text("mac"), one.text("device")) == ("addp", "00:40:9d:00:00:01", "Digi Connect ME")
