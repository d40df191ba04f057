"""Where each protocol lives and how it is asked: the numbers and datagrams that a sweep needs before anybody has answered.

Each codec says the same of itself under its own name (``microchip.PORT``); it is loaded when its first datagram comes.
"""

from __future__ import annotations

from typing import Final

KNOCK: Final = b"1"
"""The only harmless knock at ArduinoOTA: command 1 is unknown, so every core returns before it writes a member."""

MICROCHIP_PORT: Final = 30303
MICROCHIP_QUESTION: Final = b"Discovery: Who is out there?"
"""Asked first: some implementations know only the long form."""
MICROCHIP_QUESTION_SHORT: Final = b"D"
"""Asked again: the stack itself looks at the first byte only."""

GECKO_PORT: Final = 10022
GECKO_QUESTION: Final = b"<HELLO>1</HELLO>"

SSDP_PORT: Final = 1900
SSDP_GROUP: Final = "239.255.255.250"

WLED_PORT: Final = 65506
ESPEASY_PORT: Final = 8266
