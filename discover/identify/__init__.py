"""Signal -> Evidence -> ranked families: pure functions over the catalogue; no I/O, no clock."""

from discover.identify.evidence import evidence_for
from discover.identify.examples import signal_of
from discover.identify.identification import Identification, identify
from discover.identify.ranking import Ranking, rank

__all__ = ["Identification", "Ranking", "evidence_for", "identify", "rank", "signal_of"]
