"""espied firmware sample: a CircuitPython board with the web workflow. CircuitPython runs it at every start.

The web workflow is CircuitPython's own and needs settings.toml only; this program just says where to find it.
"""

import os
import time

import wifi

LOOK_SECONDS = 5

shown = None
while True:
    address = wifi.radio.ipv4_address
    if address != shown:
        shown = address
        port = os.getenv("CIRCUITPY_WEB_API_PORT") or 80
        print(f"web workflow: http://{address}:{port}/" if address else "not on the network")
    time.sleep(LOOK_SECONDS)
