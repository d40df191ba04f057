"""Switch checksum and segmentation offload off: a relay copies frames, and frames of a veth pair carry no checksum otherwise.

``python offload.py INTERFACE...``, in the interfaces' namespace.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
FEATURES = (0x17, 0x1F, 0x24, 0x2C)
"""ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO (linux/ethtool.h)."""


def main() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name in sys.argv[1:]:
            for feature in FEATURES:
                value = array.array("B", struct.pack("II", feature, 0))
                request = struct.pack("16sP16x", name.encode(), value.buffer_info()[0])
                with contextlib.suppress(OSError):  # a feature that this kernel's veth has not got
                    fcntl.ioctl(control, SIOCETHTOOL, request)


if __name__ == "__main__":
    main()
