"""OTA reachability checks as sans-IO sessions that cannot start an update."""

from discover.ota.levels import Allowance, allowed_level
from discover.ota.runner import check

__all__ = ["Allowance", "allowed_level", "check"]
