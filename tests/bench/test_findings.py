"""What the peers print, read to one value. The samples are cut from real runs in the lab."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.findings import Parser, UnreadableError, parse_arp_scan, parse_avahi, parse_espied, parse_fping, parse_json, parse_nmap

NMAP = """Starting Nmap 7.93 ( https://nmap.org )
<?xml version="1.0" encoding="UTF-8"?>
<nmaprun scanner="nmap">
<host><status state="up" reason="arp-response" reason_ttl="0"/>
<address addr="10.77.0.8" addrtype="ipv4"/><address addr="0A:32:30:9C:4C:94" addrtype="mac"/>
<ports><port protocol="tcp" portid="80"><state state="closed" reason="reset"/></port>
<port protocol="udp" portid="3232"><state state="open|filtered" reason="no-response"/></port>
<port protocol="udp" portid="8266"><state state="closed" reason="port-unreach"/></port>
<port protocol="udp" portid="30303"><state state="open" reason="udp-response"/></port>
<port protocol="tcp" portid="6053"><state state="filtered" reason="no-response"/></port></ports></host>
<host><status state="down" reason="no-response"/><address addr="10.77.0.9" addrtype="ipv4"/></host>
<host><status state="up" reason="user-set"/><address addr="10.77.0.10" addrtype="ipv4"/></host>
<runstats/></nmaprun>
"""

AVAHI = r"""+;s0;IPv4;labdev00001;_esphomelib._tcp;local
+;s0;IPv4;labdev00002;_esphomelib._tcp;local
=;s0;IPv4;labdev00001;_esphomelib._tcp;local;labdev00001.local;10.77.0.11;6053;"board=esp32dev"
"""


def test_nmap_ports_are_told_apart_by_their_state() -> None:
    found = parse_nmap(NMAP)
    assert found.open == {"udp/30303/10.77.0.8"}
    assert found.maybe == {"udp/3232/10.77.0.8"}
    assert found.closed == {"tcp/80/10.77.0.8", "udp/8266/10.77.0.8"}


def test_nmap_hosts_are_those_that_answered() -> None:
    assert parse_nmap(NMAP).hosts == {"10.77.0.8"}


def test_arp_scan_lines_without_an_address_are_no_hosts() -> None:
    assert parse_arp_scan("10.77.0.1\t2e:f8:6c:00:8e:ff\n10.77.0.3\t2e:f8:6c:00:8e:ff\n\n2 packets received\n").hosts == {
        "10.77.0.1",
        "10.77.0.3",
    }


def test_fping_prints_who_is_alive() -> None:
    assert parse_fping("10.77.0.1\n10.77.0.5\n").hosts == {"10.77.0.1", "10.77.0.5"}


def test_avahi_tells_found_and_resolved_apart() -> None:
    found = parse_avahi(AVAHI)
    assert found.found == {"labdev00001", "labdev00002"}
    assert found.resolved == {"labdev00001"}
    assert found.hosts == {"10.77.0.11"}


def test_the_last_line_of_a_driver_counts() -> None:
    line = {
        "hosts": ["10.77.0.8"],
        "open": ["udp/30303/10.77.0.8"],
        "events": [[0.02, "host", "10.77.0.8"]],
        "first_packet": 7.5,
        "packets": 12,
    }
    found = parse_json(f"a warning\n{json.dumps(line)}\n")
    assert found.hosts == {"10.77.0.8"}
    assert found.events == ((0.02, "host", "10.77.0.8"),)
    assert found.first_packet == 7.5
    assert found.extra == {"packets": 12}


def test_espied_answered_is_open_and_likely_is_maybe() -> None:
    listeners = [
        {"transport": "udp", "port": 30303, "direction": "listens", "state": "answered"},
        {"transport": "udp", "port": 3232, "direction": "listens", "state": "likely"},
        {"transport": "udp", "port": 8266, "direction": "listens", "state": "no-answer"},
        {"transport": "tcp", "port": 3197, "direction": "dials-out", "state": "answered"},
    ]
    document = {"devices": [{"addresses": ["10.77.0.8", "fe80::1"], "listeners": listeners}], "scan": {"complete": True}}
    found = parse_espied(json.dumps(document))
    assert found.hosts == {"10.77.0.8"}
    assert found.open == {"udp/30303/10.77.0.8"}
    assert found.maybe == {"udp/3232/10.77.0.8"}


@pytest.mark.parametrize("parse", [parse_nmap, parse_json, parse_espied])
@pytest.mark.parametrize("text", ["", "Segmentation fault", "[]\n", "<?xml version='1.0'?><nmaprun>"])
def test_output_of_a_run_that_went_wrong_is_said_to_be_unreadable(parse: Parser, text: str) -> None:
    with pytest.raises(UnreadableError):
        parse(text)


@pytest.mark.parametrize("parse", [parse_arp_scan, parse_fping, parse_avahi])
@given(text=st.text(max_size=200))
def test_line_parsers_take_any_text(parse: Parser, text: str) -> None:
    parse(text)
