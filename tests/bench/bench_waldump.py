"""waldump beside pg_waldump of 18, over about PGTOOL_BENCH_WAL_MB megabytes of pgbench's WAL.

Whole commands are timed, start-up included: the text, and the statistics by record type
(both check every CRC).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pgtool.wal.walk import COMPILED
from tests import servers
from tests.bench import Result, median_times, runner

ROOT = Path(__file__).resolve().parent.parent.parent
MAJOR = 18
MEGABYTES = int(os.environ.get("PGTOOL_BENCH_WAL_MB", "300"))
CONF = {
    "wal_keep_size": "4GB", "max_wal_size": "4GB", "shared_buffers": "256MB",
    "synchronous_commit": "off",
}  # fmt: skip
ROUNDS = 5


def run() -> Iterator[Result]:
    """Text and statistics, with one and with two processes."""
    how = "compiled" if COMPILED else "plain Python"
    with servers.cluster(MAJOR, conf=CONF) as server:
        _fill(server)
        server.stop()
        segments = sorted(p for p in server.wal.iterdir() if len(p.name) == 24)
        written = [p for p in segments if _in_use(p)]
        span = [str(written[0]), written[-2].name]
        size = sum(p.stat().st_size for p in written[:-1]) >> 20
        for kind, options in (("text", []), ("--stats=record", ["--stats=record"])):
            real = runner([str(server.tool("pg_waldump")), *options, *span])
            for jobs in (1, 2):
                ours = runner(
                    [sys.executable, "-m", "pgtool", "waldump", "-j", str(jobs), *options, *span],
                    cwd=ROOT,
                )
                spent = median_times(real, ours, rounds=ROUNDS)
                yield Result(f"waldump {kind} -j {jobs}, {size} MB", *spent, note=how)


def _fill(server: servers.Server) -> None:
    where = ("-h", server.base, "-p", server.port, "-U", "postgres", "postgres")
    server.run_tool("pgbench", "-i", "-q", "-s", "10", *where)
    start = server.lsn()
    while True:
        server.run_tool("pgbench", "-c", "2", "-t", "20000", "-n", "-M", "prepared", *where)
        written = server.psql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{start}')::int8")
        if int(written) >> 20 >= MEGABYTES:
            return


def _in_use(segment: Path) -> bool:
    """Whether the file holds its own WAL, rather than waiting to be used (again)."""
    from pgtool.wal.source import segment_info

    try:
        segment_info(str(segment.parent), segment.name)
    except Exception:
        return False
    with open(segment, "rb") as file:
        address = int.from_bytes(file.read(16)[8:], "little")
    high, low = int(segment.name[8:16], 16), int(segment.name[16:], 16)
    return address == high << 32 | low * segment.stat().st_size
