"""Starting lean: asyncio without OpenSSL, and nobody else any the worse for it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from discover.lean import import_asyncio, lean_process
import_asyncio()
print("_ssl" in sys.modules, "ssl" in sys.modules)
import asyncio
async def served():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\\n")
        said = await reader.readline()
        writer.close()
        return said
print(asyncio.run(served()))
import ssl
print(ssl.create_default_context().check_hostname)
lean_process()
import_asyncio()
"""


def test_asyncio_works_without_tls_and_ssl_can_be_had_later() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["False False", "b'hello\\n'", "True"]
    assert not done.stderr


def test_a_scan_loads_no_openssl() -> None:
    code = "import sys\nfrom tui.cli.main import cli\ncli.get_command(None, 'scan')\nprint('asyncio' in sys.modules, '_ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "False"]


GARBAGE = """
import gc
from discover.lean import lean_process, settle_down
rounds = []
gc.callbacks.append(lambda phase, info: rounds.append(phase))
lean_process()
import discover.engine, discover.net.real, tui.cli.scan, discover.atlas.loader
discover.atlas.loader.load_catalogue()
print(len(rounds))
settle_down()
class Knot:
    untied = 0
    def __init__(self):
        self.itself = self
    def __del__(self):
        Knot.untied += 1
for _ in range(40_000):
    Knot()
print(Knot.untied > 0)
"""


def test_nobody_looks_for_garbage_while_a_scan_starts_but_who_stays_does() -> None:
    done = subprocess.run([sys.executable, "-c", GARBAGE], capture_output=True, text=True, check=True, timeout=60)
    started, collected = done.stdout.splitlines()
    assert started == "0"
    assert collected == "True"
