"""Workloads whose WAL the waldump tests compare with the real pg_waldump."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import Server, ToolError

CONF: dict[str, object] = {
    "wal_keep_size": "1GB", "max_wal_size": "1GB", "max_prepared_transactions": 5,
    "checkpoint_timeout": "1h",
}  # fmt: skip

INDEXES = """
CREATE TABLE t(a int, b text, c int[], p point, d date);
CREATE INDEX ON t USING btree(a); CREATE INDEX ON t USING hash(a);
CREATE INDEX ON t USING gin(c); CREATE INDEX ON t USING gist(p);
CREATE INDEX ON t USING spgist(b); CREATE INDEX ON t USING brin(d);
INSERT INTO t SELECT i, md5(i::text), array[i, i % 10], point(i, -i), date '2020-01-01' + i
  FROM generate_series(1, 1500) i;
CHECKPOINT;
UPDATE t SET b = b || 'x' WHERE a % 7 = 0; DELETE FROM t WHERE a % 5 = 0; VACUUM t;
UPDATE t SET a = a WHERE a < 50; UPDATE t SET a = a WHERE a < 50; VACUUM FREEZE t;
INSERT INTO t SELECT i, 'y', array[i], point(i, i), date '2030-01-01'
  FROM generate_series(1, 300) i;
COPY t FROM PROGRAM 'seq -f "%g	z	{{1}}	(1,1)	2024-01-01" 200';
"""
TRANSACTIONS = """
BEGIN; INSERT INTO t(a) VALUES (1); SAVEPOINT s; INSERT INTO t(a) VALUES (2); ROLLBACK TO s;
INSERT INTO t(a) VALUES (3); COMMIT;
BEGIN; UPDATE t SET a = 0 WHERE a = 3; ROLLBACK;
BEGIN; INSERT INTO t(a) VALUES (4); PREPARE TRANSACTION 'p1'; COMMIT PREPARED 'p1';
BEGIN; INSERT INTO t(a) VALUES (5); PREPARE TRANSACTION 'p2'; ROLLBACK PREPARED 'p2';
SELECT pg_logical_emit_message(false, 'prefix', repeat('long', 20000));
SELECT pg_switch_wal();
CREATE TABLE wide(x text); ALTER TABLE wide ALTER x SET STORAGE EXTERNAL;
INSERT INTO wide SELECT repeat(md5(i::text), 400) FROM generate_series(1, 20) i;
SELECT count(*) FROM (SELECT * FROM t WHERE a < 30 FOR SHARE) x; TRUNCATE wide; DROP TABLE wide;
"""


@dataclass(frozen=True)
class Workload:
    """One cluster's life: how it is made, set and ended."""

    name: str
    segment_mb: int = 16
    conf: dict[str, object] = field(default_factory=dict)
    crash: bool = False
    pgbench: bool = False


#: pglz everywhere; lz4 and zstd where the server was built with them.
WORKLOADS = (
    Workload("plain", 16, {"wal_level": "replica"}, pgbench=True),
    Workload("small", 1, {"wal_level": "logical", "wal_compression": "pglz"}, crash=True),
    Workload("large", 64, {"wal_compression": "lz4", "wal_log_hints": "on"}),
    Workload("consistency", 1, {"wal_compression": "zstd", "wal_consistency_checking": "all"}),
)


def run(server: Server, workload: Workload) -> None:
    """Let the workload happen on a fresh, stopped cluster; it is stopped or dead afterwards."""
    method = workload.conf.get("wal_compression")
    if method is not None and server.major < 15:
        server.configure({"wal_compression": "on"})
    try:
        server.start()
    except ToolError:  # not built with that method
        server.configure({"wal_compression": "pglz"})
        server.start()
    server.psql(INDEXES.replace("{{1}}", "{1}"))
    server.psql(TRANSACTIONS)
    if workload.pgbench and server.has_tool("pgbench"):
        where = ("-h", server.base, "-p", server.port, "-U", "postgres", "postgres")
        server.run_tool("pgbench", "-i", "-q", *where)
        server.run_tool("pgbench", "-c", "2", "-t", "150", "-n", *where)
    server.psql("CHECKPOINT; UPDATE t SET a = a + 1")
    if workload.crash:
        server.kill9()
        server.start()  # recovery, and perhaps an overwritten continuation
        server.psql("INSERT INTO t(a) SELECT generate_series(1, 100)")
        server.kill9()
    else:
        server.stop()


def bounds(wal: Path) -> tuple[list[Path], int]:
    """The segments of timeline 1 in their order, and the size of one."""
    segments = sorted(p for p in wal.iterdir() if len(p.name) == 24)
    return segments, segments[0].stat().st_size
