"""Generated files: found, written, and called stale as soon as what they follow from has moved."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from discover.atlas.loader import load_catalogue
from discover.model.check import Hop, Verdict

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("espied_generate", ROOT / "scripts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_registry_names_every_generated_file() -> None:
    done = run("--list")
    assert done.returncode == 0
    assert "docs/ports.md" in done.stdout
    assert "docs/supported.md" in done.stdout


def test_a_missing_or_changed_file_is_stale_and_a_right_one_is_not(generate: ModuleType, tmp_path: Path) -> None:
    files = [("docs/a.md", "a", lambda: "right\n"), ("docs/b.md", "b", lambda: "right\n"), ("docs/c.md", "c", lambda: "right\n")]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("right\n")
    (tmp_path / "docs" / "b.md").write_text("wrong\n")
    assert [path.name for path, _ in generate.stale(files, tmp_path)] == ["b.md", "c.md"]


def test_a_file_of_bytes_is_compared_byte_for_byte(generate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\xe9\r\n")
    assert list(generate.stale([("a.bin", "a", lambda: b"\xe9\r\n")], tmp_path)) == []
    assert [wanted for _, wanted in generate.stale([("a.bin", "a", lambda: b"\xe9\n")], tmp_path)] == [b"\xe9\n"]


def test_the_same_sources_always_make_the_same_files(generate: ModuleType) -> None:
    for _, _, render in generate.registry():
        made = render()
        assert made == render()
        assert isinstance(made, bytes) or made.endswith("\n")


def test_the_index_of_ports_holds_every_port_and_every_claim(generate: ModuleType) -> None:
    page = next(render for name, _, render in generate.registry() if name == "docs/ports.md")()
    assert "## The 97 numbers and ranges" in page
    assert "## 70 claims, checked: 32 confirmed, 14 refuted, 7 imprecise, 11 unverifiable, 6 opinion" in page
    assert "| [3232](../discover/atlas/ports/3232.toml) | ArduinoOTA invitation (ESP32) (udp); ESPHome OTA (ESP32) (tcp) |" in page
    assert "`E7` on [3232](../discover/atlas/ports/3232.toml): 3232 mirrors 3231, which the older ESP8266 used. | **refuted** |" in page


def test_every_family_stands_on_the_page_of_supported_devices(generate: ModuleType) -> None:
    page = next(render for name, _, render in generate.registry() if name == "docs/supported.md")()
    for family in load_catalogue().families:
        assert f"## {family.title}" in page


def test_links_of_the_pages_lead_to_files(generate: ModuleType) -> None:
    page = next(render for name, _, render in generate.registry() if name == "docs/ports.md")()
    targets = {part.split(")")[0] for part in page.split("](")[1:]}
    local = {target for target in targets if target.startswith("..")}
    assert len(local) > 97
    assert all((ROOT / "docs" / target).exists() for target in local)


def test_the_fault_matrix_has_a_verdict_or_a_reason_in_every_cell(generate: ModuleType) -> None:
    page = next(render for name, _, render in generate.registry() if name == "docs/ota-matrix.md")()
    head, _, *rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    words = {*Verdict, "-"}
    assert len(rows) >= 25
    assert all(len(row) == len(head) >= 13 for row in rows)
    assert {cell.split(" (")[0] for row in rows for cell in row[1:]} <= words
    assert {Hop(cell.split("(")[1].rstrip(")")) for row in rows for cell in row[1:] if "(" in cell} == set(Hop)
