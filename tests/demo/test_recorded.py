"""The shipped recording of the demo LAN, for systems that cannot start it."""

from __future__ import annotations

import pytest

from discover.atlas.loader import load_catalogue
from discover.demo import DEMO_DEVICES, DEMO_NETWORK
from discover.engine import ReplayFeed
from discover.inventory.fold import fold
from tui.cli import demo_feed
from tui.cli.demo_feed import RECORDED, demo_or_recording
from tui.cli.session import read_recording


def test_the_recording_holds_every_demo_device_with_its_family() -> None:
    snapshot = fold(read_recording(RECORDED), load_catalogue())
    families = {address: device.family.id for device in snapshot.devices for address in device.addresses}
    assert {str(DEMO_NETWORK[device.number]): device.family for device in DEMO_DEVICES}.items() <= families.items()
    assert snapshot.scan.complete


def test_where_loopback_has_no_room_the_recording_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_feed, "demo_supported", lambda: False)
    feed = demo_or_recording()
    assert isinstance(feed, ReplayFeed)
    assert not feed.live
