"""pgtool.connect: DB-API 2.0, over fixtures of a real 18."""

from __future__ import annotations

import datetime
import enum
import ipaddress
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import pgtool
from pgtool import dbapi
from tests.conftest import need
from tests.servers import cluster


class Colour(enum.Enum):
    red = 1


SQL = """
CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(10, 2), d date, j jsonb, l int[]);
INSERT INTO t VALUES (1, 'one', 1.50, '2024-02-29', '{"k": [1, null]}', '{1,2}'),
                     (2, NULL, NULL, 'infinity', NULL, NULL), (3, 'it''s', -0.01, NULL, '"x"', '{}')
"""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    need(18)
    with cluster(18) as server:
        server.psql(SQL)
        server.stop()
        copy = tmp_path_factory.mktemp("dbapi") / "data"
        shutil.copytree(server.data, copy)
    with pgtool.connect(str(copy)) as opened:
        yield opened


def test_module() -> None:
    assert (dbapi.apilevel, dbapi.paramstyle) == ("2.0", "pyformat")
    assert dbapi.NUMBER == 23 and dbapi.STRING == 25 and dbapi.STRING != 23
    assert issubclass(dbapi.ProgrammingError, dbapi.DatabaseError)


def test_rows_are_python_values(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM t ORDER BY a")
        assert [column[0] for column in cursor.description] == ["a", "b", "c", "d", "j", "l"]
        assert [column[1] for column in cursor.description] == [23, 25, 1700, 1082, 3802, 1007]
        rows = cursor.fetchall()
    assert cursor.rowcount == 3
    assert rows[0] == (
        1, "one", Decimal("1.50"), datetime.date(2024, 2, 29), {"k": [1, None]}, [1, 2]
    )
    assert rows[1] == (2, None, None, "infinity", None, None)


@pytest.mark.parametrize(("query", "params", "row"), [
    ("SELECT b FROM t WHERE a = %s", (1,), ("one",)),
    ("SELECT a FROM t WHERE b = %(name)s AND %(name)s <> ''", {"name": "it's"}, (3,)),
    ("SELECT count(*) FROM t WHERE a = ANY (%s)", ([1, 2, 9],), (2,)),
    ("SELECT %s::text, '100%%'", (None,), (None, "100%")),
    ("SELECT %s + 1, pg_catalog.upper(%s)", (2**40, "x"), (2**40 + 1, "X")),
    ("SELECT %s, %s", (Decimal("1.10"), datetime.date(2024, 1, 2)),
     (Decimal("1.10"), datetime.date(2024, 1, 2))),
    ("SELECT a FROM t WHERE d = %s", ("2024-02-29",), (1,)),
    ("SELECT %s", (b"\x00\xff",), (b"\x00\xff",)),
    ("SELECT %s, %s::json, pg_typeof(%s)", (dbapi.Jsonb({"a": [1.5]}), dbapi.Json([1]), 1),
     ({"a": [1.5]}, [1], "smallint")),
    ("SELECT %s, %s::text", (ipaddress.ip_address("1.2.3.4"), Colour.red),
     (ipaddress.ip_address("1.2.3.4"), "red")),
    ("SELECT %s, '-1 mon 02:00'::interval", (["a", 'b"', None],),
     ('{a,"b\\"",NULL}', datetime.timedelta(days=-30, hours=2))),
])  # fmt: skip
def test_parameters(connection: Any, query: str, params: Any, row: tuple[Any, ...]) -> None:
    assert connection.execute(query, params).fetchone() == row


@pytest.mark.parametrize(("query", "kind", "state"), [
    ("SELECT nope", dbapi.ProgrammingError, "42703"), ("SELECT 1/0", dbapi.DataError, "22012"),
    ("SELEC 1", dbapi.ProgrammingError, "42601"),
    ("LISTEN x", dbapi.NotSupportedError, "0A000"),
])  # fmt: skip
def test_errors(connection: Any, query: str, kind: type[Exception], state: str) -> None:
    with pytest.raises(kind) as caught:
        connection.execute(query).fetchall()
    assert isinstance(caught.value, dbapi.Error)
    assert caught.value.sqlstate == caught.value.pgcode == state


def test_placeholders_are_checked(connection: Any) -> None:
    for query, params in [("SELECT %s", ()), ("SELECT 1", (1,)), ("SELECT %(a)s", {}),
                          ("SELECT %s, %(a)s", {"a": 1})]:  # fmt: skip
        with pytest.raises(dbapi.ProgrammingError):
            connection.execute(query, params)


def test_fetching_in_parts(connection: Any) -> None:
    cursor = connection.execute("SELECT a FROM t ORDER BY a")
    assert cursor.fetchmany(2) == [(1,), (2,)]
    assert list(cursor) == [(3,)]
    assert cursor.fetchone() is None


def test_transaction_blocks(connection: Any) -> None:
    connection.execute("BEGIN")
    with pytest.raises(dbapi.ProgrammingError):
        connection.execute("SELECT nope")
    with pytest.raises(dbapi.InternalError):
        connection.execute("SELECT 1")
    connection.rollback()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_closed(tmp_path: Path) -> None:
    with pytest.raises(dbapi.OperationalError):
        pgtool.connect(str(tmp_path / "none"))


def test_transactions_and_contexts(connection: Any, tmp_path: Path) -> None:
    """Writing through the interface: commit, rollback, autocommit, what a context manager does."""
    copy = str(tmp_path / "data")
    shutil.copytree(connection.engine.session.database.cluster.root, copy)
    with pgtool.connect(copy) as writer:
        cursor = writer.execute("INSERT INTO t (a, b) VALUES (%s, %s)", (10, "ten"))
        assert cursor.rowcount == 1 and cursor.statusmessage == "INSERT 0 1"
        writer.commit()
        writer.execute("UPDATE t SET b = 'x'")
        writer.rollback()
        rows = [(11, "b"), (12, None)]
        cursor.executemany("INSERT INTO t (a, b) VALUES (%s, %s) RETURNING a", rows)
        assert cursor.rowcount == 2
        with pgtool.connect(copy) as other:
            assert other.execute("SELECT count(*) FROM t").fetchone() == (4,)
    with pgtool.connect(copy, autocommit=True) as writer:
        assert writer.execute("SELECT a, b FROM t WHERE a > 5 ORDER BY 1").fetchall() == [
            (10, "ten"), (11, "b"), (12, None)
        ]  # fmt: skip
        with pytest.raises(dbapi.IntegrityError) as caught:
            writer.execute("INSERT INTO t (a) VALUES (10)")
        assert caught.value.sqlstate == "23505"
        assert writer.execute("DELETE FROM t WHERE a = 11").rowcount == 1
    with pytest.raises(ZeroDivisionError), pgtool.connect(copy) as writer:
        writer.execute("DELETE FROM t")
        raise ZeroDivisionError
    with pgtool.connect(copy, read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (5,)
        with pytest.raises(dbapi.InternalError) as caught:
            reader.execute("DELETE FROM t")
        assert caught.value.sqlstate == "25006"
    assert not (Path(copy) / "postmaster.pid").exists()
