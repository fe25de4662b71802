"""Maintenance beside the server of 18: VACUUM, FREEZE, FULL, ANALYZE, checksums.

Statements are timed alone, each on a fresh copy of the directory, by turns: the server's in
a running server, ours in a running instance; both flush their WAL, neither's final
checkpoint counts. PGTOOL_BENCH_ROWS rows (2 million) lie in each of two tables: one of which a
third is dead, with a primary key, and one just filled.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests import servers
from tests.bench import Result

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = int(os.environ.get("PGTOOL_BENCH_ROWS", "2000000"))
ROUNDS = int(os.environ.get("PGTOOL_BENCH_ROUNDS", "3"))
TABLE = "(aid int NOT NULL, bid int, abalance int, filler char(84))"
FILL = f"SELECT g, g % 20 + 1, 0, '' FROM generate_series(1, {ROWS}) g"
SETUP = f"""
CREATE TABLE acc {TABLE}; INSERT INTO acc {FILL}; ALTER TABLE acc ADD PRIMARY KEY (aid);
VACUUM ANALYZE acc; DELETE FROM acc WHERE aid % 3 = 0;
CREATE TABLE fresh {TABLE}; INSERT INTO fresh {FILL}; CHECKPOINT
"""
STATEMENTS = {
    "VACUUM, a third dead, one index": "VACUUM acc",
    "VACUUM FREEZE, fresh rows": "VACUUM (FREEZE) fresh",
    "VACUUM FULL, one index": "VACUUM FULL acc",
    "ANALYZE": "ANALYZE acc",
}
CONF = {"shared_buffers": "128MB", "max_wal_size": "4GB", "fsync": "on", "autovacuum": "off"}
OURS = """
import sys, time
from pgtool.cli.maintenance import engine_on, opened, writing
cluster = opened(sys.argv[1], 0)
with writing(cluster, 0), engine_on(cluster.root, "postgres", {}) as engine:
    list(engine.run("VACUUM pg_am"))
    begin, spent = time.perf_counter(), time.process_time()
    list(engine.run(sys.argv[2]))
    print(time.perf_counter() - begin, time.process_time() - spent)
"""


def run() -> Iterator[Result]:
    """One line a statement, then checksums."""
    with servers.cluster(18, initdb_args=["--no-data-checksums"], conf=CONF) as server:
        server.psql(SETUP)
        server.stop()
        kept = server.base / "kept"
        server.data.rename(kept)
        enable = ["--enable", "-D", str(server.data)]
        real, ours = [], []
        for _ in range(ROUNDS):
            _copy(kept, server.data)
            real.append(_timed([str(server.tool("pg_checksums")), *enable]))
            _copy(kept, server.data)
            ours.append(_timed([sys.executable, "-m", "pgtool", "checksums", *enable]))
        yield Result("checksums --enable", statistics.median(real), statistics.median(ours))
        server.run_tool("pg_checksums", "--enable", "-D", server.data, check=False)
        shutil.rmtree(kept)
        server.data.rename(kept)
        for what, statement in STATEMENTS.items():
            yield _statement(server, kept, what, statement)


def _statement(server: servers.Server, kept: Path, what: str, statement: str) -> Result:
    real, ours = list[float](), list[float]()
    theirs, mine = list[float](), list[float]()
    for _ in range(ROUNDS):
        _copy(kept, server.data)
        server.start()
        with server.connect() as connection:
            connection.execute("VACUUM pg_am")
            begin, spent = time.perf_counter(), _processor_time(server)
            connection.execute(statement)
            real.append(time.perf_counter() - begin)
            theirs.append(_processor_time(server) - spent)
        server.stop()
        _copy(kept, server.data)
        done = subprocess.run(
            [sys.executable, "-c", OURS, str(server.data), statement], cwd=ROOT, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        wall, cpu = map(float, done.stdout.split())
        ours.append(wall)
        mine.append(cpu)
    cpus = statistics.median(theirs), statistics.median(mine)
    note = f"CPU {cpus[0]:.2f} s, {cpus[1]:.2f} s: {cpus[1] / cpus[0]:.2f}"
    return Result(f"{what}, {ROWS} rows", statistics.median(real), statistics.median(ours), note)


def _processor_time(server: servers.Server) -> float:
    """Seconds that all processes of a server have computed, those that ended too."""
    postmaster = server.pid()
    assert postmaster is not None
    ticks = 0
    for pid in (postmaster, *servers.children(postmaster)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["rm", "-rf", str(target)], check=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    os.sync()


def _timed(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin
