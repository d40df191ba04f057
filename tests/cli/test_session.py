from __future__ import annotations

from discover.engine import plan_scan
from discover.net.fake.hosts import fake_interface
from discover.net.fake.network import FakeNetwork
from tui.cli.session import where_it_looks

LAN = fake_interface("eth0", "192.168.1.2/24")
ONLY_IPV6 = fake_interface("eth1", "fe80::2/64", index=3)
BRIDGE = fake_interface("docker0", "172.17.0.1/16", index=4, skip="It is a bridge of containers.")
NETWORK = FakeNetwork(interfaces=(LAN, ONLY_IPV6, BRIDGE))


def test_verbose_says_for_each_interface_what_is_done_there_or_why_nothing_is() -> None:
    assert list(where_it_looks(NETWORK.interfaces(), plan_scan(NETWORK))) == [
        "eth0: asking 192.168.1.0/24 (253 addresses).",
        "eth1: asking by mDNS and listening.",
        "docker0: left out. It is a bridge of containers.",
    ]


def test_verbose_calls_a_passive_scan_no_sweep() -> None:
    said = list(where_it_looks(NETWORK.interfaces(), plan_scan(NETWORK, names=["eth0"], passive=True)))
    assert said[:2] == ["eth0: asking by mDNS and listening.", "eth1: left out. It has no network that this is about."]
