"""The real ESPHome firmware, compiled for ESPHome's host platform, as a peer of our tests.

The interpreter with esphome installed comes from ESPIED_ESPHOME_PYTHON; builds are kept in ESPIED_PEER_CACHE
where that is set. A build takes 10 to 20 s and downloads nothing. The program really updates itself on a valid
upload, so always a copy runs. It listens on all addresses at the ports that were compiled in; on the host
platform it has no mDNS.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "firmware_samples" / "esphome-node"
BUILD_SECONDS = 240.0
START_SECONDS = 20.0

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def interpreter() -> str:
    """Return the interpreter that has esphome, "" where none is named."""
    return os.environ.get("ESPIED_ESPHOME_PYTHON", "")


def unavailable() -> str:
    """Return "" where the firmware can be built, else the reason in one line."""
    if not interpreter():
        return "ESPIED_ESPHOME_PYTHON names no interpreter with esphome"
    missing = [tool for tool in ("g++", "stdbuf") if shutil.which(tool) is None]
    if missing:
        return f"the ESPHome host build needs {', '.join(missing)}"
    return "" if version() else f"{interpreter()} cannot import esphome"


@functools.cache
def version() -> str:
    """Return the installed ESPHome's version, "" where there is none."""
    code = "import esphome.const; print(esphome.const.__version__)"
    done = subprocess.run([interpreter(), "-c", code], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class EsphomeFirmware:
    """A compiled node. ``program`` is the executable: run a copy."""

    program: Path
    name: str
    ota_port: int
    api_port: int
    password: str
    version: str

    @contextlib.contextmanager
    def run(self, folder: Path) -> Iterator[EsphomeNode]:
        """Run a copy in ``folder`` until the block ends."""
        program = folder / self.name
        shutil.copy2(self.program, program)
        log = folder / f"{self.name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["stdbuf", "-oL", str(program)], stdout=out, stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, "HOME": str(folder)}
            )
        node = EsphomeNode(firmware=self, program=program, log_file=log, process=process)
        try:
            node.wait_until_up()
            yield node
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@dataclass
class EsphomeNode:
    """A running node and its log."""

    firmware: EsphomeFirmware
    program: Path
    log_file: Path
    process: subprocess.Popen[bytes]
    seen: int = 0

    def lines(self) -> list[str]:
        """The whole log, colours taken out."""
        return _COLOUR.sub("", self.log_file.read_text(encoding="utf-8", errors="replace")).splitlines()

    def mark(self) -> None:
        """Forget what was logged so far; :meth:`news` starts here."""
        self.seen = len(self.lines())

    def settle(self, quiet: float = 0.3, seconds: float = 5.0) -> None:
        """Wait until nothing was logged for ``quiet`` seconds: the last lines about an earlier connection come late."""
        deadline, seen, since = time.monotonic() + seconds, -1, time.monotonic()
        while time.monotonic() - since < quiet and time.monotonic() < deadline:
            if (now := len(self.lines())) != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.02)

    def news(self) -> list[str]:
        """What was logged since :meth:`mark`, as "D esphome.ota: text"."""
        entry = re.compile(r"\[[^\]]*\]\[([A-Z]+)\]\[([^:\]]+)[^\]]*\]: (.*)")
        found = [entry.fullmatch(line) for line in self.lines()[self.seen :]]
        return [f"{match[1]} {match[2]}: {match[3]}" for match in found if match is not None]

    def wait_for(self, text: str, seconds: float = 5.0) -> list[str]:
        """Wait until ``text`` is among the news, and return them. Raises AssertionError with the log otherwise."""
        deadline = time.monotonic() + seconds
        while not any(text in line for line in self.news()):
            assert self.process.poll() is None, "the node ended:\n" + "\n".join(self.lines())
            assert time.monotonic() < deadline, f"no {text!r} in the node's log:\n" + "\n".join(self.lines()[self.seen :])
            time.sleep(0.02)
        return self.news()

    def wait_until_up(self) -> None:
        """Wait until the OTA listener has told its settings (setup is over by then, and the ports are bound)."""
        self.wait_for("Over-The-Air updates", START_SECONDS)
        self.wait_for("mDNS:", START_SECONDS)
        bad = [line for line in self.news() if line.startswith("E ")]
        assert not bad, f"the node did not come up ({self.firmware.ota_port} or {self.firmware.api_port} in use?): {bad}"
        self.mark()


def configuration(*, name: str, password: str, ota_port: int, api_port: int, mac: str) -> str:
    """Return the YAML of a node: log at DEBUG, plain API, OTA with or without password."""
    secret = f"\n    password: {password}" if password else ""
    return f"""\
esphome:
  name: {name}
host:
  mac_address: "{mac}"
logger:
  level: DEBUG
api:
  port: {api_port}
  reboot_timeout: 0s
ota:
  - platform: esphome
    port: {ota_port}{secret}
"""


def build(
    folder: Path,
    *,
    name: str = "espied-peer",
    password: str = "",
    ota_port: int = 3232,
    api_port: int = 6053,
    mac: str = "06:35:69:ab:f6:79",
    again: bool = False,
) -> EsphomeFirmware:
    """Compile a node in ``folder``, or take it from the cache. Raises RuntimeError with the compiler's words.

    ``again``: keep what the compiler made, so that the next node of the same name that differs in a port or in its MAC takes a second.
    """
    yaml = configuration(name=name, password=password, ota_port=ota_port, api_port=api_port, mac=mac)
    program = _cached(folder, {"node.yaml": yaml}, "node.yaml", {}, again=again)
    return EsphomeFirmware(program=program, name=name, ota_port=ota_port, api_port=api_port, password=password, version=version())


def build_sample(folder: Path, *, ota_port: int, api_port: int) -> EsphomeFirmware:
    """Compile firmware_samples/esphome-node/host.yaml, with other ports only."""
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(SAMPLE.glob("*.yaml")) if path.name != "secrets.yaml"}
    program = _cached(folder, files, "host.yaml", {"ota_port": str(ota_port), "api_port": str(api_port)})
    return EsphomeFirmware(
        program=program, name="espied-node", ota_port=ota_port, api_port=api_port, password="change-me", version=version()
    )


def _cached(folder: Path, files: Mapping[str, str], main: str, substitutions: Mapping[str, str], *, again: bool = False) -> Path:
    """Return the program of a configuration, compiling it only where the cache does not have it."""
    recipe = repr((version(), sorted(files.items()), main, sorted(substitutions.items())))
    cache = Path(os.environ.get("ESPIED_PEER_CACHE", "") or folder) / f"esphome-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if cache.is_file():
        return cache
    with contextlib.ExitStack() as stack:
        scratch = folder / "scratch" if again else Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        scratch.mkdir(exist_ok=True)
        program = _compile(scratch, files, main, substitutions)
        cache.parent.mkdir(parents=True, exist_ok=True)
        # Another run may be building the same: whoever comes last replaces a whole file by a whole file.
        part = cache.with_suffix(f".{os.getpid()}")
        shutil.copy2(program, part)
        part.replace(cache)
    return cache


def _compile(scratch: Path, files: Mapping[str, str], main: str, substitutions: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (scratch / name).write_text(content, encoding="utf-8")
    options = [word for key, value in substitutions.items() for word in ("-s", key, value)]
    # ninja may come with esphome's own environment.
    path = f"{Path(interpreter()).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [interpreter(), "-m", "esphome", *options, "compile", main],
        cwd=scratch,
        env={**os.environ, "HOME": str(scratch), "PATH": path, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    programs = list(scratch.glob(".esphome/build/*/.pioenvs/*/program"))
    if done.returncode != 0 or len(programs) != 1:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        msg = f"esphome compile {main} failed ({done.returncode}):\n{tail}"
        raise RuntimeError(msg)
    return programs[0]
