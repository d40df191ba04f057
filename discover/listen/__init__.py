"""Async producers of signals that only listen."""
