"""The whole check as one session: name, announcement, level, host, knock, connect or handshake, way back.

A device that announces a password is asked for its challenge at once: the answer proves host and listener. Only after
silence, and where a handshake would run something on the device, knocks tell who is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from discover.atlas.family import OtaPage
from discover.model.check import Hop, Verdict
from discover.model.device import Password
from discover.ota import asked_steps, hosts, steps, web_steps
from discover.ota.actions import Addresses, AskNeighbours, Failed, Known, Report, Resolve, Route, Session, Use, Wait
from discover.ota.arduino import INVITE_SECONDS, PATIENT_SECONDS, Answer, Invited, Inviting
from discover.ota.callback import Call, CalledBack, call_back
from discover.ota.conclusion import ASKED, INVITED, KNOCKED, TALKED, Conclusion, tried
from discover.ota.esphome import CONNECT_SECONDS, Talk, talk
from discover.ota.hosts import HostUp, Up
from discover.ota.http import Web, ask
from discover.ota.knocking import ARP_SECONDS, CONTROLS, GONE, Knock, Knocked, Knocking, Knocks, controls_for
from discover.ota.levels import Allowance, allowances, web_allowance
from discover.ota.lookback import foresee
from discover.ota.password import Answered, Tried, answer, ask_esphome
from discover.ota.target import ARDUINO_PORTS, Announcement, Host
from discover.proto.arduinoota import CALLBACK_SIZE

_MAYBE_ANOTHER: Final = frozenset({Verdict.CLOSED, Verdict.WRONG_SERVICE, Verdict.HOST_DOWN, Verdict.NO_ANSWER, Verdict.ANNOUNCED})
"""Verdicts that say nothing of the device where the name leads to another address than its own."""


class Ladder:
    """One check.

    ``known`` are the device's addresses from the inventory, ``asked`` the level the user wants (None: the rule's), ``consent`` the
    user's word; ``password`` is tried with it, by help of ``cnonce`` (64 random hex digits). ``host_port`` is the TCP port
    of ours that a device is let call at level 3 (None: any free one).
    """

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
        cnonce: str = "",
    ) -> None:
        self._host = host
        self._found = found
        self._known = known
        self._asked = asked
        self._consent = consent
        self._password = password
        self._host_port = host_port
        self._cnonce = cnonce
        self._port = host.port or found.port
        self._controls = controls_for(self._port)
        self._secret: str | None = None
        self._elsewhere = ""
        self._route = Route("", "", "", on_link=False)

    def climb(self) -> Session[Conclusion]:
        """Run the check from the name to the last answer, as far as it is allowed and makes sense; the way back is lookback.py's."""
        found = self._found
        refused = yield from self._name()
        if refused is not None:
            yield Report(steps.blocked_step("interface", refused.message, refused.hint))
            return self._conclude(Verdict.BLOCKED)
        if not self._route.address:
            return self._conclude(Verdict.HOST_DOWN)
        yield Report(steps.announced_step(found))
        if found.page is not None:
            return (yield from self._web(found.page))
        if found.kind not in ("arduino", "esphome", "unknown"):
            yield Report(steps.not_applicable_step(found))
            return self._conclude(Verdict.NOT_APPLICABLE)
        allowance, trial = allowances(
            found.kind,
            transport=found.transport,
            password=found.password,
            version=found.version,
            asked=self._asked,
            consent=self._consent,
            secret=self._password is not None,
        )
        yield Report(steps.level_step(allowance))
        if trial is not None:
            self._secret = self._password if trial.level else None
            yield Report(asked_steps.password_allowance_step(trial))
        if allowance.level == 0 and (self._asked == 0 or found.kind != "esphome"):
            result = yield from self._passive()
        elif allowance.level == 0:
            result = yield from self._esphome_untouched(allowance)
        elif found.kind == "esphome":
            result = yield from self._esphome(allowance.level)
        elif not self._port:
            result = yield from self._default_ports()
        elif allowance.level >= 3:
            result = yield from self._call_back()
        elif allowance.level == 2:
            result = yield from self._handshake()
        else:
            result = yield from self._knocks()
        return result

    def _conclude(
        self,
        verdict: Verdict,
        *,
        level: int = 0,
        password: Password = Password.UNKNOWN,
        kind: str = "",
        port: int = 0,
        hop: Hop | None = None,
        called_back: bool | None = None,
    ) -> Conclusion:
        cause = ""
        if self._elsewhere and hop in (None, Hop.HOST, Hop.LISTENER) and verdict in _MAYBE_ANOTHER:
            # Where an upload is possible the device has only got another address; here the name leads to somebody else.
            hop, cause = Hop.NAME, self._elsewhere
            verdict = Verdict.NO_ANSWER if verdict is Verdict.ANNOUNCED else verdict
        return Conclusion(
            address=self._route.address,
            port=port or self._port,
            transport=self._found.transport,
            kind=kind or self._found.kind,
            level=level,
            verdict=verdict,
            password=self._found.password if password is Password.UNKNOWN else password,
            hop=hop,
            called_back=called_back,
            cause=cause,
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
        candidates = tuple(sorted(both or resolved or self._known, key=lambda one: ":" in one))
        if candidates:
            event = yield Use(candidates)
            if isinstance(event, Failed):
                return event
            if isinstance(event, Route):
                self._route = event
        if resolved and self._known and not set(resolved) & set(self._known) and not self._host.literal:
            self._elsewhere = f"the name leads to {self._route.address}, and the device was last seen at {self._known[0]}"
        yield Report(steps.name_step(self._host, resolved, self._route.address, known=self._known, trouble=trouble))
        return None

    # Is the host there at all.

    @property
    def _table(self) -> bool:
        """True where the neighbour table has something to say of the host."""
        return self._route.on_link and not self._route.loopback

    def _neighbour(self) -> Session[Known | None]:
        """The neighbour table's word; None where there is none to be had (loopback, routed, unreadable)."""
        if not self._table:
            return None
        event = yield AskNeighbours()
        return event if isinstance(event, Known) else None

    def _passive(self) -> Session[Conclusion]:
        """Level 0: what is known without a packet."""
        yield Report(hosts.passive((yield from self._neighbour())))
        return self._conclude(Verdict.ANNOUNCED if self._found.heard else Verdict.NO_ANSWER)

    def _knock(self, *ports: int, plan: Sequence[int] = CONTROLS) -> Session[tuple[Knocks, HostUp]]:
        """Knock at the ports, and at surely closed ones behind them: the answer proves the host and that closed ports speak."""
        knocks = yield from Knocking(ports, self._controls, table=self._table, plan=plan).run()
        host = yield from self._weigh(knocks.control, [one.outcome for one in knocks.ports.values()])
        return knocks, host

    def _weigh(self, control: Knocked, others: list[Knock]) -> Session[HostUp]:
        """Report whether the host is there."""
        known: Known | None = None
        if control.outcome is Knock.SILENT:
            if any(one in (Knock.REFUSED, Knock.ANSWERED) for one in others):
                host = HostUp(up=Up.YES, step=hosts.answered("a knock"))
                yield Report(host.step)
                return host
            known = yield from self._neighbour()
        host = hosts.weigh(control, known)
        yield Report(host.step)
        return host

    def _gone(self, host: HostUp) -> Conclusion | None:
        if host.up in (Up.DOWN, Up.BLOCKED):
            return self._conclude(Verdict.HOST_DOWN if host.up is Up.DOWN else Verdict.BLOCKED)
        return None

    # ArduinoOTA over UDP.

    def _knocks(self) -> Session[Conclusion]:
        """Level 1: only the byte that no core acts on."""
        knocks, host = yield from self._knock(self._port)
        gone = self._gone(host)
        if gone is not None:
            return gone
        knocked = knocks.ports[self._port]
        control = knocks.control if knocks.meaningful or knocked.outcome is not Knock.SILENT else None
        yield Report(steps.knock_step(self._port, knocked, control=control, announced=self._found.heard))
        if knocked.outcome is not Knock.SILENT:
            return self._conclude(KNOCKED[knocked.outcome], level=1)
        if knocks.meaningful:
            return self._conclude(Verdict.LIKELY, level=1, kind="arduino")
        return self._conclude(Verdict.NO_ANSWER, level=1)

    def _default_ports(self) -> Session[Conclusion]:
        """Knock on the ports that ArduinoOTA uses by default; level 1 only, and no TCP."""
        knocks, host = yield from self._knock(*ARDUINO_PORTS)
        gone = self._gone(host)
        if gone is not None:
            return gone
        control = knocks.control if knocks.meaningful else None
        for port, knocked in knocks.ports.items():
            yield Report(steps.knock_step(port, knocked, control=control, guess=True))
        outcomes = {port: knocked.outcome for port, knocked in knocks.ports.items()}
        for port, outcome in outcomes.items():
            if outcome in (Knock.UNREACHABLE, Knock.BLOCKED, Knock.ANSWERED):
                return self._conclude(KNOCKED[outcome], level=1, port=port)
        silent = [port for port, outcome in outcomes.items() if outcome is Knock.SILENT]
        if not silent:
            yield Report(steps.nothing_listens_step())
            return self._conclude(Verdict.CLOSED, level=1)
        if not knocks.meaningful:
            return self._conclude(Verdict.NO_ANSWER, level=1)
        if len(silent) > 1:
            yield Report(asked_steps.several_ports_step(silent))
        return self._conclude(Verdict.LIKELY, level=1, kind="arduino", port=silent[0])

    def _handshake(self) -> Session[Conclusion]:
        """Level 2: the invitation of size 0, and the password where it may be tried."""
        keep = self._secret is not None
        waits = PATIENT_SECONDS if keep else INVITE_SECONDS
        invited = yield from Inviting(self._port, self._controls, table=self._table, waits=waits, keep=keep).run()
        answered: Answered | None = None
        if invited.kept and self._secret is not None:
            answered = yield from answer(self._port, invited.nonce, self._secret, self._cnonce)
        result = yield from self._invited(invited)
        if result is not None:
            return result
        if answered is not None:
            yield Report(asked_steps.password_step(answered, "arduino"))
            verdict, hop = tried(answered)
            return self._conclude(verdict, level=2, password=Password.YES, hop=hop, kind="arduino")
        if invited.outcome in (Answer.CHALLENGED, Answer.FOREIGN, Answer.SILENT):
            yield Report(steps.reset_step(self._port, invited))
        if self._secret is not None:
            yield Report(asked_steps.no_challenge_step(invited))
        kind = "arduino" if invited.password is not Password.UNKNOWN else ""
        return self._conclude(self._word(invited), level=2, password=invited.password, kind=kind)

    def _word(self, invited: Invited) -> Verdict:
        """The verdict on an invitation; after silence only a host that answers for closed ports makes a listener likely."""
        spoke = invited.control is not None and invited.control.outcome is Knock.REFUSED
        return INVITED.get(invited.outcome, Verdict.LIKELY if spoke else Verdict.NO_ANSWER)

    def _invited(self, invited: Invited, *, size: int = 0) -> Session[Conclusion | None]:
        """Report host and handshake; return the end of the check where the host is not there."""
        if invited.outcome is Answer.BLOCKED:
            yield Report(steps.blocked_step("host up", invited.told, invited.hint))
            return self._conclude(Verdict.BLOCKED)
        if invited.outcome is Answer.UNREACHABLE:
            yield Report(steps.down_step("host up", f"Sent an invitation; nobody answers at the address ({invited.told})."))
            return self._conclude(Verdict.HOST_DOWN)
        if invited.outcome is Answer.SILENT and invited.control is not None:
            host = yield from self._weigh(invited.control, [])
            gone = self._gone(host)
            if gone is not None:
                return gone
        elif invited.outcome is not Answer.SILENT:
            yield Report(hosts.answered("the invitation"))
        yield Report(steps.invite_step(self._port, invited, self._found.password, size=size))
        return None

    def _call_back(self) -> Session[Conclusion]:
        """Level 3: let the device call us, and hang up on it."""
        cause, ours = yield from foresee(self._port, self._host_port or 0, self._route)
        if cause:
            yield Report(asked_steps.no_call_step(cause))
            return (yield from (self._handshake() if self._found.password is Password.YES else self._knocks()))
        result = yield from call_back(self._port, ours, self._controls, table=self._table, password=self._secret, cnonce=self._cnonce)
        invited = result.invited
        if invited is None:
            yield Report(asked_steps.no_port_step(result))
            return self._conclude(Verdict.BLOCKED, hop=Hop.WAY_BACK)
        ended = yield from self._invited(invited, size=CALLBACK_SIZE)
        if ended is not None:
            return ended
        if result.answered is not None:
            yield Report(asked_steps.password_step(result.answered, "arduino"))
        if invited.reset:
            yield Report(steps.reset_step(self._port, invited))
        if result.outcome is not Call.NOT_ACCEPTED:
            yield Report(asked_steps.call_step(result, self._route.local))
        return self._called_back(invited, result)

    def _called_back(self, invited: Invited, result: CalledBack) -> Conclusion:
        password = invited.password
        verdict, hop = self._word(invited), None
        if result.answered is not None:
            verdict, hop = tried(result.answered)
        called = {Call.CALLED: True, Call.NOT_CALLED: False}.get(result.outcome)
        if called is False or result.outcome is Call.BLOCKED:
            verdict, hop = Verdict.BLOCKED, Hop.WAY_BACK
        elif result.outcome is Call.DECLINED:
            verdict, hop = Verdict.BLOCKED, Hop.LISTENER
        return self._conclude(verdict, level=3, password=password, kind="arduino", hop=hop, called_back=called)

    # ESPHome over TCP.

    def _esphome_untouched(self, allowance: Allowance) -> Session[Conclusion]:
        """An ESPHome that takes any connection for an update: only whether the host is up is asked."""
        _, host = yield from self._knock()
        gone = self._gone(host)
        if gone is not None:
            return gone
        yield Report(steps.connect_skipped_step(self._port, allowance))
        if host.up is Up.MAYBE:
            return self._conclude(Verdict.NO_ANSWER, hop=Hop.HOST)
        # The host is up, and what it announced when it was last heard is all there is to say without touching the port.
        return self._conclude(Verdict.ANNOUNCED if self._found.said else Verdict.NO_ANSWER)

    def _esphome(self, level: int) -> Session[Conclusion]:
        talked = yield from talk(self._port, level=level)
        yield Report(hosts.by_tcp(talked))
        yield Report(steps.connect_step(self._port, talked))
        if talked.outcome is Talk.SILENT:
            return (yield from self._silent_tcp())
        if not talked.connected or level < 2:
            return self._conclude(TALKED[talked.outcome], level=1)
        yield Report(steps.magic_step(talked, self._found.password))
        if talked.outcome is not Talk.VERSION:
            # A healthy one answers at once: somebody else has its one connection, or something else listens there.
            return self._conclude(TALKED[talked.outcome], level=2, hop=Hop.LISTENER)
        if self._secret is not None:
            answered = yield from ask_esphome(self._port, self._secret, self._cnonce)
            yield Report(asked_steps.password_step(answered, "esphome"))
            if answered.outcome is Tried.NONE:
                return self._conclude(Verdict.READY, level=2, password=Password.NO)
            verdict, hop = tried(answered)
            return self._conclude(verdict, level=2, password=Password.YES if answered.bits else Password.UNKNOWN, hop=hop)
        locked = self._found.password is Password.YES
        return self._conclude(Verdict.READY_NEEDS_PASSWORD if locked else Verdict.READY, level=2)

    def _silent_tcp(self) -> Session[Conclusion]:
        """After an attempt to connect that nothing answered: is it the port, the host, or this machine's own firewall."""
        known = yield from self._neighbour()
        if known is not None and known.state == "incomplete":
            yield Wait(ARP_SECONDS - CONNECT_SECONDS)  # the system still asks who has the address
            known = yield from self._neighbour()
        # No row at all means that nobody asked by ARP: a firewall of this machine may have stopped the connection before.
        if known is not None and known.state in GONE:
            return self._conclude(Verdict.HOST_DOWN, level=1)
        _, host = yield from self._knock(plan=(2,))
        gone = self._gone(host)
        if gone is not None:
            return replace(gone, level=1)
        return self._conclude(Verdict.NO_ANSWER, level=1, hop=Hop.LISTENER if host.up is Up.YES else Hop.HOST)

    # Updates by a web server.

    def _web(self, page: OtaPage) -> Session[Conclusion]:
        allowance = web_allowance(page.path, page.side_effects, self._asked)
        yield Report(steps.level_step(allowance))
        if allowance.level == 0:
            return (yield from self._passive())
        asked = yield from ask(page, self._route.address, self._port, level=allowance.level)
        yield Report(web_steps.web_host_step(asked))
        yield Report(web_steps.web_connect_step(self._port, asked))
        if asked.outcome is Web.SILENT:
            return (yield from self._silent_tcp())
        if not asked.connected or asked.outcome is Web.CONNECTED:
            return self._conclude(ASKED[asked.outcome], level=0 if asked.outcome is Web.NEVER else 1)
        yield Report(web_steps.web_page_step(self._found, asked))
        password = {Web.LOCKED: Password.YES, Web.OFFERED: Password.NO}.get(asked.outcome, Password.UNKNOWN)
        hop = Hop.LISTENER if asked.outcome is Web.LACKING else None
        return self._conclude(ASKED[asked.outcome], level=2, password=password, hop=hop)
