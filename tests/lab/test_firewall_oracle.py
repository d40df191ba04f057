"""What espied reads out of nftables' rules, against the kernel that carries them out: random rulesets, real connections."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from discover.model.outlook import Ruling
from discover.net.firewall import nftables
from discover.net.firewall.packetfilter import Flow, Ruleset, judge
from tests.lab.lan import Host, Lan, why_not

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

PORTS = (22, 80, 10_000, 20_000, 39_999, 40_000, 40_005, 40_010, 40_011, 50_000, 60_000)
ROUNDS = 40

LISTEN = f"""
import select, socket, sys
socks = []
for port in {PORTS}:
    sock = socket.socket(); sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); sock.bind(("0.0.0.0", port)); sock.listen(64)
    socks.append(sock)
print("ready", flush=True)
while True:
    for sock in select.select(socks, [], [])[0]:
        sock.accept()[0].close()
"""

CONNECT = f"""
import errno, json, selectors, socket, sys
for target in sys.stdin:
    found, waiting = {{}}, selectors.DefaultSelector()
    for port in {PORTS}:
        sock = socket.socket(); sock.setblocking(False); sock.connect_ex((target.strip(), port))
        waiting.register(sock, selectors.EVENT_WRITE, port)
    while len(found) < {len(PORTS)}:
        ready = waiting.select(0.4)
        if not ready:
            break
        for key, _ in ready:
            number = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            found[key.data] = "rejected" if number else "allowed"
            waiting.unregister(key.fileobj)
            key.fileobj.close()
    for key in list(waiting.get_map().values()):
        found[key.data] = "dropped"
        key.fileobj.close()
    print(json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Host, Host]]:
    if reason := why_not():
        pytest.skip(reason)
    with Lan("10.84.0.0/24", "o") as lan:
        us, device = lan.host("us", 2, "02:00:5e:00:00:02"), lan.host("device", 7, "24:6f:28:00:00:11")
        us.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")  # a reject that is rationed looks like a drop
        yield us, device


def _matches(rng: random.Random) -> str:
    """Return up to three matches that nft takes together: it refuses TCP and UDP, or IPv4 and IPv6, in one rule."""
    ports = rng.choice(("40000", "22", "40000-40010", "{ 80, 40000-40005, 60000 }", ">= 40000", "< 20000", "!= 40000"))
    addresses = rng.choice(("10.84.0.0/24", "10.84.0.7", "10.84.0.8", "10.84.0.1-10.84.0.7", "!= 10.84.0.7", "@them"))
    transport = (
        f"tcp dport {ports}",
        f"tcp dport {ports}",
        "tcp dport @some",
        f"meta l4proto tcp th dport {ports}",
        "tcp flags & (fin|syn) == fin|syn",  # of no packet of a call: a rule for the first one alone would reject the second
        f"udp dport {ports}",
        "udp sport != 5353",
        "meta l4proto { tcp, udp }",
    )
    network = (f"ip saddr {addresses}", f"ip saddr {addresses}", "ip daddr 10.84.0.2", "meta nfproto ipv4", "ip6 saddr fe80::/10")
    both = (f"ip saddr . tcp dport {{ 10.84.0.7 . {rng.choice(PORTS)}, 10.84.0.9 . 80 }}", "ip protocol tcp", "icmp type echo-request")
    other = (
        f"iifname {rng.choice(('eth0', 'eth*', 'lo', '!= eth0'))}",
        f"ct state {rng.choice(('new,established', 'related', 'invalid', '!= invalid'))}",  # the same for all packets of a call
        f"fib daddr type {rng.choice(('local', 'broadcast'))}",
        "meta pkttype host",
    )
    chosen = [rng.choice(both)] if rng.random() < 0.15 else []
    if not chosen:
        chosen += [rng.choice(network)] if rng.random() < 0.4 else []
        chosen += [rng.choice(transport)] if rng.random() < 0.6 else []
    chosen += [rng.choice(other)] if rng.random() < 0.4 else []
    rng.shuffle(chosen)
    return " ".join(chosen)


def _rule(rng: random.Random, targets: tuple[str, ...]) -> str:
    matches = _matches(rng)
    ends = ["accept", "drop", "reject", "return", "counter", *(f"{kind} {one}" for one in targets for kind in ("jump", "goto"))]
    verdict = rng.choice(ends) if matches else rng.choice(["counter", *(f"jump {one}" for one in targets)])
    if rng.random() < 0.1 and "udp" not in matches and "icmp" not in matches:
        verdict = (
            "tcp dport vmap { 22 : drop, 40000-40004 : accept, 50000 : "
            + rng.choice(("accept", "drop", *map("jump {}".format, targets)))
            + " }"
        )
    return f"{matches} {verdict}"


def ruleset(seed: int) -> str:
    """Return a random ruleset: two base chains, two others, sets; what matches is what people write."""
    rng = random.Random(seed)  # noqa: S311 - the same rules in every run
    lines = ["flush ruleset", "table inet t {", "set some { type inet_service; flags interval; elements = { 22, 40000-40007 } }"]
    lines.append("set them { type ipv4_addr; flags interval; elements = { 10.84.0.4/30, 10.84.0.99 } }")
    chains = {"leaf": (), "branch": ("leaf",), "early": ("branch", "leaf"), "late": ("branch", "leaf")}
    for name, targets in chains.items():
        hook = {"early": -10, "late": 10}.get(name)
        lines.append(f"chain {name} {{")
        if hook is not None:
            lines.append(f"type filter hook input priority {hook}; policy {rng.choice(('accept', 'accept', 'drop'))};")
        lines += [_rule(rng, targets) for _ in range(rng.randrange(1, 6))]
        lines.append("}")
    return "\n".join([*lines, "}"])


def read(host: Host) -> Ruleset:
    told = nftables.parse(host.run("nft", "-j", "list", "ruleset", check=True).stdout.decode())
    assert told is not None
    return told


def test_the_kernel_does_what_espied_reads_out_of_its_rules(pair: tuple[Host, Host], tmp_path: Path) -> None:
    us, device = pair
    listener = us.start(sys.executable, "-c", LISTEN, log=tmp_path / "listen")
    while "ready" not in (tmp_path / "listen").read_text():
        assert listener.poll() is None, (tmp_path / "listen").read_text()
    certain = 0
    for seed in range(ROUNDS):
        text = ruleset(seed)
        (tmp_path / "rules").write_text(text)
        us.run("nft", "-f", str(tmp_path / "rules"), check=True)
        rules = read(us)
        (tmp_path / "target").write_text(us.address + "\n")
        out = device.run("sh", "-c", f"exec {sys.executable} -c '{CONNECT}' < {tmp_path / 'target'}", check=True).stdout
        for port, seen in json.loads(out).items():
            flow = Flow(
                protocol="tcp",
                source=ip_address(device.address),
                dest=ip_address(us.address),
                dport=(int(port), int(port)),
                interface="eth0",
            )
            judged = judge(rules, flow)
            if judged.ruling is not Ruling.UNKNOWN:
                certain += 1
                assert judged.ruling.value == seen, f"seed {seed}, port {port}: {judged}\n{text}"
    # What is drawn here is all understood, so every ruling is certain, and the comparison is not empty.
    assert certain == ROUNDS * len(PORTS)
