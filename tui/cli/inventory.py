"""``espied inventory``: what is known, with your labels, notes and tags."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable

import click

from discover.model.device import Device
from discover.model.snapshot import Snapshot
from tui.cli.output import note, to_text, width, write_stdout
from tui.cli.settings import Settings
from tui.cli.stored import open_store
from tui.present.lines import BLANK, Line, line


@click.group("inventory")
def command() -> None:
    """List, show, name, note, tag and forget the devices that espied has seen.

    DEVICE is a label, name, host name, address, MAC, or the beginning of an id.
    """


@command.command("list")
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@click.option("-f", "--format", "format_name", type=click.Choice(("table", "json", "ndjson", "csv", "markdown")), default="table")
@click.option("--sort", default="address", show_default=True, help="Column to sort by: name, family, address, seen, ...")
@click.option("--reverse", is_flag=True, help="Sort downwards.")
@click.pass_obj
def list_(settings: Settings, *, words: tuple[str, ...], format_name: str, sort: str, reverse: bool) -> int:
    """List known devices.

    FILTER narrows them down as in the app: family:esphome port:3232 -kitchen.
    """
    snapshot = _chosen(settings, " ".join(words))
    if format_name != "table":
        from tui.cli.scan import render  # noqa: PLC0415 - msgspec loads here

        write_stdout(render(snapshot, format_name, color=False))
        return 0
    from tui.present.device import sort_devices  # noqa: PLC0415 - only here
    from tui.present.table import PIPE_WIDTH, table_lines  # noqa: PLC0415 - only here

    if not snapshot.devices:
        note("The inventory has no such device." if words else "The inventory is empty. `espied scan` fills it.", quiet=settings.quiet)
        return 0
    devices = sort_devices(snapshot.devices, sort, reverse=reverse)
    lines = table_lines(devices, now=snapshot.generated, width=width() if sys.stdout.isatty() else PIPE_WIDTH)
    write_stdout(to_text(lines, color=settings.stdout_color))
    return 0


def _chosen(settings: Settings, words: str) -> Snapshot:
    """Return the stored inventory, narrowed down. Raises UsageError for a filter that cannot be read."""
    from dataclasses import replace  # noqa: PLC0415 - dataclasses are loaded by now

    with open_store(settings) as store:
        snapshot = store.load()
    if not words.strip():
        return snapshot
    from discover.errors import UsageError  # noqa: PLC0415 - likewise
    from tui.present.filter import parse  # noqa: PLC0415 - only here

    wanted = parse(words)
    if wanted.problems:
        raise UsageError(f"That filter cannot be read: {' '.join(wanted.problems)}", "For example: family:esphome port:3232 -kitchen")
    return replace(snapshot, devices=tuple(device for device in snapshot.devices if wanted.matches(device)))


@command.command("show")
@click.argument("device", metavar="DEVICE")
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def show(settings: Settings, *, device: str, format_name: str) -> int:
    """Show one device with its ports and evidence."""
    with open_store(settings) as store:
        found = store.resolve(device)
    if format_name == "json":
        from discover.export import FORMATS  # noqa: PLC0415 - msgspec loads here
        from discover.model.scan import ScanSummary  # noqa: PLC0415 - only here

        one = Snapshot(generated=found.presence.last_seen, scan=ScanSummary(), devices=(found,))
        document = json.loads(FORMATS["ndjson"].render(one))
        write_stdout(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return 0
    write_stdout(to_text(device_lines(found, time.time()), color=settings.stdout_color, width=width()))
    return 0


def device_lines(device: Device, now: float) -> Iterable[Line]:
    """Return a device as the app's detail pane shows it, all of it."""
    from discover.atlas.explain import explain  # noqa: PLC0415 - only here
    from tui.present.detail import evidence_lines, port_lines, what_lines  # noqa: PLC0415 - only here

    yield from what_lines(device, now)
    yield from (BLANK, line(("Ports", "title")))
    yield from port_lines(device, explain)
    yield from (BLANK, line(("Why we think so", "title")))
    yield from evidence_lines(device)


@command.command("name")
@click.argument("device", metavar="DEVICE")
@click.argument("label", default="")
@click.pass_obj
def name(settings: Settings, *, device: str, label: str) -> int:
    """Give a device a label of your own.

    Without LABEL, take it away.
    """
    with open_store(settings) as store:
        changed = store.name(device, label)
    note(f"{changed.id} is now called {changed.title}", quiet=settings.quiet)
    return 0


@command.command("note")
@click.argument("device", metavar="DEVICE")
@click.argument("text", default="")
@click.pass_obj
def note_(settings: Settings, *, device: str, text: str) -> int:
    """Add a note to a device.

    Without TEXT, take all its notes away.
    """
    with open_store(settings) as store:
        changed = store.note(device, text)
    note(f"{changed.title} has {len(changed.notes)} note{'' if len(changed.notes) == 1 else 's'}", quiet=settings.quiet)
    return 0


@command.command("tag")
@click.argument("device", metavar="DEVICE")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tags away instead.")
@click.pass_obj
def tag(settings: Settings, *, device: str, tags: tuple[str, ...], remove: bool) -> int:
    """Tag a device with one or more words."""
    with open_store(settings) as store:
        changed = store.untag(device, *tags) if remove else store.tag(device, *tags)
    note(f"{changed.title}: {', '.join(changed.tags) or 'no tags'}", quiet=settings.quiet)
    return 0


@command.command("forget")
@click.argument("device", metavar="DEVICE")
@click.pass_obj
def forget(settings: Settings, *, device: str) -> int:
    """Take a device out of the inventory.

    Its label, notes and tags go with it; if it is still on the LAN, the next scan finds it anew.
    """
    with open_store(settings) as store:
        gone = store.forget(device)
    note(f"forgot {gone.title} ({gone.id})", quiet=settings.quiet)
    return 0
