"""One verdict: the hop that fails, one sentence that says why, and what to do, from all that a check saw. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from discover.model.check import Hop, Step, StepState, Verdict
from discover.model.device import Password
from discover.ota.conclusion import Conclusion
from discover.ota.wayback import WayBack
from discover.text import clean

STEP_HOPS: Final = {
    "name": Hop.NAME,
    "interface": Hop.HOST,
    "host up": Hop.HOST,
    "ping": Hop.HOST,
    "isolation": Hop.HOST,
    "address": Hop.HOST,
    "knock": Hop.LISTENER,
    "connect": Hop.LISTENER,
    "handshake": Hop.LISTENER,
    "page": Hop.LISTENER,
    "update service": Hop.LISTENER,
    "password": Hop.PASSWORD,
    "call back": Hop.WAY_BACK,
    "way back": Hop.WAY_BACK,
}
"""Which hop a step is about."""

TITLES: Final = {Hop.NAME: "name", Hop.HOST: "host", Hop.LISTENER: "listener", Hop.PASSWORD: "password", Hop.WAY_BACK: "way back"}

_OTHERWISE: Final = {
    Hop.HOST: "Is it powered, awake and in this network? Its address may have changed: `espied scan` finds it again.",
    Hop.LISTENER: "Run `espied scan` to hear whether it still announces itself; only an upload would ask it more.",
}
"""What to do where no step has a better word."""

KINDS: Final = {"arduino": "ArduinoOTA", "esphome": "ESPHome OTA", "http": "its update page"}


class Judgement(NamedTuple):
    """The failing hop (None: nothing stands in the way), the sentence, and what to do ("" nothing)."""

    hop: Hop | None
    sentence: str
    fix: str


def judge(conclusion: Conclusion, steps: Sequence[Step], way: WayBack | None, host: str) -> Judgement:
    """Return the verdict in words. ``host`` is the device as the user named it."""
    hop = conclusion.hop or _hop(conclusion, steps)
    told = _Telling(conclusion, steps, way, clean(host))
    if hop is None:
        return Judgement(None, told.ready(), told.ready_fix())
    doubt = conclusion.verdict is Verdict.LIKELY or (conclusion.verdict is Verdict.NO_ANSWER and conclusion.level == 0)
    head = "In doubt is" if doubt else "It fails at"
    return Judgement(hop, f"{head} the {TITLES[hop]}: {told.cause(hop)}.", told.fix(hop))


def _hop(conclusion: Conclusion, steps: Sequence[Step]) -> Hop | None:
    failed = next((STEP_HOPS[step.name] for step in reversed(steps) if step.state is StepState.FAIL and step.name in STEP_HOPS), None)
    match conclusion.verdict:
        case Verdict.HOST_DOWN:
            return Hop.NAME if failed is Hop.NAME else Hop.HOST
        case Verdict.CLOSED | Verdict.WRONG_SERVICE:
            return Hop.LISTENER
        case Verdict.NO_ANSWER:
            unsure = any(step.name == "host up" and step.state is StepState.WARN for step in steps)
            return Hop.HOST if unsure and conclusion.level > 0 else Hop.LISTENER
        case Verdict.BLOCKED:
            return failed or Hop.HOST
        case _:
            return None


class _Telling:
    """Finds the words."""

    def __init__(self, conclusion: Conclusion, steps: Sequence[Step], way: WayBack | None, host: str) -> None:
        self._end = conclusion
        self._steps = steps
        self._way = way
        self._host = host
        self._name = KINDS.get(conclusion.kind, "the update service")
        self._at = f"{conclusion.port}/{conclusion.transport}" if conclusion.port else "the ports that were tried"

    def ready(self) -> str:
        """Say that nothing stands in the way, and how sure that is."""
        end, name, at = self._end, self._name, self._at
        says = {Password.YES: ", with a password", Password.NO: ", without a password"}.get(end.password, "")
        match end.verdict:
            case Verdict.READY:
                asks = {
                    Password.NO: " and asks for no password, so anyone on this network can replace the firmware",
                    Password.UNKNOWN: "; whether it wants a password was not asked",
                }.get(end.password, "")
                sentence = f"It is ready for an upload: {name} answers on {at}{asks}"
            case Verdict.READY_NEEDS_PASSWORD:
                word = "the password is right" if self._passed("password") else "wants its password"
                sentence = f"It is ready for an upload: {name} answers on {at} and {word}"
            case Verdict.ANNOUNCED:
                sentence = f"It says that it takes updates by {name} on {at}{says}; the port itself was not asked"
            case Verdict.LIKELY if self._passed("page"):
                sentence = (
                    f"It is likely ready for an upload: its web server answers on {at}, and only an upload would tell whether it takes one"
                )
            case Verdict.LIKELY if end.transport == "tcp":
                sentence = f"It is likely ready for an upload: {at} takes connections, and did not say more"
            case Verdict.LIKELY:
                sentence = f"It is likely ready for an upload: {at} keeps silent as {name} does, while a closed port is refused"
            case _:
                sentence = self._not_applicable()
        if end.called_back:
            return f"{sentence}; it called back, so the way back is open, too."
        if self._way is not None and self._way.cause:
            return f"{sentence}; in doubt is the way back: {self._way.cause}."
        if self._way is not None and self._way.step.state is StepState.PASS:
            return f"{sentence}; nothing seen on this machine stands in the way of its call back."
        return f"{sentence}."

    def _not_applicable(self) -> str:
        step = next((one for one in self._steps if one.name == "update service"), None)
        why = step.detail.rstrip(".") if step is not None else "no update over the air is known of it"
        return f"There is nothing to check: {why}"

    def _passed(self, name: str) -> bool:
        return any(step.name == name and step.state is StepState.PASS for step in self._steps)

    def ready_fix(self) -> str:
        """Return what is worth doing although nothing fails: the way back first, then an open door."""
        if self._way is not None and self._way.fix:
            return self._way.fix
        names = ("update service",) if self._end.verdict is Verdict.NOT_APPLICABLE else ("handshake", "page", "password")
        return next((step.fix for step in self._steps if step.name in names and step.fix), "")

    def cause(self, hop: Hop) -> str:
        """Return the cause in one clause, without a full stop."""
        if self._end.cause:
            return self._end.cause
        tell = {
            Hop.NAME: lambda: f"{self._host} does not resolve on this machine",
            Hop.HOST: self._host_gone,
            Hop.LISTENER: self._listener,
            Hop.PASSWORD: self._password,
            Hop.WAY_BACK: self._way_back,
        }
        return tell[hop]()

    def _host_gone(self) -> str:
        if self._end.verdict is Verdict.BLOCKED:
            return self._failed_detail()
        if self._end.verdict is not Verdict.HOST_DOWN:
            return f"nothing at all comes from {self._end.address}: it is asleep, off, or something on the way drops every packet"
        isolated = any(step.name == "isolation" for step in self._steps)
        kept = ", or its access point keeps its clients apart" if isolated else ""
        return f"nobody answers at {self._end.address or self._host}: it is off, asleep or has another address{kept}"

    def _password(self) -> str:
        wrong = self._end.verdict is Verdict.BLOCKED
        return "the device says that the password is wrong" if wrong else self._failed_detail()

    def _listener(self) -> str:
        end, name, at = self._end, self._name, self._at
        missing = {"http": "no web server"}.get(end.kind, f"no {KINDS[end.kind]}" if end.kind in KINDS else "no update service")
        silent = (
            f"{at} was not asked, and nothing announces it"
            if end.level == 0
            else f"the host is up, and nothing comes from {at}: filtered on the way, or a sketch too busy to answer"
        )
        return {
            Verdict.CLOSED: f"the device is up and refuses {at}, so {missing} listens there",
            Verdict.WRONG_SERVICE: f"what answers on {at} is not {name}",
            Verdict.BLOCKED: self._failed_detail(),
            Verdict.LIKELY: f"{at} took the connection and did not answer: it is busy with another upload, or something else listens there",
        }.get(end.verdict, silent)

    def _way_back(self) -> str:
        if self._end.called_back is False:
            doubt = f"; {self._way.cause}" if self._way is not None and self._way.cause else ""
            return f"the device accepted the invitation and its call never arrived here{doubt}"
        return self._failed_detail()

    def _failed_detail(self) -> str:
        step = next((one for one in reversed(self._steps) if one.state is StepState.FAIL), None)
        if step is None:
            return "this machine could not ask"
        first = step.detail.split(". ")[0].rstrip(".")
        return first[:1].lower() + first[1:] if first[1:2].islower() else first

    def fix(self, hop: Hop) -> str:
        """Return what to do about the hop: its own command first, else what its step says."""
        if self._way is not None and self._way.fix and hop is Hop.WAY_BACK:
            return self._way.fix
        if self._way is not None and self._way.deaf and hop is Hop.LISTENER and self._end.cause == self._way.deaf:
            return f"{self._way.deaf_fix} {self._way.fix}".strip()
        mine = [step for step in self._steps if STEP_HOPS.get(step.name) is hop and step.fix]
        worst = [step for step in mine if step.state is StepState.FAIL] or [step for step in mine if step.state is StepState.WARN]
        isolated = [step for step in mine if step.name in ("isolation", "address")]
        chosen = (isolated or worst[-1:] or mine[-1:])[:1]
        return chosen[0].fix if chosen else _OTHERWISE.get(hop, "")
