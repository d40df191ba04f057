"""One verdict: the hop, one sentence, what to do; for every way a check can end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.check import Hop, Step, StepState, Verdict
from discover.model.device import Password
from discover.ota.conclusion import Conclusion
from discover.ota.verdict import STEP_HOPS, TITLES, Judgement, judge
from discover.ota.wayback import WayBack


def end(verdict: Verdict, **fields: object) -> Conclusion:
    usual: dict[str, object] = {
        "address": "192.168.1.20",
        "port": 3232,
        "transport": "udp",
        "kind": "arduino",
        "level": 2,
        "password": Password.YES,
    }
    return Conclusion(verdict=verdict, **{**usual, **fields})  # type: ignore[arg-type]


def row(name: str, state: StepState, detail: str = "It was so.", fix: str = "") -> Step:
    return Step(name=name, state=state, detail=detail, fix=fix)


FAIL, WARN, PASS = StepState.FAIL, StepState.WARN, StepState.PASS


@pytest.mark.parametrize(
    ("conclusion", "steps", "hop", "said"),
    [
        (
            end(Verdict.HOST_DOWN, address=""),
            [row("name", FAIL)],
            Hop.NAME,
            "It fails at the name: kitchen.local does not resolve on this machine.",
        ),
        (
            end(Verdict.HOST_DOWN),
            [row("name", PASS), row("host up", FAIL)],
            Hop.HOST,
            "It fails at the host: nobody answers at 192.168.1.20",
        ),
        (end(Verdict.NO_ANSWER), [row("host up", WARN)], Hop.HOST, "nothing at all comes from 192.168.1.20"),
        (
            end(Verdict.NO_ANSWER),
            [row("host up", PASS), row("knock", WARN)],
            Hop.LISTENER,
            "the host is up, and nothing comes from 3232/udp",
        ),
        (
            end(Verdict.NO_ANSWER, level=0),
            [row("host up", StepState.SKIP)],
            Hop.LISTENER,
            "In doubt is the listener: 3232/udp was not asked",
        ),
        (end(Verdict.CLOSED), [row("knock", FAIL)], Hop.LISTENER, "the device is up and refuses 3232/udp, so no ArduinoOTA listens there"),
        (
            end(Verdict.CLOSED, kind="unknown", port=0),
            [],
            Hop.LISTENER,
            "refuses the ports that were tried, so no update service listens there",
        ),
        (
            end(Verdict.LIKELY, transport="tcp", kind="esphome", hop=Hop.LISTENER),
            [row("handshake", WARN)],
            Hop.LISTENER,
            "In doubt is the listener: 3232/tcp took the connection and did not answer",
        ),
        (end(Verdict.WRONG_SERVICE), [row("knock", FAIL)], Hop.LISTENER, "what answers on 3232/udp is not ArduinoOTA"),
        (end(Verdict.BLOCKED, hop=Hop.PASSWORD), [row("password", FAIL)], Hop.PASSWORD, "the device says that the password is wrong"),
        (
            end(Verdict.BLOCKED),
            [row("handshake", FAIL, "The Pico has no file system. More.")],
            Hop.LISTENER,
            "the Pico has no file system.",
        ),
        (end(Verdict.BLOCKED), [row("interface", FAIL, "This machine refused: EPERM.")], Hop.HOST, "this machine refused: EPERM."),
        (end(Verdict.BLOCKED, hop=Hop.WAY_BACK, called_back=False), [row("call back", FAIL)], Hop.WAY_BACK, "its call never arrived here"),
        (
            end(Verdict.BLOCKED, hop=Hop.WAY_BACK, cause="nft drops it"),
            [row("way back", FAIL)],
            Hop.WAY_BACK,
            "It fails at the way back: nft drops it.",
        ),
    ],
)
def test_what_fails_is_named_with_its_cause(conclusion: Conclusion, steps: list[Step], hop: Hop, said: str) -> None:
    judged = judge(conclusion, steps, None, "kitchen.local")
    assert judged.hop is hop
    assert said in judged.sentence


@pytest.mark.parametrize(
    ("conclusion", "said"),
    [
        (end(Verdict.READY, password=Password.NO), "asks for no password, so anyone on this network can replace the firmware"),
        (end(Verdict.READY, password=Password.UNKNOWN), "whether it wants a password was not asked"),
        (end(Verdict.READY_NEEDS_PASSWORD), "It is ready for an upload: ArduinoOTA answers on 3232/udp and wants its password."),
        (
            end(Verdict.ANNOUNCED),
            "It says that it takes updates by ArduinoOTA on 3232/udp, with a password; the port itself was not asked.",
        ),
        (end(Verdict.LIKELY), "3232/udp keeps silent as ArduinoOTA does, while a closed port is refused"),
        (end(Verdict.LIKELY, transport="tcp", kind="esphome", level=1), "3232/tcp takes connections"),
        (end(Verdict.READY_NEEDS_PASSWORD, called_back=True), "it called back, so the way back is open, too."),
        (end(Verdict.NOT_APPLICABLE), "There is nothing to check: no update over the air is known of it."),
    ],
)
def test_where_nothing_fails_the_sentence_claims_no_more_than_is_known(conclusion: Conclusion, said: str) -> None:
    judged = judge(conclusion, [], None, "kitchen.local")
    assert judged.hop is None
    assert said in judged.sentence


def test_a_password_that_was_tried_is_said_to_be_right() -> None:
    judged = judge(end(Verdict.READY_NEEDS_PASSWORD), [row("password", PASS)], None, "x")
    assert "and the password is right." in judged.sentence


def test_the_way_back_is_told_where_it_is_known_or_doubted() -> None:
    open_way = WayBack(step=row("way back", PASS))
    assert (
        "nothing seen on this machine stands in the way of its call back."
        in judge(end(Verdict.READY_NEEDS_PASSWORD), [], open_way, "x").sentence
    )
    doubt = WayBack(step=row("way back", WARN), cause="a VPN", fix="Switch it off.")
    judged = judge(end(Verdict.LIKELY), [], doubt, "x")
    assert judged.sentence.endswith("in doubt is the way back: a VPN.")
    assert judged.fix == "Switch it off."


def test_what_to_do_is_what_the_failing_hops_step_says() -> None:
    steps = [row("level", WARN, fix="not this"), row("host up", WARN, fix="nor this"), row("knock", FAIL, fix="begin()")]
    assert judge(end(Verdict.CLOSED), steps, None, "x").fix == "begin()"
    isolated = [row("host up", FAIL, fix="power"), row("isolation", WARN, fix="isolation off")]
    assert judge(end(Verdict.HOST_DOWN), isolated, None, "x").fix == "isolation off", "the nearer suspicion first"


@given(
    st.sampled_from(Verdict),
    st.sampled_from(Password),
    st.sampled_from(["arduino", "esphome", "http", "pull", "none", "unknown"]),
    st.sampled_from(["udp", "tcp", ""]),
    st.integers(0, 3),
    st.sampled_from([0, 3232]),
    st.none() | st.sampled_from(Hop),
    st.lists(st.tuples(st.sampled_from([*STEP_HOPS, "level", "announced"]), st.sampled_from(StepState)), max_size=6),
    st.text(max_size=20),
)
def test_every_end_has_one_whole_sentence(
    verdict: Verdict,
    password: Password,
    kind: str,
    transport: str,
    level: int,
    port: int,
    hop: Hop | None,
    rows: list[tuple[str, StepState]],
    host: str,
) -> None:
    conclusion = end(verdict, password=password, kind=kind, transport=transport, level=level, port=port, hop=hop)
    judged: Judgement = judge(conclusion, [row(name, state) for name, state in rows], None, host)
    assert judged.sentence[0].isupper()
    assert judged.sentence.endswith(".")
    assert not judged.sentence.endswith("..")
    assert " 0/" not in judged.sentence
    assert "\x1b" not in judged.sentence
    if hop is not None:
        assert judged.hop is hop
    if judged.hop is not None:
        assert f"the {TITLES[judged.hop]}:" in judged.sentence
    if verdict in (Verdict.CLOSED, Verdict.WRONG_SERVICE, Verdict.HOST_DOWN, Verdict.NO_ANSWER, Verdict.BLOCKED):
        assert judged.hop is not None, "a negative verdict names a hop"


@pytest.mark.parametrize(("verdict", "hop"), [(Verdict.HOST_DOWN, Hop.HOST), (Verdict.NO_ANSWER, Hop.LISTENER)])
def test_where_no_step_says_what_to_do_there_is_still_something_to_do(verdict: Verdict, hop: Hop) -> None:
    judged = judge(end(verdict, hop=hop), [row("connect", WARN)], None, "x")
    assert judged.hop is hop
    assert "`espied scan`" in judged.fix
