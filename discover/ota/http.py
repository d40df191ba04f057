"""Updates by a web server: read the one harmless page that tells of them, as a session.

One GET of a path on a short list, no credentials, no redirect followed, 16 kB and five seconds at most. An upload is a POST,
which nothing here can send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from typing import Final

from discover.atlas.family import OtaPage
from discover.ota.actions import Connect, Done, Failed, Hangup, Read, Received, Refused, Session, Unreachable, Write
from discover.ota.knocking import show
from discover.probe.http import NOT_WEB
from discover.proto import http1
from discover.proto.malformed import Malformed
from discover.text import clean

ALLOWED: Final = frozenset({"/", "/json/info", "/cm?cmnd=Status%202", "/update"})
"""Every path that a check may read; each is known not to change the firmware whose page it is (facts of the families)."""
CONNECT_SECONDS: Final = 2.2
"""Two SYNs, the second after a second (RFC 6298), and the answer of a device that saves power."""
READ_SECONDS: Final = 2.0
READS: Final = 24
"""Reads of one answer: 16 kB come in a dozen segments."""
CHUNK: Final = 4096
MAX_BODY: Final = 16 * 1024
MAX_PLAIN: Final = 64 * 1024
"""Bytes of a compressed page that are unpacked; ElegantOTA's is 30 kB."""


class Web(StrEnum):
    """How the question ended."""

    CONNECTED = "connected"
    OFFERED = "offered"
    """The upload form is on the page."""
    RECOGNISED = "recognised"
    LACKING = "lacking"
    """The firmware is the expected one, built without updates."""
    LOCKED = "locked"
    OTHER = "other"
    NOT_HTTP = "not-http"
    MUTE = "mute"
    REFUSED = "refused"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"
    NEVER = "never"
    """A port or a path that is never asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The outcome, the answer's status (0: none), and what came or what this machine said (``told``, clean; ``hint``)."""

    outcome: Web
    status: int = 0
    told: str = ""
    hint: str = ""

    @property
    def connected(self) -> bool:
        """True where the device accepted the connection."""
        return self.outcome not in (Web.REFUSED, Web.SILENT, Web.UNREACHABLE, Web.BLOCKED, Web.NEVER)


def ask(page: OtaPage, host: str, port: int, *, level: int) -> Session[Asked]:
    """Connect and, at level 2, read the page; always hang up. One connection, one GET."""
    if port in NOT_WEB or page.path not in ALLOWED:
        return Asked(outcome=Web.NEVER)
    event = yield Connect(port, CONNECT_SECONDS, "connect: is there a web server")
    match event:
        case Done():
            pass
        case Refused():
            return Asked(outcome=Web.REFUSED)
        case Unreachable(reason):
            return Asked(outcome=Web.UNREACHABLE, told=reason)
        case Failed(message, hint):
            return Asked(outcome=Web.BLOCKED, told=message, hint=hint)
        case _:
            return Asked(outcome=Web.SILENT)
    result = (yield from _get(page, host, port)) if level >= 2 else Asked(outcome=Web.CONNECTED)
    yield Hangup()
    return result


def _get(page: OtaPage, host: str, port: int) -> Session[Asked]:
    request = http1.encode_get(host.partition("%")[0], page.path, port=port)
    event = yield Write(request, f"read-only GET {page.path}")
    if isinstance(event, Failed):
        return Asked(outcome=Web.MUTE, told=event.message)
    reader = http1.ResponseReader(max_body=MAX_BODY)
    first = b""
    for _ in range(READS):
        event = yield Read(CHUNK, READ_SECONDS)
        if not isinstance(event, Received) or not event.data:
            break
        first = first or event.data
        if reader.feed(event.data) is not None:
            break
    if not first:
        return Asked(outcome=Web.MUTE)
    answer = reader.end()
    if isinstance(answer, Malformed):
        return Asked(outcome=Web.NOT_HTTP, told=show(first[:100]))
    return judge(page, answer)


def judge(page: OtaPage, answer: http1.Response) -> Asked:
    """Say what the answer tells by the page's conditions; pure."""
    fields = fields_of(answer)
    told = " ".join(part for part in (str(answer.status), fields["server"], fields["title"]) if part)
    if answer.status in (401, 403) or (page.locked and holds(page.locked, fields)):
        outcome = Web.LOCKED
    elif not holds(page.sign, fields):
        outcome = Web.OTHER
    elif page.lacks and holds(page.lacks, fields):
        outcome = Web.LACKING
    elif page.offers and holds(page.offers, fields):
        outcome = Web.OFFERED
    else:
        outcome = Web.RECOGNISED
    return Asked(outcome=outcome, status=answer.status, told=clean(told, 100))


def fields_of(answer: http1.Response) -> dict[str, str]:
    """Return what conditions are about: "status", "server", "title", "body" and "json.name", all as clean text."""
    body = _plain(answer)
    fields = {"status": str(answer.status), "server": clean(answer.server, 100), "title": clean(http1.title(body), 100)}
    fields["body"] = clean(body.decode("utf-8", "replace"), MAX_PLAIN)
    fields.update({f"json.{key}": clean(str(value), 200) for key, value in http1.json_scalars(body).items()})
    return fields


def holds(wanted: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    """Tell whether every field fits one of its globs (``|`` between them), without case."""
    return all(any(_fits(glob, fields.get(key, "")) for glob in globs.split("|")) for key, globs in wanted.items())


def _fits(glob: str, text: str) -> bool:
    return re.match(translate(glob), text, re.IGNORECASE) is not None


def _plain(answer: http1.Response) -> bytes:
    """Return the body, unpacked where it came packed: ElegantOTA sends its page so, whatever was asked for."""
    if "gzip" not in answer.headers.get("content-encoding", "").lower():
        return answer.body
    import zlib  # noqa: PLC0415 - few pages come packed

    try:
        return zlib.decompressobj(wbits=31).decompress(answer.body, MAX_PLAIN)
    except zlib.error:
        return b""
