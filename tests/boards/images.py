"""The sample images as test data."""

from __future__ import annotations

import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "firmware_samples" / "images"
EXPECTED = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))["image"]


def sample(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
