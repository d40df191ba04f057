"""How often and how long one host is asked; each figure with its source."""

from __future__ import annotations

from typing import Final

RATION: Final = 1.06
"""Seconds between two tries at a host whose ICMP ration is spent: one error a second to one peer (Linux, icmp_ratelimit 1000)."""
CONTROL_WINDOW: Final = 0.05
"""Seconds before a refused datagram in which silences count: within them a ration of one a second is renewed once in twenty times."""
BURST_TIME: Final = 0.04
"""Seconds for which a control waits for more knocks to stand behind; below CONTROL_WINDOW, so that it speaks for the first one, too."""
MISS: Final = 0.003
"""Probability with which an answering port may be missed by loss: three tries at 5 % loss each way, two on clean air."""
MISS_RATION: Final = 0.005
"""Probability with which silent controls that were lost may be taken for a spent ration."""
LEAST_TRIES: Final = 2
KNOCKS_ENOUGH: Final = 3
"""Ports that kept silent at a host that speaks otherwise, after which a second knock teaches nothing: it sends no ICMP errors."""
MOST_TRIES: Final = 4
MOST_JUDGED: Final = 16
"""Tries at a port whose silence is judged: twice the confirmations it may need."""
RENEWED: Final = 0.005
"""Probability that a ration of one ICMP error a second is renewed between a knock and the control that follows at once."""
GIVE_UP: Final = 7.0
"""Seconds after which a host that rations its errors gets no further try: it would hold the whole scan."""
NAP: Final = 0.26
"""Seconds that a host is given which has said nothing yet: in power save it answers ARP when it wakes, and the rest when it wakes again."""
NAP_GRAIN: Final = 2.0**-6
"""Seconds by which the end of such a wait may be rounded up, see :attr:`Air.grain`."""
REST_OF_NAP: Final = 0.06
"""Seconds more after each further try, so that it is given up after 0.32 s and not before: naps of 0.3 s were measured."""
RATION_BURST: Final = 6
"""ICMP errors that a Linux host sends to one peer at once, before one a second (icmp_ratelimit; measured). Who sends more rations none."""
REPEATED_CONNECTS: Final = 4
"""Connects that are repeated at one host at once."""
FRAGILE_TRIES: Final = 2
"""Tries of a TCP connect to a fragile device: each one takes one of its few sockets."""
