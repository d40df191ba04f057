"""What the web servers of simulated devices say: answers of real firmware, with identities of our own."""

from __future__ import annotations

from typing import Final

WLED_INFO: Final = {
    "ver": "0.15.0",
    "vid": 2412100,
    "release": "ESP32",
    "leds": {"count": 120, "fps": 42},
    "name": "Shelf light",
    "live": False,
    "arch": "esp32",
    "core": "v3.3.6-16-gcc5440f6a2",
    "brand": "WLED",
    "product": "FOSS",
    "mac": "a4cf12100016",
    "ip": "127.77.0.16",
}
"""wled/WLED wled00/json.cpp serializeInfo, shortened."""
SHELLY_GEN2: Final = {
    "name": "Heating pump",
    "id": "shellyplus1-a8032a100017",
    "mac": "A8032A100017",
    "model": "SNSW-001X16EU",
    "gen": 2,
    "fw_id": "20241011-114449/1.4.4-g6d2a586",
    "ver": "1.4.4",
    "app": "Plus1",
    "auth_en": False,
}
"""/shelly of the second generation (home-assistant-libs/aioshelly aioshelly/common.py)."""
SHELLY_GEN1: Final = {
    "type": "SHSW-1",
    "mac": "C45BBE100018",
    "auth": False,
    "fw": "20230913-112003/v1.14.0-gcb84623",
    "discoverable": False,
}
"""/shelly of the first generation."""
TASMOTA_STATUS: Final = {
    "Status": {"Module": 1, "DeviceName": "Coffee machine", "FriendlyName": ["Coffee machine"], "Topic": "tasmota_100019"},
    "StatusFWR": {"Version": "14.2.0(release-tasmota)", "Core": "2_7_7", "SDK": "2.2.2-dev(38a443e)", "Hardware": "ESP8266EX"},
    "StatusNET": {"Hostname": "tasmota-100019-0025", "IPAddress": "127.77.0.19", "Mac": "DC:4F:22:10:00:19"},
}
"""Status 0 (tasmota/docs docs/Commands.md), shortened."""
