"""``espied boards``: the boards on USB, and on request the chips behind them."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from discover.errors import EspiedError, UsageError
from tui.cli.output import note, to_text, width, write_stdout
from tui.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from discover.boards.board import Board, Port
    from discover.boards.identify import Target
    from discover.model.device import Device
    from discover.model.network import Network

WARNING = (
    "Asking restarts each board twice: into its bootloader, and back into its firmware. Whatever it does is interrupted, and outputs "
    "change for a moment. Nothing is written to it."
)


def complete_port(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the ports that Tab offers; none is opened."""
    del ctx, parameter
    from discover.boards.esptool_api import serial_ports  # noqa: PLC0415 - pyserial loads there

    return [port.device for port in serial_ports() if port.device.startswith(incomplete)]


@click.command("boards")
@click.argument("names", nargs=-1, metavar="[PORT]...", shell_complete=complete_port)
@click.option("--identify", is_flag=True, help="Ask the chips. This restarts their boards, so it asks you first.")
@click.option("--yes", is_flag=True, help="Do not ask before restarting boards.")
@click.option(
    "--seconds", type=click.FloatRange(1, 60), default=12.0, show_default=True, help="How long asking one board may take, with --identify."
)
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def command(settings: Settings, *, names: tuple[str, ...], identify: bool, yes: bool, seconds: float, format_name: str) -> int:
    """List the boards on USB, and their twins on the network.

    Nothing is opened: what is shown is what USB tells. With --identify the chips are asked by esptool: all that may be
    Espressif's, or those at the PORTs you name. PORT is a device, or with --identify socket://HOST:PORT or rfc2217://HOST:PORT.
    """
    from discover.boards.esptool_api import serial_ports  # noqa: PLC0415 - pyserial loads there
    from discover.boards.usb import boards_on, portless  # noqa: PLC0415 - not for the help

    ports = serial_ports()
    boards = boards_on(ports)
    if names:
        named = (_named(name, boards, ports, identify=identify) for name in names)
        boards = tuple({board.port.device: board for board in named}.values())  # named twice, restarted once
    devices = known_devices(settings)
    failed: list[int] = []
    if identify:
        boards = _asked(settings, boards, named=bool(names), yes=yes, seconds=seconds)
        failed = [board.error.exit_code for board in boards if board.error]
    boards = tuple(with_twins(board, devices) for board in boards)
    without = () if names else portless(ports)
    now = time.time()
    if format_name == "json":
        from discover.boards.document import render_boards  # noqa: PLC0415 - msgspec loads here

        write_stdout(render_boards(boards, without, asked=identify, when=now))
    else:
        from tui.present.boards import boards_lines  # noqa: PLC0415 - only here

        others = 0 if names else sum(port.usb is None for port in ports)
        lines = boards_lines(boards, without, now=now, asked=identify, others=others)
        write_stdout(to_text(lines, color=settings.stdout_color, width=width()))
    return max(failed, default=0)


def _named(name: str, boards: Iterable[Board], ports: Iterable[Port], *, identify: bool) -> Board:
    """Return the board at a port that the user named, on USB or not. Raises UsageError where there is none to show."""
    from pathlib import Path  # noqa: PLC0415 - only here

    from discover.boards.board import FREE, Board, Port  # noqa: PLC0415 - only here
    from discover.boards.usb import board_on  # noqa: PLC0415 - only here

    if "://" in name:
        if not identify:
            raise UsageError("Without --identify only the ports of this machine are listed.", f"espied boards --identify {name}")
        return Board(port=Port(device=name), access=FREE)
    if "/" not in name and Path("/dev", name).is_char_device():
        name = f"/dev/{name}"
    real = str(Path(name).resolve()) if name.startswith("/") else name  # /dev/serial/by-id/... leads to the port
    board = next((one for one in boards if one.port.device in (name, real)), None)
    if board is not None:
        return board
    port = next((one for one in ports if one.device in (name, real)), None)
    if port is None and not identify and not Path(name).is_char_device():
        raise UsageError(f"There is no port {name!r} here.", "`espied boards` lists those that are.")
    return board_on(port or Port(device=name))


def _asked(settings: Settings, boards: Sequence[Board], *, named: bool, yes: bool, seconds: float) -> tuple[Board, ...]:
    """Ask the chips, one after the other; return the boards with what they told. Raises UsageError where nobody agreed to it."""
    from discover.boards.identify import target_of  # noqa: PLC0415 - only here

    chosen = [board for board in boards if named or board.may_be_espressif]
    targets = {board.port.device: target_of(board.port.device, _networks(board.port.device)) for board in chosen}
    for board in boards:
        if board not in chosen:
            kind = board.kind.title if board.kind else "its kind is not known"
            note(f"{board.port.device} is not asked: {kind}. Name it to have it asked all the same.", quiet=settings.quiet)
    if chosen and not yes:
        _agree(list(targets))
    return tuple(_ask(settings, board, targets[board.port.device], seconds) if board in chosen else board for board in boards)


def _agree(ports: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "--identify restarts boards, and nobody is there to agree.", "If that is what you want: espied boards --identify --yes"
        )
    note(WARNING)
    if not click.confirm(f"Restart {' and '.join(ports)}?", err=True):
        raise UsageError("Nothing was asked, and no board restarted.", "`espied boards` without --identify touches none.")


def _ask(settings: Settings, board: Board, target: Target, seconds: float) -> Board:
    from discover.boards.identify import identify  # noqa: PLC0415 - only here

    note(f"asking {board.port.device} ...", quiet=settings.quiet)
    try:
        chip = identify(target, seconds=seconds)
    except EspiedError as error:
        return replace(board, error=error)
    return replace(board, chip=chip, mac=chip.mac, mac_source="chip") if chip.mac else replace(board, chip=chip)


def _networks(device: str) -> tuple[Network, ...]:
    """Return the networks that a port may be in: this machine and what it is directly attached to (DESIGN section 3.4)."""
    if "://" not in device:
        return ()
    import ipaddress  # noqa: PLC0415 - only ports in the network need it

    from discover.net.gate import attached_networks  # noqa: PLC0415 - likewise
    from discover.net.interfaces import list_interfaces  # noqa: PLC0415 - likewise

    return (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"), *attached_networks(list_interfaces()))


def with_twins(board: Board, devices: Sequence[Device]) -> Board:
    """Return the board with the devices of the inventory that are the same board."""
    from discover.boards.twin import twins_of  # noqa: PLC0415 - only here

    return replace(board, twins=twins_of(board.mac, board.chip.name if board.chip else "", devices)) if board.mac else board


def known_devices(settings: Settings) -> Sequence[Device]:
    """Return the stored inventory, nothing where there is none; a broken one is said and left aside."""
    path = settings.database_path()
    if not path.exists():
        return ()
    from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here

    try:
        with Store.open(path) as store:
            return store.load().devices
    except EspiedError as error:
        note(f"The inventory is left aside: {error.message}", quiet=settings.quiet)
        return ()
