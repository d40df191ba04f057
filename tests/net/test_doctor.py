from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from discover.model.check import StepState
from discover.model.network import Interface, InterfaceAddress
from discover.net.doctor import Facts, JoinResult, diagnose

WLAN = Interface(
    name="wlan0",
    index=2,
    mac="02:00:00:00:00:01",
    addresses=(InterfaceAddress(address=ipaddress.ip_address("192.168.1.5"), network=ipaddress.ip_network("192.168.1.0/24")),),
)
TUN = Interface(name="tun0", index=3, mac="", addresses=(), point_to_point=True, skip="a point-to-point link")
GOOD = Facts(
    platform="linux",
    interfaces=(WLAN, TUN),
    joins=(JoinResult(interface="wlan0", error=""),),
    neighbours=3,
    default_route="wlan0",
    packages=(("zeroconf", "0.154.0"), ("netifaces-plus", "0.12.5")),
)


def states(facts: Facts) -> dict[str, StepState]:
    return {step.name: step.state for step in diagnose(facts)}


def test_a_healthy_machine_has_nothing_in_the_way() -> None:
    assert set(states(GOOD).values()) <= {StepState.PASS, StepState.SKIP}
    assert states(GOOD)["interface wlan0"] is StepState.PASS
    assert states(GOOD)["interface tun0"] is StepState.SKIP


@pytest.mark.parametrize(
    ("change", "name", "state"),
    [
        ({"interfaces": (TUN,), "joins": ()}, "an interface to use", StepState.FAIL),
        ({"joins": (JoinResult(interface="wlan0", error="No such device"),)}, "multicast on wlan0", StepState.FAIL),
        ({"neighbours": -1}, "neighbour table", StepState.WARN),
        ({"default_route": "tun0"}, "VPN", StepState.WARN),
        ({"container": "Docker"}, "container", StepState.WARN),
        ({"wsl": True}, "WSL", StepState.WARN),
        ({"firewalls": ("ufw",)}, "firewall", StepState.WARN),
        ({"wireless": ("wlan0",)}, "Wi-Fi on wlan0", StepState.WARN),
        ({"packages": (("netifaces-plus", ""), ("ifaddr", "0.2"))}, "packages", StepState.WARN),
    ],
)
def test_each_obstacle_is_named_with_a_fix(change: dict[str, object], name: str, state: StepState) -> None:
    facts = replace(GOOD, **change)  # type: ignore[arg-type]
    step = next(step for step in diagnose(facts) if step.name == name)
    assert step.state is state
    assert step.fix
