"""PostgreSQL 14's words for its records, from its own server, as there is no pg_waldump of 14.

A server that replays a record of a page which is not there says so (at debug level), and
names the record in pg_waldump's words. So half of each script runs, a checkpoint, the other
half; then the server crashes, the relations' files vanish, and it replays.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from pgtool.wal import rmgr
from tests import test_rmgr_heap, test_rmgr_index
from tests.conftest import need
from tests.servers import Server, ToolError, cluster
from tests.test_rmgr_cluster import records

pytestmark = pytest.mark.server

MAJOR = 14
FIRST_NORMAL_OID = 16384
SCRIPTS = {
    **test_rmgr_index.SCRIPTS,
    "heap": test_rmgr_heap.ROWS + test_rmgr_heap.IDENTITY + test_rmgr_heap.MANY,
}
_REDO = re.compile(r"CONTEXT:  WAL redo at (\w+)/(\w+) for ([^/]+/[^:]+): (.*)$")


def halves(script: str, part: float) -> tuple[str, str]:
    """The script cut between two statements, not inside a block or a transaction."""
    statements = re.split(r"(?<=;)\n", script)
    for cut in range(int(len(statements) * part), len(statements)):
        head = "\n".join(statements[:cut])
        if head.count("$$") % 2 == 0 and head.count("BEGIN;") == head.count("COMMIT;"):
            return head, "\n".join(statements[cut:])
    return script, ""


def crash(server: Server, part: float) -> None:
    later = {}
    for name, script in SCRIPTS.items():
        head, later[name] = halves(test_rmgr_index.shorter(script), part)
        server.psql(f"CREATE SCHEMA {name}; SET search_path = {name}; {head}")
    server.psql("CREATE SCHEMA locks; CHECKPOINT")
    for name, script in later.items():
        server.psql(f"SET search_path = {name}; {script}")
    test_rmgr_heap.several_at_once(server, "locks")
    server.stop("immediate")
    for file in list((server.data / "base").rglob("*")):
        number = re.match(r"\d+", file.name)
        if file.is_file() and number and int(number[0]) >= FIRST_NORMAL_OID:
            file.unlink()


def redo_words(server: Server) -> Iterator[tuple[int, str, str]]:
    """LSN, name and words of each record that the server named while it replayed."""
    for line in server.log.read_text(errors="replace").split("\n"):
        if found := _REDO.search(line):
            yield int(found[1], 16) << 32 | int(found[2], 16), found[3], found[4]


@pytest.mark.parametrize("part", [0.15, 0.45])
def test_words_of_14(part: float) -> None:
    need(MAJOR)
    with cluster(MAJOR, conf=test_rmgr_heap.CONF) as server:
        crash(server, part)
        written = {int(rec.lsn): rec for rec in records(server.segments())}
        with contextlib.suppress(ToolError):  # it may give up at the end: pages are missing
            server.start(log_min_messages="debug1")
        seen: Counter[str] = Counter()
        for lsn, name, words in redo_words(server):
            rec = written[lsn]
            seen[name] += 1
            assert name == f"{rmgr.rmgr_of(rec.rmid, MAJOR).name}/{rmgr.identify(rec)}"
            assert words.partition("; blkref #")[0] == rmgr.describe(rec)
    assert len(seen) >= 15
