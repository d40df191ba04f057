"""An OTA check as JSON: the contract espied.ota-check/1 (DESIGN section 4) and its schema."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from discover import contract
from discover.model.check import Hop, OtaCheck, StepState, Verdict
from discover.model.device import Password
from discover.model.signal import Signal, Source
from discover.text import clean

SCHEMA: Final = "espied.ota-check/1"


class StepDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step: how it went, what was sent, what came and what it means, and what to do next ("" where nothing)."""

    name: str
    state: StepState
    detail: str
    fix: str


class SentDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One packet that was sent; an empty payload over TCP is the attempt to connect, mDNS a question for the name."""

    to: str
    transport: Literal["udp", "tcp", "mdns", "icmp"]
    bytes_hex: str
    why: str


class CommandDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ready-made upload command; ``note`` is "" where nothing has to be said of it."""

    tool: str
    line: str
    note: str


class CheckDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole check. ``port`` 0 and ``transport`` "": nothing to ask; ``hop`` null: nothing in the way; ``checked`` is RFC 3339."""

    schema: Literal["espied.ota-check/1"]
    host: str
    address: str
    port: int
    transport: Literal["udp", "tcp", ""]
    kind: str
    level: int
    verdict: Verdict
    password: Password
    hop: Hop | None
    sentence: str
    fix: str
    checked: str
    steps: tuple[StepDocument, ...]
    sent: tuple[SentDocument, ...]
    commands: tuple[CommandDocument, ...]
    image: Literal["yes", "no", "unknown"] | msgspec.UnsetType = msgspec.UNSET


def document(check: OtaCheck) -> CheckDocument:
    """Return the check as the contract's value."""
    from datetime import UTC, datetime  # noqa: PLC0415 - keeps the module's import light for the command line's start

    checked = datetime.fromtimestamp(int(check.when), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return CheckDocument(
        schema="espied.ota-check/1",
        host=clean(check.host),
        address=check.address,
        port=check.port,
        transport=_transport(check.transport),
        kind=check.kind,
        level=check.level,
        verdict=check.verdict,
        password=check.password,
        hop=check.hop,
        sentence=clean(check.sentence, 2000),
        fix=clean(check.fix, 2000),
        checked=checked,
        steps=tuple(
            StepDocument(name=step.name, state=step.state, detail=clean(step.detail, 2000), fix=clean(step.fix, 2000))
            for step in check.steps
        ),
        sent=tuple(SentDocument(to=one.to, transport=_way(one.transport), bytes_hex=one.bytes_hex, why=one.why) for one in check.sent),
        commands=tuple(CommandDocument(tool=one.tool, line=clean(one.line, 2000), note=clean(one.note, 2000)) for one in check.commands),
        image=_image(check.image),
    )


def _image(text: str) -> Literal["yes", "no", "unknown"] | msgspec.UnsetType:
    """Return whether the image suits; the key is there only where an image was asked about."""
    if not text:
        return msgspec.UNSET
    return "yes" if text == "yes" else "no" if text == "no" else "unknown"


def _way(text: str) -> Literal["udp", "tcp", "mdns", "icmp"]:
    return "tcp" if text == "tcp" else "mdns" if text == "mdns" else "icmp" if text == "icmp" else "udp"


def _transport(text: str) -> Literal["udp", "tcp", ""]:
    return "udp" if text == "udp" else "tcp" if text == "tcp" else ""


def render_check(check: OtaCheck) -> bytes:
    """Return the check as UTF-8 JSON with a line end, keys in the contract's order."""
    return contract.render(document(check))


def render_check_line(check: OtaCheck) -> bytes:
    """Return the same on one line, for one of several checks (NDJSON)."""
    return contract.render_line(document(check))


def check_schema() -> bytes:
    """Return the JSON schema of :func:`render_check`'s output (draft 2020-12), as it is committed under docs/schema/."""
    return contract.schema(CheckDocument, SCHEMA)


def signal_of(check: OtaCheck, *, interface: str = "", mono: float = 0.0) -> Signal:
    """Return the check as the signal that the inventory folds ("ota.checked")."""
    return Signal(
        when=check.when,
        mono=mono,
        source=Source.OTA,
        interface=interface,
        peer=check.address,
        kind="ota.checked",
        fields={
            "ota": check.kind,
            "port": check.port,
            "transport": check.transport,
            "level": check.level,
            "verdict": check.verdict.value,
            "password": check.password.value,
        },
    )
