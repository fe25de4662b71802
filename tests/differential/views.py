"""Every system view of pg_catalog and information_schema, on a server and on its files.

A view of what only a running server has (locks, backends, progress) needs only to run and to
have the same columns; of the others the rows are compared.

``python -m tests.differential.views [--major N]``
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pgtool.errors import Unsupported

__all__ = ["SETUP", "VIEWS", "check"]

VIEWS = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND n.nspname IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
#: Views whose rows come from a running server's memory, clock or statistics.
RUNNING = (
    "pg_stat", "pg_locks", "pg_cursors", "pg_prepared_statements", "pg_settings", "pg_file",
    "pg_hba", "pg_ident", "pg_shmem", "pg_backend", "pg_replication", "pg_timezone", "pg_config",
    "pg_aios", "pg_dsm", "pg_available", "pg_wait_events", "pg_group",
)  # fmt: skip
SETUP = """
CREATE TABLE a (id int PRIMARY KEY, t text DEFAULT 'x', n numeric(5, 1) CHECK (n > 0));
CREATE TABLE b (id int, a int REFERENCES a, UNIQUE (id, a));
CREATE VIEW v AS SELECT a.id, b.a FROM a JOIN b ON b.a = a.id;
CREATE FUNCTION f(x int, y text DEFAULT 'q') RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SEQUENCE s; CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE TYPE ct AS (p int, q text); CREATE TYPE en AS ENUM ('x', 'y');
CREATE ROLE r1; GRANT SELECT ON a TO r1; COMMENT ON TABLE a IS 'a comment';
CREATE INDEX ON a (lower(t)); INSERT INTO a SELECT g, 't' || g, g FROM generate_series(1, 50) g;
CREATE RULE ru AS ON INSERT TO v DO INSTEAD NOTHING; ANALYZE;
"""


def check(engine: Any, connection: Any) -> dict[str, str]:
    """View → what is wrong with it: a refusal, an error, a difference; '' where nothing is."""
    from tests.differential.selects import difference, ours, theirs

    out = {}
    for (view,) in connection.execute(VIEWS).fetchall():
        live = view.split(".")[1].startswith(RUNNING)
        statement = f"SELECT * FROM {view}" + (" LIMIT 0" if live else "")
        try:
            found = difference(statement, ours(engine, statement), theirs(connection, statement))
        except Unsupported as refusal:
            out[view] = f"refused: {refusal}"
            continue
        out[view] = "" if found is None else f"ours {found[0]} server {found[1]}"
    return out


def main() -> None:
    """All views of a major."""
    import tempfile

    from tests.differential.selects import both_sides
    from tests.servers import cluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--major", type=int, default=18)
    major = parser.parse_args().major
    with cluster(major) as server, tempfile.TemporaryDirectory() as place:
        found = check(*both_sides(server, Path(place) / "data", text=SETUP))
    for view, problem in found.items():
        if problem:
            print(f"{view}: {problem[:300]}")
    good = sum(not problem for problem in found.values())
    print(f"{major}: {good} of {len(found)} views answer as the server")


if __name__ == "__main__":
    main()
