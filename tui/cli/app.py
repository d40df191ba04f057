"""Starting the app: on the LAN, on the demo LAN, or on a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.cli.settings import Settings

if TYPE_CHECKING:
    from discover.atlas.catalogue import Catalogue
    from discover.engine import Feed


def run_app(settings: Settings, *, feed_factory: Callable[[], Feed] | None = None, title: str = "", keep: bool = True) -> int:
    """Run the app until the user quits; return the exit code (3 where the feed could not run).

    ``feed_factory`` is called after the first paint (a live feed on all suitable interfaces where it is None);
    ``keep`` says whether what is found goes into the inventory.
    """
    from discover.lean import settle_down  # noqa: PLC0415 - not for the help
    from tui.app.app import EspiedApp  # noqa: PLC0415 - textual loads here

    def catalogue() -> Catalogue:
        from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - after the first paint

        return load_catalogue()

    def live() -> Feed:
        from tui.cli.session import live_feed  # noqa: PLC0415 - zeroconf loads after the first paint

        return live_feed(settings, catalogue(), forever=True)

    app = EspiedApp(feed_factory or live, catalogue, title=title, database=settings.database_path() if keep else None)
    settle_down()
    app.run()
    return app.return_code or 0
