"""The demo LAN: simulated devices that speak the real protocols on loopback."""
