"""Does this image suit that device? Yes, no, or it cannot be told, with the reasons as steps of a check. Pure, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discover.boards.chips import ESP8266, DeviceChip, chip_of
from discover.boards.room import room_step
from discover.model.check import Step, StepState
from discover.model.device import Device
from discover.model.firmware import FileKind, FirmwareFile, Image, Trouble, revision_text


class Answer(StrEnum):
    """Does the image suit the device."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suit:
    """The answer, one sentence that says it, and what it rests on."""

    answer: Answer
    sentence: str
    steps: tuple[Step, ...]

    @property
    def negative(self) -> bool:
        """True where the image must not be sent: the exit code of the check is 1."""
        return self.answer is Answer.NO


_APP_ALONE: Final = (
    "Send the app alone: ESPHome calls it firmware.ota.bin, PlatformIO firmware.bin, the Arduino IDE SKETCH.ino.bin (not ...merged.bin)."
)
_NOT_SENT: Final = {
    FileKind.BOOTLOADER: "It is a bootloader. An update over the air replaces the app; as an app, a bootloader does not start.",
    FileKind.MERGED: "It is a merged flash image with the bootloader in front: written into an app slot, it does not start.",
    FileKind.PARTITION_TABLE: "It is a partition table, not an app.",
    FileKind.OTA_DATA: "It is OTA data, which selects a slot, not an app.",
    FileKind.ELF: "It is an ELF file; devices take the .bin of the same build.",
    FileKind.UF2: "It is a UF2 file, for the USB drive of a bootloader; devices take the .bin of the same build.",
    FileKind.FOREIGN: "It is an image for another maker's chip.",
    FileKind.INTEL_HEX: "It is an Intel HEX file; devices take the .bin of the same build.",
}
_COMPARE: Final = "Compare it with the board in your hand before you send it."
_UNPACK: Final = "Unpack it first: gunzip -k FILE."


def suit(file: FirmwareFile, device: Device | None, *, kind: str = "") -> Suit:
    """Compare a file with a device; ``kind`` is that of its update service ("arduino", "esphome", ...), "" where it is not known."""
    told = chip_of(device)
    image = sent_image(file)
    elsewhere = image is None and not told.espressif and (told.name or file.kind is FileKind.FOREIGN)
    steps = [_foreign_step(file, told) if elsewhere else _file_step(file, kind)]
    if steps[0].state is not StepState.FAIL and image:
        steps.append(_chip_step(image, told))
        steps += _compressed_step(file, told)
        steps.append(room_step(file, image, device, kind))
        steps += _revision_step(image, told)
        steps += _signature_step(image, device)
        steps += _firmware_step(file, image, device)
    if steps[0].state is not StepState.FAIL:
        steps.append(_md5_step(file, kind, told))
    return _answered(file.name.replace("\\", "/").rpartition("/")[2], steps)


def _answered(name: str, steps: list[Step]) -> Suit:
    """Return the answer that follows from the steps: the first that fails decides, else the first that is in doubt."""
    failed = [step for step in steps if step.state is StepState.FAIL]
    doubts = [step for step in steps if step.state is StepState.WARN]
    if failed:
        answer, sentence = Answer.NO, f"{name} must not be sent to this device: {_first_lower(failed[0].detail)}"
        detail = f"No, because of: {', '.join(step.name for step in failed)}."
        last = Step(name="image", state=StepState.FAIL, detail=detail, fix=failed[0].fix)
    elif doubts:
        answer, sentence = Answer.UNKNOWN, f"Whether {name} suits this device cannot be told for sure: {_first_lower(doubts[0].detail)}"
        detail = f"It cannot be told, because of: {', '.join(step.name for step in doubts)}."
        last = Step(name="image", state=StepState.WARN, detail=detail)
    else:
        answer, sentence = Answer.YES, f"{name} suits this device, as far as it can be told from here."
        last = Step(name="image", state=StepState.PASS, detail="Yes, as far as it can be told from here.")
    return Suit(answer=answer, sentence=sentence, steps=(*steps, last))


def sent_image(file: FirmwareFile) -> Image | None:
    """Return the app that would run after the upload; None where the file has none."""
    return file.app or (sent_image(file.inner) if file.inner else None)


def _file_step(file: FirmwareFile, kind: str) -> Step:
    """Say whether the file is one that is sent over the air at all, and undamaged."""
    name = "image file"
    problems = file.problems or (file.inner.problems if file.inner else ())
    if file.kind in _NOT_SENT:
        return Step(name=name, state=StepState.FAIL, detail=_NOT_SENT[file.kind], fix=_APP_ALONE)
    if problems:
        detail = f"The file is damaged or no firmware: {problems[0].text}."
        return Step(name=name, state=StepState.FAIL, detail=detail, fix="Build or download it anew; `espied firmware FILE` says more.")
    if file.kind is FileKind.FILESYSTEM:
        if kind == "esphome":
            return Step(name=name, state=StepState.FAIL, detail="It is a file system image, which ESPHome does not take.", fix=_APP_ALONE)
        detail = f"It is a {file.detail} file system image, not an app."
        return Step(name=name, state=StepState.WARN, detail=detail, fix="Send it as a file system: espota.py --spiffs.")
    image = sent_image(file)
    if image is None or file.kind not in (FileKind.APP, FileKind.GZIP) or (file.inner and file.inner.kind is not FileKind.APP):
        return Step(name=name, state=StepState.FAIL, detail="It holds no app that could run.", fix=_APP_ALONE)
    told = f" {image.app.project} {image.app.version}".rstrip() if image.app else ""
    return Step(name=name, state=StepState.PASS, detail=f"It is an undamaged app{told} for the {image.chip}, {file.size:,} bytes.")


def _foreign_step(file: FirmwareFile, told: DeviceChip) -> Step:
    """Compare what is no image of Espressif's with a device that has no chip of theirs: a Pico W, a Beken plug, a PC."""
    name = "image file"
    if file.kind is FileKind.UF2 and told.name.startswith("RP"):  # LibreTiny's chips, on the other hand, take UF2 files over the air
        return Step(name=name, state=StepState.FAIL, detail=_NOT_SENT[FileKind.UF2], fix="Send the .bin of the same build.")
    if file.chip and file.chip in told.name:
        detail = f"It is an image for the {file.chip}, as this device has; its inside was not read."
        return Step(name=name, state=StepState.PASS, detail=detail)
    if file.chip and not told.name:
        return Step(name=name, state=StepState.WARN, detail=f"The image is for the {file.chip}; {told.why}.", fix=_COMPARE)
    if file.chip:
        detail = f"The image is for the {file.chip}, but this device has another chip ({told.name})."
        return Step(name=name, state=StepState.FAIL, detail=detail, fix="Build for the chip of this device.")
    if any(one.trouble is Trouble.EMPTY for one in file.problems):
        return Step(name=name, state=StepState.FAIL, detail="The file is empty.", fix="Build or download it anew.")
    detail = f"This device has another maker's chip ({told.name}), and espied reads the images of Espressif's chips alone."
    return Step(name=name, state=StepState.WARN, detail=detail, fix="Compare it with what your build tool says of the file.")


def _chip_step(image: Image, told: DeviceChip) -> Step:
    """Compare the image's chip with the device's."""
    name = "image chip"
    if not told.name:
        return Step(name=name, state=StepState.WARN, detail=f"The image is for the {image.chip}; {told.why}.", fix=_COMPARE)
    if not told.espressif:
        detail = f"The image is for the {image.chip}, but this device has another maker's chip ({told.name})."
        return Step(name=name, state=StepState.FAIL, detail=detail, fix="Build for the chip of this device.")
    if told.exact and told.name == image.chip:
        return Step(name=name, state=StepState.PASS, detail=f"The image is for the {image.chip}, and so is this device: {told.why}.")
    if told.exact or ESP8266 in (image.chip, told.name):
        detail = f"The image is for the {image.chip}, but this device is an {told.name}: {told.why}."
        fix = f"Build it for the {told.name if told.exact else 'chip of this device'}."
        return Step(name=name, state=StepState.FAIL, detail=detail, fix=fix)
    return Step(name=name, state=StepState.WARN, detail=f"The image is for the {image.chip}; {told.why}.", fix=_COMPARE)


def _compressed_step(file: FirmwareFile, told: DeviceChip) -> Iterator[Step]:
    """Yield what stands against a compressed file: only the ESP8266's boot loader inflates it."""
    if file.kind is not FileKind.GZIP:
        return
    name = "image compression"
    if told.name == ESP8266:
        # esp8266/Arduino 2.7.0, "Allow GZIP compressed flash updates" (pull request 6820)
        yield Step(name=name, state=StepState.PASS, detail="It is compressed, which the ESP8266 takes from Arduino core 2.7.0 on.")
    elif told.espressif:
        detail = "It is compressed. The ESP32 family refuses it: the first byte of an update has to be 0xe9."
        yield Step(name=name, state=StepState.FAIL, detail=detail, fix=_UNPACK)
    else:
        yield Step(
            name=name,
            state=StepState.WARN,
            detail="It is compressed, which only the ESP8266 takes.",
            fix=_UNPACK,
        )


def _revision_step(image: Image, told: DeviceChip) -> Iterator[Step]:
    """Yield what the image asks of the chip's revision, where it asks for one."""
    low, high = image.min_revision, image.max_revision
    if not low:
        return
    name = "image revision"
    needs = f"The image needs chip revision {revision_text(low)}" + (f" to {revision_text(high)}" if high else " or later")
    if told.revision is None:
        yield Step(name=name, state=StepState.SKIP, detail=f"{needs}; which one this device has is not told over the network.")
    elif told.revision < low:
        detail = f"{needs}, but this device has {revision_text(told.revision)}."
        yield Step(name=name, state=StepState.FAIL, detail=detail, fix="Build it with a lower minimum chip revision.")
    else:
        yield Step(name=name, state=StepState.PASS, detail=f"{needs}; this device has {revision_text(told.revision)}.")


def _signature_step(image: Image, device: Device | None) -> Iterator[Step]:
    """Yield whether the image is signed, where the device announces that it takes no other (esphome/components/mdns: ota_signed)."""
    if not device or not any(one.txt("ota_signed") == "1" for one in device.signals if one.kind == "mdns.service"):
        return
    name = "image signature"
    if image.signed:
        detail = "The device takes signed images alone, and this one has a signature; whose it is, only the device can tell."
        yield Step(name=name, state=StepState.PASS, detail=detail)
    else:
        detail = "The device takes signed images alone (ota_signed=1), and this one has no signature."
        yield Step(name=name, state=StepState.FAIL, detail=detail, fix="Build it with the signing key of this device's configuration.")


def _firmware_step(file: FirmwareFile, image: Image, device: Device | None) -> Iterator[Step]:
    """Yield what would change: another firmware than the one that runs now, or another node's."""
    name = "image firmware"
    hints = file.hints or (file.inner.hints if file.inner else ())
    if not device or not device.firmware or not hints:
        return
    now, new = device.firmware, hints[0]
    if new.firmware == "Arduino":
        return  # nearly everything is built on it
    if now.name.lower() != new.firmware.lower():
        detail = f"The device runs {now.name} {now.version}; the image is {new.firmware} {new.version}.".replace(" ;", ";").replace(
            " .", "."
        )
        fix = "After that it may have another password, another update port, or none: make sure that you can reach it by cable."
        yield Step(name=name, state=StepState.WARN, detail=detail, fix=fix)
        return
    node = image.app.project if image.app and new.firmware == "ESPHome" else ""
    names = {device.name.lower(), device.hostname.lower().removesuffix(".local")}
    if node and "arduino" not in node and names - {""} and node.lower() not in names:
        detail = f"The image is that of the ESPHome node {node}, but this device is {device.hostname or device.name}."
        yield Step(name=name, state=StepState.WARN, detail=detail, fix="Look whether you took the file of another node.")
        return
    detail = f"The device runs {_called(now.name, now.version)}; the image is {_called(new.firmware, new.version)}."
    yield Step(name=name, state=StepState.PASS, detail=detail)


def _md5_step(file: FirmwareFile, kind: str, told: DeviceChip) -> Step:
    """Say which MD5 the uploader announces."""
    if kind == "esphome" and told.name == ESP8266 and file.kind is not FileKind.GZIP:  # esphome/espota2.py, perform_ota
        detail = f"The file's MD5 is {file.md5}. esphome compresses it for an ESP8266 before it sends it, and announces the MD5 of that."
    elif kind in ("arduino", "esphome"):
        detail = f"The uploader announces {file.size:,} bytes with the MD5 {file.md5}."
    else:
        detail = f"The file has {file.size:,} bytes and the MD5 {file.md5}."
    return Step(name="image MD5", state=StepState.PASS, detail=detail)


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _called(name: str, version: str) -> str:
    return f"{name} {version}".rstrip()
