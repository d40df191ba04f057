"""What the steps say that are done only on the user's word: the password check and the call back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from discover.model.check import Step, StepState
from discover.ota.arduino import Answer, Invited
from discover.ota.callback import CALL_SECONDS, Call, CalledBack
from discover.ota.levels import Allowance
from discover.ota.password import AUTH_SECONDS, Answered, Tried
from discover.ota.steps import blocked_step

_SCHEMES: Final = {
    ("arduino", 128): "MD5",
    ("arduino", 256): "PBKDF2 with SHA-256",
    ("esphome", 128): "MD5",
    ("esphome", 256): "SHA-256",
}


def password_allowance_step(allowance: Allowance) -> Step:
    """Say whether the password that was given is tried, and what that does."""
    if allowance.refused:
        return Step(name="password check", state=StepState.WARN, detail=allowance.refused, fix=allowance.remedy)
    return Step(name="password check", state=StepState.PASS, detail=allowance.reason)


def password_step(result: Answered, kind: str) -> Step:  # noqa: PLR0911 - one for each outcome
    """Say what the device said to the password."""
    scheme = _SCHEMES.get((kind, result.bits), "")
    by = f" ({scheme})" if scheme else ""
    match result.outcome:
        case Tried.RIGHT:
            ran = {
                ("arduino", True): "It answered OK",
                ("arduino", False): f"It answered {result.told!r}, which comes after the password",
            }.get((kind, result.begun), "It answered `41`")
            return Step(name="password", state=StepState.PASS, detail=f"Answered the challenge with the password{by}. {ran}: it is right.")
        case Tried.WRONG:
            return Step(
                name="password",
                state=StepState.FAIL,
                detail=f"Answered the challenge with the password{by}; the device answered {result.told!r}: it is wrong.",
                fix=_wrong(kind, result.bits),
            )
        case Tried.NONE:
            return Step(
                name="password",
                state=StepState.WARN,
                detail="The device asked for no password: anyone in the network can replace its firmware.",
                fix="Set one: `ota: - platform: esphome` with `password:` in its YAML.",
            )
        case Tried.NO_FILESYSTEM:
            return Step(
                name="password",
                state=StepState.FAIL,
                detail=f"The password is right; then the device answered {result.told!r}: the Pico stores an update in its file system and "
                "cannot mount one.",
                fix="Choose a flash layout with a file system (Tools > Flash Size) and flash it over USB once.",
            )
        case Tried.BLOCKED:
            return Step(name="password", state=StepState.FAIL, detail=f"This machine refused: {result.told}.", fix=result.hint)
        case Tried.FOREIGN:
            return Step(
                name="password",
                state=StepState.WARN,
                detail=f"Answered the challenge; what came, {result.told!r}, says nothing of a password.",
                fix="Check again; if it stays so, another service answers there.",
            )
        case _:
            why = f" ({result.told})" if result.told else ""
            waited = f", waited up to {AUTH_SECONDS:g} s for each copy" if kind == "arduino" else ""
            freed = " The byte `1` followed, so the device no longer waits for a password." if result.reset else ""
            return Step(
                name="password",
                state=StepState.WARN,
                detail=f"Answered the challenge{waited}, and no word about the password came{why}: it is neither right nor wrong "
                f"yet.{freed}",
                fix="Check again in ten seconds.",
            )


def _wrong(kind: str, bits: int) -> str:
    if kind == "esphome":
        return "Use the password of the node's own YAML (`ota:` `password:`), as it was when the node was last flashed."
    fix = "Use the sketch's ArduinoOTA.setPassword() text, exactly; setPasswordHash() wants the hash in lower case."
    if bits == 256:
        fix += (
            " Only the SHA-256 of the password was tried, because each wrong try runs onError. A sketch that calls setPasswordHash() "
            "with an MD5, as before core 3.3.1, wants the other: `espota.py --md5-target` (arduino-esp32 3.3.2 and later)."
        )
    return fix


def no_challenge_step(invited: Invited) -> Step:
    """Say why a password that was to be tried was not."""
    if invited.outcome in (Answer.ACCEPTED, Answer.DECLINED):
        return Step(
            name="password",
            state=StepState.WARN,
            detail="The device asked for no password, so the one given was not tried.",
            fix="Upload without it, and set one in the sketch: ArduinoOTA.setPassword() before ArduinoOTA.begin().",
        )
    return Step(name="password", state=StepState.SKIP, detail="No challenge came, so the password could not be tried.")


def no_port_step(result: CalledBack) -> Step:
    """Say why this machine does not listen for the call."""
    port = f"TCP port {result.port}" if result.port else "any TCP port"
    return Step(
        name="call back",
        state=StepState.FAIL,
        detail=f"Cannot listen on {port} for the device's call: {result.told}. Nothing was sent.",
        fix=result.hint or "Choose another host port.",
    )


def no_call_step(cause: str) -> Step:
    """Say why the device is not let call: nobody's sketch is disturbed for a call that cannot arrive."""
    return Step(
        name="call back", state=StepState.SKIP, detail=f"Not tried: {cause}, so the call could not arrive. The device was left alone."
    )


def call_step(result: CalledBack, local: str) -> Step:
    """Say whether the device called."""
    if result.outcome is Call.BLOCKED:
        return blocked_step("call back", result.told, result.hint)
    if result.outcome is Call.DECLINED:
        return Step(
            name="handshake",
            state=StepState.FAIL,
            detail=f"The device will not begin an update of 4096 bytes: it answered {result.told!r}. It did not call.",
            fix="'Not Enough Space': choose a partition scheme or flash layout with room for a second app, and flash it over USB once.",
        )
    ours = f"TCP port {result.port} of {local or 'this machine'}"
    if result.outcome is Call.CALLED:
        return Step(
            name="call back",
            state=StepState.PASS,
            detail=f"The device called {ours} and was hung up on at once; no byte was sent. The way back is open. Its sketch ran "
            "onStart and onError.",
        )
    return Step(
        name="call back",
        state=StepState.FAIL,
        detail=f"The device accepted, and no call came to {ours} within {CALL_SECONDS:g} s: a firewall here or on the way, a NAT, a VPN, a "
        "container or client isolation is in between. An ESP32 without room for a second app also accepts and never calls.",
        fix=f"Let TCP port {result.port} in from the device, and upload with that port (`-P {result.port}`).",
    )


def several_ports_step(ports: Sequence[int]) -> Step:
    """Say that more than one of the default ports may be the one."""
    names = {3232: "ESP32", 8266: "ESP8266", 2040: "Pico W"}
    fits = ", ".join(f"{port} ({names[port]})" if port in names else str(port) for port in ports)
    return Step(
        name="update service",
        state=StepState.WARN,
        detail=f"Several of ArduinoOTA's default ports keep silent as a listener does: {fits}. Which of them it is cannot be told "
        "from here.",
        fix="Name the port that the sketch sets (HOST:PORT), or scan first: the device announces it.",
    )
