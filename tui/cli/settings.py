"""Where espied keeps its state, and what the configuration file may say."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from discover.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration file: every key has a default, an unknown one is an error that names it.

    ``interface`` and ``network`` are what ``--interface`` and ``--network`` would be, ``seconds`` how long
    a scan listens, ``database`` the inventory file.
    """

    interface: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    seconds: float = 5.0
    database: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the global options and the configuration file come to."""

    database: Path | None
    config: Config = field(default_factory=Config)
    color: bool = True
    quiet: bool = False
    verbose: bool = False

    @classmethod
    def load(cls, *, database: Path | None, config: Path | None, no_color: bool, quiet: bool, verbose: bool) -> Settings:
        """Read the configuration (the default one only where it is there). Raises UsageError for a broken file."""
        chosen = config
        if chosen is None and (default := os.environ.get("ESPIED_CONFIG")):
            chosen = Path(default)
        explicit = chosen is not None
        if chosen is None:
            chosen = _default_config()
        read = Config()
        if chosen is not None and (explicit or _is_there(chosen)):
            read = read_config(chosen)
        if database is None and read.database:
            database = Path(read.database).expanduser()
        # https://no-color.org: set and not empty, whatever its value.
        color = not no_color and not os.environ.get("NO_COLOR")
        if no_color:
            os.environ["NO_COLOR"] = "1"  # Textual and our own children read it
        return cls(database=database, config=read, color=color, quiet=quiet, verbose=verbose)

    def database_path(self) -> Path:
        """Return the inventory file: --db, else the configuration's, else the platform's state folder."""
        if self.database is not None:
            return self.database
        import platformdirs  # noqa: PLC0415 - commands without an inventory do not need it

        return Path(platformdirs.user_state_dir("espied", appauthor=False)) / "inventory.db"

    @property
    def stderr_color(self) -> bool:
        """Tell whether narration may be coloured."""
        return self.color and sys.stderr.isatty()

    @property
    def stdout_color(self) -> bool:
        """Tell whether text on stdout may be coloured: only on a terminal."""
        return self.color and sys.stdout.isatty()


def _is_there(path: Path) -> bool:
    """Tell whether the default configuration is a file that this user may see; somebody else's home is none of ours."""
    try:
        return path.is_file()
    except OSError:
        return False


def _default_config() -> Path | None:
    """Return where the configuration would be. The XDG rule is spelt out: platformdirs costs 15 ms at each start."""
    if sys.platform in ("win32", "darwin"):
        import platformdirs  # noqa: PLC0415 - see above

        return Path(platformdirs.user_config_dir("espied", appauthor=False)) / "config.toml"
    base = os.environ.get("XDG_CONFIG_HOME")
    home = os.environ.get("HOME")
    if base:
        return Path(base) / "espied" / "config.toml"
    return Path(home) / ".config" / "espied" / "config.toml" if home else None


def read_config(path: Path) -> Config:
    """Read one configuration file. Raises UsageError that names the file, the key and what is allowed."""
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read the configuration {path}: {error.strerror}", "Leave --config away: espied needs none.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration {path} is not TOML: {error}", "Mend or remove the file.") from error
    known = {"interface", "network", "seconds", "database"}
    for key in data:
        if key not in known:
            raise UsageError(f"{path}: there is no setting '{key}'", f"Known settings: {', '.join(sorted(known))}.")
    return Config(
        interface=_texts(path, "interface", data.get("interface", [])),
        network=_texts(path, "network", data.get("network", [])),
        seconds=_seconds(path, data.get("seconds", 5.0)),
        database="".join(_texts(path, "database", [data["database"]])) if "database" in data else "",
    )


def _texts(path: Path, key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise UsageError(f"{path}: '{key}' must be a text or a list of texts", f'For example: {key} = ["..."]')


def _seconds(path: Path, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86400:
        return float(value)
    raise UsageError(f"{path}: 'seconds' must be a number from 0 to 86400", "For example: seconds = 5")
