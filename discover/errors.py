"""The root of every error espied raises on purpose.

An error says what happened (``message``), what to do next (``hint``) and which
exit code a command ends with (``exit_code``; DESIGN section 4).
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_NEGATIVE = 1
EXIT_USAGE = 2
EXIT_CANNOT = 3
EXIT_INTERRUPTED = 130


class EspiedError(Exception):
    """What happened, what to do next, and the exit code that follows."""

    exit_code: int = EXIT_CANNOT

    def __init__(self, message: str, hint: str = "", exit_code: int | None = None) -> None:
        """Keep the sentence, the advice and (where it differs from the class's) the exit code."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(EspiedError):
    """The call's words are off: a bad port, an unknown format, a name that is not there."""

    exit_code = EXIT_USAGE


class NotPrivateError(EspiedError):
    """A target outside the directly attached private networks (invariant 4)."""

    exit_code = EXIT_USAGE


class NoInterfaceError(EspiedError):
    """No interface on this machine can be used for discovery."""


class NetworkError(EspiedError):
    """The operating system refused a network operation; the hint names the usual cause."""


class StoreError(EspiedError):
    """The inventory could not be opened, read or written."""


class RecordingError(EspiedError):
    """A recording cannot be read; says in which line and why."""

    exit_code = EXIT_USAGE


class CatalogueError(EspiedError):
    """A catalogue file breaks its contract: a bug in the package, found by its tests."""
