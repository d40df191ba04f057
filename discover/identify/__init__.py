"""Signal to Evidence to ranked families: pure."""
