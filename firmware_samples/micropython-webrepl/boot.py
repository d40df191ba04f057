"""espied firmware sample, first half: joins the Wi-Fi and offers the prompt over a WebSocket. MicroPython runs it at every start.

Copy config.py.example to config.py and webrepl_cfg.py.example to webrepl_cfg.py, and fill them in.
"""

import config
import network
import webrepl

HOSTNAME = "mpy-espied"

# Before the station is switched on: its name is taken then.
network.hostname(HOSTNAME)
station = network.WLAN(network.STA_IF)
station.active(True)
if not station.isconnected():
    station.connect(config.WIFI_SSID, config.WIFI_PASSWORD)

# Listens on 8266/tcp as soon as there is an address; the password is that of webrepl_cfg.py.
webrepl.start()
