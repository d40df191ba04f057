"""The discovery protocols of one datagram: 30303, in.touch2, ADDP, SSDP, WLED, ESPEasy, TXT, MAC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybalboa.discovery import SpaDiscoveryProtocol
from zeroconf import ServiceInfo

from discover.proto import addp, espeasy, gecko, microchip, ssdp, txt, wled
from discover.proto.mac import canonical_mac, mac_from_bytes
from discover.proto.malformed import Malformed

# What a device may call itself, as far as the field's own separators allow.
names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0|"), min_size=1, max_size=20).map(str.strip).filter(bool)
macs = st.binary(min_size=5, max_size=5).map(lambda raw: (b"\x24" + raw).hex(":"))
ips = st.ip_addresses(v=4).map(str)


@pytest.mark.parametrize("text", ["246F28ABCDEF", "24:6f:28:ab:cd:ef", "24-6F-28-AB-CD-EF", "246f.28ab.cdef", " 24:6f:28:AB:cd:ef\t"])
def test_every_spelling_of_a_mac_is_one(text: str) -> None:
    assert canonical_mac(text) == "24:6f:28:ab:cd:ef"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24:6f:28:ab:cd",
        "24:6f:28-ab:cd:ef",
        "246F28ABCDEG",
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:01",
        "\u0661" * 12,
    ],
)
def test_what_is_no_devices_mac(text: str) -> None:
    assert canonical_mac(text) == ""


@given(st.binary(max_size=8))
def test_bytes_and_text_agree(raw: bytes) -> None:
    assert mac_from_bytes(raw) == canonical_mac(raw.hex(":"))


@given(name=names, mac=macs, extra=st.lists(names, max_size=3))
def test_an_announcement_comes_back_as_it_went(name: str, mac: str, extra: list[str]) -> None:
    announce = microchip.Announce(name, mac, tuple(extra))
    assert microchip.decode_announce(microchip.encode_announce(announce)) == announce


def test_the_real_spas_padded_name_and_tellsticks_colons() -> None:
    assert microchip.decode_announce(b"BWGSPA         \r\n00-15-27-E4-00-9D\r\n") == microchip.Announce("BWGSPA", "00:15:27:e4:00:9d")
    tellstick = microchip.decode_announce(b"TellStickNet:ACCA54000001:ABCDEFGHIJ:17")
    assert tellstick == microchip.Announce("TellStickNet", "ac:ca:54:00:00:01", ("ABCDEFGHIJ", "17"))


def test_pybalboa_understands_our_announcement() -> None:
    discovery = SpaDiscoveryProtocol()
    discovery.datagram_received(microchip.encode_announce(microchip.Announce("BWGSPA", "00:15:27:e4:00:9d")), ("10.0.0.9", 30303))
    assert [(spa.address, spa.mac_address, spa.hostname) for spa in discovery.spas] == [("10.0.0.9", "00-15-27-E4-00-9D", "BWGSPA")]


@pytest.mark.parametrize("payload", [b"", b"D", microchip.QUESTION, b"BWGSPA\r\n", b"BWGSPA\r\nnot a mac\r\n", b"\xff" * 40])
def test_questions_and_rubbish_are_no_announcement(payload: bytes) -> None:
    assert isinstance(microchip.decode_announce(payload), Malformed)


@given(mac=macs, name=st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_greeting_comes_back_as_it_went(mac: str, name: str) -> None:
    hello = gecko.Hello(f"SPA{mac}", mac, name)
    assert gecko.decode_hello(gecko.encode_hello(hello)) == hello


def test_a_greeting_without_a_mac_is_still_a_spa() -> None:
    assert gecko.decode_hello(b"<HELLO>SPA1234|Tub</HELLO>\r\n") == gecko.Hello("SPA1234", "", "Tub")


@pytest.mark.parametrize(
    "payload", [gecko.QUESTION, b"<HELLO>IOS1234</HELLO>", b"<HELLO>|x</HELLO>", b"<HELLO>a|b", b"<HELLO></HELLO>", b"<HELLO>"]
)
def test_questions_of_other_apps_are_no_greeting(payload: bytes) -> None:
    assert isinstance(gecko.decode_hello(payload), Malformed)


DIGI = bytes.fromhex(
    "4449474900020060010600409d31a90a02040a0000e70304ffffff000b040a0000010d0f4469676920436f6e6e656374204d45"
    "100100070100081e56657273696f6e2038323030303835365f46362030372f32312f323030360e040000030313040000040312"
    "0101"
)


def test_the_documented_answer_of_a_digi_connect_me() -> None:
    # christophgysin/addp doc/protocol, "Discovery/Information Response".
    assert addp.decode(DIGI) == addp.AddpReply(
        mac="00:40:9d:31:a9:0a",
        ip="10.0.0.231",
        mask="255.255.255.0",
        gateway="10.0.0.1",
        device="Digi Connect ME",
        firmware="Version 82000856_F6 07/21/2006",
        real_port=771,
        tls_port=1027,
        serial_ports=1,
    )


@given(mac=macs, ip=ips, device=names, name=names, port=st.integers(1, 65535), dhcp=st.booleans())
def test_an_addp_reply_comes_back_as_it_went(mac: str, ip: str, device: str, name: str, port: int, dhcp: bool) -> None:  # noqa: FBT001 - drawn
    reply = addp.AddpReply(mac=mac, ip=ip, mask="255.0.0.0", name=name, device=device, real_port=port, dhcp=dhcp)
    assert addp.decode(addp.encode_reply(reply)) == reply


def test_only_the_question_counts_as_a_question() -> None:
    assert addp.QUESTION.hex() == "4449474900010006ffffffffffff"
    assert addp.is_question(addp.QUESTION)
    asked = addp.QUESTION[:8] + bytes.fromhex("00409d31a90a")
    assert addp.is_question(asked, "00:40:9d:31:a9:0a")
    assert not addp.is_question(asked, "00:40:9d:31:a9:0b")
    assert not addp.is_question(asked)
    assert not addp.is_question(b"DIGI\x00\x05\x00\x06" + b"\xff" * 6)


@pytest.mark.parametrize("cut", range(0, len(DIGI), 7))
def test_a_digi_answer_cut_anywhere_is_malformed(cut: int) -> None:
    assert isinstance(addp.decode(DIGI[:cut]), Malformed)


def test_a_digi_answer_without_mac_or_with_a_lying_length_is_malformed() -> None:
    assert isinstance(addp.decode(b"DIGI\x00\x02\x00\x03\x12\x01\x01"), Malformed)
    assert isinstance(addp.decode(b"DIGI\x00\x02\x00\x03\x12\xff\x01"), Malformed)
    assert isinstance(addp.decode(b"DIGI\x00\x02\x00\x01\x12"), Malformed)


def test_a_search_and_its_answers() -> None:
    search = ssdp.encode_search()
    assert search.startswith(b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n')
    assert search.endswith(b"\r\n\r\n")
    read = ssdp.decode(search)
    assert isinstance(read, ssdp.Ssdp)
    assert (read.method, read.st) == ("M-SEARCH", "ssdp:all")
    answer = ssdp.decode(
        b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nServer: OpenBk\r\nUSN: uuid:x\r\nLocation: http://10.0.0.7:80/ssdp.xml\r\n\r\n"
    )
    assert isinstance(answer, ssdp.Ssdp)
    assert (answer.method, answer.server, answer.st, answer.usn) == ("200", "OpenBk", "upnp:rootdevice", "uuid:x")
    assert answer.location == "http://10.0.0.7:80/ssdp.xml"
    bye = ssdp.decode(b"NOTIFY * HTTP/1.1\nNT: x\nNTS: ssdp:byebye\n\n")
    assert isinstance(bye, ssdp.Ssdp)
    assert (bye.method, bye.st, bye.nts) == ("NOTIFY", "x", "ssdp:byebye")


@pytest.mark.parametrize("payload", [b"", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n", b"NOTIFY /x HTTP/1.1\r\n\r\n"])
def test_other_http_is_no_ssdp(payload: bytes) -> None:
    assert isinstance(ssdp.decode(payload), Malformed)


@pytest.mark.parametrize(("target", "mx"), [("a b", 2), ("x\r\nHOST: y", 2), ("", 2), ("ssdp:all", 0), ("ssdp:all", 6)])
def test_no_header_can_be_smuggled_into_a_search(target: str, mx: int) -> None:
    with pytest.raises(ValueError, match="search target"):
        ssdp.encode_search(target, mx=mx)


@given(
    ip=ips,
    name=st.text("abc äöü-1", max_size=14),
    kind=st.sampled_from([*wled.TYPES.values(), "99"]),
    on=st.booleans(),
    unit=st.integers(0, 255),
    build=st.integers(0, 2**32 - 1),
)
def test_wleds_broadcast_comes_back_as_it_went(ip: str, name: str, kind: str, on: bool, unit: int, build: int) -> None:  # noqa: FBT001 - drawn
    info = wled.NodeInfo(ip=ip, name=name, type=kind, on=on, unit=unit, build=build)
    data = wled.encode(info)
    assert len(data) == 44
    assert wled.decode(data) == info
    assert isinstance(wled.decode(data[:-1]), Malformed)
    assert isinstance(wled.decode(data + b"\0"), Malformed)


@given(
    mac=macs,
    ip=ips,
    unit=st.integers(0, 255),
    build=st.integers(0, 65535),
    name=st.text("abcäö", max_size=12),
    kind=st.sampled_from([*espeasy.TYPES.values(), "200", ""]),
)
def test_espeasys_broadcast_comes_back_as_it_went(mac: str, ip: str, unit: int, build: int, name: str, kind: str) -> None:
    info = espeasy.NodeInfo(mac=mac, ip=ip, unit=unit, build=build, name=name, type=kind, web_port=80)
    assert espeasy.decode(espeasy.encode(info)) == info


def test_an_old_espeasy_tells_less() -> None:
    data = espeasy.encode(espeasy.NodeInfo(mac="24:6f:28:ab:cd:ef", ip="10.0.0.3", unit=9, name="x", type="ESP Easy 32", web_port=80))
    assert espeasy.decode(data[:13]) == espeasy.NodeInfo(mac="24:6f:28:ab:cd:ef", ip="10.0.0.3", unit=9)
    assert espeasy.decode(data[:41]) == espeasy.NodeInfo(mac="24:6f:28:ab:cd:ef", ip="10.0.0.3", unit=9, name="x", type="ESP Easy 32")


@given(st.lists(st.binary(min_size=1, max_size=255), max_size=8))
def test_txt_strings_come_back_as_they_went(items: list[bytes]) -> None:
    assert txt.decode(txt.encode(items)) == tuple(items)


def test_txt_keeps_order_duplicates_and_flags_and_what_is_cut_short() -> None:
    assert txt.decode(b"\x03a=1\x03a=2\x04flag\x00\x09short") == (b"a=1", b"a=2", b"flag", b"short")
    assert txt.encode([]) == b"\0"
    assert txt.decode(b"\0") == txt.decode(b"") == ()
    with pytest.raises(ValueError, match="255"):
        txt.encode([b"x" * 256])


def test_txt_as_text() -> None:
    assert txt.to_text((b"a=\xff", b"=no key", b"flag", b"k=v=w", b"e=")) == ("a=\N{REPLACEMENT CHARACTER}", "flag", "k=v=w", "e=")


def test_zeroconf_writes_what_we_read() -> None:
    info = ServiceInfo("_x._tcp.local.", "a._x._tcp.local.", properties={"mac": "246f28abcdef", "flag": None})
    assert txt.decode(info.text) == (b"mac=246f28abcdef", b"flag")
