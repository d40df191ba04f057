"""What is loaded when: start-up time is mostly imports (budgets in DESIGN section 6)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"textual", "zeroconf", "esptool", "asyncio"}


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code", ["import discover", "import discover.model, discover.text, discover.errors", "import discover.atlas.loader"]
)
def test_importing_the_engine_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & HEAVY == set()


def test_help_loads_neither_asyncio_nor_textual_nor_zeroconf_nor_esptool() -> None:
    code = (
        "import io, contextlib\nfrom tui.cli.main import main\nsys.argv = ['espied', '--help']\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n    main()\n"
        "assert 'explain' in out.getvalue()"
    )
    assert loaded_by(code) & HEAVY == set()


def test_explain_loads_neither_asyncio_nor_textual_nor_zeroconf() -> None:
    code = (
        "import io, contextlib\nfrom tui.cli.main import main\nsys.argv = ['espied', 'explain', '3232/udp']\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n    main()\n"
        "assert 'ArduinoOTA' in out.getvalue(), out.getvalue()"
    )
    assert loaded_by(code) & HEAVY == set()
