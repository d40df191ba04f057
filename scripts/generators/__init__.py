"""One module for each kind of generated file; scripts/generate.py finds them by their ``FILES``."""
