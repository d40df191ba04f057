"""``espied firmware``: what firmware files are, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from discover.errors import EXIT_CANNOT, EXIT_NEGATIVE, EXIT_USAGE
from tui.cli.output import to_text, width, write_stdout
from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.model.firmware import FirmwareFile


@click.command("firmware")
@click.argument("names", nargs=-1, required=True, metavar="FILE...", type=click.Path(readable=False))  # a type for completion alone
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def command(settings: Settings, *, names: tuple[str, ...], format_name: str) -> int:
    """Say what firmware files are: chip, kind, name, version, segments, checksums, partitions.

    FILE is an image of any Espressif chip (app, bootloader, partition table, merged flash image), or "-" for standard
    input. Nothing is changed, and no board is needed. The exit code is 1 where a file is damaged or no firmware, 2 where it is
    no file or not there, 3 where it may not be read.
    """
    from discover.boards.firmware import read_firmware  # noqa: PLC0415 - not for the help

    files = tuple(map(read_firmware, names))
    if format_name == "json":
        from discover.boards.firmware_report import render_firmware  # noqa: PLC0415 - only here

        write_stdout(render_firmware(files))
    else:
        from tui.present.firmware import firmware_lines  # noqa: PLC0415 - only here

        readable = tuple(one for one in files if not _exit_code(one) > EXIT_NEGATIVE)
        write_stdout(to_text(firmware_lines(readable), color=settings.stdout_color, width=width()))
    for file in files:
        if _exit_code(file) > EXIT_NEGATIVE:
            click.echo(f"espied: {file.name}: {file.problems[0].text}", err=True)
            click.echo(f"  → {_advice(file)}", err=True)
    return max(map(_exit_code, files))


def _exit_code(file: FirmwareFile) -> int:
    """Return what one file alone would end the command with."""
    from discover.model.firmware import Trouble  # noqa: PLC0415 - not for the help

    if file.sound:
        return 0
    troubles = {one.trouble for one in file.problems}
    if troubles & {Trouble.NO_PERMISSION, Trouble.READ_ERROR}:
        return EXIT_CANNOT
    return EXIT_USAGE if troubles & {Trouble.MISSING, Trouble.NOT_A_FILE} else EXIT_NEGATIVE


def _advice(file: FirmwareFile) -> str:
    """Return what to do about a file that cannot be read."""
    from discover.model.firmware import Trouble  # noqa: PLC0415 - not for the help

    trouble, text = file.problems[0].trouble, file.problems[0].text
    if trouble is Trouble.NO_PERMISSION:
        return "Copy it to where you may read it, or ask its owner."
    if trouble is Trouble.NOT_A_FILE and "folder" not in text:
        return "Devices and pipes are not opened; `espied firmware -` reads standard input."
    return (
        "Name the .bin that your build made."
        if trouble is not Trouble.READ_ERROR
        else "Look whether the disk or the network share is in order."
    )
