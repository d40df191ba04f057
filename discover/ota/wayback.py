"""The way back: can the device call this machine, and if not, what is in between. Pure: facts of this machine in, a step out.

In an ArduinoOTA upload the device opens a TCP connection to the address that invited it, and to a port which the upload
tool chose. That fails more often than all the rest together (facts of the OTA protocols, troubleshooting), and no
answer of the device tells why. So it is read from this machine: route, interface and firewall rules.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from discover.model.check import Step, StepState
from discover.model.outlook import CALLBACK_PORTS, FirewallWord, Outlook, Ruling, Span

PIN: Final = 40_000
"""The host port our advice pins; any free one of CALLBACK_PORTS will do."""
RARE: Final = 0.01
"""Share of the ports beyond which one that may be open makes a difference to an upload tool that picks one at random."""
CLOSED: Final = (Ruling.DROPPED, Ruling.REJECTED)
_DOES: Final = {Ruling.DROPPED: "drops", Ruling.REJECTED: "rejects", Ruling.ALLOWED: "lets in"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """What is known of the way back.

    ``blocked``: a firewall of this machine surely stops the call; ``cause`` says in one clause what does or may stop it ("" nothing);
    ``fix`` what to do about it; ``pin`` is the port to pin (0: any will do), ``open_port`` one that is open where others are shut;
    ``deaf`` says why answers over UDP cannot arrive either ("" they can, as far as is known), ``deaf_fix`` what to do about that.
    """

    step: Step
    blocked: bool = False
    cause: str = ""
    fix: str = ""
    pin: int = 0
    open_port: int = 0
    deaf: str = ""
    deaf_fix: str = ""


class Doubt(NamedTuple):
    """Something on the path that may stop the call, and what to do about it."""

    why: str
    fix: str


class Stretch(NamedTuple):
    """What the firewalls together do with some ports, and the word that decides it."""

    span: Span
    word: FirewallWord


def assess(outlook: Outlook, device: str, *, host_port: int | None = None, asked_on: str = "", called: bool | None = None) -> WayBack:
    """Say what stands between the device and this machine's ``host_port`` (None: one of CALLBACK_PORTS, at random).

    ``asked_on`` is the interface that the check used; ``called`` tells how a real call went (level 3; None: not tried).
    """
    first, last = (host_port, host_port) if host_port else CALLBACK_PORTS
    words = outlook.firewalls
    stretches = combine(words, first, last)
    doubts = path_doubts(outlook, device, asked_on)
    network = _network(outlook, device)
    shut = [one for one in stretches if one.span.ruling in CLOSED]
    open_ports = [one for one in stretches if one.span.ruling is Ruling.ALLOWED]
    unsure = [one for one in stretches if one.span.ruling is Ruling.UNKNOWN]
    pin = host_port or (PIN if not open_ports else _pin(open_ports))
    where, bare = _where(outlook, device), device.partition("%")[0]
    deaf, deaf_fix = _deaf(outlook.firewalls)
    if called:
        return WayBack(step=_step(StepState.PASS, f"{where} It called, so nothing is in the way of the call back."))
    if shut and not open_ports and _count(unsure) <= RARE * _count(stretches):
        word, span = shut[0].word, shut[0].span
        cause = f"{_whose(word, words)} {_DOES[span.ruling]} {ports(first, last)} from {bare} ({span.rule})"
        fix = _open(outlook.firewalls, word, network, pin)
        return WayBack(
            step=_step(StepState.FAIL, f"{where} {_capital(cause)}, so the device cannot fetch the image.", fix),
            blocked=True,
            cause=cause,
            fix=fix,
            pin=pin,
            deaf=deaf,
            deaf_fix=deaf_fix,
        )
    if shut and open_ports:
        doubts.append(_partly(words, shut[0], open_ports, pin))
    elif unsure:
        one = max(unsure, key=lambda one: one.span.last - one.span.first)
        doubts.append(_unsure(one, outlook, network, pin, first=first, last=last))
    elif open_ports:
        word, span = open_ports[0].word, open_ports[0].span
        by = f" ({span.rule})" if span.rule else ""
        where += f" {_capital(_whose(word, words))} lets it in{by}."
    else:
        where += " No firewall was found here."
    if doubts:
        needed = pin if stretches and (shut or unsure) else 0
        detail = f"{where} " + " ".join(f"{_capital(doubt.why)}." for doubt in doubts)
        fix = " ".join(dict.fromkeys(doubt.fix for doubt in doubts))
        return WayBack(
            step=_step(StepState.WARN, detail, fix),
            cause=doubts[0].why,
            fix=fix,
            pin=needed,
            open_port=pin if shut and open_ports else 0,
            deaf=deaf,
            deaf_fix=deaf_fix,
        )
    return WayBack(step=_step(StepState.PASS, f"{where} The call itself was not tried."), deaf=deaf, deaf_fix=deaf_fix)


def _deaf(words: Sequence[FirewallWord]) -> tuple[str, str]:
    """Say which firewall keeps the device's answers over UDP out, and what lets them in."""
    word = next((one for one in words if not one.front and one.replies in CLOSED), None)
    if word is None:
        return "", ""
    opening = f"`{word.reply_opening}`" if word.reply_opening else f"Let {word.name} pass answers to what this machine sent."
    return f"{_whose(word, words)} {_DOES[word.replies]} the answers of the device ({word.reply_rule})", opening


def _count(stretches: Iterable[Stretch]) -> int:
    return sum(one.span.last - one.span.first + 1 for one in stretches)


def _step(state: StepState, detail: str, fix: str = "") -> Step:
    return Step(name="way back", state=state, detail=detail, fix=fix)


def _whose(word: FirewallWord, words: Sequence[FirewallWord]) -> str:
    """Return the firewall's name as its owner knows it: the front end's, where one keeps the rules."""
    front = next((one for one in words if one.front), word)
    return f"this machine's {front.name.removeprefix('the ')}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def ports(first: int, last: int) -> str:
    """Return "TCP 40000" or "TCP 10000 to 60000"."""
    return f"TCP {first}" if first == last else f"TCP {first} to {last}"


def _where(outlook: Outlook, device: str) -> str:
    if not outlook.local:
        return "In an upload the device opens a TCP connection back to this machine."
    if outlook.interface.startswith("lo") or outlook.local == device:
        return f"In an upload the device, which is on this machine, calls back to {outlook.local}."
    on = f" on {outlook.interface}" if outlook.interface else ""
    near = ", in the same network" if not outlook.gateway and outlook.network and _inside(outlook, device) else ""
    return f"In an upload the device calls back over TCP to {outlook.local}{on}{near}."


def _inside(outlook: Outlook, device: str) -> bool:
    try:
        return ipaddress.ip_address(device.partition("%")[0]) in ipaddress.ip_interface(outlook.network).network
    except ValueError:
        return False


def _network(outlook: Outlook, device: str) -> str:
    """Return whom to let in: the network that both are in, else the device alone."""
    if outlook.network and _inside(outlook, device) and not outlook.local.startswith("127."):
        return str(ipaddress.ip_interface(outlook.network).network)
    return device.partition("%")[0]


# The path.


def path_doubts(outlook: Outlook, device: str, asked_on: str = "") -> list[Doubt]:
    """Return what on the path may keep the device from calling back, the gravest first."""
    found: list[Doubt] = []
    if outlook.trouble:
        found.append(Doubt(f"this machine knows no way to it ({outlook.trouble})", "Connect this machine to the device's network."))
    own = outlook.local == device.partition("%")[0] or outlook.interface.startswith("lo")
    if own:
        return found
    if outlook.point_to_point:
        found.append(
            Doubt(
                f"the way there leads through {outlook.interface}, a tunnel (VPN): the device would have to call back through it",
                f"Switch the VPN behind {outlook.interface} off, or allow local network access in it.",
            )
        )
    if outlook.virtual:
        found.append(
            Doubt(
                f"the way there leads over {outlook.interface}, a bridge of containers or virtual machines, not over the LAN",
                "Run the upload on the machine that the device's network is attached to.",
            )
        )
    if asked_on and outlook.interface and asked_on != outlook.interface:
        found.append(
            Doubt(
                f"upload tools leave by {outlook.interface}, as the system's routes say, and this check asked on {asked_on}",
                f"Switch {outlook.interface} off for the upload, or give {asked_on} the lower route metric.",
            )
        )
    if outlook.container and outlook.gateway:
        found.append(
            Doubt(
                f"this is a {outlook.container} container and the way leads through {outlook.gateway}: behind its NAT the device "
                "would call the host, which does not hand the call in",
                f"Run the container with --network host, or publish the port (-p {PIN}:{PIN}) and upload with -P {PIN}.",
            )
        )
    elif outlook.wsl and outlook.gateway:
        found.append(
            Doubt(
                f"this is WSL and the way leads through {outlook.gateway}: behind its NAT the device would call Windows, which does not "
                "hand the call in",
                "Set networkingMode=mirrored in .wslconfig and allow the port in Windows' firewall, or upload from Windows itself.",
            )
        )
    elif outlook.gateway:
        found.append(
            Doubt(
                f"the device is in another network, behind the router {outlook.gateway}: it has to call back through it, and NAT or a "
                "guest network's rules stop that",
                "Bring both into the same network, or let the router pass TCP from the device to this machine.",
            )
        )
    elif outlook.network.endswith(("/32", "/128")):
        found.append(
            Doubt(
                f"our address {outlook.network} has a mask for itself alone, so the device is not in its network",
                f"Give {outlook.interface or 'the interface'} the network's own mask (often /24).",
            )
        )
    if outlook.twins:
        others = ", ".join(outlook.twins)
        found.append(
            Doubt(
                f"more than one interface has an address in the device's network ({outlook.interface}, {others}), so packets may come back "
                "by another than they went out",
                f"Switch one of them off for the upload: {outlook.interface} or {others}.",
            )
        )
    return found


# The firewalls.


def combine(words: Sequence[FirewallWord], first: int, last: int) -> list[Stretch]:
    """Return what all firewalls together do with our ports ``first`` to ``last``; empty where there is none.

    What carries the rules out decides; the word of a front end counts where that could not be read.
    """
    if not words:
        return []
    edges = sorted(
        {first, last + 1} | {edge for word in words for span in word.spans for edge in (span.first, span.last + 1) if first < edge <= last}
    )
    found: list[Stretch] = []
    for low, after in itertools.pairwise(edges):
        stretch = _decide(words, low, after - 1)
        if found and _same(found[-1], stretch):
            before = found.pop().span
            stretch = Stretch(Span(before.first, after - 1, before.ruling, before.rule, before.base), stretch.word)
        found.append(stretch)
    return found


def _same(one: Stretch, other: Stretch) -> bool:
    return (one.span.ruling, one.span.rule, one.word.name) == (other.span.ruling, other.span.rule, other.word.name)


def _decide(words: Sequence[FirewallWord], low: int, high: int) -> Stretch:
    said = [
        Stretch(Span(low, high, span.ruling, span.rule, span.base), word)
        for word in words
        for span in word.spans
        if span.first <= low <= span.last
    ]
    lower = [one for one in said if not one.word.front]
    fronts = [one for one in said if one.word.front]
    closed = next((one for one in lower if one.span.ruling in CLOSED), None)
    unsure = next((one for one in lower if one.span.ruling is Ruling.UNKNOWN), None)
    if closed is not None:
        return closed
    if lower and unsure is None:
        return next((one for one in reversed(lower) if one.span.rule), lower[0])
    sure = next((one for one in fronts if one.span.ruling is not Ruling.UNKNOWN), None)
    # A front end's "unknown" says more than the one below, which nobody may read.
    return sure or next(iter(fronts), None) or unsure or Stretch(Span(low, high, Ruling.UNKNOWN, "nothing is known of it"), words[0])


def _pin(open_ports: Sequence[Stretch]) -> int:
    """Return PIN where it is open, else the first open port."""
    if any(one.span.first <= PIN <= one.span.last for one in open_ports):
        return PIN
    return open_ports[0].span.first


def _open(words: Sequence[FirewallWord], word: FirewallWord, network: str, pin: int) -> str:
    """Return the command that lets the call in: a front end's where one keeps the rules."""
    opening = next((one.opening for one in words if one.front and one.opening), "") or word.opening
    command = opening.format(network=network, port=pin)
    if not command:
        return f"Let TCP {pin} from {network} in, and upload with `-P {pin}`."
    return f"`{command}`, then upload with `-P {pin}`."


def _partly(words: Sequence[FirewallWord], shut: Stretch, open_ports: Sequence[Stretch], pin: int) -> Doubt:
    few = ", ".join(_range(one.span) for one in open_ports[:4]) + (" and more" if len(open_ports) > 4 else "")
    why = (
        f"of the ports that upload tools choose from, {_whose(shut.word, words)} lets in {few} and {_DOES[shut.span.ruling]} "
        f"{_range(shut.span)} ({shut.span.rule})"
    )
    return Doubt(why, f"Pin an open one: upload with `-P {pin}`.")


def _range(span: Span) -> str:
    return str(span.first) if span.first == span.last else f"{span.first}-{span.last}"


def _unsure(one: Stretch, outlook: Outlook, network: str, pin: int, *, first: int, last: int) -> Doubt:
    why = f"whether {_whose(one.word, outlook.firewalls)} lets {ports(first, last)} in is not known: {one.span.rule}"
    root = "only root" in one.span.rule
    look = (
        "Run the check with sudo to have the rules read, or open a port: "
        if root
        else "If an upload ends with 'No response from device', open a port: "
    )
    return Doubt(why, look + _open(outlook.firewalls, one.word, network, pin))
