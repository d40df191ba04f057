"""The words between a check and the network: what a session asks for (actions) and what comes back (events).

A session is a generator: it yields one action, is sent one event, and returns its result. It knows no
socket and no clock, so tests can play any sequence of events to it. Every session copes with *any* event
after any action: one that makes no sense there counts as silence.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from discover.model.check import Step
from discover.model.outlook import Outlook


@dataclass(frozen=True, slots=True)
class Report:
    """Show a finished step. Answered by Done."""

    step: Step


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look a host name up. Answered by Addresses or Failed."""

    name: str


@dataclass(frozen=True, slots=True)
class Use:
    """Choose one of these addresses and our interface to it; all that follows goes there. Answered by Route."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskNeighbours:
    """Look the address up in our neighbour table; sends nothing. Answered by Known or Failed."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send one datagram from the check's one UDP socket. Answered by Done or Failed.

    ``undo`` is what has to follow to the same port if the check is cut short here (b"": nothing); the
    next datagram to that port settles it, and so does Settle.
    """

    port: int
    payload: bytes
    why: str
    undo: bytes = b""


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing is owed to ``port`` any more: its answer showed that it does not wait. Sends nothing. Answered by Done."""

    port: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait up to ``seconds`` for one datagram or ICMP error. Answered by Reply, Refused, Unreachable, Stray or Silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Let ``seconds`` pass. Answered by Done."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a TCP connection. Answered by Done, Refused, Silence, Unreachable or Failed."""

    port: int
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Write:
    """Write to the connection. Answered by Done or Failed."""

    payload: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    """Read up to ``limit`` bytes. Answered by Received (b"" at the end of the stream) or Silence."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the connection. Answered by Done."""


@dataclass(frozen=True, slots=True)
class OpenPort:
    """Listen on a TCP port of ours (0: any free one): whoever calls is hung up on at once. Answered by Opened or Failed."""

    port: int


@dataclass(frozen=True, slots=True)
class AwaitCall:
    """Wait until the device has called the open port. Answered by Called, Silence or Failed."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ClosePort:
    """Stop listening. Answered by Done."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Send one ICMP echo request. Answered by Done (it answered), Silence, or Failed where this user may not ping."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class LookBack:
    """Read this machine's way to the address and back, sending nothing. Answered by Outlook or Failed.

    ``port`` is the device's UDP port whose answers come back, ``host_port`` our TCP port that it would call; 0 for any.
    ``firewalls`` False: their rules do not matter here, and are not read.
    """

    port: int = 0
    host_port: int = 0
    firewalls: bool = True


Action: TypeAlias = (
    Report
    | Resolve
    | Use
    | AskNeighbours
    | Send
    | Settle
    | Listen
    | Wait
    | Connect
    | Write
    | Read
    | Hangup
    | OpenPort
    | AwaitCall
    | ClosePort
    | LookBack
    | Ping
)


@dataclass(frozen=True, slots=True)
class Done:
    """The action was carried out."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the name resolves to; empty where it does not."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """The address that was chosen, our interface, our address there ("" where we have none), and whether both share a network.

    ``note`` is one sentence where the path has something to be said of (a VPN, a routed network).
    """

    address: str
    interface: str
    local: str
    on_link: bool
    loopback: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """The neighbour table's row: MAC ("" while nobody answered) and state ("" where there is no row)."""

    mac: str
    state: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A datagram from the device's ``port``, ``after`` seconds of listening."""

    port: int
    payload: bytes
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Stray:
    """A datagram from somebody else, ``after`` seconds of listening."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """ICMP port unreachable (UDP) or RST (TCP) for ``port``."""

    port: int
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Unreachable:
    """ICMP host unreachable, or nobody answered ARP; ``reason`` is the errno's name."""

    reason: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """The time passed and nothing came."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of the connection; b"" at its end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The TCP port of ours that is open now."""

    port: int


@dataclass(frozen=True, slots=True)
class Called:
    """The device has called, and was hung up on."""


@dataclass(frozen=True, slots=True)
class Failed:
    """This machine refused: our error's message and hint."""

    message: str
    hint: str = ""


Event: TypeAlias = (
    Done | Addresses | Route | Known | Reply | Stray | Refused | Unreachable | Silence | Received | Opened | Called | Outlook | Failed
)

T = TypeVar("T")
Session: TypeAlias = Generator[Action, Event, T]
