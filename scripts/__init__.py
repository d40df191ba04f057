"""Tools for those who work on espied; none of it is installed."""
