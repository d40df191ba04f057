"""What the steps of a check of a web server say. Pure."""

from __future__ import annotations

from discover.model.check import Step, StepState
from discover.ota.http import CONNECT_SECONDS, Asked, Web
from discover.ota.steps import blocked_step, down_step
from discover.ota.target import Announcement


def web_host_step(asked: Asked) -> Step:
    """Say what the attempt to connect tells of the host."""
    if asked.connected or asked.outcome is Web.REFUSED:
        return Step(name="host up", state=StepState.PASS, detail="The host answered the attempt to connect.")
    if asked.outcome is Web.UNREACHABLE:
        return down_step("host up", f"Nobody answers at the address ({asked.told}).")
    return Step(name="host up", state=StepState.WARN, detail="The host did not answer the attempt to connect.")


def web_connect_step(port: int, asked: Asked) -> Step:
    """Say how the connection went."""
    if asked.connected:
        return Step(name="connect", state=StepState.PASS, detail=f"Connected to {port}/tcp; the device accepted.")
    match asked.outcome:
        case Web.REFUSED:
            return Step(
                name="connect",
                state=StepState.FAIL,
                detail=f"Tried to connect to {port}/tcp; the device refused. It is up, and no web server listens there.",
                fix="Is its web server switched on, and on which port? Give the port with the host: HOST:PORT.",
            )
        case Web.UNREACHABLE:
            return down_step("connect", f"Tried to connect to {port}/tcp; nobody answers at the address ({asked.told}).")
        case Web.BLOCKED:
            return blocked_step("connect", asked.told, asked.hint)
        case Web.NEVER:
            return Step(
                name="connect",
                state=StepState.SKIP,
                detail=f"Did not connect to {port}/tcp: other services use this port, and some of them take a connection for an update.",
                fix="Give the port of the web server: HOST:PORT.",
            )
        case _:
            return Step(
                name="connect",
                state=StepState.FAIL,
                detail=f"Tried to connect to {port}/tcp; nothing came within {CONNECT_SECONDS:g} s: a filter drops it, or it sleeps.",
                fix="Wake the device and check again. Check that both are in the same network and that the access point does not isolate "
                "its clients.",
            )


def web_page_step(found: Announcement, asked: Asked) -> Step:  # noqa: PLR0911 - one for each outcome
    """Say what the page told."""
    path = found.page.path if found.page is not None else "/"
    sent = f"Read {path} (GET, nothing else)"
    who = found.title or "the expected firmware"
    match asked.outcome:
        case Web.OFFERED:
            return Step(
                name="page",
                state=StepState.PASS,
                detail=f"{sent}; it is {who}'s page with the upload on it, and no login was asked for.",
                fix=found.note,
            )
        case Web.RECOGNISED:
            return Step(
                name="page",
                state=StepState.PASS,
                detail=f"{sent}; it is {who}. Whether it takes an upload now only an upload would tell, so none was tried.",
                fix=found.note,
            )
        case Web.LACKING:
            return Step(
                name="page",
                state=StepState.FAIL,
                detail=f"This build of {who} takes no updates over the network, says its page {path}.",
                fix="Flash a build with updates over USB once.",
            )
        case Web.LOCKED:
            return Step(
                name="page",
                state=StepState.PASS,
                detail=f"{sent}; the answer is {asked.told!r}: the web server wants a password first.",
                fix=found.note,
            )
        case Web.OTHER:
            return Step(
                name="page",
                state=StepState.FAIL,
                detail=f"{sent}; the answer is {asked.told!r}, which is not {who}'s.",
                fix="Is it the right host and port? `espied scan` says what answers there.",
            )
        case Web.NOT_HTTP:
            return Step(
                name="page",
                state=StepState.FAIL,
                detail=f"{sent}; it answered {asked.told!r}, which is no HTTP.",
                fix="Is it the right port?",
            )
        case _:
            return Step(
                name="page",
                state=StepState.WARN,
                detail=f"{sent}; the device accepted the connection and did not answer.",
                fix="Small web servers serve one client at a time: close its page elsewhere and check again.",
            )
