"""Async producers of signals that ask: UDP, TCP, HTTP, each through the gate."""
