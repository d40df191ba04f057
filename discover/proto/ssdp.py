"""SSDP: the search, and what devices answer or notify (UPnP Device Architecture 2.0 section 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from discover.proto import wellknown
from discover.proto.malformed import Malformed

PORT: Final = wellknown.SSDP_PORT
GROUP: Final = wellknown.SSDP_GROUP

_MAX: Final = 4096
_START: Final = r"(?:(NOTIFY|M-SEARCH) \* HTTP/1\.[01]|HTTP/1\.[01] 200(?: [^\r\n]*)?)"


@dataclass(frozen=True, slots=True)
class Ssdp:
    """One SSDP message; ``method`` is "NOTIFY", "M-SEARCH" or "200", ``st`` the ST or NT header, ``nts`` NTS."""

    method: str
    headers: Mapping[str, str]
    location: str = ""
    server: str = ""
    st: str = ""
    usn: str = ""
    nts: str = ""


def encode_search(target: str = "ssdp:all", *, mx: int = 2) -> bytes:
    """Return an M-SEARCH that asks for ``target`` within ``mx`` seconds. Raises ValueError for blanks or control characters."""
    if not re.fullmatch(r"[!-~]{1,200}", target) or not 1 <= mx <= 5:
        raise ValueError("a search target is printable ASCII without blanks, MX is 1..5 s")
    return f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}:{PORT}\r\nMAN: "ssdp:discover"\r\nMX: {mx}\r\nST: {target}\r\n\r\n'.encode("ascii")


def decode(payload: bytes) -> Ssdp | Malformed:
    """Read a NOTIFY, an M-SEARCH or the 200 answer to one."""
    lines = payload[:_MAX].decode("utf-8", "replace").split("\n")
    start = re.fullmatch(_START, lines[0].strip(), re.ASCII)
    if start is None:
        return Malformed("neither NOTIFY nor M-SEARCH nor 200")
    from discover.proto.http1 import parse_headers  # noqa: PLC0415 - who searches, or gets other datagrams, needs no headers

    headers = parse_headers([line.rstrip("\r") for line in lines[1:]])
    return Ssdp(
        method=start[1] or "200",
        headers=MappingProxyType(headers),
        location=headers.get("location", ""),
        server=headers.get("server", ""),
        st=headers.get("st", "") or headers.get("nt", ""),
        usn=headers.get("usn", ""),
        nts=headers.get("nts", ""),
    )
