"""`make quickstart`: its data directory is whole, and its script shows something of each kind."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures import ROOT
from tests.servers import Server

TREE = ROOT.parent
ARCHIVE = ROOT / "18" / "quickstart.tar.xz"


def unpack(where: Path) -> Path:
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(where, filter="fully_trusted")
    return where / "quickstart"


def test_script(tmp_path: Path) -> None:
    program = tmp_path / "pgtool"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{TREE}" exec "{sys.executable}" -m pgtool "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(["sh", TREE / "tests" / "quickstart.sh", program], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in ("Database cluster state:               shut down", "customer", "heap", "Btree",
                 "pd_lsn", "Bad checksums:  0"):
        assert part in done.stdout


def test_inspection_changes_no_file(tmp_path: Path) -> None:
    data = unpack(tmp_path)

    def state() -> dict[str, tuple[str, int, int]]:
        return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns,
                         p.stat().st_mode) for p in data.rglob("*") if p.is_file()}

    before = state()
    for args in (["controldata"], ["ls"], ["ls", "-d", "demo"], ["checksums", "--check"],
                 ["slru", "xact", "700-750"], ["relmap"],
                 ["pageinspect", "heap_page_items", "-d", "demo", "--relation", "customer",
                  "--block", "0"]):
        done = subprocess.run([sys.executable, "-m", "pgtool", *args, "-D", str(data)], cwd=TREE,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, (args, done.stderr)
    assert state() == before


@pytest.mark.server
def test_a_real_server_starts_on_it(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(18, start=False)
    settings = (server.data / "postgresql.conf").read_text()
    subprocess.run(["rm", "-rf", server.data], check=True)
    data = unpack(server.base)
    data.rename(server.data)
    (server.data / "postgresql.conf").write_text(settings)
    owner = server.base.stat()
    subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", server.data], check=True)
    server.data.chmod(0o700)
    server.start()
    assert server.psql("SELECT count(*), sum(amount) > 0 FROM purchase", "demo") == "990|t\n"
