"""The real network as a whole: it keeps the protocol, and its gate knows this machine's networks."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from discover.errors import NotPrivateError
from discover.net.api import Network, TcpOutcome, UdpEventKind
from discover.net.gate import is_private
from discover.net.real import RealNetwork


async def test_it_is_a_network_and_speaks_on_loopback() -> None:
    network: Network = RealNetwork()
    loop = next(face for face in network.interfaces() if face.loopback)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    end = network.udp(loop)
    await end.send(b"1", "127.0.0.1", port, purpose="knock")
    event = await end.receive(5)
    end.close()
    assert event is not None
    assert (event.kind, event.address, event.port) == (UdpEventKind.REFUSED, "127.0.0.1", port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome, stream = await network.tcp(loop, "127.0.0.1", server.getsockname()[1], purpose="connect", timeout=5)
        assert outcome is TcpOutcome.OPEN
        assert stream is not None
        stream.close()
    assert [(packet.transport, packet.purpose) for packet in network.ledger.packets] == [("udp", "knock"), ("tcp", "connect")]
    assert all(row.interface == loop.name for row in await network.neighbours(loop))


async def test_the_gate_knows_this_machines_networks_without_being_told() -> None:
    network = RealNetwork()
    with pytest.raises(NotPrivateError):
        await network.tcp(None, "9.9.9.9", 80, purpose="connect", timeout=1)
    assert network.ledger.count == 0
    for face in network.interfaces():
        for one in face.addresses:
            assert network.gate.permits(str(one.address)) == is_private(one.network)


def test_a_named_network_needs_the_users_word() -> None:
    foreign = ipaddress.ip_network("198.51.100.0/24")
    assert not RealNetwork(allowed=[foreign]).gate.permits("198.51.100.1")
    assert RealNetwork(allowed=[foreign], own=True).gate.permits("198.51.100.1")


def test_zeroconf_is_loaded_only_by_who_browses() -> None:
    code = "import sys, discover.net.real, discover.net.fake.network; print('zeroconf' in sys.modules, 'netifaces' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of open files")
def test_it_lets_itself_open_as_many_files_as_a_socket_for_each_target_needs() -> None:
    # macOS starts programs with 256; a /24 alone needs more there.
    said = subprocess.run(
        [sys.executable, "-c", _LIMITED], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    ).stdout.split()
    assert said == ["1024", "1024"]


_LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))
from discover.net.real import RealNetwork
RealNetwork()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
