"""espied's engine: find embedded devices on a LAN and say what they are.

Importing this package loads neither textual nor zeroconf nor esptool.
"""

__version__ = "0.1.0"
