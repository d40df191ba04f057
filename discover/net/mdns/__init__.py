"""mDNS: sockets that lose no burst, questions packed to the MTU, and what was answered. ``browse`` alone imports zeroconf."""
