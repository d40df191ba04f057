"""``espied check HOST --image FILE``: the file is read first, and compared with the device once that is known."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from discover.errors import EXIT_CANNOT, UsageError
from discover.model.firmware import UNREADABLE, Trouble

if TYPE_CHECKING:
    from discover.model.check import OtaCheck
    from discover.model.device import Device
    from discover.model.firmware import FirmwareFile


def read_image(name: str) -> FirmwareFile:
    """Read the file before anything is sent. Raises EspiedError where it cannot be read; a damaged one is the check's to judge."""
    from discover.boards.firmware import STDIN, read_firmware  # noqa: PLC0415 - esptool loads behind it

    if name == STDIN:
        raise UsageError("--image needs a file: its name goes into the upload commands.", "`espied firmware -` reads standard input.")
    file = read_firmware(name)
    trouble = next((one for one in file.problems if one.trouble in UNREADABLE), None)
    if trouble is None:
        return file
    code = EXIT_CANNOT if trouble.trouble in (Trouble.NO_PERMISSION, Trouble.READ_ERROR) else None
    raise UsageError(f"The image {file.name} was not read: {trouble.text}.", "Name the .bin that your build made.", exit_code=code)


def with_image(check: OtaCheck, file: FirmwareFile, path: str, device: Device | None) -> OtaCheck:
    """Add what the image means for this device: its steps, its answer, and its name in the upload commands where it suits."""
    from discover.boards.suit import suit  # noqa: PLC0415 - only here
    from discover.ota.commands import IMAGE  # noqa: PLC0415 - only here

    judged = suit(file, device, kind=check.kind)
    commands = check.commands
    if not judged.negative:
        commands = tuple(replace(one, line=one.line.replace(IMAGE, shlex.quote(path))) for one in commands)
    return replace(
        check,
        steps=(*check.steps, *judged.steps),
        sentence=f"{check.sentence} {judged.sentence}".strip(),
        fix=check.fix or (judged.steps[-1].fix if judged.negative else ""),
        commands=commands,
        image=judged.answer.value,
    )
