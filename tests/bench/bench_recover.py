"""Crash recovery beside the server of 18: pgbench, and index-heavy work.

What is compared is the replay: the server's own "redo done … elapsed" in its log with the
seconds that pgtool's replay takes over a copy of the same directory, in the same run. Beside
it stand whole commands: ``pgtool recover`` with its syncs, and the time from the command to
the first row of a crashed directory that is read over the overlay.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pgtool.transam.recovery.fast import is_compiled
from tests import servers
from tests.bench import Result

ROOT = Path(__file__).resolve().parent.parent.parent
MAJOR = 18
TRANSACTIONS = int(os.environ.get("PGTOOL_BENCH_TRANSACTIONS", "208000"))
ROWS = int(os.environ.get("PGTOOL_BENCH_ROWS", "150000"))
CONF = {"max_wal_size": "8GB", "shared_buffers": "512MB"}
INDEXED = """
CREATE TABLE ix(id int, t text, n numeric, u uuid, ts timestamptz, p point, a int[]);
CREATE INDEX ON ix(id); CREATE INDEX ON ix(t); CREATE INDEX ON ix(u); CREATE INDEX ON ix(ts, n);
CREATE INDEX ON ix((id % 100)); CREATE INDEX ON ix USING hash(id);
CREATE INDEX ON ix USING gist(p); CREATE INDEX ON ix USING gin(a);
CREATE INDEX ON ix USING brin(id); CHECKPOINT"""
FILL = """INSERT INTO ix SELECT (random() * 1e6)::int, md5(random()::text), random(),
    gen_random_uuid(), now() + random() * interval '1 year',
    point(random() * 1000, random() * 1000), ARRAY[g % 50, (random() * 1000)::int]
    FROM generate_series(1, {rows}) g;
    UPDATE ix SET n = n + 1 WHERE id % 20 = {turn}"""
_ELAPSED = re.compile(r"redo done at .* elapsed: ([\d.]+) s")


def run() -> Iterator[Result]:
    """Replay of each workload, then whole commands on the first."""
    how = "compiled" if is_compiled() else "plain Python"
    for name, work, row in (
        ("pgbench", _pgbench, "select bbalance from pgbench_branches limit 1"),
        ("indexes", _indexes, "select n from ix limit 1"),
    ):
        with servers.cluster(MAJOR, initdb_args=["--data-checksums"], conf=CONF) as server:
            work(server)
            server.kill9()
            copy, second = server.base / "copy", server.base / "second"
            for path in (copy, second):
                subprocess.run(["cp", "-a", str(server.data), str(path)], check=True)
            first = _timed("query", "-D", str(copy), "-d", "postgres", row)[0]
            began = time.perf_counter()
            server.start(log_min_messages="log")
            started = time.perf_counter() - began
            real = float(_ELAPSED.findall(server.log.read_text())[-1])
            os.sync()
            whole, said = _timed("recover", "-D", str(copy))
            found = re.search(r"(\d+) records, ([\d,]+)/s", said)
            assert found is not None, said
            records, rate = int(found[1]), int(found[2].replace(",", ""))
            yield Result(f"redo of {name}, {records} records", real, records / rate, how)
            yield Result(f"{name}: server's start, pgtool recover", started, whole, "with syncs")
            os.sync()
            shared = _timed("recover", "-D", str(second), "-j", "2")[0]
            yield Result(f"{name}: pgtool recover, the same with -j 2", whole, shared)
            yield Result(f"{name}: start, first row over the overlay", started, first)
            shutil.rmtree(copy)
            shutil.rmtree(second)


def _timed(*argv: str) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", *argv], capture_output=True, text=True, check=True,
        cwd=ROOT,
    )  # fmt: skip
    return time.perf_counter() - began, done.stderr


def _pgbench(server: servers.Server) -> None:
    where = ("-h", server.base, "-p", server.port, "-U", "postgres", "postgres")
    server.run_tool("pgbench", "-i", "-q", "-s", "20", *where)
    server.psql("VACUUM; CHECKPOINT")
    server.run_tool("pgbench", "-n", "-c", "8", "-j", "2", "-t", TRANSACTIONS // 8, *where)


def _indexes(server: servers.Server) -> None:
    server.psql(INDEXED.replace("; CHECKPOINT", ""))
    server.psql("CHECKPOINT")
    for turn in range(10):
        server.psql(FILL.format(rows=ROWS // 10, turn=turn))
    server.psql("DELETE FROM ix WHERE id % 7 = 0")
    server.psql("VACUUM ix")
