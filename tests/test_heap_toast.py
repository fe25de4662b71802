"""Large values: compressed and moved out of line where, how and as far as the server does it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import need
from tests.servers import Server, cluster

pytestmark = pytest.mark.server
SHAPE = """(k int PRIMARY KEY, x text, e text STORAGE external, m text STORAGE main,
    p text STORAGE plain, z text COMPRESSION {lz4})"""
RANDOM = "(SELECT string_agg(md5((g * 1000 + i)::text), '') FROM generate_series(1, {}) i)"
STATEMENTS = (
    f"""INSERT INTO {{t}} SELECT g, repeat('x', g * 37), repeat('e', g * 50), repeat('m', g * 61),
        repeat('p', 130 + g), {RANDOM.format('g % 9')} FROM generate_series(1, 60) g""",
    f"""INSERT INTO {{t}} SELECT 100 + g, {RANDOM.format('30 * g')}, {RANDOM.format('5 * g')},
        {RANDOM.format('20')}, NULL, repeat('abc' || g, 2000) FROM generate_series(1, 12) g""",
    f"INSERT INTO {{t}} SELECT 200 + g, NULL, NULL, {RANDOM.format('200')}, NULL, NULL "
    "FROM generate_series(1, 3) g",
    "UPDATE {t} SET p = repeat('values stay ', 20) WHERE k % 5 = 0",
    "UPDATE {t} SET x = repeat('new ', 1500) WHERE k % 7 = 0",
    "UPDATE {t} SET e = x || '', x = e || '' WHERE k % 11 = 0",
    "UPDATE {t} SET m = NULL, z = e || '' WHERE k % 13 = 0",
    "DELETE FROM {t} WHERE k % 6 = 0",
    "INSERT INTO {t} SELECT k + 1000, x || '', e || '', m || '', p || '', z || '' FROM {t} "
    "WHERE k % 4 = 1",
)
#: Rows, how each value is stored, chunks. (Places depend on how many rows go in at once.)
QUESTIONS = (
    "SELECT * FROM {t} ORDER BY k",
    "SELECT k, pg_column_size(x), pg_column_size(e), pg_column_size(m), pg_column_size(z), "
    "pg_column_compression(x), pg_column_compression(m), pg_column_compression(z) "
    "FROM {t} ORDER BY k",
    "SELECT chunk_seq, md5(chunk_data) FROM {toast} ORDER BY 2, 1",
)
INSERTIONS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    need(18)
    with cluster(18, conf={"autovacuum": "off"}) as made:
        for name in ("amcheck", "pageinspect"):
            made.extension(name)
        yield made


def test_beside_the_server(server: Server) -> None:
    methods = server.psql(
        "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
    )
    lz4 = "lz4" if "lz4" in methods else "pglz"
    for table in ("ours", "theirs"):
        server.psql(f"CREATE TABLE {table} {SHAPE.format(lz4=lz4)}")
    run(server, STATEMENTS[:INSERTIONS])
    compare(server, QUESTIONS)
    run(server, STATEMENTS[INSERTIONS:])
    compare(server, QUESTIONS)
    assert server.psql("SELECT * FROM verify_heapam('ours', check_toast := true)") == ""
    for index in ("ours_pkey", toast_of(server, "ours") + "_index"):
        assert server.psql(f"SELECT bt_index_parent_check('{index}', true, true)").strip() == ""


def run(server: Server, statements: tuple[str, ...]) -> None:
    """Each statement a transaction of its own, by the server and by us."""
    for statement in statements:
        server.psql(statement.format(t="theirs"))
    server.stop()
    each = [part for statement in statements for part in ("-c", statement.format(t="ours"))]
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "query", "-q", "-D", str(server.data), *each],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode and not done.stderr, done.stderr
    server.start()


def toast_of(server: Server, table: str) -> str:
    return server.psql(
        f"SELECT reltoastrelid::regclass FROM pg_class WHERE relname = '{table}'"
    ).strip()


def compare(server: Server, questions: tuple[str, ...]) -> None:
    toast = {table: toast_of(server, table) for table in ("ours", "theirs")}
    for question in questions:
        ours, theirs = (server.psql(question.format(t=t, toast=toast[t])) for t in toast)
        assert ours == theirs, question
