"""Writing to stdout and stderr: present's lines as plain or ANSI text, files without half-written ones."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from discover.errors import EspiedError
from tui.present.lines import Line, line, render


def to_text(lines: Iterable[Line], *, color: bool, width: int = 0) -> str:
    """Render lines (wrapped at ``width`` cells, 0: as they are); without colour not one escape byte is in the result."""
    return render(lines, width=width, color=color)


def write_stdout(data: str | bytes) -> None:
    """Write data to stdout and flush, so that a closed pipe shows here and not at interpreter exit."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    stream = sys.stdout
    if hasattr(stream, "buffer"):
        stream.flush()
        stream.buffer.write(raw)
        stream.buffer.flush()
    else:
        stream.write(raw.decode("utf-8"))
        stream.flush()


def write_file(path: Path, data: bytes, *, option: str = "--output") -> None:
    """Write a file whole or not at all (a full disk leaves the old one). Raises EspiedError that advises another ``option``."""
    folder = path.parent
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644 if not path.exists() else path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise EspiedError(
            f"Cannot write {path}: {error.strerror or error}",
            f"Choose another place with {option}" + (", or leave it away to print to stdout." if option == "--output" else "."),
        ) from error


def width() -> int:
    """Return the columns to lay text out for: the terminal's, 100 where the output is no terminal."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100


def stderr_width() -> int:
    """Return the columns of the terminal that stderr is, 0 (nothing is wrapped) where it is none."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stderr.isatty() else 0


def note(text: str, *, quiet: bool = False) -> None:
    """Say one sentence on stderr, wrapped where that is a terminal."""
    if not quiet:
        click.echo(to_text([line(f"espied: {text}", hang=8)], color=False, width=stderr_width()), err=True, nl=False)
