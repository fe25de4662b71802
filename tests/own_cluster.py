"""Clusters that `pgtool initdb` made, with a real server on them.

    with own_cluster("--locale=C", "-E", "UTF8") as server:
        server.psql("select 1")
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.installs import NOBODY
from tests.servers import CONF, Server

ROOT = Path(__file__).resolve().parent.parent
MAJOR = 18


def initdb(*args: object, env: Mapping[str, str] | None = None,
           text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `pgtool initdb` with these arguments."""
    return subprocess.run(
        [sys.executable, "-m", "pgtool", "initdb", *map(str, args)], cwd=ROOT, text=True,
        capture_output=True, env={**os.environ, **(env or {})}, input=text)


@contextlib.contextmanager
def own_cluster(*args: str, conf: Mapping[str, object] | None = None,
                start: bool = True) -> Iterator[Server]:
    """A fresh cluster of ours in a directory of the user who runs servers."""
    server = Server(MAJOR)
    try:
        server.data.mkdir()
        if os.geteuid() == 0:
            os.chown(server.data, NOBODY, NOBODY)
        made = initdb("-D", server.data, "-U", "postgres", "-A", "trust", "--no-sync", *args)
        assert made.returncode == 0, made.stderr
        server.configure({**CONF, "unix_socket_directories": str(server.base),
                          "port": server.port, **(conf or {})})
        if start:
            server.start()
        yield server
    finally:
        server.close()
