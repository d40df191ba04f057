"""Is the host there at all: what a control knock, a connection and the neighbour table say of it together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discover.model.check import Step, StepState
from discover.ota import steps
from discover.ota.actions import Known
from discover.ota.esphome import Talk, Talked
from discover.ota.knocking import GONE, Knock, Knocked, unresolved

SURE: Final = frozenset({"reachable", "permanent"})
"""Neighbour states that say the host has answered within the last half minute or so."""


class Up(StrEnum):
    """What is known of the host itself."""

    YES = "yes"
    MAYBE = "maybe"
    DOWN = "down"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUp:
    """Whether the host is up, and the step that says why."""

    up: Up
    step: Step


def passive(known: Known | None) -> Step:
    """Say what is known of the host without a packet."""
    if known is not None and known.mac and known.state not in GONE:
        sure = known.state in SURE
        detail = f"Nothing was sent. The neighbour table has it at {known.mac} ({known.state}{'' if sure else ', which is no proof'})."
        return Step(name="host up", state=StepState.PASS if sure else StepState.SKIP, detail=detail)
    return Step(name="host up", state=StepState.SKIP, detail="Nothing was sent, so whether the host is up now is not known.")


def answered(what: str) -> Step:
    """Say that the host answered ``what``."""
    return Step(name="host up", state=StepState.PASS, detail=f"The host answered {what}.")


def by_tcp(talked: Talked) -> Step:
    """Say what an attempt to connect tells of the host."""
    if talked.connected or talked.outcome is Talk.REFUSED:
        return answered("the attempt to connect")
    if talked.outcome is Talk.UNREACHABLE:
        return steps.down_step("host up", f"Nobody answers at the address ({talked.told}).")
    return Step(name="host up", state=StepState.WARN, detail="The host did not answer the attempt to connect.")


def weigh(control: Knocked, known: Known | None) -> HostUp:
    """Say what the control knock and the neighbour table tell of the host together."""
    sent = f"Sent the byte `1` to {control.port}/udp, which is surely closed"
    match control.outcome:
        case Knock.REFUSED:
            detail = f"{sent}; the host refused it, so it is up and says when a port is closed."
            return HostUp(up=Up.YES, step=Step(name="host up", state=StepState.PASS, detail=detail))
        case Knock.ANSWERED:
            detail = f"{sent}, and it answered {control.told!r}: the host is up, but this port cannot serve as a control."
            return HostUp(up=Up.YES, step=Step(name="host up", state=StepState.WARN, detail=detail))
        case Knock.UNREACHABLE:
            return HostUp(up=Up.DOWN, step=steps.down_step("host up", f"{sent}; nobody answers at the address ({control.told})."))
        case Knock.BLOCKED:
            return HostUp(up=Up.BLOCKED, step=steps.blocked_step("host up", control.told, control.hint))
        case Knock.SILENT:
            ports = "a surely closed port" if control.tries == 1 else f"{control.tries} surely closed ports"
            return _silent(f"Sent the byte `1` to {ports}", known)


def _silent(sent: str, known: Known | None) -> HostUp:
    if known is not None and known.mac and known.state in SURE:
        detail = f"{sent}, and nothing came; the host answers ARP ({known.mac}), so it is up and does not say when a port is closed."
        return HostUp(up=Up.YES, step=Step(name="host up", state=StepState.PASS, detail=detail))
    if known is not None and unresolved(known):
        return HostUp(up=Up.DOWN, step=steps.down_step("host up", f"{sent}; nobody answers ARP for the address."))
    seen = f" The neighbour table still has {known.mac} ({known.state}), which is no proof." if known is not None else ""
    detail = f"{sent}, and nothing came: the host is down, asleep, or does not say when a port is closed.{seen}"
    return HostUp(up=Up.MAYBE, step=Step(name="host up", state=StepState.WARN, detail=detail))
