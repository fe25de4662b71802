"""export beside the real server's COPY, serial and with both processors.

The server runs and answers COPY … TO a file that nobody reads; pgtool reads the same files
after a checkpoint (nothing is changed meanwhile) and writes to the same place. The call is
timed, then the whole command, start-up included.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pgtool.catalog.cluster import Cluster
from pgtool.catalog.names import find_relation
from pgtool.commands.copy.export import Exporter, Options
from pgtool.storage import spans
from tests import servers
from tests.bench import Result, median_times, runner

ROOT = Path(__file__).resolve().parent.parent.parent
MAJOR = 18
SCALE = int(os.environ.get("PGTOOL_BENCH_SCALE", "20"))
WIDE_ROWS = int(os.environ.get("PGTOOL_BENCH_ROWS", "500000"))
COPY = {"copy": "text", "csv": "csv", "binary": "binary"}
WIDE = """
create table wide as select g as id, g::bigint * 1000003 as big, g * 0.37::float8 as f,
  timestamptz '2020-01-01 00:00+00' + g * interval '13.7 sec' as tsz,
  case when g % 10 <> 0 then 'text value ' || g || repeat('x', g % 30) end as t,
  (g * 1.25)::numeric(12,2) as n, g % 3 = 0 as b, md5(g::text)::uuid as u
  {jsonb} from generate_series(1, {rows}) g
"""
JSONB = """, jsonb_build_object('id', g, 'name', 'n' || g, 'tags',
  jsonb_build_array(g % 5, g % 7, 't'), 'v', g * 0.5) as j"""


def run() -> Iterator[Result]:
    """One line for each table and format."""
    how = "compiled" if spans.COMPILED else "numpy"
    conf = {"shared_buffers": "1GB", "max_parallel_workers_per_gather": 0, "jit": "off"}
    with servers.cluster(MAJOR, conf=conf) as server:
        server.run_tool(
            "pgbench", "-i", "-q", "-s", SCALE, "-h", server.base, "-p", server.port,
            "-U", "postgres", "postgres",
        )  # fmt: skip
        server.psql(WIDE.format(jsonb="", rows=WIDE_ROWS))
        server.psql(WIDE.replace("wide", "wide_jsonb").format(jsonb=JSONB, rows=WIDE_ROWS))
        server.psql("vacuum analyze")
        server.psql("checkpoint")
        connection = server.connect()
        database = Cluster(str(server.data), inconsistent=True).database("postgres")
        for table in ("pgbench_accounts", "wide", "wide_jsonb"):
            relation = database.relation(find_relation(database, table).oid)
            for fmt, name in COPY.items():
                exporter = Exporter(database, Options(fmt=fmt))
                real = _real(connection, table, name)
                yield Result(
                    f"COPY {table} ({name})",
                    *median_times(real, lambda e=exporter, r=relation: _ours(e, r), rounds=5),  # type: ignore[misc]
                    note=how,
                )
        yield from _commands(server, connection, how)
        connection.close()


def _commands(server: servers.Server, connection: object, how: str) -> Iterator[Result]:
    for jobs in (1, 2):
        argv = [
            sys.executable, "-m", "pgtool", "export", "-D", str(server.data), "--inconsistent",
            "-q", "-d", "postgres", "-t", "pgbench_accounts", "-j", str(jobs),
            "-o", str(server.base / "out"),
        ]  # fmt: skip
        yield Result(
            f"  accounts as a command, to a file, -j {jobs}",
            *median_times(
                _real(connection, "pgbench_accounts", "text", str(server.base / "real")),
                runner(argv, cwd=ROOT), rounds=3,
            ),
            note=how,
        )  # fmt: skip


def _real(connection: object, table: str, fmt: str, path: str = "/dev/null") -> Callable[[], None]:
    def copy() -> None:
        connection.execute(f"copy {table} to '{path}' with (format {fmt})")  # type: ignore[attr-defined]

    return copy


def _ours(exporter: Exporter, relation: object) -> None:
    with open(os.devnull, "wb", buffering=0) as out:
        exporter.run(relation, out)  # type: ignore[arg-type]
