"""An avahi-daemon for the scanner: with a D-Bus of its own and an empty cache."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.airlab.lan import INTERFACE, Lan
from tests.bench.airlab.namespaces import LabError, workshop

NEEDS = ("avahi-daemon", "dbus-daemon")
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/> <allow send_type="signal"/>
    <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
"""
_CONF = """[server]
use-ipv4=yes
use-ipv6=no
allow-interfaces={interface}
enable-dbus=yes
[publish]
disable-publishing=yes
[wide-area]
enable-wide-area=no
"""


@contextlib.contextmanager
def avahi(lan: Lan) -> Iterator[dict[str, str]]:
    """Run a daemon in the scanner's namespace; yield the environment in which avahi's programs find it."""
    folder = workshop()
    socket = folder / "bus"
    (folder / "bus.conf").write_text(_BUS.format(socket=socket), encoding="utf-8")
    (folder / "avahi.conf").write_text(_CONF.format(interface=INTERFACE), encoding="utf-8")
    address = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
    with contextlib.ExitStack() as stack:
        bus = lan.scanner.start("dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile", ready="")
        stack.callback(lan.scanner.stop, bus)
        _wait(socket)
        # In this mount namespace alone: the daemon keeps its process id and socket in /run.
        lan.scanner.command("mount", "-t", "tmpfs", "none", "/run")
        stack.callback(lan.scanner.command, "umount", "/run", check=False)
        options = ("--no-drop-root", "--no-rlimits", "--no-chroot", "-f", str(folder / "avahi.conf"))
        stack.callback(lan.scanner.stop, lan.scanner.start("avahi-daemon", *options, env=address, ready=""))
        pid = Path(f"/proc/{lan.scanner.holder.pid}/root/run/avahi-daemon/pid")
        _wait(pid)
        time.sleep(0.5)  # it joins the group and tells the bus that it runs right after
        yield address
        socket.unlink(missing_ok=True)


def _wait(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        if time.monotonic() > deadline:
            msg = f"{path} did not appear"
            raise LabError(msg)
        time.sleep(0.05)
