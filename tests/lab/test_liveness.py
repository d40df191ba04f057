"""Who is there, although it answers nothing: told by the kernel's news, by raw ARP, and by a ping to all IPv6 nodes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.lan import Host, Lan, run, why_not

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
LINK = str(Path(__file__).with_name("link.py"))
# No capability at all, not even as root: what an ordinary user has.
ORDINARY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
MACS = {"asker": "02:00:5e:00:02:02", "silent": "24:6f:28:00:02:03", "six": "24:6f:28:00:02:04"}
NOBODY = "10.82.0.99"
DROP = "add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }"


@dataclass
class Link:
    """A LAN of an asker, a host that drops every IP packet, and one that has IPv6 only."""

    asker: Host
    silent: Host
    six: Host

    def hear(self, *arguments: str, user: tuple[str, ...] = ()) -> list[list[str]]:
        """Ask and listen as :mod:`tests.lab.link` says; the lines it wrote."""
        done = self.asker.run(*user, sys.executable, LINK, *arguments, env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]

    def table(self) -> str:
        """The asker's neighbour table."""
        return run("ip", "-n", self.asker.namespace, "neigh", "show")


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    if reason := why_not():
        pytest.skip(reason)
    lan = Lan("10.82.0.0/24")
    lan.prefix += "l"
    lan.switch = f"{lan.prefix}-sw"
    with lan:
        hosts = {name: lan.host(name, 2 + index, mac) for index, (name, mac) in enumerate(MACS.items())}
        hosts["silent"].run("nft", DROP, check=True)
        run("ip", "-n", hosts["six"].namespace, "addr", "flush", "dev", "eth0", "scope", "global")
        time.sleep(1.0)  # the bridge's ports come up, and addresses get ready
        yield Link(**hosts)


@pytest.fixture(autouse=True)
def nobody_known(link: Link) -> None:
    for host in (link.asker, link.silent, link.six):
        run("ip", "-n", host.namespace, "neigh", "flush", "all", check=False)


def link_local(host: Host) -> str:
    """The host's link-local address."""
    shown = json.loads(run("ip", "-n", host.namespace, "-j", "-6", "addr", "show", "dev", "eth0", "scope", "link"))
    return next(str(one["local"]) for one in shown[0]["addr_info"])


def of(lines: list[list[str]], what: str) -> list[list[str]]:
    return [line[1:] for line in lines if line[0] == what]


def test_any_user_is_told_at_once_of_a_host_that_drops_everything(link: Link) -> None:
    heard = link.hear("4", "arp", "ping", link.silent.address, NOBODY, user=ORDINARY)
    assert of(heard, "opened")[0][1:] == ["events"]  # raw ARP and ping are for others
    events = {line[1]: line for line in of(heard, "event") if "." in line[1]}
    when, _, mac, state = events[link.silent.address]
    assert (mac, state) == (MACS["silent"], "reachable")
    assert float(when) < 1.0
    when, _, mac, state = events[NOBODY]
    assert (mac, state) == ("", "failed")
    assert 2.5 < float(when) < 4.0  # three requests of the kernel, a second apart
    assert not of(heard, "lost")
    assert {tuple(line[1:3]) for line in of(heard, "sent")} == {("udp", link.silent.address), ("udp", NOBODY)}


def test_deleting_a_row_is_no_failure(link: Link) -> None:
    link.asker.start("sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.3; ip neigh flush dev eth0; done")
    heard = link.hear("2", link.silent.address)
    assert of(heard, "event")
    assert {line[3] for line in of(heard, "event") if line[1] == link.silent.address} == {"reachable"}


def test_raw_arp_finds_it_without_the_kernels_table(link: Link, tmp_path: Path) -> None:
    with wire(link.asker, tmp_path / "arp", "arp") as frames:
        heard = link.hear("1", "arp", link.silent.address, NOBODY, link.six.address)
    assert {tuple(line[1:]) for line in of(heard, "arp")} == {(link.silent.address, MACS["silent"])}
    assert float(of(heard, "arp")[0][0]) < 1.0
    assert NOBODY not in link.table()
    # The ledger holds exactly what was on the wire, and each request once.
    requests = [frame[14:42].hex() for frame in frames if frame[:6] == b"\xff" * 6]
    assert requests == [line[3] for line in of(heard, "sent")]
    assert len(requests) == 3


@pytest.mark.parametrize("group_may", [False, True])
def test_a_ping_to_all_nodes_finds_a_host_with_ipv6_only_and_its_mac(link: Link, tmp_path: Path, *, group_may: bool) -> None:
    """As root by a raw socket, as an ordinary user of a group that may ping by a ping socket: the same packets."""
    local = link_local(link.six)
    link.asker.run("sysctl", "-qw", f"net.ipv4.ping_group_range={'0 0' if group_may else '1 0'}", check=True)
    with wire(link.asker, tmp_path / "ping", "icmp6 and ip6[40] == 128 and dst host ff02::1") as frames:
        heard = link.hear("1.5", "ping", user=ORDINARY if group_may else ())
    assert of(heard, "opened")[0][1:] == ["events", "ping"]
    answers = {line[1]: float(line[0]) for line in of(heard, "ping")}  # the bridge has an address, too
    assert answers[local] < 1.0
    assert len(answers) == len(of(heard, "ping"))
    assert not {link_local(link.silent), link_local(link.asker)} & set(answers)
    assert (local, MACS["six"]) in {(line[1], line[2]) for line in of(heard, "event")}
    assert [frame[54:].hex() for frame in frames] == [line[3] for line in of(heard, "sent")]
    assert [frame[21] for frame in frames] == [1, 1]  # the hop limit


@contextlib.contextmanager
def wire(host: Host, file: Path, expression: str) -> Iterator[list[bytes]]:
    """Capture the Ethernet frames that leave a host while the block runs; the list is filled when it ends."""
    frames: list[bytes] = []
    process = host.start("tcpdump", "-i", "eth0", "--immediate-mode", "-Q", "out", "-U", "-s", "0", "-w", str(file), expression)
    deadline = time.monotonic() + 10
    while not file.exists() or file.stat().st_size < 24:
        assert time.monotonic() < deadline, "tcpdump did not start"
        time.sleep(0.02)
    try:
        yield frames
        time.sleep(0.3)
    finally:
        process.terminate()
        process.wait(10)
    data, offset = file.read_bytes(), 24
    order = "little" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else "big"
    while offset + 16 <= len(data):
        length = int.from_bytes(data[offset + 8 : offset + 12], order)  # type: ignore[arg-type]
        frames.append(data[offset + 16 : offset + 16 + length])
        offset += 16 + length
