"""Layer 4 of an explanation: what follows from the number alone, and what from a device's own words.

How sure, in the words of discover.model.device.Confidence: a number alone is "possible" at best, an
announcement "likely", an answer in a known protocol "certain". Silence is never "open".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from discover.atlas.numbers import RANGES, range_of
from discover.atlas.port import Conclusion, PortNote, Practice, Told
from discover.atlas.told import Standing, Word, direction_of, words_of

if TYPE_CHECKING:
    from discover.model.device import Device

_NOT_ALONE: Final = "The number alone identifies nothing: the device's own announcement or answer does."
_CONFIDENCE_ORDER: Final = ("confirmed", "reported", "unverified")
_BY_REGISTRY: Final = "IANA registry"
"""How the source of a practice begins where the registry itself names the protocol: 22 is SSH, whoever uses it."""


def conclude(note: PortNote | None, port: int, transport: str, *, practice: Sequence[Practice], title: str) -> Conclusion:
    """Return what the number alone allows: "possible" where a use is known or credibly reported, else "unknown".

    ``practice`` holds the uses over the transport that was asked for, ``title`` what is usually found there.
    """
    known = any(one.confidence != "unverified" for one in practice)
    said = _said(note, transport)
    text = said or (_from_practice(port, transport, practice, title) if practice else _from_nothing(note, port, transport))
    return Conclusion(text=text, confidence="possible" if known else "unknown")


def _said(note: PortNote | None, transport: str) -> str:
    if note is None:
        return ""
    if not transport and len(note.conclusion) == 1:
        return next(iter(note.conclusion.values()))
    return note.conclusion.get(transport) or note.conclusion.get("", "")


def _from_practice(port: int, transport: str, practice: Sequence[Practice], title: str) -> str:
    transports = {one.transport for one in practice}
    if len(transports) > 1:
        return f"{port} depends on the transport: {title}. {_NOT_ALONE}"
    number = _number(port, transport or next(iter(transports)))
    ordered = sorted(practice, key=lambda one: _CONFIDENCE_ORDER.index(one.confidence))
    users = [who for who in dict.fromkeys(one.who for one in ordered) if who.casefold() not in title.casefold()]
    found = f" Found on: {'; '.join(users)}." if users else ""
    if all(one.direction == "dials-out" for one in practice):
        said = f"{number} is a port that gadgets dial out to: {title}.{found} Nothing is expected to listen on it in the LAN."
    elif ordered[0].confidence == "unverified":
        said = f"{number} is said to mean: {title}.{found.replace('Found on', 'Named for it')} No source for that was found."
    elif ordered[0].confidence == "reported" and not any(one.source.startswith(_BY_REGISTRY) for one in practice):
        said = f"{number} is reported to mean: {title}.{found}"
    else:
        said = f"{number} usually means: {title}.{found}"
    if all(one.direction == "announces" for one in practice):
        said += " The device sends and nobody has to ask: listen instead of probing."
    return f"{said} {_NOT_ALONE}"


def _from_nothing(note: PortNote | None, port: int, transport: str) -> str:
    number = _number(port, transport)
    if note is not None and note.practice:  # on the other transport, since none was left for this one
        other = note.practice[0]
        return f"This atlas knows no use of {number}; what is known of the number is {port}/{other.transport}: {other.who}. {_NOT_ALONE}"
    if note is not None:
        return f"No use of {number} is known, whatever its registered name suggests: identify the host, not the number."
    its = range_of(port)
    if port == 0:
        return "Port 0 is reserved: a program that asks for it gets a free port, and nothing can be reached under it."
    if its is RANGES[-1]:
        return (
            f"{number} is a dynamic port: most likely somebody's end of a connection for a moment. If something listens on it, "
            "identify the host."
        )
    return f"This atlas holds no note on {number}, {its.name}: what listens there can only be found out from the host itself."


def conclude_for(
    device: Device, port: int, transport: str, *, practice: Sequence[Practice], title: str, alone: Conclusion
) -> tuple[tuple[Told, ...], Conclusion, str]:
    """Return what the device told, the conclusion from it, and the direction in which it uses the port ("" unknown).

    ``title`` says what is usually found there, ``alone`` what the number alone allows: it stands where the
    device said nothing.
    """
    words = words_of(device, port, transport)
    told = tuple(word.told for word in words)
    direction = direction_of(device, port, transport)
    if words:
        return told, _BY_STANDING[words[0].standing](_Case(device, port, words, practice, title)), direction
    if direction == "dials-out":
        text = (
            f"{device.title} is taken for {device.family.title}, and such devices dial out to {_number(port, transport)}. "
            "It was not seen doing so: that shows only where the connection passes, in the router's table."
        )
        return (), Conclusion(text=text, confidence="possible"), direction
    text = f"{device.title} has told nothing about this port. {alone.text}"
    return (), Conclusion(text=text, confidence=alone.confidence), direction


class _Case:
    """What the sentences below are made of."""

    def __init__(self, device: Device, port: int, words: Sequence[Word], practice: Sequence[Practice], title: str) -> None:
        self.name = device.title
        self.device = device
        self.word = words[0]
        self.words = words
        self.number = f"{port}/{self.word.transport}"
        self.practice = [one for one in practice if one.transport == self.word.transport]
        self.title = title

    @property
    def odd(self) -> Practice | None:
        """A known use of the port by dialling out, where no use by listening is known."""
        if any(one.direction != "dials-out" for one in self.practice):
            return None
        return next(iter(self.practice), None)

    @property
    def usual(self) -> bool:
        """True where a confirmed use of the port fits a listener."""
        return any(one.confidence == "confirmed" and one.direction == "listens" for one in self.practice)

    @property
    def belongs(self) -> str:
        """The title of the device's family where its port is one that the family is known for, as far as the device says so."""
        family = self.device.family
        sure = family.confidence.value in ("certain", "likely")
        role = any(f"{one.port}/{one.transport}" == self.number and one.service for one in self.device.listeners)
        return family.title if sure and role else ""


def _spoke(case: _Case) -> Conclusion:
    what = case.word.what or "a protocol that espied knows"
    return Conclusion(text=f"{case.name} speaks {what} on {case.number}: it answered in that protocol.{_oddly(case)}", confidence="certain")


def _replied(case: _Case) -> Conclusion:
    text = f"Something listens on {case.number} of {case.name}: it answered, but in no protocol that espied knows.{_oddly(case)}"
    return Conclusion(text=text, confidence="unknown" if case.odd else "possible")


def _open(case: _Case) -> Conclusion:
    said = (
        f"{case.name} accepts connections on {case.number}, but no word was exchanged, so the listener is certain and its protocol is not."
    )
    if case.odd:
        return Conclusion(text=said + _oddly(case), confidence="unknown")
    if case.belongs:
        return Conclusion(text=f"{said} As {case.belongs} it would be: {case.title}.", confidence="likely")
    if case.usual:
        return Conclusion(text=f"{said} Usually: {case.title}.", confidence="possible")
    return Conclusion(text=f"{said} Nothing that is known of the number tells what it is.", confidence="unknown")


def _oddly(case: _Case) -> str:
    odd = case.odd
    if odd is None:
        return ""
    return (
        f" That is not the normal case: {odd.who} dial out to {case.number}, they do not listen on it. It may be a server of your own for "
        "such devices, or a program that merely chose the number; see what to do if you did not expect it."
    )


def _refused(case: _Case) -> Conclusion:
    text = f"Nothing listened on {case.number} of {case.name} when espied asked: it refused."
    if any(word.standing is Standing.ANNOUNCED for word in case.words):
        text += " It does announce a service there, so the announcement is out of date, or the service has stopped."
    other = "udp" if case.word.transport == "tcp" else "tcp"
    port = case.number.partition("/")[0]
    if any(f"{one.port}/{one.transport}" == f"{port}/{other}" and one.state.value != "closed" for one in case.device.listeners):
        text += f" Its {port}/{other} is another service and not concerned."
    return Conclusion(text=text, confidence="certain")


def _announced(case: _Case) -> Conclusion:
    what = f"{case.word.what} ({case.title})" if case.usual else case.word.what or "a service"
    text = f"{case.name} announces {what} on {case.number}. That is its own word; nobody has seen the port answer yet."
    return Conclusion(text=text, confidence="likely")


def _expected(case: _Case) -> Conclusion:
    text = f"{case.name} should be updated through {case.number}: that follows from what it announces, and the port was not asked."
    return Conclusion(text=text, confidence="possible")


def _likely(case: _Case) -> Conclusion:
    said = (
        f"Something probably listens on {case.number} of {case.name}: it stayed silent, while a port that is surely closed refused. "
        "That is how ArduinoOTA behaves, which answers no knock."
        if case.usual and "ArduinoOTA" in case.title
        else f"Something probably listens on {case.number} of {case.name}: it stayed silent, while a port that is surely closed refused."
    )
    if case.odd:
        return Conclusion(text=said + _oddly(case), confidence="unknown")
    if case.belongs:
        return Conclusion(text=f"{said} As {case.belongs} it would be: {case.title}.", confidence="likely")
    return Conclusion(
        text=f"{said} What it is does not follow from silence." + (f" Usually: {case.title}." if case.usual else ""), confidence="possible"
    )


def _silent(case: _Case) -> Conclusion:
    text = f"{case.name} did not answer on {case.number}: open, filtered, asleep or lost on the way. Silence is never 'open'."
    return Conclusion(text=text, confidence="unknown")


_BY_STANDING: Final[dict[Standing, Callable[[_Case], Conclusion]]] = {
    Standing.SPOKE: _spoke,
    Standing.REPLIED: _replied,
    Standing.OPEN: _open,
    Standing.REFUSED: _refused,
    Standing.ANNOUNCED: _announced,
    Standing.EXPECTED: _expected,
    Standing.LIKELY: _likely,
    Standing.SILENT: _silent,
}


def _number(port: int, transport: str) -> str:
    return f"{port}/{transport}" if transport else str(port)
