"""OTA reachability checks as sans-IO sessions that cannot start an update."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from discover.ota.levels import Allowance, allowed_level
    from discover.ota.runner import check

__all__ = ["Allowance", "allowed_level", "check"]

_HOMES: Final = {"Allowance": "discover.ota.levels", "allowed_level": "discover.ota.levels", "check": "discover.ota.runner"}


def __getattr__(name: str) -> object:
    """Load what is asked for, and only then: the pages that show upload commands need no check."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOMES[name]), name)
