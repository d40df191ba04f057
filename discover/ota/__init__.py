"""OTA reachability checks as sans-IO sessions that cannot start an update."""
