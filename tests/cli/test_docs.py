"""What README and docs tell people to type exists, and the numbers they name are those that hold."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from discover.net.policy import DEFAULT
from tui.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
IN_FENCE = re.compile(r"^(?:[.]venv/bin/)?(espied [^#|>\n]*)", re.MULTILINE)
IN_TEXT = re.compile(r"`(espied [^`]*)`")


def told() -> Iterator[tuple[str, str]]:
    """Yield every command line of the pages with its page: lines of code blocks, and code in sentences, which may run over a line."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in FENCE.findall(text) for line in IN_FENCE.findall(block)]
        for line in (*lines, *IN_TEXT.findall(FENCE.sub("", text))):
            yield page.name, " ".join(line.replace("\\|", "|").split())


TOLD = sorted(set(told()))


def options(command: click.Command) -> set[str]:
    return {name for one in command.params if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)} | {"--help"}


@pytest.mark.parametrize(("page", "line"), TOLD, ids=[f"{page}: {line}" for page, line in TOLD])
def test_every_documented_command_and_option_exists(page: str, line: str) -> None:
    del page
    words = [word.strip("[].,") for word in shlex.split(line)[1:]]
    known = options(cli)
    names = [word for word in words if not word.startswith("-")]
    if names and names[0].islower() and names[0].isalpha():
        command: click.Command = importlib.import_module(COMMANDS[names[0]][0]).command
        known |= options(command)
        if isinstance(command, click.Group) and len(names) > 1:
            for name in re.split(r"[|,]", names[1]):
                known |= options(command.commands[name])
    assert {word.partition("=")[0] for word in words if word.startswith("-") and len(word) > 1} <= known


def test_the_pages_name_many_commands() -> None:
    assert len(TOLD) > 40, "or the pattern no longer finds them"


def test_the_budgets_that_are_documented_are_those_that_hold() -> None:
    page = (ROOT / "docs" / "what-espied-sends.md").read_text(encoding="utf-8")
    for said in (
        f"{DEFAULT.host_packets} packets in any second, {DEFAULT.host_probes} questions waiting",
        f"{DEFAULT.fragile_packets} packets in any second, {DEFAULT.fragile_probes} questions at once",
        f"at once, {DEFAULT.fragile_spacing * 1000:.0f} ms apart",
        f"{DEFAULT.overall_rate:.0f} packets a second, with bursts of {DEFAULT.overall_burst:.0f}",
        f"{DEFAULT.liveness_rate:.0f} packets a second, with bursts of {DEFAULT.liveness_burst:.0f}",
        f"| {DEFAULT.unresolved}, because",
    ):
        assert said in page
    assert DEFAULT.host_window == 1.0
