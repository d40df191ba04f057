"""What each step of a check says: what was sent, what came, what it means, what to do next. Pure."""

from __future__ import annotations

from typing import Final

from discover.model.check import Step, StepState
from discover.model.device import Password
from discover.ota.arduino import INVITE_SECONDS, Answer, Invited
from discover.ota.esphome import CONNECT_SECONDS, REPLY_SECONDS, Talk, Talked
from discover.ota.knocking import KNOCK_SECONDS, Knock, Knocked
from discover.ota.levels import Allowance
from discover.ota.target import ARDUINO_PORTS, FITS, Announcement, Host

_BEGIN: Final = "Is ArduinoOTA.begin() called after the network is up? The ESP32's port is 3232, the ESP8266's 8266, the Pico W's 2040."
_ISOLATION: Final = "Check that both are in the same network and that the access point does not isolate its clients."


def name_step(host: Host, resolved: tuple[str, ...], chosen: str, *, known: tuple[str, ...], trouble: str = "") -> Step:
    """Say where the name leads. ``known`` are the addresses the inventory has, ``trouble`` what the resolver said."""
    if host.literal:
        return Step(name="name", state=StepState.PASS, detail=f"{host.name} is an address; nothing had to be resolved.")
    if resolved:
        elsewhere = known and not set(known) & set(resolved)
        who = host.name if not host.device else f"{host.name} told its host name {host.hostname}, which"
        detail = f"{who} resolves to {', '.join(resolved[:4])}; {chosen} is used."
        if elsewhere:
            return Step(
                name="name",
                state=StepState.WARN,
                detail=f"{detail} The inventory knows it at {', '.join(known[:4])}: its address changed, or two devices share the name.",
                fix="Scan again; if two devices share the name, give each one its own.",
            )
        return Step(name="name", state=StepState.PASS, detail=detail)
    if host.device and not host.hostname and chosen:
        return Step(name="name", state=StepState.PASS, detail=f"{host.name} is a device of the inventory; {chosen} is used.")
    why = f" ({trouble})" if trouble else ""
    fix = "Use the address, or make .local names work here: avahi-daemon with libnss-mdns on Linux, UDP 5353 open in the firewall."
    if not (host.hostname or host.name).lower().rstrip(".").endswith(".local"):
        fix = "Is it spelt right? Use the address, or the name that the device announces (NAME.local): `espied scan` lists both."
    if known and chosen:
        return Step(
            name="name",
            state=StepState.WARN,
            detail=f"{host.hostname or host.name} does not resolve on this machine{why}; {chosen} is used, which the inventory knows. "
            "Upload tools that are given the name will say that the host was not found.",
            fix=fix,
        )
    return Step(name="name", state=StepState.FAIL, detail=f"{host.name} does not resolve on this machine{why}.", fix=fix)


def announced_step(found: Announcement) -> Step:
    """Say what the device told before anything was asked (level 0)."""
    if found.said:
        state = StepState.PASS if found.heard else StepState.WARN
        return Step(name="announced", state=state, detail=found.said)
    if found.kind == "none":
        return Step(name="announced", state=StepState.SKIP, detail="It announces no update service: firmware of its kind has none.")
    if found.kind == "unknown":
        detail = "No announcement of it is known, so neither its update service nor its port is."
        if found.port in FITS:
            detail += f" {found.port} fits {FITS[found.port]}: only ArduinoOTA is asked, because its question does nothing to the others."
    else:
        what = found.title if found.page is not None and found.title else found.kind
        detail = f"No announcement of it is known; it is taken for {what} on {found.port or 'the default ports'}, as was asked."
    return Step(name="announced", state=StepState.SKIP, detail=detail, fix="Run `espied scan` first, then check the device by its name.")


def not_applicable_step(found: Announcement) -> Step:
    """Say why there is nothing to check, and how the device is updated instead."""
    who = found.title or "This device"
    how = {
        "http": "takes an update as an upload to its own web page; an upload is the only question, so none is asked",
        "pull": "fetches its updates itself and has no listener that an upload could reach",
        "none": "has no update over the network that is known",
    }.get(found.kind, f"is updated by '{found.kind}', which has no harmless question")
    fix = found.note or {"http": "Open its web page in a browser.", "pull": "Start the update from its app or web page."}.get(
        found.kind, ""
    )
    return Step(name="update service", state=StepState.SKIP, detail=f"{who} {how}.", fix=fix)


def level_step(allowance: Allowance) -> Step:
    """Say how far the check goes, and why not further."""
    if allowance.refused:
        return Step(
            name="level",
            state=StepState.WARN,
            detail=f"The check stops at level {allowance.level}. {allowance.refused}",
            fix=allowance.remedy,
        )
    return Step(name="level", state=StepState.PASS, detail=f"The check goes up to level {allowance.level}. {allowance.reason}")


def knock_step(  # noqa: PLR0911 - one for each outcome
    port: int, result: Knocked, *, control: Knocked | None, announced: bool = False, guess: bool = False, down: bool = False
) -> Step:
    """Say what the knock on an ArduinoOTA port brought. ``guess``: the port is only a default, maybe not this device's."""
    sent = f"Sent the byte `1` to {port}/udp {_times(result.tries)}"
    match result.outcome:
        case Knock.REFUSED if guess:
            return Step(name="knock", state=StepState.SKIP, detail=f"{sent}; the device answered that the port is closed.")
        case Knock.REFUSED:
            fix = _BEGIN
            if not announced:
                fix += " An ESPHome device listens on the same number over TCP: check it by the name it announces."
            return Step(
                name="knock",
                state=StepState.FAIL,
                detail=f"{sent}; the device answered that the port is closed. It is up, and no ArduinoOTA listens there.",
                fix=fix,
            )
        case Knock.ANSWERED:
            return Step(
                name="knock",
                state=StepState.FAIL,
                detail=f"{sent}; it answered {result.told!r}. ArduinoOTA never answers this byte, so something else listens there.",
                fix=f"Find out what uses {port}/udp: `espied explain {port}/udp`.",
            )
        case Knock.UNREACHABLE:
            return down_step("knock", f"{sent}; nobody answers at the address ({result.told}).")
        case Knock.BLOCKED:
            return blocked_step("knock", result.told, result.hint)
        case Knock.SILENT:
            pass
    waited = f"{sent}, waited up to {KNOCK_SECONDS:g} s each time, and nothing came"
    if down:
        return down_step("knock", f"{waited}; nobody answers at the address at all.")
    if control is not None and control.outcome is Knock.REFUSED:
        return Step(
            name="knock",
            state=StepState.PASS,
            detail=f"{waited}, while a port that is surely closed was refused at once: something listens on {port}/udp "
            "and keeps silent, as ArduinoOTA does.",
        )
    return Step(
        name="knock",
        state=StepState.WARN,
        detail=f"{waited}; too few of the surely closed ports were refused, so a listener, a closed port and a filter look the same from "
        "here.",
        fix=f"{_ISOLATION} Some devices send no ICMP errors; then only a handshake can tell.",
    )


def invite_step(port: int, result: Invited, announced: Password, *, size: int = 0) -> Step:  # noqa: PLR0911 - one for each outcome
    """Say what the invitation brought."""
    sent = f"Sent an invitation of size {size} to {port}/udp {_times(result.tries)}"
    passed = StepState.PASS
    match result.outcome:
        case Answer.CHALLENGED if result.bits:
            scheme = "PBKDF2 with SHA-256, arduino-esp32 3.3.1 or newer" if result.bits == 256 else "MD5, any other core"
            fix = (
                "Upload with the espota.py of core 3.3.1 or newer; older ones only know MD5 and fail with 'Authentication Failed'."
                if result.bits == 256
                else ""
            )
            detail = (
                f"{sent}; it answered with a challenge of {result.bits // 4} hex digits: ArduinoOTA is alive and has a password ({scheme})."
            )
            if announced is Password.NO:
                detail += " It had announced that it has none."
            return Step(name="handshake", state=passed, detail=detail, fix=fix)
        case Answer.CHALLENGED:
            return Step(
                name="handshake",
                state=StepState.WARN,
                detail=f"{sent}; it answered 'Authentication Failed', so somebody else's upload was under way. It has a password.",
                fix="Let the other upload finish, then check again.",
            )
        case Answer.ACCEPTED | Answer.DECLINED:
            detail = f"{sent}; it answered {result.told!r} at once, without a challenge: ArduinoOTA is alive and has no password."
            if announced is Password.YES:
                detail += " It had announced a password; the announcement is wrong or old."
            fix = "Anyone in the network can replace its firmware: call ArduinoOTA.setPassword() before ArduinoOTA.begin()."
            return Step(name="handshake", state=StepState.WARN, detail=detail, fix=fix)
        case Answer.NO_FILESYSTEM:
            return Step(
                name="handshake",
                state=StepState.FAIL,
                detail=f"{sent}; it answered {result.told!r}: the Pico stores an update in its file system and cannot mount one.",
                fix="Choose a flash layout with a file system (Tools > Flash Size) and flash it over USB once.",
            )
        case Answer.FOREIGN:
            return Step(
                name="handshake",
                state=StepState.FAIL,
                detail=f"{sent}; it answered {result.told!r}, which is no answer of ArduinoOTA.",
                fix=f"Find out what uses {port}/udp: `espied explain {port}/udp`.",
            )
        case Answer.REFUSED:
            return Step(
                name="handshake",
                state=StepState.FAIL,
                detail=f"{sent}; the device answered that the port is closed. It is up, and no ArduinoOTA listens there.",
                fix=_BEGIN,
            )
        case Answer.UNREACHABLE:
            return down_step("handshake", f"{sent}; nobody answers at the address any more ({result.told}).")
        case Answer.BLOCKED:
            return blocked_step("handshake", result.told, result.hint)
        case Answer.SILENT:
            return Step(
                name="handshake",
                state=StepState.WARN,
                detail=f"{sent}, waited up to {INVITE_SECONDS[-1]:g} s each time, and nothing came.",
                fix="Does loop() call ArduinoOTA.handle() often enough (WLED: is its OTA lock off)? Restart the device and check again. "
                + _ISOLATION,
            )


def reset_step(port: int, result: Invited) -> Step:
    """Say that the device was taken out of its wait for a password, or that this failed."""
    if result.reset and result.outcome is Answer.SILENT:
        return Step(
            name="reset",
            state=StepState.SKIP,
            detail=f"Sent the byte `1` to {port}/udp three times all the same: had an invitation arrived and its answer been lost, the "
            "device would now wait for a password.",
        )
    if result.reset:
        return Step(
            name="reset",
            state=StepState.PASS,
            detail=f"Sent the byte `1` to {port}/udp three times from the same socket: the device no longer waits for a password, so the "
            "next upload finds it ready.",
        )
    return Step(
        name="reset",
        state=StepState.WARN,
        detail="The byte that ends the device's wait for a password could not be sent.",
        fix="If the next upload says that nobody answers, start it again: the second try works.",
    )


def connect_step(port: int, result: Talked) -> Step:
    """Say how the TCP connection to an ESPHome port went."""
    sent = f"Connected to {port}/tcp"
    if result.connected:
        return Step(name="connect", state=StepState.PASS, detail=f"{sent}; the device accepted. It notes this in its log.")
    match result.outcome:
        case Talk.REFUSED:
            return Step(
                name="connect",
                state=StepState.FAIL,
                detail=f"Tried to connect to {port}/tcp; the device refused. It is up, and nothing listens there.",
                fix="Has its YAML `ota: - platform: esphome`, and which port? Defaults: esp32 3232, esp8266 8266, rp2040 2040, bk72xx and "
                "rtl87xx 8892, ln882x 8820.",
            )
        case Talk.UNREACHABLE:
            return down_step("connect", f"Tried to connect to {port}/tcp; nobody answers at the address ({result.told}).")
        case Talk.BLOCKED:
            return blocked_step("connect", result.told, result.hint)
        case _:
            return Step(
                name="connect",
                state=StepState.FAIL,
                detail=f"Tried to connect to {port}/tcp; nothing came within {CONNECT_SECONDS:g} s: a filter drops it, or it sleeps.",
                fix=f"Wake the device (deep sleep) and check again. {_ISOLATION}",
            )


def connect_skipped_step(port: int, allowance: Allowance) -> Step:
    """Say why an ESPHome is not connected to."""
    return Step(
        name="connect",
        state=StepState.SKIP,
        detail=f"Did not connect to {port}/tcp. {allowance.reason}",
        fix=allowance.remedy,
    )


def magic_step(result: Talked, password: Password) -> Step:
    """Say what ESPHome answered to the magic."""
    sent = "Sent the five magic bytes and hung up after the answer"
    busy = "ESPHome serves one client at a time and holds a silent one for 20 s: wait 20 s and check again."
    match result.outcome:
        case Talk.VERSION:
            asked = {
                Password.UNKNOWN: "Whether it wants a password was not asked: that question would stop a device that has none.",
                Password.YES: "It is known to want a password.",
                Password.NO: "It is known to want no password.",
            }[password]
            return Step(
                name="handshake",
                state=StepState.PASS,
                detail=f"{sent}; it answered `{result.told}`: ESPHome's OTA, protocol version {result.version}, is ready. {asked}",
            )
        case Talk.FOREIGN:
            return Step(
                name="handshake",
                state=StepState.FAIL,
                detail=f"{sent}; it answered {result.told!r}, which no ESPHome answers: another service listens there.",
                fix="Find out what it is: MicroPython's WebREPL uses 8266/tcp, for example.",
            )
        case Talk.DROPPED:
            why = f" ({result.told})" if result.told else ""
            return Step(
                name="handshake",
                state=StepState.WARN,
                detail=f"Sent the five magic bytes; the device closed the connection without an answer{why}.",
                fix=busy,
            )
        case _:
            return Step(
                name="handshake",
                state=StepState.WARN,
                detail=f"Sent the five magic bytes and waited {REPLY_SECONDS:g} s; no whole answer came.",
                fix=busy,
            )


def nothing_listens_step() -> Step:
    """Say that none of the default ports is ArduinoOTA's here."""
    ports = ", ".join(map(str, ARDUINO_PORTS))
    return Step(
        name="update service",
        state=StepState.FAIL,
        detail=f"None of ArduinoOTA's default ports ({ports}) has a listener. TCP was not tried: an old ESPHome takes any connection for "
        "the start of an update.",
        fix="Run `espied scan`: an ESPHome announces itself and its version, and can then be checked by name.",
    )


def down_step(name: str, detail: str) -> Step:
    """Say that nobody is there."""
    return Step(
        name=name,
        state=StepState.FAIL,
        detail=detail,
        fix="Is it powered, awake and in this network? Its address may have changed: run `espied scan`. " + _ISOLATION,
    )


def blocked_step(name: str, message: str, hint: str) -> Step:
    """Say that this machine would not send."""
    return Step(name=name, state=StepState.FAIL, detail=f"This machine refused: {message}.", fix=hint or "`espied doctor` says more.")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
