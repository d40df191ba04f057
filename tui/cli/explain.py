"""``espied explain``: a port's four layers, or what a message of an upload tool means."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from tui.cli.output import to_text, width, write_stdout
from tui.cli.settings import Settings


@click.command("explain")
@click.argument("asked", nargs=-1, required=True, metavar="PORT[/tcp|/udp]|MESSAGE...")
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--full", is_flag=True, help="Show everything: sources, every checked claim, history, ranges and notes; every message.")
@click.option("--all-systems", is_flag=True, help="Show the check commands of every operating system, not only of this one.")
@click.pass_obj
def command(settings: Settings, *, asked: tuple[str, ...], format_name: str, full: bool, all_systems: bool) -> int:
    """Explain a PORT, or a MESSAGE of the tool that could not upload.

    Of a port: what the registry says, what is found there, what we conclude and how sure. Of a message (of espota.py, the Arduino
    IDE, PlatformIO, esphome, esptool or the device): what it means, which hop fails, the causes and what to do. The exit code is 1
    where no known message comes close.

    \b
    espied explain 3232/udp                     the ArduinoOTA invitation
    espied explain 3232/tcp                     the same number, another protocol
    espied explain 3197                         folklore, checked
    espied explain "No response from device"    which hop it is, and what to do
    pio run -t upload 2>&1 | espied explain -   the messages in a log
    """  # noqa: D301 - click's mark for "keep these lines"
    port = " ".join(asked)
    from tui.present.explanation import like_port  # noqa: PLC0415 - not for the help

    if not like_port(port):
        from tui.cli.explain_text import explain_text  # noqa: PLC0415 - a port needs none of it

        return explain_text(settings, port, format_name=format_name, full=full)
    from discover.atlas.explain import explain  # noqa: PLC0415 - not for the help
    from discover.atlas.loader import load_catalogue, load_port  # noqa: PLC0415 - likewise
    from tui.present.explanation import parse_port  # noqa: PLC0415 - likewise

    number, transport = parse_port(port)
    # Families know a few ports that the atlas has no note on; reading all of them for the others would cost 20 ms.
    families = () if load_port(number) else load_catalogue().families
    explanation = explain(number, transport, families=families)
    if format_name == "json":
        document = {"schema": "espied.port/1", **asdict(explanation)}
        write_stdout(json.dumps(document, ensure_ascii=False, indent=2, default=dict) + "\n")
    else:
        from tui.present.explanation import check_command_lines, explanation_lines, this_system  # noqa: PLC0415 - only here

        lines = list(explanation_lines(explanation, full=full))
        for system in ("linux", "macos", "windows") if all_systems else ():
            if system != this_system():
                lines += check_command_lines(explanation, system=system)
        write_stdout(to_text(lines, color=settings.stdout_color, width=width()))
    return 0
