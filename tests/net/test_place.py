from __future__ import annotations

from pathlib import Path

import pytest

from discover.net.place import container, default_gateway, default_route, wsl

ROUTES = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
    "tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0\n"
    "wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n"
    "cut short\n"
)
"""Recorded on x86 (little-endian)."""


def test_the_default_route_is_the_one_with_the_lowest_metric(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(ROUTES)
    assert default_route(table) == "tun0"
    assert default_route(tmp_path / "none") == ""


def test_the_gateway_of_an_interface_is_told_without_a_question(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(ROUTES)
    assert default_gateway("wlan0", table) == "192.168.1.1"
    assert default_gateway("tun0", table) == ""
    assert default_gateway("eth9", table) == ""


def test_container_and_wsl_are_recognised_by_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)
    assert container(tmp_path) == ""
    (tmp_path / ".dockerenv").touch()
    assert container(tmp_path) == "Docker"
    version = tmp_path / "version"
    version.write_text("Linux version 5.15.90.1-microsoft-standard-WSL2")
    assert wsl(version)
    assert not wsl(tmp_path / "none")
