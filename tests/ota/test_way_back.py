"""The way back: what this machine's routes and firewalls mean for the device's call."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.demo.arduino import ArduinoOtaDevice
from discover.model.check import Hop, OtaCheck, StepState, Verdict
from discover.model.device import Password
from discover.model.outlook import CALLBACK_PORTS, FirewallWord, Outlook, Ruling, Span
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from discover.ota.actions import Action, AskNeighbours, Done, Event, Failed, Known, LookBack, Ping, Report, Route, Silence
from discover.ota.conclusion import Conclusion
from discover.ota.lookback import foresee, look_back
from discover.ota.wayback import PIN, WayBack, assess, combine
from tests.ota.driving import play, script
from tests.ota.lan import ADDRESS, MAC, agrees_with_ledger, arduino, listener, step

DEVICE = "192.168.1.20"
FAR = "10.9.0.7"
NEAR = Outlook(local="192.168.1.2", interface="eth0", network="192.168.1.2/24")
FIRST, LAST = CALLBACK_PORTS
NFT_OPENING = "sudo nft insert rule inet t i ip saddr {network} tcp dport {port} accept"


def word(
    *spans: Span, name: str = "nftables", front: bool = False, opening: str = NFT_OPENING, replies: Ruling = Ruling.ALLOWED
) -> FirewallWord:
    return FirewallWord(name=name, spans=spans, front=front, opening=opening, replies=replies, reply_rule="policy drop of inet t i")


def whole(ruling: Ruling, rule: str = "policy drop of inet t i") -> Span:
    return Span(FIRST, LAST, ruling, rule)


DROPS = word(whole(Ruling.DROPPED))
ALLOWS = word(whole(Ruling.ALLOWED, "tcp dport 1-65535 accept"))
PARTLY = word(
    Span(FIRST, 40_999, Ruling.DROPPED, "policy"), Span(41_000, 41_010, Ruling.ALLOWED, "a"), Span(41_011, LAST, Ruling.DROPPED, "policy")
)
HIDDEN = word(whole(Ruling.UNKNOWN, "only root may read its rules"), opening="")
UFW = word(whole(Ruling.DROPPED), name="ufw", front=True, opening="sudo ufw allow from {network} to any port {port} proto tcp")


def way(*words: FirewallWord, outlook: Outlook = NEAR, host_port: int | None = None, asked_on: str = "") -> WayBack:
    return assess(replace(outlook, firewalls=words), DEVICE, host_port=host_port, asked_on=asked_on)


def test_a_machine_without_firewall_in_the_same_network_is_reachable() -> None:
    found = way()
    assert (found.step.state, found.blocked, found.fix, found.pin) == (StepState.PASS, False, "", PIN if found.pin else 0)
    assert "192.168.1.2 on eth0, in the same network" in found.step.detail
    assert "No firewall was found" in found.step.detail


@pytest.mark.parametrize(("ruling", "does"), [(Ruling.DROPPED, "drops"), (Ruling.REJECTED, "rejects")])
def test_a_firewall_that_lets_nothing_in_is_the_cause_with_a_command_to_open_it(ruling: Ruling, does: str) -> None:
    found = way(word(whole(ruling)))
    assert found.blocked
    assert found.step.state is StepState.FAIL
    assert found.cause == f"this machine's nftables {does} TCP 10000 to 60000 from {DEVICE} (policy drop of inet t i)"
    assert found.fix == "`sudo nft insert rule inet t i ip saddr 192.168.1.0/24 tcp dport 40000 accept`, then upload with `-P 40000`."


def test_the_command_is_the_front_ends_where_one_keeps_the_rules() -> None:
    found = way(word(whole(Ruling.DROPPED), name="iptables", opening="sudo iptables ..."), UFW)
    assert found.cause.startswith("this machine's ufw drops")
    assert found.fix == "`sudo ufw allow from 192.168.1.0/24 to any port 40000 proto tcp`, then upload with `-P 40000`."


def test_a_pinned_port_is_judged_alone() -> None:
    assert way(PARTLY, host_port=41_005).step.state is StepState.PASS
    assert way(PARTLY, host_port=40_000).blocked
    assert "TCP 40000 from" in way(PARTLY, host_port=40_000).cause


def test_a_few_open_ports_are_a_doubt_and_the_advice_is_to_pin_one() -> None:
    found = way(PARTLY)
    assert (found.blocked, found.step.state, found.pin) == (False, StepState.WARN, 41_000)
    assert "lets in 41000-41010" in found.cause
    assert found.fix == "Pin an open one: upload with `-P 41000`."
    around = word(Span(FIRST, 39_999, Ruling.DROPPED, "policy"), Span(40_000, LAST, Ruling.ALLOWED, "a"))
    assert way(around).pin == PIN, "the usual one where it is open"


def test_one_port_that_may_be_open_saves_nobody_who_picks_at_random() -> None:
    rate = word(
        Span(FIRST, 49_999, Ruling.DROPPED, "p"), Span(50_000, 50_000, Ruling.UNKNOWN, "limit"), Span(50_001, LAST, Ruling.DROPPED, "p")
    )
    assert way(rate).blocked
    assert not way(rate, host_port=50_000).blocked


def test_rules_that_may_not_be_read_are_a_doubt_and_no_verdict() -> None:
    found = way(HIDDEN)
    assert (found.blocked, found.step.state) == (False, StepState.WARN)
    assert "only root may read its rules" in found.step.detail
    assert "with sudo" in found.fix
    told = way(HIDDEN, replace(UFW, spans=(whole(Ruling.UNKNOWN, "ufw is on; only root may read its rules"),)))
    assert told.cause.startswith("whether this machine's ufw lets")
    assert "sudo ufw allow" in told.fix


def test_a_front_ends_word_counts_where_the_one_below_cannot_be_read() -> None:
    assert way(HIDDEN, UFW).blocked
    assert way(HIDDEN, replace(UFW, spans=(whole(Ruling.ALLOWED, "a"),))).step.state is StepState.PASS
    assert way(ALLOWS, UFW).step.state is StepState.PASS, "what carries the rules out decides"


def test_one_firewall_that_drops_is_enough() -> None:
    assert way(ALLOWS, word(whole(Ruling.DROPPED), name="iptables-legacy")).blocked


def test_a_machine_that_hears_no_answers_says_so() -> None:
    deaf = replace(
        word(whole(Ruling.DROPPED), replies=Ruling.DROPPED), reply_opening="sudo nft insert rule inet t i ct state established accept"
    )
    found = way(deaf)
    assert found.deaf == "this machine's nftables drops the answers of the device (policy drop of inet t i)"
    assert found.deaf_fix == "`sudo nft insert rule inet t i ct state established accept`"
    assert way(DROPS).deaf == ""


@pytest.mark.parametrize(
    ("outlook", "said", "advice"),
    [
        (replace(NEAR, trouble="Network is unreachable"), "knows no way to it (Network is unreachable)", "Connect this machine"),
        (replace(NEAR, interface="wg0", point_to_point=True), "leads through wg0, a tunnel (VPN)", "VPN behind wg0 off"),
        (
            replace(NEAR, interface="docker0", virtual=True),
            "over docker0, a bridge of containers",
            "that the device's network is attached to",
        ),
        (replace(NEAR, gateway="192.168.2.1"), "behind the router 192.168.2.1", "into the same network"),
        (
            replace(NEAR, gateway="172.17.0.1", container="Docker"),
            "a Docker container and the way leads through 172.17.0.1",
            "--network host",
        ),
        (replace(NEAR, gateway="172.20.0.1", wsl=True), "WSL and the way leads through 172.20.0.1", "networkingMode=mirrored"),
        (replace(NEAR, network="10.0.0.5/32"), "our address 10.0.0.5/32 has a mask for itself alone", "the network's own mask"),
        (replace(NEAR, twins=("wlan0",)), "an address in the device's network (eth0, wlan0)", "Switch one of them off"),
    ],
)
def test_the_path_has_its_own_doubts(outlook: Outlook, said: str, advice: str) -> None:
    found = way(outlook=outlook)
    assert (found.step.state, found.blocked) == (StepState.WARN, False)
    assert said in found.cause
    assert advice in found.fix


def test_a_tool_that_leaves_by_another_interface_than_the_check_is_a_doubt() -> None:
    assert "upload tools leave by eth0" in way(asked_on="wlan0").cause
    assert way(asked_on="eth0").cause == ""


def test_a_container_with_the_hosts_network_and_mirrored_wsl_are_none() -> None:
    assert way(outlook=replace(NEAR, container="Docker")).step.state is StepState.PASS
    assert way(outlook=replace(NEAR, wsl=True)).step.state is StepState.PASS


def test_a_device_on_this_machine_has_no_path_to_doubt() -> None:
    own = Outlook(local=DEVICE, interface="lo", network="", twins=("eth0",), gateway="")
    assert way(outlook=own).step.state is StepState.PASS


def test_a_call_that_came_ends_all_doubt() -> None:
    found = assess(replace(NEAR, firewalls=(HIDDEN,), twins=("wlan0",)), DEVICE, called=True)
    assert (found.step.state, found.cause) == (StepState.PASS, "")


@given(
    st.lists(
        st.tuples(st.integers(1, 65_535), st.sampled_from(Ruling), st.booleans()).map(
            lambda drawn: FirewallWord(
                name="f",
                spans=(Span(0, drawn[0], drawn[1], "x"), Span(drawn[0] + 1, 65_535, Ruling.ALLOWED, "y")),
                front=drawn[2],
            )
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 65_535),
)
def test_stretches_cover_every_port_once_and_never_open_what_one_drops(words: list[FirewallWord], port: int) -> None:
    stretches = combine(words, FIRST, LAST)
    assert [one.span.first for one in stretches] == [FIRST, *(one.span.last + 1 for one in stretches[:-1])]
    assert stretches[-1].span.last == LAST
    (alone,) = combine(words, port, port)
    lower = [span.ruling for one in words if not one.front for span in one.spans if span.first <= port <= span.last]
    if Ruling.DROPPED in lower or Ruling.REJECTED in lower:
        assert alone.span.ruling in (Ruling.DROPPED, Ruling.REJECTED)
    assert assess(replace(NEAR, firewalls=tuple(words)), DEVICE).step.detail


# The whole check, with what is known of the way.


async def examined(*words: FirewallWord, host: FakeHost | None = None, level: int | None = None, **fields: object) -> OtaCheck:
    device = ArduinoOtaDevice(password="secret")
    network = FakeNetwork(host or FakeHost(address=ADDRESS, mac=MAC, udp={3232: listener(device)}))
    network.way = lambda outlook: replace(outlook, firewalls=words, **fields)  # type: ignore[arg-type]
    result = await check(network, ADDRESS, device=arduino(), level=level)
    assert agrees_with_ledger(network, result), "looking back sends nothing"
    return result


async def test_a_device_that_answers_and_a_firewall_here_is_blocked_at_the_way_back() -> None:
    result = await examined(DROPS)
    assert (result.verdict, result.hop, result.negative) == (Verdict.BLOCKED, Hop.WAY_BACK, True)
    assert result.sentence.startswith("It fails at the way back: this machine's nftables drops TCP 10000 to 60000")
    assert result.fix.startswith("`sudo nft insert rule")
    assert any("-P 40000" in one.line for one in result.commands)


async def test_level_0_is_enough_to_see_the_firewall() -> None:
    result = await examined(DROPS, level=0)
    assert (result.verdict, result.hop, result.sent) == (Verdict.BLOCKED, Hop.WAY_BACK, ())


async def test_a_doubt_leaves_the_verdict_and_is_told() -> None:
    result = await examined(HIDDEN)
    assert (result.verdict, result.hop, result.negative) == (Verdict.READY_NEEDS_PASSWORD, None, False)
    assert "in doubt is the way back" in result.sentence
    assert step(result, "way back")


async def test_commands_use_the_port_that_is_open() -> None:
    assert any("-P 41000" in one.line for one in (await examined(PARTLY)).commands)


async def test_answers_that_a_firewall_here_drops_are_its_doing() -> None:
    silent = FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, icmp=False)
    result = await examined(word(whole(Ruling.DROPPED), replies=Ruling.DROPPED), host=silent)
    assert (result.verdict, result.hop) == (Verdict.BLOCKED, Hop.LISTENER)
    assert "drops the answers of the device" in result.sentence


async def test_an_absent_device_that_was_just_heard_may_be_isolated() -> None:
    network = FakeNetwork()
    network.way = lambda outlook: replace(
        outlook, wireless=True, default_gateway="192.168.1.1", gateway_mac="02:00:00:00:00:09", gateway_state="reachable"
    )
    device = arduino()
    heard = replace(device, signals=tuple(replace(one, when=network.clock.wall() - 5) for one in device.signals))
    result = await check(network, ADDRESS, device=heard)
    assert (result.verdict, result.hop) == (Verdict.HOST_DOWN, Hop.HOST)
    for sign in ("it announced itself just now", "the gateway 192.168.1.1 answers ARP", "this machine is on Wi-Fi"):
        assert sign in step(result, "isolation")
    assert "keeps its clients apart" in result.sentence
    assert "isolation" in result.fix


async def test_without_a_sign_of_life_nobody_speaks_of_isolation() -> None:
    result = await check(FakeNetwork(), "192.168.1.77")
    assert (result.verdict, result.hop) == (Verdict.HOST_DOWN, Hop.HOST)
    assert all(one.name != "isolation" for one in result.steps)


async def test_a_proxy_and_another_device_at_the_address_are_seen_in_the_neighbour_table() -> None:
    silent = FakeHost(address=ADDRESS, mac="02:00:00:00:00:09", udp={3232: "silent"}, icmp=False, known=True)
    result = await examined(host=silent, default_gateway="192.168.1.1", gateway_mac="02:00:00:00:00:09", gateway_state="reachable")
    assert "answers ARP in the device's name" in step(result, "isolation")
    result = await examined(host=silent)
    assert MAC in step(result, "address")
    assert "another device's by now" in step(result, "address")


async def test_a_system_that_tells_nothing_of_its_ways_leaves_the_check_as_it_is() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: listener(ArduinoOtaDevice(password="secret"))}))
    network.fail("outlook", 1)
    result = await check(network, ADDRESS, device=arduino())
    assert result.verdict is Verdict.READY_NEEDS_PASSWORD
    assert result.sentence == "It is ready for an upload: ArduinoOTA answers on 3232/udp and wants its password."


# A ping after silence.


async def test_where_nobody_may_ping_nothing_is_pinged() -> None:
    network = FakeNetwork(FakeHost(address=FAR, udp={3232: "silent"}, icmp=False), allowed=[ip_network("10.9.0.0/24")], own=True)
    result = await check(network, FAR, kind="arduino", port=3232)
    assert (result.verdict, result.hop) == (Verdict.NO_ANSWER, Hop.HOST)
    assert {one.transport for one in result.sent} == {"udp"}


async def test_a_host_that_the_table_vouches_for_is_not_pinged() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: "silent"}, icmp=False))
    network.pings = {ADDRESS}
    result = await check(network, ADDRESS, device=arduino())
    assert (result.verdict, result.hop) == (Verdict.NO_ANSWER, Hop.LISTENER)
    assert all(one.name != "ping" for one in result.steps)


@pytest.mark.parametrize(
    ("who", "hop", "state", "said"),
    [
        ([FAR], Hop.LISTENER, StepState.PASS, "the host is up, and nothing comes from 3232/udp"),
        ([], Hop.HOST, StepState.WARN, "nothing at all comes from"),
    ],
)
async def test_behind_a_router_a_ping_tells_whether_the_host_is_up(who: list[str], hop: Hop, state: StepState, said: str) -> None:
    network = FakeNetwork(FakeHost(address=FAR, udp={3232: "silent"}, icmp=False), allowed=[ip_network("10.9.0.0/24")], own=True)
    network.pings = who
    result = await check(network, FAR, kind="arduino", port=3232)
    assert (result.verdict, result.hop) == (Verdict.NO_ANSWER, hop)
    assert said in result.sentence
    assert [one.state for one in result.steps if one.name == "ping"] == [state]
    assert [(one.to, one.bytes_hex) for one in result.sent if one.transport == "icmp"] == [(FAR, b"ping".hex())]
    assert len(network.ledger.packets) == len(result.sent)


async def test_level_0_pings_nobody() -> None:
    network = FakeNetwork(FakeHost(address=FAR), allowed=[ip_network("10.9.0.0/24")], own=True)
    network.pings = [FAR]
    assert (await check(network, FAR, kind="arduino", port=3232, level=0)).sent == ()


# The session alone, whatever it is told.

EVENTS = st.one_of(
    st.just(Done()),
    st.just(Silence()),
    st.just(Failed("no", "hint")),
    st.builds(Known, st.sampled_from(["", MAC, "02:00:00:00:00:09"]), st.sampled_from(["", "reachable", "stale", "failed"])),
    st.builds(
        Outlook,
        local=st.sampled_from(["", "192.168.1.2"]),
        interface=st.sampled_from(["", "eth0", "lo"]),
        network=st.sampled_from(["", "192.168.1.2/24", "192.168.1.2/32", "nonsense"]),
        gateway=st.sampled_from(["", "192.168.1.1"]),
        gateway_mac=st.sampled_from(["", MAC]),
        wireless=st.booleans(),
        firewalls=st.lists(st.sampled_from([DROPS, ALLOWS, PARTLY, HIDDEN, UFW]), max_size=3).map(tuple),
    ),
)


@given(
    st.sampled_from(Verdict),
    st.sampled_from(["arduino", "esphome", "unknown"]),
    st.integers(0, 3),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.lists(EVENTS, min_size=8, max_size=8),
)
def test_looking_back_ends_and_sends_at_most_one_ping(
    verdict: Verdict,
    kind: str,
    level: int,
    called: bool | None,  # noqa: FBT001 - drawn
    on_link: bool,  # noqa: FBT001 - drawn
    events: list[Event],
) -> None:
    conclusion = Conclusion(
        address=DEVICE,
        port=3232,
        transport="udp" if kind == "arduino" else "tcp",
        kind=kind,
        level=level,
        verdict=verdict,
        password=Password.UNKNOWN,
        called_back=called,
    )
    trace = play(look_back(conclusion, Route(DEVICE, "eth0", "192.168.1.2", on_link=on_link), heard=3.0, mac=MAC), script(*events))
    assert {type(one) for one in trace.actions} <= {LookBack, AskNeighbours, Ping, Report}
    assert sum(isinstance(one, Ping) for one in trace.actions) <= (1 if level else 0)
    ended, found = trace.result or (conclusion, None)  # the player keeps no result of a session that asks for nothing
    assert ended.verdict in (verdict, Verdict.BLOCKED)
    if found is not None and found.blocked and ended.verdict is Verdict.BLOCKED:
        assert ended.hop is not None


async def test_level_3_leaves_a_device_alone_whose_call_could_not_arrive() -> None:
    device = ArduinoOtaDevice()
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={3232: listener(device)}))
    network.way = lambda outlook: replace(outlook, firewalls=(DROPS,))
    result = await check(network, ADDRESS, device=arduino(auth="no"), level=3, consent=True)
    assert (result.verdict, result.hop, result.level) == (Verdict.BLOCKED, Hop.WAY_BACK, 1)
    assert "The device was left alone." in step(result, "call back")
    assert device.callbacks == ()
    assert {one.bytes_hex for one in result.sent} == {b"1".hex()}


async def test_level_3_listens_where_the_firewall_lets_the_call_in() -> None:
    asked: list[Action] = []

    def answer(action: Action) -> Event:
        asked.append(action)
        return replace(NEAR, firewalls=(PARTLY,)) if isinstance(action, LookBack) else Failed("enough")

    route = Route(DEVICE, "eth0", "192.168.1.2", on_link=True)
    assert play(foresee(3232, 0, route), answer).result == ("", 41_000)
    assert play(foresee(3232, 41_005, route), answer).result == ("", 41_005)
    assert play(foresee(3232, 40_000, route), answer).result[0].startswith("this machine's nftables drops TCP 40000")
    assert asked == [LookBack(3232, 0), LookBack(3232, 41_005), LookBack(3232, 40_000)]
    assert play(foresee(3232, 0, route), lambda _: Failed("no")).result == ("", 0)
