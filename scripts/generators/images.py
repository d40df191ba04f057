"""firmware_samples/images/: the firmware images, from the script beside them, which needs nothing of espied."""

from __future__ import annotations

import importlib.util
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER: Final = "firmware_samples/images"


@cache
def _images() -> Mapping[str, bytes]:
    path = Path(__file__).resolve().parents[2] / FOLDER / "make.py"
    spec = importlib.util.spec_from_file_location("espied_make_images", path)
    if spec is None or spec.loader is None:  # pragma: no cover - the file is in the repository
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images: Mapping[str, bytes] = module.images()
    return images


def _bytes(name: str) -> bytes:
    return _images()[name]


FILES: Final[Mapping[str, Callable[[], bytes]]] = {f"{FOLDER}/{name}": partial(_bytes, name) for name in _images()}
