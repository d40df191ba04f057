"""Ready-made upload commands as lines to copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from discover.model.check import Command
from discover.model.device import Device, OtaStatus, Password
from tui.present.device import main_address
from tui.present.lines import Line, line

HEADLINE: Final = "Upload with"
LATER: Final = "Once that is mended, upload with"


def commands_for(device: Device) -> tuple[Command, ...]:
    """Return the commands that update the device as the inventory knows it; empty where no way is known."""
    if not device.addresses:
        return ()
    from discover.ota.commands import upload_commands  # noqa: PLC0415 - only for a device that is looked at

    ota = device.ota or OtaStatus(kind="none", port=0, transport="", password=Password.UNKNOWN, verdict="", checked=None)
    return upload_commands(
        device, kind=ota.kind, address=main_address(device), port=ota.port, transport=ota.transport, password=ota.password
    )


def command_lines(commands: Sequence[Command], *, indent: int = 0) -> tuple[Line, ...]:
    """Return each command: its tool, the line to copy, and what to know about it."""
    lines: list[Line] = []
    tool = ""
    for command in commands:
        if command.tool != tool:
            lines.append(line((f"{command.tool}:", "dim"), indent=indent))
        tool = command.tool
        lines.append(line((command.line, "code"), indent=indent + 2, hang=indent + 4, whole=True))
        if command.note:
            lines.append(line((command.note, "dim"), indent=indent + 2))
    return tuple(lines)
