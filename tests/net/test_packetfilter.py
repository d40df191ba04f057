"""What a packet filter's rules come to: three values all the way, and never a wrong certainty."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.outlook import Ruling
from discover.net.firewall.packetfilter import Act, Base, Flow, Match, Rule, Ruleset, in_network, judge, same_name, spans, within

FLOW = Flow(protocol="tcp", source=ip_address("192.168.1.20"), dest=ip_address("192.168.1.2"), dport=(40_000, 40_000), interface="eth0")
PARTS = ("yes", "no", "maybe")


def says(part: str) -> Match:
    return lambda _flow: {"yes": True, "no": False, "maybe": None}[part]


def rules(*rows: tuple[str, Act, str], policy: Act = Act.ACCEPT, **others: tuple[tuple[str, Act, str], ...]) -> Ruleset:
    """Rules as (does it match, what it does, to which chain)."""

    def chain(rows: tuple[tuple[str, Act, str], ...]) -> tuple[Rule, ...]:
        return tuple(Rule(matches=(says(part),), act=act, target=target, text=f"{part} {act}") for part, act, target in rows)

    chains = {"input": chain(rows)} | {name: chain(these) for name, these in others.items()}
    return Ruleset(bases=(Base(chain="input", policy=policy, title="input"),), chains=chains)


def ruling(ruleset: Ruleset) -> Ruling:
    return judge(ruleset, FLOW).ruling


def test_the_first_rule_that_matches_decides_and_the_policy_where_none_does() -> None:
    assert judge(rules(("no", Act.ACCEPT, ""), ("yes", Act.DROP, ""), ("yes", Act.ACCEPT, "")), FLOW)[:2] == (Ruling.DROPPED, "yes drop")
    assert judge(rules(("no", Act.ACCEPT, ""), policy=Act.DROP), FLOW)[:2] == (Ruling.DROPPED, "policy drop of input")
    assert ruling(rules()) is Ruling.ALLOWED
    assert ruling(rules(("yes", Act.REJECT, ""))) is Ruling.REJECTED


def test_what_cannot_be_told_matters_only_where_it_changes_the_end() -> None:
    assert ruling(rules(("maybe", Act.ACCEPT, ""), policy=Act.DROP)) is Ruling.UNKNOWN
    assert ruling(rules(("maybe", Act.DROP, ""), policy=Act.DROP)) is Ruling.DROPPED
    assert ruling(rules(("maybe", Act.ACCEPT, ""), ("yes", Act.ACCEPT, ""), policy=Act.DROP)) is Ruling.ALLOWED
    assert "maybe accept" in judge(rules(("maybe", Act.ACCEPT, ""), policy=Act.DROP), FLOW).rule


def test_jumps_come_back_and_gotos_do_not() -> None:
    empty: tuple[tuple[str, Act, str], ...] = ()
    assert ruling(rules(("yes", Act.JUMP, "sub"), ("yes", Act.DROP, ""), sub=(("yes", Act.RETURN, ""),))) is Ruling.DROPPED
    assert ruling(rules(("yes", Act.GOTO, "sub"), ("yes", Act.DROP, ""), sub=empty)) is Ruling.ALLOWED
    assert ruling(rules(("yes", Act.JUMP, "sub"), ("yes", Act.ACCEPT, ""), sub=(("yes", Act.DROP, ""),))) is Ruling.DROPPED
    assert ruling(rules(("yes", Act.JUMP, "sub"), policy=Act.DROP, sub=(("maybe", Act.ACCEPT, ""),))) is Ruling.UNKNOWN


def test_chains_that_are_missing_or_go_in_circles_are_not_known() -> None:
    assert ruling(rules(("yes", Act.JUMP, "gone"))) is Ruling.UNKNOWN
    assert ruling(rules(("yes", Act.JUMP, "a"), a=(("yes", Act.JUMP, "b"),), b=(("yes", Act.JUMP, "a"),))) is Ruling.UNKNOWN


def test_every_base_chain_has_its_say_in_order() -> None:
    drop, accept = Rule(act=Act.DROP, text="drop"), Rule(act=Act.ACCEPT, text="accept")
    bases = (
        Base(chain="late", priority=10, stage=2),
        Base(chain="early", priority=-10, stage=2),
        Base(chain="first", priority=99, stage=1),
    )
    allowed = Ruleset(bases=bases, chains={"late": (accept,), "early": (accept,), "first": (accept,)})
    assert ruling(allowed) is Ruling.ALLOWED
    for name in ("late", "early", "first"):
        assert ruling(Ruleset(bases=bases, chains={**allowed.chains, name: (drop,)})) is Ruling.DROPPED, "accept in one does not save it"
    elsewhere = Rule(act=Act.ELSEWHERE, text="dnat")
    assert ruling(Ruleset(bases=bases, chains={**allowed.chains, "first": (elsewhere,), "late": (drop,)})) is Ruling.UNKNOWN


def test_ports_are_judged_in_as_few_spans_as_differ() -> None:
    def named(low: int, high: int, act: Act) -> Rule:
        return Rule(matches=(lambda flow: within(flow.dport, low, high),), act=act, text=f"{low}-{high}", cuts=((low, high),))

    chain = (named(40_000, 40_010, Act.ACCEPT), named(1, 1024, Act.ACCEPT), named(40_005, 50_000, Act.REJECT))
    ruleset = Ruleset(bases=(Base(chain="i", policy=Act.DROP, title="i"),), chains={"i": chain})
    found = [(one.first, one.last, one.ruling.value) for one in spans(ruleset, FLOW, 10_000, 60_000)]
    assert found == [(10_000, 39_999, "dropped"), (40_000, 40_010, "allowed"), (40_011, 50_000, "rejected"), (50_001, 60_000, "dropped")]


def test_too_many_ranges_are_not_judged_one_by_one() -> None:
    chain = tuple(Rule(act=Act.PASS, cuts=((port, port),)) for port in range(10_000, 12_000, 2))
    (span,) = spans(Ruleset(chains={"i": chain}), FLOW, 10_000, 60_000)
    assert span.ruling is Ruling.UNKNOWN


@given(
    st.lists(
        st.tuples(st.sampled_from(PARTS), st.sampled_from([Act.ACCEPT, Act.DROP, Act.REJECT, Act.RETURN, Act.PASS, Act.JUMP])), max_size=6
    ),
    st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from([Act.ACCEPT, Act.DROP, Act.RETURN])), max_size=4),
    st.sampled_from([Act.ACCEPT, Act.DROP]),
)
def test_a_certain_ruling_holds_however_the_unknown_turns_out(rows: list[tuple[str, Act]], sub: list[tuple[str, Act]], policy: Act) -> None:
    def with_(answer: str) -> Ruling:
        known = tuple((answer if part == "maybe" else part, act, "sub" if act is Act.JUMP else "") for part, act in rows)
        below = tuple((answer if part == "maybe" else part, act, "") for part, act in sub)
        return ruling(rules(*known, policy=policy, sub=below))

    said = with_("maybe")
    if said is not Ruling.UNKNOWN:
        shut = {Ruling.DROPPED, Ruling.REJECTED}
        for turned in (with_("yes"), with_("no")):
            assert turned is said or {turned, said} <= shut


@pytest.mark.parametrize(
    ("address", "text", "expected"),
    [
        ("192.168.1.20", "192.168.1.0/24", True),
        ("192.168.1.20", "192.168.1.20", True),
        ("192.168.1.20", "192.168.1.1-192.168.1.19", False),
        ("192.168.1.20", "192.168.1.0/255.255.255.0", True),
        ("192.168.1.20", "fe80::/10", False),
        ("fe80::20%eth0", "fe80::/10", True),
        ("192.168.1.20", "LOCAL", None),
        ("192.168.1.20", "1.2.3.4-", None),
    ],
)
def test_addresses_in_networks(address: str, text: str, expected: object) -> None:
    assert in_network(ip_address(address), text) is expected


def test_names_and_ports_are_unknown_where_they_are() -> None:
    assert same_name("eth*", "eth0", "*") is True
    assert same_name("eth*", "eth0", "+") is False
    assert same_name("eth0", "", "*") is None
    assert within((1024, 65_535), 3232, 3232) is None
    assert within((40_000, 40_000), 1, 65_535) is True
    assert within((40_000, 40_000), 1, 1024) is False
