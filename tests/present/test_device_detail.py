from __future__ import annotations

from dataclasses import replace

from discover.errors import UsageError
from discover.model.device import Device, Direction, Listener, PortState
from discover.model.signal import Signal, Source
from tests.present.samples import DEVICES, HOSTILE, KITCHEN, NOW, SILENT, SPA, TALLIES, explain
from tui.present.detail import TABS, Sources, evidence_lines, port_lines, raw_lines, what_lines
from tui.present.explanation import LAYERS
from tui.present.lines import STYLES, to_plain


def test_what_it_is_names_family_certainty_and_alternatives() -> None:
    text = to_plain(what_lines(KITCHEN, NOW))
    assert text.startswith("kitchen-light\nESPHome  certain, 95 of 100\n")
    assert "could be     Espressif board (possible, 30)" in text
    assert "firmware     ESPHome 2026.1.3" in text
    assert "update (OTA) ✓ password  esphome on 3232/tcp, asks for a password" in text
    assert "checked 1 min ago" in text


def test_what_it_is_shows_every_source_of_presence_and_when_its_word_ends() -> None:
    text = to_plain(what_lines(KITCHEN, NOW))
    assert "mdns      now, good for 74 min" in text
    assert "neighbour 40 s ago, good for 20 s" in text


def test_the_name_a_device_told_stays_visible_behind_a_label() -> None:
    text = to_plain(what_lines(SPA, NOW))
    assert text.startswith("Hot tub\n")
    assert "told name    BWGSPA" in text
    assert "note         Fuse 7 in the garage" in text


def test_an_unknown_device_is_not_dressed_up() -> None:
    text = to_plain(what_lines(SILENT, NOW))
    assert "Unknown device" in text
    assert "no way to update it over the air is known" in text


def test_every_listener_is_explained_in_four_layers() -> None:
    text = to_plain(port_lines(KITCHEN, explain))
    assert text.count("3232/tcp listens") == 1
    for layer in LAYERS:
        assert text.count(layer) == 2, "two listeners are alive, the closed one is only named"
    assert "Asked and refused: 80/tcp" in text


def test_silence_is_never_called_open() -> None:
    silent = Listener(port=3232, transport="udp", direction=Direction.LISTENS, state=PortState.NO_ANSWER, service="", source=Source.UDP)
    text = to_plain(port_lines(replace(SILENT, listeners=(silent,)), explain))
    assert "no answer" in text
    assert "open" not in text.split("The registry says")[0]


def test_a_port_that_cannot_be_explained_says_why() -> None:
    def broken(port: int, transport: str = "", *, device: Device | None = None) -> object:
        del transport, device
        raise UsageError(f"{port} is no port.", "Ports run from 1 to 65535.")

    text = to_plain(port_lines(KITCHEN, broken))  # type: ignore[arg-type]
    assert "6053 is no port. Ports run from 1 to 65535." in text


def test_a_device_without_ports_says_what_that_means() -> None:
    assert "others were not asked" in to_plain(port_lines(SILENT, explain))


def test_evidence_is_by_weight_and_shows_disagreement() -> None:
    text = to_plain(evidence_lines(KITCHEN))
    assert text.index("kitchen-light") < text.index("esp-aa0102")
    assert "name  sources disagree; the heaviest counts" in text
    assert "✗  20 esp-aa0102" in text
    assert "It announces _esphomelib._tcp, which only ESPHome does.  (mdns, rule families/esphome#0)" in text


def test_raw_signals_show_fields_and_bytes() -> None:
    text = to_plain(raw_lines(KITCHEN, NOW))
    assert text.startswith("mdns.service  192.168.1.23 on eth0, now, 0.214 s into the scan\n")
    assert "    board=esp32dev\n" in text
    assert "0000  10 76 65 72 73 69 6f 6e" in text


def test_raw_bytes_are_shown_as_hexadecimal_only() -> None:
    signal = Signal(
        when=NOW,
        mono=0.0,
        source=Source.UDP,
        interface="eth0",
        peer="10.0.0.9",
        kind="udp.reply",
        fields={"text": HOSTILE},
        raw=HOSTILE.encode(),
    )
    text = to_plain(raw_lines(replace(SILENT, signals=(signal,)), NOW))
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text


def test_every_tab_of_every_device_uses_known_styles() -> None:
    for device in DEVICES:
        for tab in TABS:
            lines = tab.lines(device, NOW, Sources(explain, lambda _: TALLIES))
            assert lines
            assert {span.style for line in lines for span in line.spans} <= set(STYLES)
            assert all(span.text for line in lines for span in line.spans)
