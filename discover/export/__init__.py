"""One pure function from a snapshot to bytes per format, and the registry of formats."""
