"""The demo LAN: simulated devices that speak the real protocols on loopback."""

from discover.demo.device import DemoDevice, Departure
from discover.demo.devices import DEMO_DEVICES
from discover.demo.lan import DEMO_INTERFACE, DEMO_NETWORK, DemoLan, demo_supported

__all__ = ["DEMO_DEVICES", "DEMO_INTERFACE", "DEMO_NETWORK", "DemoDevice", "DemoLan", "Departure", "demo_supported"]
