"""A scripted network with a virtual clock, for tests, the demo and replays: hosts behave as written down."""
