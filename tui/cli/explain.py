"""``espied explain``: a port's four layers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import click

from discover.errors import UsageError
from tui.cli.output import to_text, width, write_stdout
from tui.cli.settings import Settings


@click.command("explain")
@click.argument("port", metavar="PORT[/tcp|/udp]")
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--all-systems", is_flag=True, help="Show the check commands of every operating system, not only of this one.")
@click.pass_obj
def command(settings: Settings, *, port: str, format_name: str, all_systems: bool) -> int:
    """Explain PORT: what the registry says, what is found there, what we conclude and how sure.

    \b
    espied explain 3232/udp     the ArduinoOTA invitation
    espied explain 3232/tcp     the same number, another protocol
    espied explain 3197         folklore, checked
    """  # noqa: D301 - click's mark for "keep these lines"
    number, transport = parse_port(port)
    from discover.atlas.explain import explain  # noqa: PLC0415 - not for the help

    explanation = explain(number, transport)
    if format_name == "json":
        document = {"schema": "espied.port/1", **asdict(explanation)}
        write_stdout(json.dumps(document, ensure_ascii=False, indent=2, default=dict) + "\n")
    else:
        from tui.present.explanation import check_command_lines, explanation_lines, this_system  # noqa: PLC0415 - only here

        lines = list(explanation_lines(explanation))
        for system in ("linux", "macos", "windows") if all_systems else ():
            if system != this_system():
                lines += check_command_lines(explanation, system=system)
        write_stdout(to_text(lines, color=settings.stdout_color, width=width()))
    return 0


def parse_port(text: str) -> tuple[int, str]:
    """Read "3232", "3232/udp" or "udp/3232". Raises UsageError."""
    match = re.fullmatch(r"(?:(tcp|udp)[/:])?(\d{1,6})(?:[/:](tcp|udp))?", text.strip().lower())
    hint = "For example: espied explain 3232, espied explain 3232/udp, espied explain 3197/tcp."
    if match is None or (match[1] and match[3]):
        raise UsageError(f"'{text}' is not a port", hint)
    number = int(match[2])
    if number > 65535:
        raise UsageError(f"{number} is not a port: the last one is 65535", hint)
    return number, match[1] or match[3] or ""
