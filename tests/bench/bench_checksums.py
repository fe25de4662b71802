"""checksums beside pg_checksums of 18, over a cluster of about PGTOOL_BENCH_MB megabytes.

Whole commands are timed, start-up included, and, apart from them, the verification alone
(as a library call, modules already imported).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pgtool.storage import fnv
from tests import servers
from tests.bench import Result, median_times, runner

ROOT = Path(__file__).resolve().parent.parent.parent
MAJOR = 18
MEGABYTES = int(os.environ.get("PGTOOL_BENCH_MB", "1500"))
ROWS_PER_MEGABYTE = 7300


def run() -> Iterator[Result]:
    """One line for each number of jobs."""
    how = "compiled" if fnv.COMPILED else "numpy"
    conf = {"max_wal_size": "200MB", "wal_level": "minimal", "max_wal_senders": 0}
    with servers.cluster(MAJOR, initdb_args=["--data-checksums"], conf=conf) as server:
        server.psql(
            "CREATE TABLE filler AS SELECT g AS a, repeat('x', 100) AS b "
            f"FROM generate_series(1, {MEGABYTES * ROWS_PER_MEGABYTE}) g"
        )
        server.stop()
        blocks = _blocks(server.data)
        real = runner([str(server.tool("pg_checksums")), "-D", str(server.data)])
        for jobs in (1, 2):
            ours = runner(
                [sys.executable, "-m", "pgtool", "checksums", "-D", str(server.data), "-j",
                 str(jobs)],
                cwd=ROOT,
            )  # fmt: skip
            spent = median_times(real, ours)
            yield Result(f"checksums -j {jobs}, {blocks * 8 // 1024} MB", *spent, note=how)
        for jobs in (1, 2):
            spent = median_times(real, lambda n=jobs: _verify(server.data, n))  # type: ignore[misc]
            yield Result(f"  the same without start-up, -j {jobs}", *spent, note=how)


def _blocks(data: Path) -> int:
    from pgtool.inspect import checksums

    major, control = checksums.check_cluster(str(data))
    files = checksums.list_files(str(data), major, control.relseg_size, None)
    return sum(file.pages for file in files)


def _verify(data: Path, jobs: int) -> None:
    from pgtool.inspect import checksums

    major, control = checksums.check_cluster(str(data))
    files = checksums.list_files(str(data), major, control.relseg_size, None)
    for _ in checksums.verify(files, jobs):
        pass
    assert not any(file.bad for file in files)
