"""Running the command in this process, as a shell would see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tui.cli.main import main


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def espied(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run ``espied`` with arguments and return exit code, stdout and stderr."""

    def call(*arguments: str) -> Run:
        monkeypatch.setattr("sys.argv", ["espied", *arguments])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfdbinary.readouterr()
        code = ended.value.code
        return Run(code if isinstance(code, int) else 0, out, err.decode())

    return call
