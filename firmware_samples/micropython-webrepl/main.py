"""espied firmware sample, second half: says where it is whenever that changes. MicroPython runs it after boot.py.

The prompt stays free: a timer looks after the address, and nothing here waits.
"""

import machine
import network

LOOK_MS = 2000

shown = [None]


def look(_timer):
    """Print the address when it is a new one."""
    station = network.WLAN(network.STA_IF)
    address = station.ifconfig()[0] if station.isconnected() else None
    if address != shown[0]:
        shown[0] = address
        print(f"WebREPL: ws://{address}:8266" if address else "not on the network")


machine.Timer(0).init(period=LOOK_MS, mode=machine.Timer.PERIODIC, callback=look)
