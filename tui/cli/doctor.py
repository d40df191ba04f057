"""``espied doctor``: why is nothing found here."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from discover.errors import EXIT_CANNOT
from discover.model.check import Step, StepState
from tui.cli.output import to_text, width, write_stdout
from tui.cli.settings import Settings


@click.command("doctor")
@click.option("-f", "--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def command(settings: Settings, *, format_name: str) -> int:
    """Say what on this machine stands in the way: interfaces, multicast, VPN, container, firewall, permissions.

    Nothing is sent. The exit code is 3 where something makes discovery impossible here.
    """
    from discover.net.doctor import diagnose, gather  # noqa: PLC0415 - not for the help
    from discover.net.real import RealNetwork  # noqa: PLC0415 - likewise

    facts = asyncio.run(gather(RealNetwork()))
    steps = (*diagnose(facts), state_step(settings.database_path()))
    if format_name == "json":
        write_stdout(
            json.dumps({"schema": "espied.doctor/1", "steps": [asdict(step) for step in steps]}, ensure_ascii=False, indent=2) + "\n"
        )
    else:
        from tui.present.check import step_lines  # noqa: PLC0415 - only here

        write_stdout(to_text([one for step in steps for one in step_lines(step)], color=settings.stdout_color, width=width()))
        write_stdout(verdict(steps) + "\n")
    return EXIT_CANNOT if any(step.state is StepState.FAIL for step in steps) else 0


def verdict(steps: tuple[Step, ...]) -> str:
    """Say in one sentence what the steps come to."""
    failed = [step.name for step in steps if step.state is StepState.FAIL]
    warned = [step.name for step in steps if step.state is StepState.WARN]
    if failed:
        return f"Discovery cannot work here until this is mended: {', '.join(failed)}."
    if warned:
        return f"Discovery works here; if a device is missing, look at: {', '.join(warned)}."
    return "Discovery works here: nothing on this machine stands in the way."


def state_step(database: Path) -> Step:
    """Say whether the inventory can be kept, without making anything."""
    folder = database.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    target = database if database.exists() else folder
    if os.access(target, os.W_OK):
        return Step(name="inventory", state=StepState.PASS, detail=f"{database} can be written.")
    return Step(
        name="inventory",
        state=StepState.WARN,
        detail=f"{database} cannot be written, so nothing is kept between runs.",
        fix="Make its folder writable, or name another file: espied --db FILE ...",
    )
