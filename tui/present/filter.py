"""The filter language of the device table.

``kitchen family:esphome ota:open port:3232 -state:gone "two words"``: every term must hold, ``-`` turns
a term round, ``field:`` asks one field, ``a,b`` in a field's value means either. Nothing raises: what
cannot be understood is told in ``problems`` and left out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from discover.inventory.openness import Openness, openness
from discover.model.check import Verdict
from discover.model.device import Device, Password, PresenceState
from tui.present.device import heard_listeners, main_address, port_texts

Test = Callable[[Device], bool]

_TERM: Final = re.compile(r'(?P<not>-?)(?:(?P<field>[A-Za-z]+):(?=\S|$))?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S*))')
# Hexadecimal pairs and "::" are addresses typed as they are, not a field: "aa:bb:cc", "fe:80".
_ADDRESS: Final = re.compile(r"-?[0-9a-fA-F]{1,4}:[0-9a-fA-F:.*]*$")

_READY: Final = frozenset({Verdict.READY, Verdict.READY_NEEDS_PASSWORD, Verdict.ANNOUNCED, Verdict.LIKELY})

OPEN_ONLY: Final = "is:open"
"""The filter that the app's key ``o`` puts in."""

FIELDS: Final = {
    "name": "name, label or host name",
    "family": "device family (id or title)",
    "address": "any of its addresses (also ip)",
    "mac": "hardware address, with or without colons",
    "vendor": "who the MAC's prefix belongs to",
    "ota": "yes, no, open (no password), password, or a verdict or kind",
    "is": "open, locked or unsaid: what it says of a password for updates",
    "port": "3232, 3232/udp or 8000-9000",
    "state": "present, asleep, stale or gone",
    "kind": "what sort of thing it is",
    "model": "model",
    "chip": "chip",
    "firmware": "firmware name or version",
    "service": "service name",
    "iface": "our interface it was seen on",
    "tag": "a tag you gave",
    "note": "words of your notes",
    "id": "the device's id",
}
"""Field -> what it asks, for the help."""

_ALIASES: Final = {
    "ip": "address",
    "addr": "address",
    "presence": "state",
    "host": "name",
    "label": "name",
    "fw": "firmware",
    "interface": "iface",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: all tests must hold; ``problems`` are sentences about what was not understood."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    problems: tuple[str, ...] = ()

    def matches(self, device: Device) -> bool:
        """Tell whether the device passes every test."""
        return all(test(device) for test in self.tests)


def parse(text: str) -> Filter:
    """Parse a filter; never raises."""
    tests: list[Test] = []
    problems: list[str] = []
    for token in re.findall(r'-?(?:[A-Za-z]+:)?"[^"]*"?|\S+', text):
        match = None if _ADDRESS.match(token) or "://" in token else _TERM.match(token)
        if match is None:
            negated, field, value = token.startswith("-"), "", token.removeprefix("-")
        else:
            negated, field = match["not"] == "-", (match["field"] or "").lower()
            value = match["quoted"] if match["quoted"] is not None else match["word"]
        try:
            test = _test(field, value)
        except ValueError as error:
            problems.append(str(error))
            continue
        if test is not None:
            tests.append(_negate(test) if negated else test)
    return Filter(text, tuple(tests), tuple(problems))


def _negate(test: Test) -> Test:
    return lambda device: not test(device)


def _test(field: str, value: str) -> Test | None:
    """Build the test of one term. Raises ValueError with a sentence for people."""
    if not field:
        wanted = value.casefold()
        return (lambda device: wanted in haystack(device)) if wanted else None
    name = _ALIASES.get(field, field)
    if name not in FIELDS:
        near = difflib.get_close_matches(name, [*FIELDS, *_ALIASES], n=1)
        msg = f"there is no field {field!r}" + (f"; did you mean {near[0]!r}?" if near else f" (there are {', '.join(FIELDS)})")
        raise ValueError(msg)
    if not value:
        return None  # still being typed
    options = [option.casefold() for option in value.split(",") if option]
    tests = [_field_test(name, option) for option in options]
    return lambda device: any(test(device) for test in tests)


def _field_test(name: str, value: str) -> Test:
    match name:
        case "port":
            return _port_test(value)
        case "state":
            return _state_test(value)
        case "ota":
            return _ota_test(value)
        case "is":
            return _is_test(value)
        case "mac":
            digits = value.replace(":", "").replace("-", "")
            return lambda device: digits in device.mac.replace(":", "")
        case _:
            texts = _TEXTS[name]
            return lambda device: any(value in text.casefold() for text in texts(device))


_TEXTS: Final[dict[str, Callable[[Device], tuple[str, ...]]]] = {
    "name": lambda device: (device.name, device.label, device.hostname),
    "family": lambda device: (device.family.id, device.family.title),
    "address": lambda device: device.addresses,
    "vendor": lambda device: (device.vendor,),
    "kind": lambda device: (device.kind,),
    "model": lambda device: (device.model,),
    "chip": lambda device: (device.chip,),
    "firmware": lambda device: (device.firmware.name, device.firmware.version) if device.firmware else (),
    "service": lambda device: tuple(one.service for one in device.listeners),
    "iface": lambda device: device.interfaces,
    "tag": lambda device: device.tags,
    "note": lambda device: device.notes,
    "id": lambda device: (device.id,),
}


def _port_test(value: str) -> Test:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp))?", value)
    if match is None:
        msg = f"{value!r} is no port: write 3232, 3232/udp or 8000-9000"
        raise ValueError(msg)
    first = int(match[1])
    last = int(match[2] or match[1])
    transport = match[3]
    return lambda device: any(first <= one.port <= last and transport in (None, one.transport) for one in heard_listeners(device))


def _state_test(value: str) -> Test:
    states = [state for state in PresenceState if state.value.startswith(value)]
    if not states:
        msg = f"{value!r} is no state: present, asleep, stale or gone"
        raise ValueError(msg)
    return lambda device: device.presence.state in states


def _is_test(value: str) -> Test:
    wanted = [one for one in Openness if one.value.startswith(value)]
    if not wanted:
        msg = f"a device is not {value!r}: write is:open, is:locked or is:unsaid (whether updates ask for a password)"
        raise ValueError(msg)
    return lambda device: openness(device) in wanted


def _ota_test(value: str) -> Test:
    match value:
        case "yes" | "any":
            return lambda device: device.ota is not None and device.ota.verdict in _READY
        case "no" | "none":
            return lambda device: device.ota is None or device.ota.verdict not in _READY
        case "open":
            return lambda device: device.ota is not None and device.ota.verdict in _READY and device.ota.password is Password.NO
        case "password" | "pw":
            return lambda device: device.ota is not None and device.ota.password is Password.YES
        case _:
            return lambda device: device.ota is not None and (value in device.ota.kind.casefold() or value in device.ota.verdict.casefold())


def haystack(device: Device) -> str:
    """Return everything a free word is looked for in, folded to lower case."""
    texts = [
        device.title,
        device.name,
        device.hostname,
        device.family.id,
        device.family.title,
        device.kind,
        device.model,
        device.chip,
        device.vendor,
        device.mac,
        main_address(device),
        *device.addresses,
        *device.tags,
        *device.notes,
        *port_texts(device),
        *(one.service for one in device.listeners),
    ]
    if device.firmware:
        texts += [device.firmware.name, device.firmware.version]
    return "\n".join(texts).casefold()
