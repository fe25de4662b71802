"""Records of real clusters: pg_waldump's words, and layouts that give the same bytes back."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.wal.record import DecodedRecord
from pgtool.wal import rmgr
from pgtool.wal.desc import text
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentDirectory, WalReadError, segment_info
from tests import rmgr_workload
from tests.conftest import need
from tests.installs import MAJORS
from tests.servers import Server, cluster

#: Records of each type whose layouts are tried in full; all are compared as text.
SAMPLE = 40
#: What the workload cannot provoke: nothing in the server writes it.
NEVER = {("XLOG", "NOOP")}
NEEDS_BLOOM = {("Generic", "Generic")}
NEEDS_RESETWAL = {("CLOG", "TRUNCATE")}
MINE = {0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 17, 18, 19, 20, 21}
_LINE = re.compile(r"rmgr: (\S+) .*?, lsn: ([0-9A-F/]+), prev \S+, desc: (.*)")

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def wal(request: pytest.FixtureRequest) -> Iterator[tuple[Server, list[list[Path]]]]:
    """A cluster (stopped, for its tools) and runs of segments that it wrote."""
    major: int = request.param
    need(major)
    with cluster(major, initdb_args=rmgr_workload.INITDB, conf=rmgr_workload.CONF) as server:
        yield server, rmgr_workload.run(server)


def records(run: list[Path]) -> Iterator[DecodedRecord]:
    info = segment_info(str(run[0].parent), run[0].name)
    size = info.segment_size
    source = SegmentDirectory(str(run[0].parent), info, int(run[0].name[:8], 16))
    reader = WalReader(source)
    first = int(run[0].name[8:16], 16) * (0x100000000 // size) + int(run[0].name[16:], 16)
    assert reader.find_next(first * size) is not None
    with contextlib.suppress(WalReadError), contextlib.closing(source):
        while (rec := reader.read()) is not None:
            yield rec


def waldump(server: Server, run: list[Path]) -> dict[str, tuple[str, str]]:
    """LSN → (resource manager, name and description with block references)."""
    out = server.run_tool(
        "pg_waldump", "-p", run[0].parent, run[0].name, run[-1].name, check=False
    ).decode("utf-8", "surrogateescape")
    return {m[2]: (m[1], m[3]) for line in out.split("\n") if (m := _LINE.match(line))}


@contextlib.contextmanager
def time_zone(name: str) -> Iterator[None]:
    """This process in another zone, and back."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", name)
            time.tzset()
            text._second.cache_clear()
            yield
    finally:
        time.tzset()
        text._second.cache_clear()


def test_cluster(wal: tuple[Server, list[list[Path]]]) -> None:
    with time_zone("UTC"):
        compare(*wal)


def compare(server: Server, runs: list[list[Path]]) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for run in runs:
        lines = waldump(server, run) if server.has_tool("pg_waldump") else None
        count = 0
        for rec in records(run):
            count += 1
            found = rmgr.entry(rec.major, rec.rmid, rec.info)
            key = (found.rmgr.name, found.name)
            seen[key] += 1
            if lines is not None:
                lsn = f"{rec.lsn >> 32:X}/{rec.lsn & 0xFFFFFFFF:08X}"
                manager, shown = lines[lsn]
                words = f"{rmgr.identify(rec)} {rmgr.describe(rec)}"
                assert manager == found.rmgr.name
                assert shown.partition(", blkref #")[0] == words
            elif seen[key] <= SAMPLE:
                assert not rmgr.describe(rec).startswith("UNKNOWN")
            if seen[key] <= SAMPLE:
                check_layouts(rec)
        assert lines is None or count == len(lines)
    assert missing(server, set(seen)) == set()


def check_layouts(rec: DecodedRecord) -> None:
    main = rmgr.parse_main(rec)
    assert main.rest == b""
    assert rmgr.build_main(rec, main) == rec.main
    kind = rmgr.record_type(rec)
    for block_id, data in rmgr.parse_blocks(rec, main).items():
        layout = kind.blocks[block_id][rec.major]
        ref = rec.block(block_id)
        assert ref is not None
        assert layout.build(data, **rmgr.block_params(rec, main, block_id)) == ref.data
    json.dumps(rmgr.fields(rec))


def missing(server: Server, seen: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Record types of the resource managers tested here that did not occur."""
    want = {
        (manager.name, kind.name)
        for manager in rmgr.RMGRS
        if manager.id in MINE
        for kind in manager.records
        if kind.known_in(server.major)
    }
    exempt = set(NEVER)
    if "bloom" not in server.install.contrib:
        exempt |= NEEDS_BLOOM
    if not server.has_tool("pg_resetwal"):
        exempt |= NEEDS_RESETWAL
    return want - exempt - seen


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "XYZ-3:30"])
def test_time_zone(
    wal: tuple[Server, list[list[Path]]], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times read as the real tool prints them in the zone that TZ names."""
    server, runs = wal
    if not server.has_tool("pg_waldump"):
        pytest.skip("no pg_waldump of this major here")
    monkeypatch.setattr(
        type(server.install), "env", lambda self: {"TZ": zone, "LC_ALL": "C", "PATH": ""}
    )
    run = runs[0][:6]
    lines = waldump(server, run)
    with time_zone(zone):
        for rec in records(run):
            lsn = f"{rec.lsn >> 32:X}/{rec.lsn & 0xFFFFFFFF:08X}"
            if lsn not in lines:
                break
            if rec.rmid == 1:
                assert lines[lsn][1] == f"{rmgr.identify(rec)} {rmgr.describe(rec)}"
