"""Who may use a serial port and who does, found out without opening it (opening restarts many boards)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from discover.boards.board import Access, AccessState, Holder
from discover.text import clean

PROC: Final = Path("/proc")
LOCKS: Final = (Path("/run/lock"), Path("/var/lock"))
"""Where programs that lock ports put their LCK.. files (FHS 3.0 section 5.9)."""
_MOST_HOLDERS: Final = 8


def access_to(device: str, *, proc: Path = PROC, locks: tuple[Path, ...] = LOCKS, may: Callable[[Path], bool] | None = None) -> Access:
    """Return who may and who does use the port ``device``; UNKNOWN for what is no file here (COM3, a URL).

    ``may`` tells whether this process may read and write a path (the system's word, which knows access control lists, too).
    """
    path = Path(device)
    if os.name == "nt" or "://" in device:
        return Access(state=AccessState.UNKNOWN)
    try:
        status = path.stat()
    except OSError as error:
        return Access(
            state=AccessState.GONE,
            detail=f"{clean(device)} cannot be found: {error.strerror or error}.",
            fix="Plug the board in again; `espied boards` lists the ports.",
        )
    holders = tuple(holders_of(path, proc=proc, locks=locks))
    group = group_name(status.st_gid)
    if holders:
        who = f"{holders[0].name or 'A program'} (process {holders[0].pid})"
        more = len(holders) - 1
        return Access(
            state=AccessState.IN_USE,
            group=group,
            holders=holders,
            detail=f"{who}{f' and {more} more' if more else ''} {'have' if more else 'has'} it open.",
            fix=f"Close {holders[0].name or 'it'} first: two programs on one port take each other's bytes.",
        )
    if (may or _may)(path):
        return Access(state=AccessState.OK, group=group)
    detail, fix = permission(device, status.st_mode, status.st_gid, user=user_name(), members=members_of(status.st_gid))
    return Access(state=AccessState.NO_PERMISSION, group=group, detail=detail, fix=fix)


def _may(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def permission(device: str, mode: int, gid: int, *, user: str, members: Sequence[str]) -> tuple[str, str]:
    """Return what keeps ``user`` from a device node with this mode and group, and what to do about it."""
    group = group_name(gid)
    letting = stat.S_IRGRP | stat.S_IWGRP
    if mode & letting != letting or gid == 0:
        return (
            f"You may not use it: it belongs to root (mode {stat.filemode(mode)}), and no group is let in.",
            "Install your distribution's udev rules for serial ports (group dialout or uucp), and plug the board in again.",
        )
    if user in members:
        return (
            f"You may not use it yet: you are in the group {group}, but this session began before that.",
            f"Log out and in again (for one shell: newgrp {group}).",
        )
    return (
        f"You may not use it: {clean(device)} belongs to the group {group}, and you are not in it.",
        f"sudo usermod -aG {group} {user or '$USER'}, then log out and in again.",
    )


def holders_of(path: Path, *, proc: Path = PROC, locks: tuple[Path, ...] = LOCKS) -> Iterator[Holder]:
    """Yield the programs that have ``path`` open, as far as /proc and lock files tell us; at most eight, never this one."""
    seen = {os.getpid()}
    target = os.path.realpath(path)
    for pid in (*_locking(Path(target).name, locks), *_opening(target, proc)):
        if pid not in seen and len(seen) <= _MOST_HOLDERS:  # this process is among the seen
            seen.add(pid)
            yield Holder(pid=pid, name=_process_name(pid, proc))


def _opening(target: str, proc: Path) -> Iterator[int]:
    try:
        names = [name for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208 - thousands of names, no Path each
    except OSError:
        return  # macOS has no /proc: nobody is known
    for name in names:
        folder = f"{proc}/{name}/fd"
        try:
            for number in os.listdir(folder):  # noqa: PTH208 - likewise
                if os.readlink(f"{folder}/{number}") == target:  # noqa: PTH115 - likewise
                    yield int(name)
                    break
        except OSError:
            continue  # another user's process, or one that ended meanwhile: not ours to see


def _locking(name: str, locks: tuple[Path, ...]) -> Iterator[int]:
    for folder in locks:
        try:
            text = (folder / f"LCK..{name}").read_text(errors="replace")
        except OSError:
            continue
        number = text.split()[0] if text.split() else ""
        if number.isascii() and number.isdigit() and len(number) < 10 and _alive(int(number)):
            yield int(number)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks only: nothing is sent (POSIX kill, signal 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is there, and somebody else's
    return pid > 0


def _process_name(pid: int, proc: Path) -> str:
    try:
        return clean((proc / str(pid) / "comm").read_text(errors="replace").strip(), 40)
    except OSError:
        return ""


def group_name(gid: int) -> str:
    """Return a group's name, its number where it has none."""
    import grp  # noqa: PLC0415 - there is none on Windows

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def members_of(gid: int) -> tuple[str, ...]:
    """Return who is listed as a member of the group."""
    import grp  # noqa: PLC0415 - there is none on Windows

    try:
        return tuple(grp.getgrgid(gid).gr_mem)
    except KeyError:
        return ()


def user_name() -> str:
    """Return the name of who runs this, "" where the system knows none."""
    import pwd  # noqa: PLC0415 - there is none on Windows

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
