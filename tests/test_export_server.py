"""What export writes is what the server's COPY writes: every table, byte for byte."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgtool.catalog.cluster import Cluster
from pgtool.cli.main import cli
from pgtool.commands.copy.export import Exporter, Options
from pgtool.errors import PgtoolError
from tests.export_scenario import fill
from tests.installs import MAJORS
from tests.servers import Server, client

pytestmark = pytest.mark.server

DB = "scen"
CONF = {"max_prepared_transactions": 10, "track_commit_timestamp": "on"}
RELATIONS = """
    select c.oid::int, n.nspname, c.relname from pg_class c
    join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' order by 2, 3
"""
COPY = {"copy": "", "csv": " with (format csv)", "binary": " with (format binary)"}


#: Tables whose values psycopg and pyarrow give as the same Python objects.
ARROW_TABLES = ("states", "many_nulls", "wide_row", "toasted", "hot", "part_b", "frozen_rows")


class Scenario:
    """A filled cluster at rest, and what its server said before."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.psql(f"create database {DB}")
        fill(lambda: server.connect(DB))
        server.psql(REFERRING, DB)
        self.copies: dict[tuple[str, str], bytes | None] = {}
        self.json: dict[str, list[str]] = {}
        self.rows: dict[str, list[tuple[object, ...]]] = {}
        self.oids: dict[str, int] = {}
        self.user_tables: list[str] = []
        with server.connect(DB) as connection:
            for oid, schema, name in connection.execute(RELATIONS).fetchall():
                self._take(connection, oid, schema, name)
        install, program = client("pg_dump", server.major)
        self.dump = subprocess.run(
            [str(program), "-h", str(server.base), "-p", str(server.port), "-U", "postgres",
             "--data-only", "--inserts", DB],
            env=install.env(), capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip
        server.stop()
        self.cluster = Cluster(str(server.data))
        self.database = self.cluster.database(DB)

    def _take(self, connection: Any, oid: int, schema: str, name: str) -> None:
        quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
        key = f"{schema}.{name}"
        self.oids[key] = oid
        for fmt, options in COPY.items():
            try:
                with connection.cursor().copy(f"copy {quoted} to stdout{options}") as rows:
                    self.copies[key, fmt] = b"".join(bytes(row) for row in rows)
            except Exception:  # no binary output of some type
                self.copies[key, fmt] = None
        if schema not in ("pg_catalog", "information_schema"):
            self.user_tables.append(key)
            found = connection.execute(f"select row_to_json(r_)::text from only {quoted} r_")
            self.json[key] = [row[0] for row in found.fetchall()]
        if name in ARROW_TABLES:
            self.rows[key] = connection.execute(f"select * from only {quoted}").fetchall()

    def export(self, name: str, fmt: str, **options: Any) -> bytes:
        out = io.BytesIO()
        exporter = Exporter(self.database, Options(fmt=fmt, **options))
        exporter.run(self.database.relation(self.oids[name]), out)
        return out.getvalue()


@pytest.fixture(scope="module", params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def scenario(request: pytest.FixtureRequest, module_cluster: Callable[..., Server]) -> Scenario:
    return Scenario(module_cluster(request.param, initdb_args=["--data-checksums"], conf=CONF))


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[Callable[..., Server]]:
    import contextlib

    from tests import servers
    from tests.conftest import need

    with contextlib.ExitStack() as stack:

        def make(major: int, **options: Any) -> Server:
            need(major)
            return stack.enter_context(servers.cluster(major, **options))

        yield make


@pytest.mark.parametrize("fmt", list(COPY))
def test_every_table_as_the_server_copies_it(scenario: Scenario, fmt: str) -> None:
    compared = 0
    for (name, form), expected in scenario.copies.items():
        if form != fmt:
            continue
        if expected is None:
            with pytest.raises(PgtoolError, match="binary output"):
                scenario.export(name, fmt)
            continue
        assert scenario.export(name, fmt) == expected, name
        compared += 1
    assert compared > 80


def test_inserts_as_pg_dump_writes_them(scenario: Scenario) -> None:
    for name in scenario.user_tables:
        body = scenario.export(name, "sql").decode().split("\n\n", 1)[1].rstrip("\n")
        assert body in scenario.dump, name


REFERRING = """
create table a_refers (c int, d int);
create table b_refers (c int primary key);
create table z_referred (c int primary key generated by default as identity);
alter table a_refers add foreign key (c) references b_refers, add foreign key (d) references
    z_referred, add foreign key (c) references b_refers;
alter table b_refers add foreign key (c) references z_referred;
create sequence "Se'q" increment -2; select nextval('"Se''q"') from generate_series(1, 3)
"""


def test_whole_dump_has_the_order_and_the_sequences_of_pg_dump(scenario: Scenario) -> None:
    done = CliRunner().invoke(
        cli, ["export", "-q", "-D", str(scenario.server.data), "-d", DB, "--format", "sql"]
    )
    assert done.exit_code == 0, done.output
    assert _body(done.stdout) == _body(scenario.dump)
    assert "setval('public.\"Se''q\"', -5, true)" in done.stdout


def _body(dump: str) -> list[str]:
    """A dump without its banners, which name the program, and without empty lines."""
    banners = ("-- PostgreSQL database dump", "-- Dumped ", "\\restrict", "\\unrestrict")
    return [
        line for line in dump.split("\n") if line not in ("", "--") and not
        line.startswith(banners)
    ]  # fmt: skip


def test_json_lines_as_row_to_json(scenario: Scenario) -> None:
    for name in scenario.user_tables:
        lines = scenario.export(name, "jsonl").decode().split("\n")[:-1]
        expected = "\n".join(scenario.json[name]).split("\n") if scenario.json[name] else []
        if name == "public.virt":  # the server computes a column that is not stored
            continue
        assert lines == expected, name


def test_parquet_says_what_the_server_says(scenario: Scenario, tmp_path: Path) -> None:
    import pyarrow.parquet

    for name, expected in scenario.rows.items():
        (tmp_path / "t.parquet").write_bytes(scenario.export(name, "parquet"))
        table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
        rows = list(zip(*(column.to_pylist() for column in table.columns)))
        assert [tuple(map(plain, row)) for row in rows] == [
            tuple(map(plain, row)) for row in expected
        ], name
    assert len(scenario.rows) == len(ARROW_TABLES)


def plain(value: object) -> object:
    """Unscaled numerics and jsonb are text in Parquet."""
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value) if isinstance(value, dict) else value


def test_reading_leaves_every_file_alone(scenario: Scenario) -> None:
    def state() -> dict[str, tuple[int, int]]:
        root = Path(scenario.server.data)
        files = [p for p in root.rglob("*") if p.is_file()]
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}

    before = state()
    scenario.export("public.states", "csv", dirty=True)
    assert state() == before


def test_dirty_tells_who_deleted_what(scenario: Scenario) -> None:
    def rows(name: str, dirty: bool = True) -> list[list[str]]:
        return list(csv.reader(io.StringIO(scenario.export(name, "csv", dirty=dirty).decode())))

    by_id = {row[10]: row for row in rows("public.states")}
    deleted, aborted = by_id["7"], by_id["9001"]
    assert deleted[8] == "f" and deleted[9].startswith("deleted by transaction ")
    assert deleted[5] == "committed" and deleted[6].startswith("20")
    assert aborted[8:10] == ["f", f"inserted by transaction {aborted[1]}: aborted"]
    assert [row[10:] for row in rows("public.states") if row[8] == "t"] == rows(
        "public.states", dirty=False
    )
    locked = [row for row in rows("public.locked") if row[10] == "15"]
    assert [row[8] for row in locked] == ["f", "t"]
    assert locked[0][9].startswith("updated by transaction ") and "nokeyupd" in locked[0][5]
    pending = {row[10]: row[8] for row in rows("public.pending") if row[2] == "prepared"}
    assert pending == {"1001": "f", "6": "f"}
