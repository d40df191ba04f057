from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from discover import __version__
from discover.errors import EspiedError
from tests.cli.conftest import Run
from tui.cli.main import COMMANDS
from tui.cli.settings import Settings

Espied = Callable[..., Run]


def test_help_lists_every_command_with_its_line(espied: Espied) -> None:
    done = espied("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f"  {name} ".encode() in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_name_that_matches(espied: Espied, name: str) -> None:
    command = importlib.import_module(COMMANDS[name][0]).command
    assert isinstance(command, click.Command)
    assert command.name == name
    done = espied(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: espied {name}".encode())


def test_version_is_the_packages(espied: Espied) -> None:
    assert espied("--version").out == f"espied, version {__version__}\n".encode()


def test_a_mistyped_command_gets_a_suggestion(espied: Espied) -> None:
    done = espied("sacn")
    assert done.code == 2
    assert "Did you mean 'scan'?" in done.err


@pytest.mark.parametrize("arguments", [("explain",), ("scan", "--format", "xml"), ("--nonsense",), ("check",)])
def test_wrong_usage_ends_with_2(espied: Espied, arguments: tuple[str, ...]) -> None:
    done = espied(*arguments)
    assert done.code == 2
    assert done.out == b""
    assert "Traceback" not in done.err


def test_an_error_of_ours_is_a_sentence_a_hint_and_its_exit_code(espied: Espied, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_options: object) -> object:
        raise EspiedError("The cable is out.", "Put it in.", 3)

    monkeypatch.setattr(Settings, "load", broken)
    done = espied("explain", "1")
    assert (done.code, done.out) == (3, b"")
    assert done.err == "espied: The cable is out.\n  → Put it in.\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("interface = 3", "'interface' must be"),
        ("secnds = 3", "no setting 'secnds'"),
        ("seconds = true", "'seconds' must be"),
        ("seconds = ", "is not TOML"),
    ],
)
def test_a_broken_configuration_names_the_file_and_the_key(espied: Espied, tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    done = espied("--config", str(file), "explain", "80")
    assert done.code == 2
    assert str(file) in done.err
    assert complaint in done.err


def test_a_configuration_that_was_named_must_be_there_but_the_default_need_not(espied: Espied, tmp_path: Path) -> None:
    assert espied("--config", str(tmp_path / "none.toml"), "explain", "80").code == 2
    assert espied("explain", "80").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(espied: Espied, shell: str) -> None:
    done = espied("completion", shell)
    assert done.code == 0
    assert b"_ESPIED_COMPLETE" in done.out
