"""Asks this machine's firewalls what they would do with a device's call back: read-only, bounded in time, nothing is sent.

Programs are taken from the system's own folders, never from PATH, with no input and no terminal, so that none can ask anything.
What a user may not read is a word of its own: unknown, and why.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from discover.model.outlook import CALLBACK_PORTS, FirewallWord, Outlook
from discover.net.firewall import fronts as firewall_fronts
from discover.net.firewall import iptables, nftables
from discover.net.firewall.packetfilter import ALL_PORTS, Flow, Question, Ruleset
from discover.net.gate import parse_address
from discover.text import clean

COMMAND_SECONDS: Final = 3.0
WINDOWS_SECONDS: Final = 8.0
"""PowerShell alone takes one to two seconds to start."""
KEEP_SECONDS: Final = 10.0
"""How long rules that were read count as those of now: many checks at once read them once."""
FOLDERS: Final = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/libexec/ApplicationFirewall")
POWERSHELL: Final = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
NFT_OPENING: Final = "sudo nft insert rule {chain} ip{six} saddr {{network}} tcp dport {{port}} accept"


class Printed(NamedTuple):
    """What a program printed; ``trouble`` is why it printed nothing of use, in words."""

    text: str
    trouble: str = ""


class Raw(NamedTuple):
    """Everything that was read, unparsed: programs by name, files by path. What is not there is not in it."""

    printed: Mapping[str, Printed]
    files: Mapping[str, str]
    system: str


ROOT_ONLY: Final = "only root may read its rules"
UFW_FILES: Final = ("/etc/ufw/ufw.conf", "/etc/default/ufw", "/etc/ufw/user.rules")
PF_FILE: Final = "/etc/pf.conf"


# Many checks at once ask about the same rules.
_nftables = functools.lru_cache(maxsize=2)(nftables.parse)
_iptables = functools.lru_cache(maxsize=4)(iptables.parse)


class FirewallReader:
    """Reads the rules at most every few seconds."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._raw: Raw | None = None
        self._until = 0.0

    async def words(self, address: str, outlook: Outlook, *, port: int = 0, host_port: int = 0) -> tuple[FirewallWord, ...]:
        """Return each firewall's word about the call back from a device and the answers from its UDP ``port`` (0: any)."""
        async with self._lock:
            if self._raw is None or time.monotonic() >= self._until:
                self._raw = await asyncio.to_thread(read)
                self._until = time.monotonic() + KEEP_SECONDS
            raw = self._raw
        asked = question(address, outlook, port=port, host_port=host_port)
        return await asyncio.to_thread(lambda: tuple(judge(raw, asked)))  # thousands of rules take a while


def question(address: str, outlook: Outlook, *, port: int = 0, host_port: int = 0) -> Question:
    """Return what the firewalls are asked about a device at ``address`` and its way back; pure."""
    source, dest = parse_address(address), parse_address(outlook.local)
    # A packet to an address of our own never leaves: the loopback interface carries it.
    interface = "lo" if source == dest and outlook.system == "linux" else outlook.interface
    first, last = CALLBACK_PORTS
    call = Flow(protocol="tcp", source=source, dest=dest, dport=(first, last), interface=interface)
    reply = replace(call, protocol="udp", sport=(port, port) if port else ALL_PORTS, dport=(1024, 65_535), state="established")
    return Question(call=call, reply=reply, first=min(first, host_port or first), last=max(last, host_port))


def read() -> Raw:
    """Read all there is; blocks for as long as the slowest program."""
    printed: dict[str, Printed] = {}
    files: dict[str, str] = {}
    commands: dict[str, tuple[list[str], float]] = {}
    if sys.platform == "linux":
        commands = {
            "nft": (["nft", "-j", "list", "ruleset"], COMMAND_SECONDS),
            "nft text": (["nft", "-a", "list", "ruleset"], COMMAND_SECONDS),
            "iptables": (["iptables-save"], COMMAND_SECONDS),
            "ip6tables": (["ip6tables-save"], COMMAND_SECONDS),
            "iptables-legacy": (["iptables-legacy-save"], COMMAND_SECONDS),
            "firewalld": (["firewall-cmd", "--list-all-zones"], COMMAND_SECONDS),
        }
        files = _files(UFW_FILES)
    elif sys.platform == "darwin":
        commands = {
            "alf": (["socketfilterfw", "--getglobalstate"], COMMAND_SECONDS),
            "alf block": (["socketfilterfw", "--getblockall"], COMMAND_SECONDS),
            "pf": (["pfctl", "-sr"], COMMAND_SECONDS),
            "pf info": (["pfctl", "-si"], COMMAND_SECONDS),
        }
        files = _files((PF_FILE,))
    elif sys.platform == "win32":
        from discover.net.firewall.windows import SCRIPT  # noqa: PLC0415 - Windows' alone

        commands = {"windows": ([POWERSHELL, "-NoProfile", "-NonInteractive", "-Command", SCRIPT], WINDOWS_SECONDS)}
    running = {name: started for name, (argv, _) in commands.items() if (started := _start(argv)) is not None}
    deadline = time.monotonic()
    for name, process in running.items():
        printed[name] = _finish(process, deadline + commands[name][1])
    return Raw(printed, files, sys.platform)


def _files(paths: Iterable[str]) -> dict[str, str]:
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):  # not there, or not for this user
            found[path] = Path(path).read_text(encoding="utf-8", errors="replace")
    return found


def _start(argv: list[str]) -> subprocess.Popen[str] | None:
    """Start a program of the system's folders; None where it is not there."""
    program = next((path for folder in FOLDERS if os.access(path := f"{folder}/{argv[0]}", os.X_OK)), None)
    if Path(argv[0]).is_absolute() or sys.platform == "win32":
        program = argv[0] if Path(argv[0]).exists() else None
    if program is None:
        return None
    try:
        return subprocess.Popen(  # noqa: S603 - fixed words, a program of the system
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C", "PATH": ":".join(FOLDERS)} if sys.platform != "win32" else None,
        )
    except OSError:
        return None


def _finish(process: subprocess.Popen[str], deadline: float) -> Printed:
    try:
        out, err = process.communicate(timeout=max(0.05, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Printed("", "it did not answer in time")
    if process.returncode == 0:
        return Printed(out)
    if "permitted" in err or "denied" in err or "root" in err or "Authorization" in err:
        is_root = getattr(os, "geteuid", lambda: 1)() == 0
        return Printed("", "this container does not let its root read the rules" if is_root else ROOT_ONLY)
    return Printed("", clean(next(iter(err.splitlines()), "") or f"it ended with {process.returncode}", 200))


def judge(raw: Raw, asked: Question) -> Iterator[FirewallWord]:
    """Yield the word of each firewall that is there; pure."""
    if raw.system == "darwin":
        yield from _macos(raw, asked)
    elif raw.system == "win32":
        if "windows" in raw.printed:
            from discover.net.firewall.windows import windows  # noqa: PLC0415 - Windows' alone

            yield from _there(windows(asked, raw.printed["windows"].text))
    else:
        yield from _linux(raw, asked)


def _there(word: FirewallWord | None) -> Iterator[FirewallWord]:
    if word is not None:
        yield word


def _linux(raw: Raw, asked: Question) -> Iterator[FirewallWord]:
    six = isinstance(asked.call.source, ipaddress.IPv6Address)
    save = raw.printed.get("ip6tables" if six else "iptables")
    saved = _iptables(save.text, 6 if six else 4) if save is not None and not save.trouble else None
    through_nft = saved is not None and save is not None and "nf_tables" in save.text.split("\n", 1)[0]
    nft = raw.printed.get("nft")
    if nft is not None:
        listing = raw.printed.get("nft text", Printed(""))
        # What iptables keeps in nftables is told better by iptables-save: nft's JSON names its extensions without their words.
        rules = None if nft.trouble else _nftables(nft.text, listing.text, without_compat=through_nft)
        if rules is None:
            yield asked.unreadable("nftables", nft.trouble or "its rules could not be read")
        elif rules.bases:
            yield _nft_word(asked, rules, six=six)
    if saved is not None and _has_rules(saved):
        word = asked.word("iptables", saved, opening=_six(firewall_fronts.IPTABLES_OPENING, six=six))
        yield replace(word, reply_opening=_six(firewall_fronts.IPTABLES_ANSWERS, six=six))
    elif save is not None and save.trouble and nft is None:
        yield asked.unreadable("iptables", save.trouble)
    legacy = raw.printed.get("iptables-legacy")
    if through_nft and not six and legacy is not None and not legacy.trouble:
        old = _iptables(legacy.text)
        if old is not None and _has_rules(old):
            yield asked.word("iptables-legacy", old, opening=firewall_fronts.IPTABLES_OPENING.replace("iptables", "iptables-legacy"))
    if UFW_FILES[0] in raw.files:
        conf, defaults, user = (raw.files.get(path) for path in UFW_FILES)
        yield from _there(firewall_fronts.ufw(asked, conf or "", defaults or "", user))
    firewalld = raw.printed.get("firewalld")
    if firewalld is not None and not firewalld.trouble:
        yield from _there(firewall_fronts.firewalld(asked, firewalld.text))
    elif firewalld is not None and firewalld.trouble == ROOT_ONLY:
        yield asked.unreadable("firewalld", f"firewalld is on; {firewalld.trouble}", front=True)


def _has_rules(rules: Ruleset) -> bool:
    return any(rules.chains.values()) or any(base.policy.value != "accept" for base in rules.bases)


def _six(text: str, *, six: bool) -> str:
    return text.replace("iptables", "ip6tables") if six else text


def _nft_word(asked: Question, rules: Ruleset, *, six: bool) -> FirewallWord:
    """Return nftables' word, with the chain that decides named in the command that opens it."""
    found = asked.word("nftables", rules)
    closed = next((span for span in found.spans if span.ruling.value in ("dropped", "rejected")), None)
    chain = closed.base if closed is not None and closed.base else next(base.title for base in rules.bases)
    answers = f"sudo nft insert rule {chain} ct state established,related accept"
    return replace(found, opening=NFT_OPENING.format(chain=chain, six="6" if six else ""), reply_opening=answers)


def _macos(raw: Raw, asked: Question) -> Iterator[FirewallWord]:
    from discover.net.firewall import macos as macos_firewall  # noqa: PLC0415 - macOS' alone

    state = raw.printed.get("alf", Printed(""))
    yield from _there(macos_firewall.application_firewall(asked, state.text, raw.printed.get("alf block", Printed("")).text))
    rules, info = raw.printed.get("pf"), raw.printed.get("pf info")
    if rules is None or info is None:
        return
    if rules.trouble or info.trouble:
        # Root alone may ask pf; its configuration, which anybody may read, has no rule of its own by default.
        if macos_firewall.pf(asked, raw.files.get(PF_FILE, "")) is not None:
            yield asked.unreadable("pf", ROOT_ONLY, opening=macos_firewall.PF_OPENING)
    elif "Status: Enabled" in info.text:
        yield from _there(macos_firewall.pf(asked, rules.text))
