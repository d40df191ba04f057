"""What is loaded when: start-up time is mostly imports (budgets in DESIGN section 6)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"textual", "zeroconf", "esptool", "asyncio"}
SWEEP = "import discover.atlas.catalogue, discover.engine, discover.net.real, discover.probe.ports"
# What has no part in asking who is there: what answers come to, checks, pages, other systems' ways. Each costs 0.2 to 5 ms.
AFTER_THE_SWEEP = {
    *("discover.atlas.family", "discover.model.device", "discover.proto.arduinoota", "discover.proto.ssdp"),
    *("discover.atlas.loader", "discover.atlas.vendors", "discover.model.check", "discover.model.snapshot"),
    *(f"discover.proto.{name}" for name in ("addp", "espeasy", "gecko", "http1", "icmp6", "microchip", "wled")),
    *("discover.net.mdns.browse", "discover.net.ping6", "discover.net.udp_connected", "discover.ota"),
    *("aiooui", "hashlib", "hmac", "html", "msgspec", "pathlib", "random", "secrets", "shutil", "urllib.parse", "zlib"),
}


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


@pytest.mark.parametrize("asked", ["3232/udp", "No Answer"])
def test_explain_loads_neither_asyncio_nor_textual_nor_zeroconf(asked: str) -> None:
    code = (
        f"import io, contextlib\nfrom tui.cli.main import main\nsys.argv = ['espied', 'explain', {asked!r}]\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n    main()\n"
        "assert 'ArduinoOTA' in out.getvalue(), out.getvalue()"
    )
    loaded = loaded_by(code)
    assert loaded & HEAVY == set()
    assert ("discover.atlas.load_symptoms" in loaded) == (asked == "No Answer"), "a port needs no message, and a message no port"


def test_the_commands_of_a_device_load_no_check() -> None:
    assert loaded_by("import discover.ota.commands") & {"discover.ota.runner", "discover.ota.ladder", *HEAVY} == set()


@pytest.mark.parametrize("arguments", [["boards", "--help"], ["--db", "/nonexistent", "boards"]], ids=["help", "list"])
def test_listing_boards_loads_no_esptool(arguments: list[str]) -> None:
    code = (
        f"import io, contextlib\nfrom tui.cli.main import main\nsys.argv = ['espied', *{arguments}]\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    main()"
    )
    loaded = loaded_by(code)
    assert loaded & HEAVY == set()
    assert ("serial" in loaded) == ("--help" not in arguments)


def test_a_sweep_loads_nothing_that_only_its_answers_need() -> None:
    assert loaded_by(SWEEP) & AFTER_THE_SWEEP == set()
