"""``espied check``: can this device be updated over the air, and what stands in the way."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from discover.errors import EXIT_NEGATIVE, EspiedError, UsageError
from discover.model.check import OtaCheck, Step
from discover.model.device import Device
from tui.cli.checking import Asked, Hosts, run_checks
from tui.cli.output import note, to_text, width, write_stdout
from tui.cli.session import live_feed
from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.engine import LiveFeed

KINDS = ("arduino", "esphome", "web_server", "wled", "tasmota", "elegantota", "webrepl")
"""What a user may say takes the updates; the last five are web servers, and MicroPython's WebREPL (discover/ota/target.py NAMED)."""
PASSWORD_VARIABLE = "ESPIED_OTA_PASSWORD"  # noqa: S105 - a variable's name
"""Where scripts put the password: a command line can be read by every user of the machine."""


@click.command("check")
@click.argument("hosts", nargs=-1, metavar="HOST[:PORT]...")
@click.option(
    "--all", "everybody", is_flag=True, help="Check every device with an update listener: those of the inventory, and those heard."
)
@click.option(
    "-l",
    "--level",
    type=click.IntRange(0, 3),
    help="How far to go: 0 announced, 1 knock, 2 handshake, 3 the device calls back (default: as far as is safe).",
)
@click.option("--kind", type=click.Choice(KINDS), help="What takes the updates there, where you know it.")
@click.option("-i", "--interface", "interfaces", multiple=True, metavar="IF", help="Interface to look and ask on.")
@click.option(
    "-n", "--network", "networks", multiple=True, metavar="CIDR", help="Network that HOST is in, where it is not attached; with --own."
)
@click.option(
    "--own", "--i-own-this-network", "own", is_flag=True, help="The --network is mine: allow HOST although it is not attached and private."
)
@click.option(
    "--listen",
    "listen_seconds",
    type=click.FloatRange(0, 60),
    default=2.0,
    show_default=True,
    help="Seconds to listen for its announcement first, at most: less where it is heard before.",
)
@click.option(
    "-P", "--host-port", type=click.IntRange(1, 65535), metavar="PORT", help="TCP port of this computer that the device is to call back."
)
@click.option(
    "--password",
    "with_password",
    is_flag=True,
    help=f"Ask for the device's password and try it; {PASSWORD_VARIABLE} in the environment answers for you. Needs --yes.",
)
@click.option(
    "--image",
    metavar="FILE",
    type=click.Path(readable=False),
    help="Firmware image: does it suit the device? Reads the file, sends nothing of it.",
)
@click.option("--yes", "consent", is_flag=True, help="Do what was asked for although it may make the device run its callbacks or restart.")
@click.option("--open", "open_only", is_flag=True, help="List which devices take firmware without a password; sends nothing.")
@click.option(
    "-f", "--format", "format_name", type=click.Choice(("text", "json", "csv")), default="text", show_default=True, help="csv: with --open."
)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    hosts: tuple[str, ...],
    everybody: bool,
    open_only: bool,
    level: int | None,
    kind: str | None,
    interfaces: tuple[str, ...],
    networks: tuple[str, ...],
    own: bool,
    listen_seconds: float,
    host_port: int | None,
    with_password: bool,
    image: str | None,
    consent: bool,
    format_name: str,
) -> int:
    """Check whether HOST accepts updates over the air. No check can start an update.

    HOST is a name, an address, or a device of your inventory; several may be given. The exit code is 0 where the way is open
    (ready, announced or likely) to all of them, and 1 where it is not. --format json prints one document for one
    host, and one line for each of several.

    --open lists instead, from the stored inventory, which devices say that they take firmware without a password, which say
    that they have one, and which do not say; --listen SECONDS also listens for it. The exit code is 1 where one has none.
    """
    settings: Settings = ctx.obj
    if open_only:
        from tui.cli.check_open import check_open  # noqa: PLC0415 - only here

        told = ctx.get_parameter_source("listen_seconds") is click.core.ParameterSource.COMMANDLINE
        seconds = listen_seconds if told else 0.0
        return check_open(
            settings,
            listen_seconds=seconds,
            interfaces=interfaces,
            networks=networks,
            own=own,
            format_name=format_name,
            host=" ".join(hosts),
        )
    if format_name == "csv":
        raise UsageError("A check is not written as CSV.", "Use --format json; csv is for the list of --open.")
    several = everybody or len(set(hosts)) > 1
    stored = _Stored(settings)
    _sensible(hosts, stored, everybody=everybody, several=several, level=level, with_password=with_password, consent=consent)
    consent = consent or (not several and _agreed(level, kind or "", with_password=with_password))
    asked = Asked(
        level=level,
        kind=kind or "",
        interface=interfaces[0] if len(interfaces) == 1 else None,  # of several, the check chooses by the address
        consent=consent,
        password=_password() if with_password else None,
        host_port=host_port,
        judge=None if image is None else _judge(image),
    )
    from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - not for the help

    catalogue = load_catalogue()
    feed = live_feed(settings, catalogue, interfaces=interfaces, networks=networks, own=own, seconds=listen_seconds, passive=True)
    _reachable(feed, hosts)
    wanted = Hosts(hosts, everybody=everybody, stored=stored.devices() if everybody else (), find=stored.find)
    shown = _Shown(settings, as_json=format_name == "json", several=several)

    shown.listening(listen_seconds)

    async def run() -> None:
        checks = run_checks(
            feed, catalogue, wanted, asked, listen=listen_seconds > 0, on_step=None if several else shown.step, on_start=shown.begin
        )
        async for outcome in checks:
            if outcome.check is not None:
                shown.result(outcome.check)
            elif outcome.error is not None:
                shown.failed(outcome.host, outcome.error)

    asyncio.run(run())
    return shown.exit_code()


def _judge(image: str) -> Callable[[OtaCheck, Device | None], OtaCheck]:
    from tui.cli.check_image import judge_of  # noqa: PLC0415 - esptool loads behind it

    return judge_of(image)


def _sensible(
    hosts: Sequence[str], stored: _Stored, *, everybody: bool, several: bool, level: int | None, with_password: bool, consent: bool
) -> None:
    """Refuse what cannot be meant, before anything is sent. Raises UsageError."""
    from discover.ota.target import parse_host  # noqa: PLC0415 - not for the help

    if everybody and hosts:
        raise UsageError("--all checks every device and takes no HOST.", "Leave --all away to check only those named.")
    if not everybody and not hosts:
        raise UsageError("Which device is to be checked?", "Give its name or address: espied check kitchen.local (or --all).")
    if several and (consent or with_password or (level or 0) >= 3):
        what = "--password" if with_password else f"--level {level}" if (level or 0) >= 3 else "--yes"
        raise UsageError(
            f"{what} may disturb a device, so it is for one device at a time.", "Check the others without it, then this one by itself."
        )
    for host in hosts:
        # What is no host is told at once; but a name with a blank may be a device's that is yet to be heard.
        if " " not in host.strip() and stored.find(host) is None:
            parse_host(host)


def _reachable(feed: LiveFeed, hosts: Sequence[str]) -> None:
    """Refuse addresses that no packet may or can go to, before anything is sent. Raises NotPrivateError and what refuse() raises."""
    from discover.net.real import RealNetwork  # noqa: PLC0415 - loaded with the feed
    from discover.ota.route import refuse  # noqa: PLC0415 - loaded with the check
    from discover.ota.target import find_host  # noqa: PLC0415 - likewise

    for host in hosts:
        try:
            written = find_host(host, None, None)
        except UsageError:
            continue  # a device's name
        if written.literal and isinstance(feed.network, RealNetwork):
            refuse(written.name, feed.network.interfaces())
            feed.network.gate.check(written.name)


def _agreed(level: int | None, kind: str, *, with_password: bool) -> bool:
    """Warn of what was asked for and ask whether to go on; True where the user agrees. Raises UsageError where nobody can be asked."""
    from discover.ota.levels import CALLBACK_WARNING, ESPHOME_TRY_WARNING, TRY_WARNING  # noqa: PLC0415 - only here

    warnings = [CALLBACK_WARNING] if (level or 0) >= 3 else []
    if with_password:
        tries = {"arduino": f"ArduinoOTA: {TRY_WARNING}", "esphome": f"ESPHome: {ESPHOME_TRY_WARNING}"}
        warnings += [said for one, said in tries.items() if kind in ("", one)]
    if not warnings:
        return False
    for warning in warnings:
        note(warning)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("This needs your word that it does no harm.", "Add --yes.")
    return click.confirm("Do it?", abort=True, err=True)


def _password() -> str:
    """Return the password from the environment or the terminal, never from the command line. Raises UsageError."""
    found = os.environ.get(PASSWORD_VARIABLE, "")
    if not found:
        if not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask for the password at.", f"Put it into the variable {PASSWORD_VARIABLE}.")
        found = str(click.prompt("Password of the device", hide_input=True, err=True))
    return found


class _Stored:
    """The stored inventory, read once; left aside with a word where it cannot be."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._there = settings.database_path().exists()

    def find(self, host: str) -> Device | None:
        """Find the device that ``host`` names, if there is an inventory and it names exactly one."""
        if not self._there:
            return None
        from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here

        try:
            with Store.open(self._settings.database_path()) as store:
                return store.find(host)
        except EspiedError as error:
            self._aside(error)
            return None

    def devices(self) -> tuple[Device, ...]:
        """Return all stored devices."""
        if not self._there:
            return ()
        from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here

        try:
            with Store.open(self._settings.database_path()) as store:
                return store.load().devices
        except EspiedError as error:
            self._aside(error)
            return ()

    def _aside(self, error: EspiedError) -> None:
        self._there = False
        note(f"The inventory is left aside: {error.message}", quiet=self._settings.quiet)


class _Shown:
    """Prints results as they come and keeps the exit code that follows from them."""

    def __init__(self, settings: Settings, *, as_json: bool, several: bool) -> None:
        self._settings = settings
        self._as_json = as_json
        self._several = several
        self._live = not as_json and not settings.quiet and sys.stderr.isatty()
        self._negative = 0
        self._shown = 0
        self._error: EspiedError | None = None

    def listening(self, seconds: float) -> None:
        """Say why nothing happens for a moment."""
        if self._live and seconds:
            note(f"Listening for announcements, {seconds:g} s at most.")

    def begin(self, count: int) -> None:
        """Say how many will be checked, where several are."""
        if self._several:
            note(
                f"Checking {count} device{'' if count == 1 else 's'}." if count else "No device with an update listener is known or heard."
            )

    def step(self, step: Step) -> None:
        """Narrate a step of a single check."""
        if self._live:
            note(f"{step.name}: {step.state.value}")

    def result(self, check: OtaCheck) -> None:
        """Print one result."""
        self._shown += 1
        self._negative += check.negative
        if self._as_json:
            from discover.ota.report import render_check, render_check_line  # noqa: PLC0415 - only here

            write_stdout(render_check_line(check) if self._several else render_check(check))
            return
        from tui.present.check import check_lines, summary_lines  # noqa: PLC0415 - only here

        lines = summary_lines([check]) if self._several else check_lines(check)
        write_stdout(to_text(lines, color=self._settings.stdout_color, width=width()))

    def failed(self, host: str, error: EspiedError) -> None:
        """Tell why one host could not be checked; the only one's error is the command's own."""
        if not self._several:
            raise error
        note(f"{host}: {error.message}" + (f" {error.hint}" if error.hint else ""))
        self._error = self._error or error

    def exit_code(self) -> int:
        """Return the exit code: an error's first, then 1 for a negative verdict."""
        if self._several and self._shown and not self._as_json:
            note(f"{self._shown - self._negative} of {self._shown} can be updated over the air.", quiet=self._settings.quiet)
        if self._error is not None:
            return self._error.exit_code
        return EXIT_NEGATIVE if self._negative else 0
