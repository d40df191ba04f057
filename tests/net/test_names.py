"""The system's resolver, with an end to its patience."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from discover.net.names import ask_system
from discover.net.real import RealNetwork


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A resolver whose servers are not there: it answers only once the event is set."""
    release, ended = threading.Event(), threading.Event()

    def wait(*_: object, **__: object) -> list[object]:
        release.wait(10)
        ended.set()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield release
    release.set()
    assert ended.wait(10)


async def test_an_address_is_its_own_answer() -> None:
    assert await ask_system("127.0.0.1") == ("127.0.0.1",)


@pytest.mark.parametrize("name", ["x" * 70 + ".example", "a..b", "\udcff.example"])
async def test_a_name_that_cannot_be_one_has_no_address(name: str) -> None:
    assert await ask_system(name) == ()


async def test_a_resolver_that_does_not_answer_is_given_up(hanging: threading.Event) -> None:
    assert await ask_system("kitchen.example", 0.01) == ()
    assert not hanging.is_set()


async def test_a_late_answer_harms_nobody(hanging: threading.Event) -> None:
    asking = asyncio.ensure_future(ask_system("kitchen.example", 5))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    hanging.set()
    await asyncio.sleep(0)
    assert asking.cancelled()


@pytest.mark.usefixtures("hanging")
async def test_mdns_need_not_wait_for_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    async def by_mdns(_: RealNetwork, name: str) -> tuple[str, ...]:
        return ("10.0.0.3",) if name == "kitchen.local" else ()

    monkeypatch.setattr(RealNetwork, "_resolve_local", by_mdns)
    assert await RealNetwork().resolve("kitchen.local.") == ("10.0.0.3",)


async def test_where_the_system_knows_a_local_name_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: RealNetwork, name: str) -> tuple[str, ...]:
        await asyncio.Event().wait()
        return (name,)

    async def hosts_file(_: str) -> tuple[str, ...]:
        return ("10.0.0.4",)

    monkeypatch.setattr(RealNetwork, "_resolve_local", never)
    monkeypatch.setattr("discover.net.real.ask_system", hosts_file)
    assert await RealNetwork().resolve("kitchen.local") == ("10.0.0.4",)
