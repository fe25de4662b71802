"""Descriptions where there is no pg_waldump to ask: the server says them itself.

A standby that replays WAL names, in the context of every message, the record in hand:
resource manager, record type, description. At debug level there is a message for each
record that has a transaction. The server words times its own way, so ours are put so too.
"""

from __future__ import annotations

import datetime
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from pgtool.wal import rmgr
from pgtool.wal.desc import xact, xlog
from tests import rmgr_workload
from tests.conftest import need
from tests.servers import Server, ToolError, cluster
from tests.test_rmgr_cluster import records

MAJOR = 14
WAIT_S = 60
_CONTEXT = re.compile(r"CONTEXT:  WAL redo at (\S+) for (.*)")
#: Record types with a transaction that the workload makes, of each manager tested here.
EXPECTED = {
    ("Transaction", "COMMIT"), ("Transaction", "PREPARE"), ("Transaction", "ABORT"),
    ("Transaction", "COMMIT_PREPARED"), ("Transaction", "ABORT_PREPARED"),
    ("Transaction", "INVALIDATION"), ("Storage", "CREATE"), ("Database", "CREATE"),
    ("Tablespace", "CREATE"), ("MultiXact", "CREATE_ID"), ("Standby", "LOCK"),
    ("Heap", "INSERT"), ("Btree", "INSERT_LEAF"), ("Sequence", "LOG"), ("RelMap", "UPDATE"),
}  # fmt: skip

pytestmark = pytest.mark.server


def server_time(microseconds: int) -> str:
    """A time as the server shows it under timezone = UTC."""
    moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(microseconds=microseconds)
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{text}{fraction}+00"


def replayed(server: Server) -> tuple[list[Path], dict[str, str]]:
    """Segments of the workload, and LSN → what a standby called the record there."""
    server.stop()
    before = server.base / "before"
    shutil.copytree(server.data, before)
    server.start()
    rmgr_workload.online(server)
    server.psql("CHECKPOINT")
    end = server.lsn()
    server.psql("SELECT pg_switch_wal()")
    server.stop()
    kept = server.base / "kept"
    shutil.copytree(server.wal, kept)
    for path in (server.base / "ts1").iterdir():
        shutil.rmtree(path)
    shutil.rmtree(server.data)
    before.rename(server.data)
    for path in (server.data, kept, *server.data.rglob("*"), *kept.iterdir()):
        rmgr_workload.give(path)
    server.configure({"restore_command": f"cp {kept}/%f %p", "log_min_messages": "debug5",
                      "max_connections": 60, "max_prepared_transactions": 20})  # fmt: skip
    (server.data / "standby.signal").touch()
    server.log.write_bytes(b"")
    rmgr_workload.give(server.data / "standby.signal")
    server.start()
    ask = f"SELECT pg_last_wal_replay_lsn() >= '{end}'"
    limit = time.monotonic() + WAIT_S
    while server.psql(ask).strip() != "t":
        if time.monotonic() > limit:
            raise ToolError("the standby does not get on")
        time.sleep(0.2)
    server.stop()
    log = server.log.read_text(errors="surrogateescape")
    return (
        sorted(path for path in kept.iterdir() if len(path.name) == 24),
        {m[1]: m[2] for m in _CONTEXT.finditer(log)},
    )


def test_the_server_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    need(MAJOR)
    for module in (xact, xlog):
        monkeypatch.setattr(module, "timestamptz", server_time)
    seen: Counter[tuple[str, str]] = Counter()
    with cluster(MAJOR, initdb_args=rmgr_workload.INITDB, conf=rmgr_workload.CONF) as server:
        segments, words = replayed(server)
        for rec in records(segments):
            said = words.get(str(rec.lsn))
            if said is None:
                continue
            found = rmgr.entry(rec.major, rec.rmid, rec.info)
            text = f"{found.rmgr.name}/{found.name}: {rmgr.describe(rec)}"
            assert text.rstrip() == said.partition("; blkref #")[0].rstrip()
            seen[(found.rmgr.name, found.name)] += 1
    assert set(seen) >= EXPECTED
