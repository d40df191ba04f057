"""Just enough HTTP/1.1 to ask a device one read-only question (RFC 9110, RFC 9112).

GET only, no credentials, no redirect followed, byte caps on head and body (invariant 7).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from discover.proto.malformed import Malformed

MAX_HEAD: Final = 16 * 1024
"""Bytes of status line and headers; common servers stop at 8 to 16 kB."""
MAX_BODY: Final = 64 * 1024
"""Bytes of body kept; WLED's /json/info is about 2 kB, a start page seldom above 50 kB."""
MAX_HEADERS: Final = 100
MAX_JSON_VALUES: Final = 90
"""Scalars kept of one JSON answer, within a signal's 96 fields; Tasmota's Status 0 has its MAC at about the 65th."""

_TITLE: Final = re.compile(r"<title[^<>]{0,200}>([^<]{0,1000})", re.IGNORECASE)
_SAFE_PATH: Final = re.compile(r"/[!-~]*")
_SAFE_HOST: Final = re.compile(r"[0-9A-Za-z.\-_:\[\]]{1,255}")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: header names in lower case, the first of each kept; ``body`` is decoded from chunks and may be cut at the cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    truncated: bool = False

    @property
    def server(self) -> str:
        """The Server header, "" where there is none."""
        return self.headers.get("server", "")


@dataclass(slots=True)
class ResponseReader:
    """Incremental parser of one response: feed bytes until :attr:`done`, then read :attr:`result`.

    Reads until the length says so, the last chunk, the end of the stream or a cap, whichever comes first.
    """

    max_body: int = MAX_BODY
    result: Response | Malformed | None = None
    _buffer: bytearray = field(default_factory=bytearray)
    _head: tuple[int, dict[str, str]] | None = None

    @property
    def done(self) -> bool:
        """True once :attr:`result` is there; further bytes are ignored."""
        return self.result is not None

    def feed(self, data: bytes) -> Response | Malformed | None:
        """Take the next bytes; return the result as soon as there is one, None while more is needed."""
        if self.result is None:
            room = MAX_HEAD + self.max_body * 2 + 1 - len(self._buffer)
            self._buffer += data[: max(room, 0)]
            self.result = self._advance(ended=len(data) > room)
        return self.result

    def end(self) -> Response | Malformed:
        """The stream has ended (or time has): return what there is."""
        if self.result is None:
            self.result = self._advance(ended=True) or Malformed("the answer ends before its headers do")
        return self.result

    def _advance(self, *, ended: bool) -> Response | Malformed | None:
        if self._head is None:
            problem = self._read_head()
            if problem is not None or self._head is None:
                return problem
        status, headers = self._head
        if 100 <= status < 200 and status != 101:
            # An interim answer (RFC 9110 section 15.2): the final one follows.
            self._head = None
            return self._advance(ended=ended) if self._buffer else None
        if status in (101, 204, 304):
            return Response(status, MappingProxyType(headers))
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunked(status, headers, ended=ended)
        return self._plain(status, headers, ended=ended)

    def _read_head(self) -> Malformed | None:
        if self._buffer and not b"HTTP/".startswith(bytes(self._buffer[:5])):
            return Malformed("the answer does not begin with HTTP/")
        match = re.search(rb"\r?\n\r?\n", self._buffer)
        if match is None:
            return Malformed("the headers are too long") if len(self._buffer) > MAX_HEAD else None
        if match.end() > MAX_HEAD:
            return Malformed("the headers are too long")
        lines = bytes(self._buffer[: match.start()]).decode("latin-1").split("\n")
        status = re.match(r"HTTP/\d\.\d (\d{3})(?: |\r|$)", lines[0], re.ASCII)
        if status is None:
            return Malformed("the status line is broken")
        self._head = (int(status[1]), parse_headers(lines[1:]))
        del self._buffer[: match.end()]
        return None

    def _plain(self, status: int, headers: dict[str, str], *, ended: bool) -> Response | None:
        announced = headers.get("content-length", "").strip()
        length = int(announced) if re.fullmatch(r"[0-9]{1,12}", announced) else None
        wanted = self.max_body if length is None else min(length, self.max_body)
        have = len(self._buffer)
        if not ended and have < wanted:
            return None
        if not ended and length is None and have <= wanted:
            return None
        body = bytes(self._buffer[:wanted])
        return Response(status, MappingProxyType(headers), body, truncated=have > wanted or (length is not None and len(body) < length))

    def _chunked(self, status: int, headers: dict[str, str], *, ended: bool) -> Response | Malformed | None:
        body, complete, problem = _dechunk(bytes(self._buffer), self.max_body)
        if problem:
            return Malformed(problem)
        if complete or ended or len(body) >= self.max_body:
            return Response(status, MappingProxyType(headers), body[: self.max_body], truncated=not complete or len(body) > self.max_body)
        return None


def encode_get(host: str, path: str, *, port: int = 80) -> bytes:
    """Return a GET request that asks the server to close afterwards.

    Raises ValueError where host or path hold anything but printable ASCII without blanks: no header can be smuggled in.
    """
    if not _SAFE_PATH.fullmatch(path) or not _SAFE_HOST.fullmatch(host):
        raise ValueError("the path or the host holds characters that HTTP does not allow")
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    authority = name if port == 80 else f"{name}:{port}"
    return f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: espied\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode("ascii")


def parse_headers(lines: list[str]) -> dict[str, str]:
    """Return header lines as a dict: names in lower case, the first of each kept, lines without a colon left out."""
    headers: dict[str, str] = {}
    for line in lines[:MAX_HEADERS]:
        name, colon, value = line.partition(":")
        if colon and name and name == name.strip():
            headers.setdefault(name.lower(), value.strip())
    return headers


def title(body: bytes) -> str:
    """Return the text of the first HTML title, blanks folded, entities resolved, "" where there is none."""
    from html import unescape  # noqa: PLC0415 - its table of entities takes 1 ms: a page with a title is soon enough

    match = _TITLE.search(body.decode("utf-8", "replace"))
    return " ".join(unescape(match[1]).split()) if match else ""


def json_scalars(body: bytes) -> dict[str, str | int | bool]:
    """Return the scalars at the top of a JSON object; nested objects give "outer.inner" one level down.

    Numbers that are not integers become text, null and lists are left out; at most 90 values; ``{}`` for anything else.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    found: dict[str, str | int | bool] = {}
    for key, item in value.items():
        pairs = [(f"{key}.{inner}", deeper) for inner, deeper in item.items()] if isinstance(item, dict) else [(str(key), item)]
        for name, scalar in pairs:
            if isinstance(scalar, float):
                found[name] = str(scalar)
            elif isinstance(scalar, str | int):
                # An integer beyond 64 bits is no field of a device, and printing one can be made costly.
                found[name] = scalar if isinstance(scalar, str) or abs(scalar) < 1 << 63 else "overflow"
    return dict(list(found.items())[:MAX_JSON_VALUES])


def _dechunk(data: bytes, limit: int) -> tuple[bytes, bool, str]:
    """Return (body so far, whether the last chunk was seen, problem)."""
    body = bytearray()
    index = 0
    while len(body) <= limit:
        line_end = data.find(b"\n", index)
        if line_end < 0:
            return bytes(body), False, "" if len(data) - index < 256 else "a chunk's size line is too long"
        size_text = data[index:line_end].split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
            return bytes(body), False, "a chunk's size is not hexadecimal"
        size = int(size_text, 16)
        if size == 0:
            return bytes(body), True, ""
        start = line_end + 1
        body += data[start : start + size]
        if len(data) < start + size:
            return bytes(body), False, ""
        index = start + size
        while data[index : index + 1] in (b"\r", b"\n"):
            index += 1
            if data[index - 1 : index] == b"\n":
                break
    return bytes(body), False, ""
