"""DDL in transactions, and DDL that is refused: answer by answer beside the real server.

The statements of ddl/errors.txt run one by one in one session of the server and in one of
pgtool: the same tags and rows, the same SQLSTATEs, messages, details and hints; and in the end
the same catalogs, whatever was rolled back on the way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.catalog_dump import difference, dump

STATEMENTS = (Path(__file__).parent / "ddl/errors.txt").read_text().splitlines()


def _theirs(connection: Any, statement: str) -> tuple[Any, ...]:
    import psycopg

    try:
        cursor = connection.execute(statement)
    except psycopg.Error as error:
        told = error.diag
        return (told.sqlstate, told.message_primary, told.message_detail, told.message_hint)
    rows = [tuple(map(str, row)) for row in cursor.fetchall()] if cursor.description else None
    return (cursor.statusmessage.split()[0], rows)


def _ours(engine: Engine, statement: str) -> tuple[Any, ...]:
    try:
        said: tuple[Any, ...] = ()
        for outcome in engine.run(statement):
            rows = outcome.answer and [tuple(map(str, row)) for row in outcome.answer.texts()]
            said = (outcome.tag.split()[0], rows)
    except SqlError as error:
        return (error.sqlstate, error.message, error.detail, error.hint)
    return said


def test_one_by_one(make_cluster: Any) -> None:
    server = make_cluster(18)
    for name in ("ours", "real"):
        server.psql(f"create database {name}")
    with server.connect("real") as connection:
        theirs = [_theirs(connection, statement) for statement in STATEMENTS]
    server.psql("drop role r1")
    server.stop()
    engine = Engine(Session.open(Cluster(str(server.data)), "ours"))
    try:
        ours = [_ours(engine, statement) for statement in STATEMENTS]
    finally:
        engine.close()
    wrong = [
        f"{statement}\n  real {there}\n  ours {here}"
        for statement, there, here in zip(STATEMENTS, theirs, ours, strict=True) if there != here
    ]  # fmt: skip
    assert not wrong, "\n".join(wrong)
    sides = [Session.open(Cluster(str(server.data)), name).cache for name in ("real", "ours")]
    found = difference(*map(dump, sides))
    assert not found, "\n".join(found)
