"""Asking the chip behind a port who it is. The board restarts twice: into its bootloader, and back into its firmware.

Only ports that the user named, or that may have an Espressif chip behind them, are asked, one at a time and within
a bounded time. A port in the network is reached only where DESIGN section 3 (invariant 4) lets packets go.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from discover.boards.access import access_to
from discover.boards.board import Access, AccessState, BoardError, NoChipError, ToldChip
from discover.errors import NotPrivateError, UsageError
from discover.model.network import Address, Network
from discover.text import clean

SECONDS: Final = 12.0
"""How long one board may take: four ways to restart it and five questions each take about 6 s (measured on a silent port)."""

SCHEMES: Final = ("socket", "rfc2217")
"""Ports in the network, as pyserial names them. Its other schemes (spy://, loop://, hwgrep:// ...) write files or are for tests."""

Resolve = Callable[[str], Sequence[str]]
"""Host name -> its addresses; raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A port to ask: ``name`` as the user wrote it, ``url`` as it is opened (in the network: with the address that was judged)."""

    name: str
    url: str
    in_network: bool


def target_of(text: str, networks: Sequence[Network], resolve: Resolve | None = None) -> Target:
    """Return what a user means by a port. ``networks`` are those that packets may go to.

    Raises UsageError for what is no port, NotPrivateError for a host outside those networks, BoardError for a port that is not there.
    """
    scheme, colon, _ = text.partition("://")
    if colon:
        return _in_network(text, scheme.lower(), networks, resolve or addresses_of)
    if not text or clean(text, 1024) != text:
        raise UsageError(f"{clean(text, 80) or 'An empty text'} is no port.", "`espied boards` lists the ports.")
    if os.name != "nt":
        _need_device(text)
    return Target(name=text, url=text, in_network=False)


def _need_device(device: str) -> None:
    try:
        mode = Path(device).stat().st_mode
    except (OSError, ValueError) as error:
        raise BoardError(
            f"There is no port {clean(device, 200)}: {getattr(error, 'strerror', None) or error}.",
            "`espied boards` lists the ports; a board may get another one each time it is plugged in.",
        ) from error
    if not stat.S_ISCHR(mode):
        raise UsageError(f"{clean(device, 200)} is no serial port: it is {_kind_of_file(mode)}.", "`espied boards` lists the ports.")


def _kind_of_file(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"), (stat.S_ISBLK, "a disk"))
    return next((name for test, name in kinds if test(mode)), "something else")


def _in_network(text: str, scheme: str, networks: Sequence[Network], resolve: Resolve) -> Target:
    if scheme not in SCHEMES:
        raise UsageError(f"{clean(scheme, 20)}:// is no port that can be asked.", f"In the network: {' or '.join(SCHEMES)}://HOST:PORT.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if not host or not port or clean(text, 300) != text or parts.username is not None:
        raise UsageError(f"{clean(text, 80)} names no host and port.", f"For example {scheme}://192.168.1.9:4000.")
    try:
        told = resolve(host)
    except OSError as error:
        raise BoardError(f"{clean(host, 80)} cannot be resolved: {error.strerror or error}.", "Give its address instead.") from error
    addresses = [judged(address, networks) for address in told]
    if not addresses:
        raise BoardError(f"{clean(host, 80)} has no address.", "Give its address instead.")
    # Opened by the address that was judged: the name could mean another one a moment later.
    shown = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    return Target(name=text, url=parts._replace(scheme=scheme, netloc=f"{shown}:{port}").geturl(), in_network=True)


def judged(text: str, networks: Sequence[Network]) -> str:
    """Return the address where packets may go to it. Raises NotPrivateError."""
    bare, _, zone = text.partition("%")
    address: Address = ipaddress.ip_address(bare)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if not any((mapped or address) in network for network in networks if network.version == (mapped or address).version):
        raise NotPrivateError(
            f"{bare} is in no private network that this machine is directly attached to",
            "A serial port in the network is only asked on this machine and on attached private networks.",
        )
    return f"{bare}%{zone}" if zone else bare


def addresses_of(host: str) -> tuple[str, ...]:
    """Return the addresses of a host name, as the system resolves it. Raises OSError."""
    try:
        told = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, "this is no host name") from error
    return tuple(dict.fromkeys(str(one[4][0]) for one in told))


def identify(target: Target, *, seconds: float = SECONDS, access: Callable[[str], Access] = access_to) -> ToldChip:
    """Ask the chip behind ``target``; the board restarts. Blocks for ``seconds`` at the most, and a moment for restarting it.

    Raises BoardError where the port cannot be used, NoChipError where no chip answers; both say what to do.
    """
    from discover.boards.esptool_api import ask_chip  # noqa: PLC0415 - esptool loads there

    if not target.in_network:
        _need_free(target.name, access(target.name))
    try:
        return ask_chip(target.url, seconds=seconds)
    except NoChipError as error:
        raise _no_chip(target, error, seconds) from error
    except BoardError as error:
        raise _trouble(target, error, access) from error


def _need_free(name: str, access: Access) -> None:
    if access.state in (AccessState.NO_PERMISSION, AccessState.IN_USE, AccessState.GONE):
        raise BoardError(f"{clean(name)} cannot be asked. {access.detail}", access.fix)


def _no_chip(target: Target, error: NoChipError, seconds: float) -> NoChipError:
    if error.message.startswith("Unexpected chip"):  # esptool cmds.detect_chip: the bootloader answered, with an id it does not know
        return NoChipError(
            f"{clean(target.name)}: a bootloader answered, of a chip that this esptool does not know ({error.message.partition('.')[0]}).",
            "A newer esptool may know it: pip install --upgrade esptool. Or the line is noisy: ask again, with a shorter cable.",
        )
    how = f"within {seconds:g} s" if error.late else f"(esptool: {error.message.rstrip('.')})"
    if target.url.startswith("socket:"):
        hint = "This kind of port has no line to restart the board by: put it into its bootloader by hand (hold BOOT, press RESET)."
    else:
        hint = "Hold BOOT, press and release RESET, release BOOT, and ask again. It may also be a board without an Espressif chip."
    return NoChipError(f"{clean(target.name)}: no Espressif chip answered {how}.", hint)


def _trouble(target: Target, error: BoardError, access: Callable[[str], Access]) -> BoardError:
    name = clean(target.name)
    if target.in_network:
        hint = "Is the serial server (ser2net, esp_rfc2217_server) running there?"
        if "RFC2217" in error.message:  # pyserial rfc2217.py, where the other side does not negotiate
            hint = "What listens there does not speak RFC 2217; a port that is passed on as it is has the scheme socket://."
        return BoardError(f"{name} cannot be asked: {_reason(error)}.", hint)
    now = access(target.name)
    if now.state is AccessState.GONE:
        return BoardError(f"{name} vanished while the board was asked.", _VANISHED)
    if now.state is not AccessState.OK and now.detail:
        return BoardError(f"{name} cannot be asked. {now.detail}", now.fix)
    known = _KNOWN_TROUBLE.get(error.number)
    if known is not None:
        return BoardError(f"{name} {known[0]}", known[1])
    return BoardError(f"{name} failed while the board was asked: {_reason(error)}.", _VANISHED)


_IN_USE: Final = ("is in use by another program.", "Close the serial monitor, ESPHome's log or the IDE that has it open.")
_FORBIDDEN: Final = ("is not yours to use.", "Join the group that owns it: ls -l shows which.")
_KNOWN_TROUBLE: Final = {
    errno.EBUSY: _IN_USE,  # TIOCEXCL of another program
    errno.EAGAIN: _IN_USE,  # its flock
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOTTY: ("is no serial port.", "`espied boards` lists the ports."),
}
_VANISHED: Final = (
    "Boards with USB of their own vanish for a moment when they restart. Plug it in again, with another cable if need be, and ask again."
)


def _reason(error: BoardError) -> str:
    return os.strerror(error.number) if error.number else error.message.rstrip(".")
