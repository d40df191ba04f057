"""The whole check as one session: name, announcement, level, host, knock or connect, handshake, way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from discover.model.check import Step, StepState, Verdict
from discover.model.device import Password
from discover.ota import steps
from discover.ota.actions import Addresses, AskNeighbours, Failed, Known, Listen, Report, Resolve, Route, Session, Unreachable, Use, Wait
from discover.ota.arduino import CONTROL_PORTS, SPACING, Answer, Invited, Knock, Knocked, invite, knock
from discover.ota.esphome import Talk, Talked, talk
from discover.ota.levels import Allowance, allowed_level
from discover.ota.target import ARDUINO_PORTS, Announcement, Host

_ARP_REST: Final = 1.0
"""Linux gives an address up after three ARP requests, 3.07 s (measured); two knocks have waited 2.4 s by then."""
_GONE: Final = frozenset({"failed", "incomplete"})
_SURE: Final = frozenset({"reachable", "permanent"})
_CONTROL_WHY: Final = "control knock: a surely closed port tells whether the host is up and says so"

_INVITED: Final = {
    Answer.CHALLENGED: Verdict.READY_NEEDS_PASSWORD,
    Answer.ACCEPTED: Verdict.READY,
    Answer.DECLINED: Verdict.READY,
    Answer.NO_FILESYSTEM: Verdict.BLOCKED,
    Answer.FOREIGN: Verdict.WRONG_SERVICE,
    Answer.REFUSED: Verdict.CLOSED,
    Answer.UNREACHABLE: Verdict.HOST_DOWN,
    Answer.BLOCKED: Verdict.BLOCKED,
}
_KNOCKED: Final = {
    Knock.REFUSED: Verdict.CLOSED,
    Knock.ANSWERED: Verdict.WRONG_SERVICE,
    Knock.UNREACHABLE: Verdict.HOST_DOWN,
    Knock.BLOCKED: Verdict.BLOCKED,
}
_TALKED: Final = {
    Talk.CONNECTED: Verdict.LIKELY,
    Talk.MUTE: Verdict.LIKELY,
    Talk.DROPPED: Verdict.LIKELY,
    Talk.FOREIGN: Verdict.WRONG_SERVICE,
    Talk.REFUSED: Verdict.CLOSED,
    Talk.SILENT: Verdict.NO_ANSWER,
    Talk.UNREACHABLE: Verdict.HOST_DOWN,
    Talk.BLOCKED: Verdict.BLOCKED,
}
_WAY_BACK: Final = frozenset({Verdict.READY, Verdict.READY_NEEDS_PASSWORD, Verdict.ANNOUNCED, Verdict.LIKELY, Verdict.NO_ANSWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What the check comes to; the runner adds the steps and what was sent. ``level`` is the highest that was tried."""

    address: str
    port: int
    transport: str
    kind: str
    level: int
    verdict: Verdict
    password: Password


class Up(StrEnum):
    """What is known of the host itself."""

    YES = "yes"
    MAYBE = "maybe"
    DOWN = "down"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUp:
    """Whether the host is up, and how the control port's knock went (None: not knocked)."""

    up: Up
    control: Knocked | None = None

    @property
    def closed_ports_speak(self) -> bool:
        """True where this host answers for closed ports, so that silence means something."""
        return self.control is not None and self.control.outcome is Knock.REFUSED


def _is_ipv6(address: str) -> bool:
    return ":" in address


class Ladder:
    """One check. ``known`` are the device's addresses from the inventory, ``asked`` the level the user wants (None: the rule's)."""

    def __init__(
        self,
        host: Host,
        found: Announcement,
        *,
        known: tuple[str, ...] = (),
        asked: int | None = None,
        consent: bool = False,
        password: str | None = None,
        host_port: int | None = None,
    ) -> None:
        self._host = host
        self._found = found
        self._known = known
        self._asked = asked
        self._consent = consent
        self._password = password
        self._host_port = host_port
        self._port = host.port or found.port
        self._controls = [port for port in CONTROL_PORTS if port != self._port][:2]
        self._route = Route("", "", "", on_link=False)

    def climb(self) -> Session[Conclusion]:
        """Run the check from the name to the way back, as far as it is allowed and makes sense."""
        found = self._found
        refused = yield from self._name()
        if refused is not None:
            yield Report(steps.blocked_step("interface", refused.message, refused.hint))
            return self._conclude(Verdict.BLOCKED)
        if not self._route.address:
            return self._conclude(Verdict.HOST_DOWN)
        yield Report(steps.announced_step(found))
        if found.kind not in ("arduino", "esphome", "unknown"):
            yield Report(steps.not_applicable_step(found))
            return self._conclude(Verdict.NOT_APPLICABLE)
        allowance = allowed_level(
            found.kind, transport=found.transport, password=found.password, version=found.version, asked=self._asked, consent=self._consent
        )
        yield Report(steps.level_step(allowance))
        if allowance.level == 0 and (self._asked == 0 or found.kind != "esphome"):
            result = yield from self._passive()
        elif allowance.level == 0:
            result = yield from self._esphome_untouched(allowance)
        elif found.kind == "esphome":
            result = yield from self._esphome(allowance)
        elif self._port:
            result = yield from self._arduino(allowance.level)
        else:
            result = yield from self._default_ports()
        if result.verdict in _WAY_BACK and result.kind == "arduino" and result.transport == "udp":
            yield Report(steps.way_back_step(self._route, result.port))
        return result

    def _conclude(
        self, verdict: Verdict, *, level: int = 0, password: Password = Password.UNKNOWN, kind: str = "", port: int = 0
    ) -> Conclusion:
        return Conclusion(
            address=self._route.address,
            port=port or self._port,
            transport=self._found.transport,
            kind=kind or self._found.kind,
            level=level,
            verdict=verdict,
            password=self._found.password if password is Password.UNKNOWN else password,
        )

    def _name(self) -> Session[Failed | None]:
        """Find the address and our way to it; return what this machine said where it would not even list its interfaces."""
        resolved: tuple[str, ...] = ()
        trouble = ""
        if self._host.literal:
            resolved = (self._host.name,)
        elif not self._host.device or self._host.hostname:
            event = yield Resolve(self._host.hostname or self._host.name)
            if isinstance(event, Addresses):
                resolved = event.addresses
            elif isinstance(event, Failed):
                trouble = event.message
        # Where a name leads to several addresses, one that the inventory knows the device by is the device.
        both = tuple(address for address in resolved if address in self._known)
        # IPv4 first, as the upload tools do: ArduinoOTA has no IPv6, and a link-local address needs its zone in every command.
        candidates = tuple(sorted(both or resolved or self._known, key=_is_ipv6))
        if candidates:
            event = yield Use(candidates)
            if isinstance(event, Failed):
                return event
            if isinstance(event, Route):
                self._route = event
        yield Report(steps.name_step(self._host, resolved, self._route.address, known=self._known, trouble=trouble))
        return None

    # Is the host there at all.

    def _neighbour(self) -> Session[Known | None]:
        """The neighbour table's word; None where there is none to be had (loopback, routed, unreadable)."""
        if self._route.loopback or not self._route.on_link:
            return None
        event = yield AskNeighbours()
        return event if isinstance(event, Known) else None

    def _passive(self) -> Session[Conclusion]:
        """Level 0: what is known without a packet."""
        known = yield from self._neighbour()
        there = known is not None and known.mac and known.state not in _GONE
        if known is not None and there:
            sure = known.state in _SURE
            detail = f"Nothing was sent. The neighbour table has it at {known.mac} ({known.state}{'' if sure else ', which is no proof'})."
            yield Report(Step(name="host up", state=StepState.PASS if sure else StepState.SKIP, detail=detail))
        else:
            yield Report(Step(name="host up", state=StepState.SKIP, detail="Nothing was sent, so whether the host is up now is not known."))
        return self._conclude(Verdict.ANNOUNCED if self._found.heard else Verdict.NO_ANSWER)

    def _host_up(self) -> Session[HostUp]:
        """Knock on a port that is surely closed: the answer proves the host and that closed ports speak."""
        control = yield from knock(self._controls[0], tries=1, why=_CONTROL_WHY)
        known: Known | None = None
        if control.outcome is Knock.SILENT:
            known = yield from self._neighbour()
            if known is not None and not (known.mac and known.state in _SURE):
                # Power save or a slow ARP answer: once more, then as long as the kernel needs to give up.
                control = replace((yield from knock(self._controls[1], tries=1, why=_CONTROL_WHY)), tries=2)
                if control.outcome is Knock.SILENT:
                    event = yield Listen(_ARP_REST)
                    if isinstance(event, Unreachable):
                        control = Knocked(outcome=Knock.UNREACHABLE, tries=2, told=event.reason)
                    known = yield from self._neighbour()
        result, step = _weigh(self._controls[0], control, known)
        yield Report(step)
        return result

    def _surely_down(self, host: HostUp) -> Session[bool]:
        """After silence all along: does the neighbour table say that nobody is there."""
        if host.up is Up.YES:
            return False
        known = yield from self._neighbour()
        return known is not None and (not known.mac or known.state in _GONE)

    # ArduinoOTA over UDP.

    def _arduino(self, level: int) -> Session[Conclusion]:
        host = yield from self._host_up()
        if host.up in (Up.DOWN, Up.BLOCKED):
            return self._conclude(Verdict.HOST_DOWN if host.up is Up.DOWN else Verdict.BLOCKED)
        knocked, host = yield from self._knock(self._port, host)
        down = knocked.outcome is Knock.SILENT and (yield from self._surely_down(host))
        yield Report(steps.knock_step(self._port, knocked, control=host.control, announced=self._found.heard, down=down))
        if down:
            return self._conclude(Verdict.HOST_DOWN, level=1)
        if knocked.outcome is not Knock.SILENT:
            return self._conclude(_KNOCKED[knocked.outcome], level=1)
        fallback = Verdict.LIKELY if host.closed_ports_speak else Verdict.NO_ANSWER
        if level < 2:
            return self._conclude(fallback, level=1, kind="arduino" if fallback is Verdict.LIKELY else "")
        yield Wait(SPACING)
        invited = yield from invite(self._port)
        yield Report(steps.invite_step(self._port, invited, self._found.password))
        if _owes_reset(invited):
            yield Report(steps.reset_step(self._port, invited))
        kind = "arduino" if invited.password is not Password.UNKNOWN else ""
        return self._conclude(_INVITED.get(invited.outcome, fallback), level=2, password=invited.password, kind=kind)

    def _knock(self, port: int, host: HostUp) -> Session[tuple[Knocked, HostUp]]:
        """Knock; after silence knock at the control once more: hosts ration ICMP errors, so only one behind it gives it a meaning."""
        yield Wait(SPACING)
        knocked = yield from knock(port)
        if knocked.outcome is Knock.SILENT and host.control is not None and host.control.tries < len(self._controls):
            control = yield from knock(self._controls[1], tries=1, why=_CONTROL_WHY)
            return knocked, HostUp(up=Up.YES if control.outcome is Knock.REFUSED else host.up, control=control)
        return knocked, host

    def _default_ports(self) -> Session[Conclusion]:
        """Knock on the ports that ArduinoOTA uses by default, up to the first that is likely; level 1 only, and no TCP."""
        host = yield from self._host_up()
        if host.up in (Up.DOWN, Up.BLOCKED):
            return self._conclude(Verdict.HOST_DOWN if host.up is Up.DOWN else Verdict.BLOCKED)
        silent = False
        for port in ARDUINO_PORTS:
            knocked, host = yield from self._knock(port, host)
            yield Report(steps.knock_step(port, knocked, control=host.control, guess=True))
            if knocked.outcome in (Knock.UNREACHABLE, Knock.BLOCKED, Knock.ANSWERED):
                return self._conclude(_KNOCKED[knocked.outcome], level=1, port=port)
            if knocked.outcome is Knock.SILENT and host.closed_ports_speak:
                return self._conclude(Verdict.LIKELY, level=1, kind="arduino", port=port)
            silent = silent or knocked.outcome is Knock.SILENT
        if not silent:
            yield Report(steps.nothing_listens_step())
            return self._conclude(Verdict.CLOSED, level=1)
        down = yield from self._surely_down(host)
        return self._conclude(Verdict.HOST_DOWN if down else Verdict.NO_ANSWER, level=1)

    # ESPHome over TCP.

    def _esphome_untouched(self, allowance: Allowance) -> Session[Conclusion]:
        """An ESPHome that takes any connection for an update: only whether the host is up is asked."""
        host = yield from self._host_up()
        if host.up in (Up.DOWN, Up.BLOCKED):
            return self._conclude(Verdict.HOST_DOWN if host.up is Up.DOWN else Verdict.BLOCKED)
        yield Report(steps.connect_skipped_step(self._port, allowance))
        return self._conclude(Verdict.ANNOUNCED if self._found.heard else Verdict.NO_ANSWER)

    def _esphome(self, allowance: Allowance) -> Session[Conclusion]:
        talked = yield from talk(self._port, level=allowance.level)
        yield Report(_host_by_tcp(talked))
        yield Report(steps.connect_step(self._port, talked))
        if talked.outcome is Talk.SILENT and (yield from self._surely_down(HostUp(up=Up.MAYBE))):
            return self._conclude(Verdict.HOST_DOWN, level=1)
        if not talked.connected or allowance.level < 2:
            return self._conclude(_TALKED[talked.outcome], level=1)
        yield Report(steps.magic_step(talked, self._found.password))
        if talked.outcome is Talk.VERSION:
            locked = self._found.password is Password.YES
            return self._conclude(Verdict.READY_NEEDS_PASSWORD if locked else Verdict.READY, level=2)
        return self._conclude(_TALKED[talked.outcome], level=2)


def _owes_reset(invited: Invited) -> bool:
    return invited.outcome in (Answer.CHALLENGED, Answer.FOREIGN, Answer.SILENT)


def _host_by_tcp(talked: Talked) -> Step:
    if talked.connected or talked.outcome is Talk.REFUSED:
        return Step(name="host up", state=StepState.PASS, detail="The host answered the attempt to connect.")
    if talked.outcome is Talk.UNREACHABLE:
        return steps.down_step("host up", f"Nobody answers at the address ({talked.told}).")
    return Step(name="host up", state=StepState.WARN, detail="The host did not answer the attempt to connect.")


def _weigh(port: int, control: Knocked, known: Known | None) -> tuple[HostUp, Step]:  # noqa: PLR0911 - one for each outcome
    """What the control knock and the neighbour table say of the host together."""
    sent = f"Sent the byte `1` to {port}/udp, which is surely closed"
    match control.outcome:
        case Knock.REFUSED:
            detail = f"{sent}; the host refused it, so it is up and says when a port is closed."
            return HostUp(up=Up.YES, control=control), Step(name="host up", state=StepState.PASS, detail=detail)
        case Knock.ANSWERED:
            detail = f"{sent}, and it answered {control.told!r}: the host is up, but this port cannot serve as a control."
            return HostUp(up=Up.YES, control=control), Step(name="host up", state=StepState.WARN, detail=detail)
        case Knock.UNREACHABLE:
            return HostUp(up=Up.DOWN, control=control), steps.down_step(
                "host up", f"{sent}; nobody answers at the address ({control.told})."
            )
        case Knock.BLOCKED:
            return HostUp(up=Up.BLOCKED, control=control), steps.blocked_step("host up", control.told, control.hint)
        case Knock.SILENT:
            pass
    if known is not None and known.mac and known.state in _SURE:
        detail = f"{sent}, and it kept silent; the host answers ARP ({known.mac}), so it is up and does not say when a port is closed."
        return HostUp(up=Up.YES, control=control), Step(name="host up", state=StepState.PASS, detail=detail)
    if known is not None and (known.state in _GONE or not known.mac):
        return HostUp(up=Up.DOWN, control=control), steps.down_step("host up", f"{sent}; nobody answers ARP for the address.")
    seen = f" The neighbour table still has {known.mac} ({known.state}), which is no proof." if known is not None else ""
    detail = f"{sent}, and nothing came: the host is down, asleep, or does not say when a port is closed.{seen}"
    return HostUp(up=Up.MAYBE, control=control), Step(name="host up", state=StepState.WARN, detail=detail)
