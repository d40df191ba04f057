"""The engine: plans a scan, runs it within its budgets, and tells what happened as signals."""

from discover.engine.feed import Feed, OnNotice, OnProgress, OnSignal, OnStep, summary_of
from discover.engine.live import LiveFeed
from discover.engine.plan import ScanPlan, Target, plan_scan
from discover.engine.replay import ReplayFeed

__all__ = [
    "Feed",
    "LiveFeed",
    "OnNotice",
    "OnProgress",
    "OnSignal",
    "OnStep",
    "ReplayFeed",
    "ScanPlan",
    "Target",
    "plan_scan",
    "summary_of",
]
