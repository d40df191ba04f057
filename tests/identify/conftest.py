from __future__ import annotations

import pytest

from discover.atlas.catalogue import Catalogue
from discover.atlas.loader import load_catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()
