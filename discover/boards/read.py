"""Files to bytes: bounded, and only regular files. A device or a pipe is never opened: opening a serial port resets its board."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from discover.model.firmware import Problem, Trouble

MAX_SIZE: Final = 32 * 1024 * 1024
"""Bytes that are read of a file: the largest flash that the usual tools build for (ESPHome's table ends at 32 MB)."""
HEAD: Final = 64 * 1024
"""Bytes that are read of a larger file, to say what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was read: ``data`` is the whole file where ``whole``, else its head. ``size`` is the file's, in bytes."""

    size: int = 0
    data: bytes = b""
    whole: bool = True
    problem: Problem | None = None


def read_file(path: Path) -> Content:
    """Read a regular file; what cannot be read comes back as a problem that says why. Never blocks and never raises."""
    try:
        return _read(path)
    except FileNotFoundError:
        problem = Problem(Trouble.MISSING, "there is no such file")
    except PermissionError:
        problem = Problem(Trouble.NO_PERMISSION, "you may not read it")
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        problem = Problem(Trouble.READ_ERROR, f"it cannot be read: {getattr(error, 'strerror', None) or error}")
    return Content(problem=problem)


def _read(path: Path) -> Content:
    kind = _not_a_file(path.stat().st_mode)
    if kind:
        return Content(problem=Problem(Trouble.NOT_A_FILE, f"it is {kind}, not a file"))
    # Between the two looks the path may have become a pipe: then this open must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        kind = _not_a_file(status.st_mode)
        if kind:
            return Content(problem=Problem(Trouble.NOT_A_FILE, f"it is {kind}, not a file"))
        if status.st_size > MAX_SIZE:
            return _too_large(status.st_size, stream.read(HEAD))
        data = stream.read(MAX_SIZE + 1)
    # A file may have grown since, and those of /proc have no size.
    return Content(size=len(data), data=data) if len(data) <= MAX_SIZE else _too_large(len(data), data[:HEAD])


def read_stdin(stream: BinaryIO | None = None) -> Content:
    """Read standard input to its end, at most MAX_SIZE bytes."""
    source = stream or sys.stdin.buffer
    try:
        data = source.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        return Content(problem=Problem(Trouble.READ_ERROR, f"it cannot be read: {getattr(error, 'strerror', None) or error}"))
    if len(data) > MAX_SIZE:
        with contextlib.suppress(OSError):
            source.close()  # the writer must not wait for us to take the rest
        return _too_large(len(data), data[:HEAD])
    return Content(size=len(data), data=data)


def _too_large(size: int, head: bytes) -> Content:
    text = f"it has more than {MAX_SIZE // (1024 * 1024)} MB, more than the flash of any of these boards; it was not read"
    return Content(size=size, data=head, whole=False, problem=Problem(Trouble.TOO_LARGE, text))


def _not_a_file(mode: int) -> str:
    """Return what a path is that is no regular file ("a folder"), "" for a file."""
    if stat.S_ISREG(mode):
        return ""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((word for is_kind, word in kinds if is_kind(mode)), "a device")
