"""Functions in LANGUAGE sql against the real server: inlined, as subqueries, and run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.nodes.base import walk
from pgtool.sql.analyze.query import analyze
from pgtool.sql.executor.run import execute
from pgtool.sql.parse import parse
from pgtool.sql.planner import plan
from pgtool.sql.rewrite import rewrite
from tests.conftest import need
from tests.servers import cluster

HERE = Path(__file__).parent


def theirs(connection: Any, statement: str) -> Any:
    cursor = psycopg.ClientCursor(connection)
    try:
        cursor.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    result = cursor.pgresult
    assert result is not None
    rows = [[result.get_value(i, j) for j in range(result.nfields)] for i in range(result.ntuples)]
    return [tuple(None if v is None else bytes(v).decode() for v in row) for row in rows]


def ours(session: Session, statement: str) -> Any:
    session.start_statement()
    try:
        query, _types = analyze(parse(statement)[0], session, statement)
        return list(execute(plan(rewrite(query, session), session), session).texts())
    except SqlError as error:
        return error.sqlstate


def calls_in(session: Session, statement: str) -> set[str]:
    """The functions that a rewritten query still calls."""
    query = rewrite(analyze(parse(statement)[0], session, statement)[0], session)
    found = [node.funcid for node in walk([query]) if type(node).__name__ == "FuncExpr"]
    return {str(session.cache.proc(oid).proname) for oid in found}


def test_functions_answer_as_the_servers(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        server.psql((HERE / "analyze" / "schema.sql").read_text())
        server.psql((HERE / "sqlfunc" / "functions.sql").read_text())
        statements = (HERE / "sqlfunc" / "calls.sql").read_text().splitlines()
        with server.connect() as connection:
            connection.autocommit = True
            want = {statement: theirs(connection, statement) for statement in statements}
        server.stop()
        shutil.copytree(server.data, tmp_path / "data")
    session = Session.open(Cluster(str(tmp_path / "data")), "postgres")
    wrong = {s: (want[s], ours(session, s)) for s in statements if ours(session, s) != want[s]}
    assert not wrong
    assert not calls_in(session, "select f_def(1), f_body(a), shadow(1) from t1")
    assert not calls_in(session, "select * from f_set(1), f_tab(a)")
    assert calls_in(session, "select f_two(1), f_body2(2)") == {"f_two", "f_body2"}
