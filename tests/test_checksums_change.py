"""``pgtool checksums --enable`` and ``--disable``, checked by pg_checksums and the server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installs import available
from tests.servers import cluster

ROOT = Path(__file__).resolve().parent.parent


def _checksums(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pgtool", "checksums", *map(str, args)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


def _words(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("pg")]


@pytest.mark.parametrize("major", [m for m in (15, 18) if m in available()])
def test_enable_and_disable(major: int) -> None:
    args = ["--no-data-checksums"] if major >= 18 else []
    with cluster(major, initdb_args=args) as server:
        server.psql("CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 3000) g")
        assert "must be shut down" in _checksums("--enable", "-D", server.data).stderr
        server.stop()
        mode = os.stat(server.data / "global/pg_control").st_mode
        twin = server.base / "twin"
        subprocess.run(["cp", "-a", str(server.data), str(twin)], check=True)
        counted = _checksums("--enable", "-n", "-D", server.data)
        assert "Files written" in counted.stdout
        assert "not enabled" in _checksums("-D", server.data).stderr
        done = _checksums("--enable", "-j", "2", "-D", server.data)
        assert done.returncode == 0, done.stderr
        wanted = server.run_tool("pg_checksums", "--enable", "-D", twin).decode()
        assert _words(done.stdout) == _words(wanted)
        assert "already enabled" in _checksums("--enable", "-D", server.data).stderr
        server.run_tool("pg_checksums", "--check", "-D", server.data)
        assert os.stat(server.data / "global/pg_control").st_mode == mode
        assert not (server.data / "postmaster.pid").exists()
        server.start()
        assert server.psql("SELECT count(*) FROM t").strip() == "3000"
        assert server.psql("SHOW data_checksums").strip() == "on"
        server.stop()
        off = _checksums("--disable", "-D", server.data)
        assert off.stdout == "Checksums disabled in cluster\n"
        server.start()
        assert server.psql("SHOW data_checksums").strip() == "off"


@pytest.mark.skipif(18 not in available(), reason="no PostgreSQL 18 here")
def test_what_was_done_is_not_done_again() -> None:
    with cluster(18, initdb_args=["--no-data-checksums"]) as server:
        server.psql("CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 300) g")
        server.stop()
        control = (server.data / "global/pg_control").read_bytes()
        assert _checksums("--enable", "-D", server.data).returncode == 0
        # As if it had been killed just before it changed pg_control.
        (server.data / "global/pg_control").write_bytes(control)
        again = _checksums("--enable", "-D", server.data)
        assert "Blocks written: 0\n" in again.stdout
        server.run_tool("pg_checksums", "--check", "-D", server.data)
