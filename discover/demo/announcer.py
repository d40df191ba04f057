"""The demo's mDNS responder: python-zeroconf on the loopback address, one record set a device.

zeroconf is imported when the responder starts, never before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from discover.demo.sockets import bind_error
from discover.proto import txt

if TYPE_CHECKING:
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

INTERFACE_ADDRESS: Final = "127.0.0.1"
_MDNS_PORT: Final = 5353
_TTL_SRV: Final = 120
_TTL_PTR: Final = 4500
"""Seconds, as RFC 6762 section 10 recommends and the ESP32's responder uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One announced service: ``type`` without ".local." ("_http._tcp"), ``txt`` the strings of its TXT record."""

    type: str
    instance: str
    port: int
    txt: tuple[bytes, ...] = ()


class Announcer:
    """Answers mDNS questions for the devices that were announced. Raises NetworkError where 5353 cannot be had."""

    def __init__(self) -> None:
        self._zeroconf: AsyncZeroconf | None = None
        self._infos: dict[str, list[ServiceInfo]] = {}

    async def start(self) -> None:
        """Open the responder on the loopback address."""
        from zeroconf import IPVersion  # noqa: PLC0415 - a demo alone pays for it
        from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415 - likewise

        try:
            self._zeroconf = AsyncZeroconf(interfaces=[INTERFACE_ADDRESS], ip_version=IPVersion.V4Only)
        except OSError as error:
            raise bind_error(error, INTERFACE_ADDRESS, _MDNS_PORT, "udp") from error

    async def announce(self, key: str, hostname: str, address: str, services: Sequence[Service]) -> None:
        """Announce a device's services at once; the repeats of the announcement follow by themselves."""
        from zeroconf import ServiceInfo  # noqa: PLC0415 - as above

        if self._zeroconf is None:
            return
        infos = [
            ServiceInfo(
                f"{one.type}.local.",
                f"{one.instance}.{one.type}.local.",
                port=one.port,
                properties=txt.encode(one.txt),
                server=f"{hostname}.local.",
                parsed_addresses=[address],
                host_ttl=_TTL_SRV,
                other_ttl=_TTL_PTR,
            )
            for one in services
        ]
        self._infos[key] = infos
        # The names are ours alone here: probing for a second would only make the demo late.
        for info in infos:
            await self._zeroconf.async_register_service(info, cooperating_responders=True, strict=False)

    async def goodbye(self, key: str) -> None:
        """Withdraw a device's services with a goodbye (TTL 0, RFC 6762 section 10.1)."""
        if self._zeroconf is None:
            return
        sent = [await self._zeroconf.async_unregister_service(info) for info in self._infos.pop(key, [])]
        await asyncio.gather(*sent)

    def forget(self, key: str) -> None:
        """Stop answering for a device without a word, as a power cut does."""
        if self._zeroconf is not None:
            for info in self._infos.pop(key, []):
                self._zeroconf.zeroconf.registry.async_remove(info)

    async def close(self) -> None:
        """Say goodbye for all and close the responder; idempotent."""
        if self._zeroconf is not None:
            zeroconf, self._zeroconf = self._zeroconf, None
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()
            self._infos.clear()
