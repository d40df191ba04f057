"""Running a feed from the command line: fold as signals come, narrate, record, stop at Ctrl-C with what was found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from discover.errors import EXIT_CANNOT, EspiedError, RecordingError, UsageError
from discover.model.network import Interface, Packet, Progress
from discover.model.signal import Signal
from discover.model.snapshot import Snapshot
from tui.cli.narrate import Narrator
from tui.cli.output import note
from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.atlas.catalogue import Catalogue
    from discover.engine import Feed, LiveFeed
    from discover.engine.plan import ScanPlan
    from discover.inventory.fold import Inventory


AFTER_FIRST_PACKETS = 0.2
"""Seconds until what identifies devices is loaded: nobody has answered before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run came to: the snapshot, and whether it was cut short by the user."""

    snapshot: Snapshot
    interrupted: bool
    trouble: EspiedError | None = None
    """Why the recording is incomplete."""


def live_feed(
    settings: Settings,
    catalogue: Catalogue,
    *,
    interfaces: tuple[str, ...] = (),
    networks: tuple[str, ...] = (),
    own: bool = False,
    seconds: float | None = None,
    passive: bool = False,
    forever: bool = False,
) -> LiveFeed:
    """Make the feed of a live scan. Raises NoInterfaceError, NotPrivateError and UsageError before a packet is sent."""
    from discover.engine import LiveFeed, plan_scan  # noqa: PLC0415 - asyncio loads here
    from discover.net.real import RealNetwork  # noqa: PLC0415 - likewise

    cidrs = networks or settings.config.network
    parsed = tuple(_network(cidr) for cidr in cidrs)
    network = RealNetwork(allowed=parsed if own else (), own=own)
    plan = plan_scan(
        network,
        names=interfaces or settings.config.interface,
        cidrs=cidrs,
        own=own,
        seconds=settings.config.seconds if seconds is None else seconds,
        passive=passive,
    )
    if settings.verbose:
        for sentence in where_it_looks(network.interfaces(), plan):
            note(sentence, quiet=settings.quiet)
    return LiveFeed(network, catalogue, plan, forever=forever)


def where_it_looks(interfaces: Iterable[Interface], plan: ScanPlan) -> Iterator[str]:
    """Yield one sentence for each interface: what is done there, or why nothing is."""
    for interface in interfaces:
        swept = [f"{one.network} ({one.planned} addresses)" for one in plan.targets if one.interface.name == interface.name]
        if swept and not plan.passive:
            yield f"{interface.name}: asking {', '.join(swept)}."
        elif any(one.name == interface.name for one in plan.interfaces):
            yield f"{interface.name}: asking by mDNS and listening."
        else:
            yield f"{interface.name}: left out. {interface.skip or 'It has no network that this is about.'}"


def _network(cidr: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - IPv4Network | IPv6Network, ipaddress loads lazily
    import ipaddress  # noqa: PLC0415 - the help does not need it

    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise UsageError(f"'{cidr}' is not a network", "Write it as address/prefix, for example 192.168.1.0/24.") from error


def run_feed(
    feed: Feed,
    catalogue: Catalogue,
    narrator: Narrator,
    *,
    record: Path | None = None,
    every: Callable[[Snapshot], None] | None = None,
) -> Found:
    """Run a feed to its end or to Ctrl-C, and fold what it says.

    ``record`` gets every signal as it comes, so that a crash loses nothing; ``every`` is called with a
    snapshot at most twice a second while signals come. Raises what the feed and ``every`` raise, which ends
    the run, and EspiedError where the recording cannot be begun.
    """
    import asyncio  # noqa: PLC0415 - `espied --help` must not load it

    from discover.net.loop import run as run_loop  # noqa: PLC0415 - likewise

    folded = _Folded(catalogue)
    recorder = _Recorder(record)
    with contextlib.closing(recorder):
        dirty = asyncio.Event()

        def on_signal(signal: Signal) -> None:
            folded.add(signal)
            recorder.write(signal)
            dirty.set()

        async def fold() -> None:
            await asyncio.sleep(AFTER_FIRST_PACKETS)
            await asyncio.to_thread(folded.load)
            while every is not None:
                await dirty.wait()
                dirty.clear()
                every(folded.snapshot())
                await asyncio.sleep(0.5)

        async def run() -> bool:
            _stop_on_sigterm()
            folder = asyncio.create_task(fold())
            running = asyncio.current_task()

            def folded_last(done: asyncio.Task[None]) -> None:
                # Nobody reads any more (`espied watch | head`), say: then there is nothing to watch for.
                if running is not None and not done.cancelled() and done.exception() is not None:
                    running.cancel()

            folder.add_done_callback(folded_last)
            try:
                await feed.run(on_signal, narrator.progress)
            except asyncio.CancelledError:
                if running is not None:
                    running.uncancel()
                return True
            finally:
                folder.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await folder
            return False

        interrupted = run_loop(run())
    snapshot = folded.snapshot()
    if every is not None:
        every(snapshot)
    return Found(snapshot=snapshot, interrupted=interrupted, trouble=recorder.trouble)


class _Folded:
    """Signals, folded late: what identifies devices takes a tenth of a second to load, and the first packet need not wait for it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._waiting: list[Signal] = []
        self._inventory: Inventory | None = None

    def add(self, signal: Signal) -> None:
        """Take one signal; cheap."""
        self._waiting.append(signal)

    def load(self) -> None:
        """Import what identifies devices and read the vendor table; may run in a thread."""
        from discover.atlas.vendors import load_vendors  # noqa: PLC0415 - after the first packets
        from discover.inventory.fold import Inventory  # noqa: PLC0415 - likewise

        load_vendors()
        self._inventory = self._inventory or Inventory(self._catalogue)

    def snapshot(self) -> Snapshot:
        """Fold what has come and return the state of all devices."""
        if self._inventory is None:
            self.load()
        inventory = self._inventory
        assert inventory is not None  # noqa: S101 - load() has made it
        waiting, self._waiting = self._waiting, []
        for signal in waiting:
            inventory.add(signal)
        return inventory.snapshot()


def _stop_on_sigterm() -> None:
    """Let SIGTERM end a run as Ctrl-C does; Windows has no such handler."""
    import asyncio  # noqa: PLC0415 - see run_feed
    import signal  # noqa: PLC0415 - see run_feed

    task = asyncio.current_task()
    if task is not None:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


class _Recorder:
    """Writes signals to a file as they come, a line each; nowhere for None. ``trouble`` is why the file is incomplete, if it is."""

    def __init__(self, path: Path | None) -> None:
        """Begin the recording. Raises EspiedError where that cannot be."""
        self.trouble: EspiedError | None = None
        self._path = path
        self._stream: IO[str] | None = None
        if path is None:
            return
        from discover.model.recording import encode, encode_header  # noqa: PLC0415 - only recordings need it

        self._encode = encode
        try:
            # Line by line, so that a crash loses nothing.
            self._stream = path.open("w", encoding="utf-8", newline="\n", buffering=1)
            self._stream.write(encode_header() + "\n")
        except OSError as error:
            self.close()
            raise EspiedError(f"Cannot write the recording {path}: {error.strerror}", "Choose another file with --record.") from error

    def write(self, signal: Signal) -> None:
        """Add one signal; once the system has refused one, no more."""
        if self._stream is not None and self.trouble is None:
            try:
                self._stream.write(self._encode(signal) + "\n")
            except OSError as error:
                self._fail(error)

    def close(self) -> None:
        """Close the file; idempotent."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.trouble = self.trouble or EspiedError(
            f"The recording {self._path} is incomplete: {error.strerror}", "Free some space; what was found is shown all the same."
        )


def read_recording(path: Path) -> tuple[Signal, ...]:
    """Read a recording. Raises RecordingError that names the file and the line."""
    from discover.model.recording import decode_lines  # noqa: PLC0415 - only recordings need it

    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return tuple(decode_lines(stream))
    except OSError as error:
        raise RecordingError(f"Cannot read {path}: {error.strerror}", "Give a file that `espied scan --record FILE` wrote.") from error
    except RecordingError as error:
        raise RecordingError(f"{path}: {error.message}", error.hint) from error


def save(settings: Settings, snapshot: Snapshot) -> int:
    """Put what was found into the inventory; return the exit code (3 and a sentence where it could not be kept)."""
    from discover.inventory.store import Store  # noqa: PLC0415 - sqlite3 loads here

    try:
        with Store.open(settings.database_path()) as store:
            for notice in store.notices:
                note(notice)
            store.save(snapshot)
    except EspiedError as error:
        note(f"{error.message} What was found is shown above, but not kept.")
        if error.hint:
            note(error.hint)
        return EXIT_CANNOT
    return 0


def write_ledger(packets: tuple[Packet, ...], path: Path) -> None:
    """Write every packet sent as NDJSON. Raises EspiedError."""
    from tui.cli.output import write_file  # noqa: PLC0415 - only here

    rows = (
        json.dumps(
            {
                "mono": round(packet.mono, 6),
                "interface": packet.interface,
                "to": packet.to,
                "port": packet.port,
                "transport": packet.transport,
                "purpose": packet.purpose,
                "bytes_hex": packet.payload.hex(),
            }
        )
        for packet in packets
    )
    write_file(path, "".join(f"{row}\n" for row in rows).encode(), option="--ledger-file")


def silent_progress(_progress: Progress) -> None:
    """Take progress and say nothing."""
