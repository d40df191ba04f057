"""``espied check HOST --image FILE``: the file is read first, and compared with the device once that is known."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from discover.errors import EXIT_CANNOT, UsageError
from discover.model.firmware import UNREADABLE, FileKind, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from discover.model.check import Command, OtaCheck
    from discover.model.device import Device
    from discover.model.firmware import FirmwareFile


def judge_of(name: str) -> Callable[[OtaCheck, Device | None], OtaCheck]:
    """Read the file, before anything is sent, and return what adds it to a check. Raises UsageError where it cannot be read."""
    return partial(with_image, file=read_image(name), path=name)


def read_image(name: str) -> FirmwareFile:
    """Read the file before anything is sent. Raises UsageError where it cannot be read; a damaged one is the check's to judge."""
    from discover.boards.firmware import STDIN, read_firmware  # noqa: PLC0415 - esptool loads behind it

    if name == STDIN:
        raise UsageError("--image needs a file: its name goes into the upload commands.", "`espied firmware -` reads standard input.")
    file = read_firmware(name)
    trouble = next((one for one in file.problems if one.trouble in UNREADABLE), None)
    if trouble is None:
        return file
    code = EXIT_CANNOT if trouble.trouble in (Trouble.NO_PERMISSION, Trouble.READ_ERROR) else None
    raise UsageError(f"The image {file.name} was not read: {trouble.text}.", "Name the .bin that your build made.", exit_code=code)


def with_image(check: OtaCheck, device: Device | None, *, file: FirmwareFile, path: str) -> OtaCheck:
    """Add what the image means for this device: its steps, its answer, and its name in the upload commands where it suits."""
    from discover.boards.suit import suit  # noqa: PLC0415 - only here

    judged = suit(file, device, kind=check.kind)
    return replace(
        check,
        steps=(*check.steps, *judged.steps),
        sentence=f"{check.sentence} {judged.sentence}".strip(),
        fix=f"{check.fix} {judged.steps[-1].fix}".strip(),
        commands=check.commands if judged.negative else tuple(_naming(one, file.kind, path) for one in check.commands),
        image=judged.answer.value,
    )


def _naming(command: Command, kind: FileKind, path: str) -> Command:
    """Name the file in an upload command that takes it; a file system goes another way than an app, and esptool inflates nothing."""
    from discover.ota.commands import IMAGE  # noqa: PLC0415 - only here

    if kind in (FileKind.APP, FileKind.FOREIGN) or (kind is FileKind.GZIP and command.tool != "esptool"):
        return replace(command, line=command.line.replace(IMAGE, shlex.quote(path)))
    return command
