"""The end of every check, as a session: look from this machine at the way back, and at why nobody answers.

It sends nothing but a ping, after silence and where this user may.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from discover.model.check import Hop, Step, StepState, Verdict
from discover.model.outlook import Outlook
from discover.ota.actions import AskNeighbours, Done, Known, LookBack, Ping, Report, Route, Session, Silence
from discover.ota.conclusion import WAY_BACK, Conclusion
from discover.ota.hosts import SURE
from discover.ota.knocking import unresolved
from discover.ota.wayback import WayBack, assess

RECENT: Final = 600.0
"""Seconds within which an announcement counts as a sign of life that speaks for isolation."""
PING_SECONDS: Final = 0.6
"""Twice what power save delays an answer by, up to three beacon intervals (0.3 s)."""
_OPEN: Final = frozenset({Verdict.READY, Verdict.READY_NEEDS_PASSWORD, Verdict.ANNOUNCED, Verdict.LIKELY})
_LOST: Final = frozenset({Verdict.HOST_DOWN, Verdict.NO_ANSWER})
_ALIVE: Final = frozenset({"reachable", "stale", "delay", "probe", "permanent"})


def look_back(
    conclusion: Conclusion, route: Route, *, host_port: int | None = None, heard: float | None = None, mac: str = ""
) -> Session[tuple[Conclusion, WayBack | None]]:
    """Report what this machine's routes and firewalls mean for the device's call, and return what the check comes to with it.

    ``heard`` is how many seconds ago the device was last heard (None: not), ``mac`` the device's as the inventory knows it.
    """
    arduino = conclusion.kind == "arduino" and conclusion.transport == "udp"
    called = conclusion.called_back
    wanted = arduino and (conclusion.verdict in WAY_BACK or called is not None)
    lost = conclusion.verdict in _LOST
    if not conclusion.address or not (wanted or lost):
        return conclusion, None
    event = yield LookBack(port=conclusion.port if arduino else 0, host_port=host_port or 0, firewalls=arduino)
    if not isinstance(event, Outlook):
        return conclusion, None
    known: Known | None = None
    if lost and route.on_link and not route.loopback:
        answer = yield AskNeighbours()
        known = answer if isinstance(answer, Known) else None
    if lost:
        suspicion = isolation_step(event, known, verdict=conclusion.verdict, heard=heard, mac=mac)
        if suspicion is not None:
            yield Report(suspicion)
    alive = (yield from _ping(conclusion, known)) if lost else None
    way = assess(event, conclusion.address, host_port=host_port, asked_on=route.interface, called=called)
    if wanted:
        yield Report(way.step)
    return _concluded(conclusion, way, known, alive=alive is True), way if wanted or way.deaf else None


def foresee(port: int, host_port: int, route: Route) -> Session[tuple[str, int]]:
    """Ask this machine's firewalls before a device is disturbed for a call that cannot come.

    Returns why it surely cannot ("" it may), and the port to listen on: ``host_port``, else one that is open (0: any free one).
    """
    event = yield LookBack(port=port, host_port=host_port)
    if not isinstance(event, Outlook):
        return "", host_port
    way = assess(event, route.address, host_port=host_port or None, asked_on=route.interface)
    return way.cause if way.blocked else "", host_port or way.open_port


def _ping(conclusion: Conclusion, known: Known | None) -> Session[bool | None]:
    """Ping after silence, where the neighbour table cannot tell whether the host is up; None where it was not done."""
    sure = known is not None and ((bool(known.mac) and known.state in SURE) or unresolved(known))
    if conclusion.verdict is not Verdict.NO_ANSWER or conclusion.level == 0 or sure:
        return None
    event = yield Ping(PING_SECONDS, "ping: is the host up although nothing answers")
    if isinstance(event, Done):
        yield Report(Step(name="ping", state=StepState.PASS, detail="The host answers a ping: it is up."))
        return True
    if isinstance(event, Silence):
        detail = f"A ping stayed unanswered for {PING_SECONDS:g} s, too. Sleeping devices and some firewalls do not answer one."
        yield Report(Step(name="ping", state=StepState.WARN, detail=detail))
        return False
    return None


def _concluded(conclusion: Conclusion, way: WayBack, known: Known | None, *, alive: bool) -> Conclusion:
    silent = conclusion.verdict is Verdict.NO_ANSWER or (conclusion.verdict is Verdict.LIKELY and conclusion.level >= 2)
    if way.deaf and silent and conclusion.level > 0:
        return replace(conclusion, verdict=Verdict.BLOCKED, hop=Hop.LISTENER, cause=way.deaf)
    if way.blocked and conclusion.verdict in _OPEN and conclusion.called_back is not True:
        return replace(conclusion, verdict=Verdict.BLOCKED, hop=Hop.WAY_BACK, cause=way.cause)
    if conclusion.called_back is False and conclusion.hop is Hop.WAY_BACK:
        return replace(conclusion, cause=way.cause if way.blocked else "")
    if alive and conclusion.hop in (None, Hop.HOST):
        return replace(conclusion, hop=Hop.LISTENER)
    if conclusion.verdict is Verdict.NO_ANSWER and conclusion.level > 0 and conclusion.hop is None and known is not None:
        return replace(conclusion, hop=Hop.LISTENER if known.mac and known.state in SURE else Hop.HOST)
    return conclusion


def isolation_step(outlook: Outlook, known: Known | None, *, verdict: Verdict, heard: float | None, mac: str) -> Step | None:
    """Say what speaks for an access point that isolates its clients, a proxy, or another device at the address; None where nothing does."""
    theirs = known.mac if known is not None else ""
    gateway_lives = bool(outlook.gateway_mac) and outlook.gateway_state in _ALIVE
    name = "isolation"
    if theirs and theirs == outlook.gateway_mac:
        return Step(
            name=name,
            state=StepState.WARN,
            detail=f"The gateway {outlook.default_gateway} answers ARP in the device's name ({theirs}), and nothing else comes through: a "
            "proxy stands between, as access points with client isolation and routers between two networks do.",
            fix="Switch client isolation off in the access point, or bring both into the same network.",
        )
    if theirs and mac and theirs != mac:
        return Step(
            name="address",
            state=StepState.WARN,
            detail=f"{theirs} answers ARP for the address, and the inventory knows the device by {mac}: the address may be another "
            "device's by now (or a repeater answers for it).",
            fix="Run `espied scan` to find its address of today.",
        )
    ago = _ago(heard) if heard is not None and heard <= RECENT else ""
    if verdict is Verdict.HOST_DOWN and (ago or (gateway_lives and outlook.wireless)):
        signs = [f"it announced itself {ago}"] if ago else []
        signs += [f"the gateway {outlook.default_gateway} answers ARP"] if gateway_lives else []
        signs += ["this machine is on Wi-Fi"] if outlook.wireless else []
        return Step(
            name=name,
            state=StepState.WARN,
            detail=f"Client isolation of the access point is possible (or a guest network): the device does not answer ARP, although "
            f"{_listed(signs)}. A device that has just fallen asleep looks the same.",
            fix="Put both on the same network, not its guest network, and switch client isolation (AP isolation) off; or wake the device.",
        )
    return None


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"


def _ago(seconds: float) -> str:
    return "just now" if seconds < 10 else f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"
