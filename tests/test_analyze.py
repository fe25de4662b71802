"""Analysis of SELECT against the trees that a real server stores for its views.

Every statement of ``analyze/statements.sql`` becomes a view of an 18 server; what analysis
makes of it must be, letter for letter, the text of pg_rewrite.ev_action.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.nodes.text import node_to_text, text_to_node
from pgtool.sql.analyze.query import analyze
from pgtool.sql.parse import parse
from tests.conftest import need
from tests.servers import cluster

HERE = Path(__file__).parent / "analyze"
STATEMENTS = [s for s in (HERE / "statements.sql").read_text().split(";\n") if s.strip()]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Session]]:
    """A connection to a server with the schema, and a session of ours on a copy of its files."""
    need(18)
    with cluster(18) as server:
        server.psql((HERE / "schema.sql").read_text())
        server.stop()
        copy = tmp_path_factory.mktemp("analyze") / "data"
        shutil.copytree(server.data, copy)
        server.start()
        with server.connect() as connection:
            connection.autocommit = True
            yield connection, Session.open(Cluster(str(copy)), "postgres")


def stored_tree(connection: Any, statement: str) -> str:
    """pg_rewrite's text of a view over the statement, its columns named c0, c1 …"""
    with connection.transaction(force_rollback=True):
        count = len(connection.execute(f"select * from ({statement}) q limit 0").description)
        names = ", ".join(f"c{i}" for i in range(count))
        connection.execute(f"create view v{f'({names})' if count else ''} as {statement}")
        query = "select ev_action::text from pg_rewrite where ev_class = 'v'::regclass"
        return str(connection.execute(query).fetchone()[0])


def our_tree(session: Session, statement: str) -> str:
    query, _types = analyze(parse(statement)[0], session, statement)
    visible = [entry for entry in query.targetList if not entry.resjunk]
    for number, entry in enumerate(visible):
        entry.resname = f"c{number}"
    return f"({node_to_text(query)})"


def test_trees_are_the_servers(both: tuple[Any, Session]) -> None:
    connection, session = both
    wrong = []
    for statement in STATEMENTS:
        try:
            same = our_tree(session, statement) == stored_tree(connection, statement)
        except Exception as error:
            same = False
            statement = f"{statement}: {error!r}"
        if not same:
            wrong.append(statement)
    assert not wrong, f"{len(wrong)} of {len(STATEMENTS)}: " + "\n".join(wrong[:10])


def test_trees_are_read_back(both: tuple[Any, Session]) -> None:
    _connection, session = both
    for statement in STATEMENTS[::7]:
        text = our_tree(session, statement)
        assert node_to_text(text_to_node(text)) == text


def server_error(connection: Any, statement: str) -> Any:
    """What PREPARE of a statement is refused with; None where it is accepted."""
    head = "prepare wrong as "
    connection.execute("deallocate all")
    try:
        connection.execute(head + statement)
    except psycopg.Error as error:
        diag = error.diag
        at = diag.statement_position
        position = int(at) - len(head) if at else None
        facts = diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint
        return (*facts, position)
    return None


def our_error(session: Session, statement: str) -> Any:
    try:
        analyze(parse(statement)[0], session, statement)
    except SqlError as error:
        return error.sqlstate, error.message, error.detail, error.hint, error.position
    return None


def test_errors_are_the_servers(both: tuple[Any, Session]) -> None:
    """SQLSTATE, message, detail, hint and position."""
    connection, session = both
    connection.prepare_threshold = None
    wrong = []
    for statement in (HERE / "errors.sql").read_text().splitlines():
        want, have = server_error(connection, statement), our_error(session, statement)
        if want != have:
            wrong.append(f"{statement}\n  {want}\n  {have}")
    assert not wrong, "\n".join(wrong[:10])


def test_deep_statements(both: tuple[Any, Session]) -> None:
    """A long chain of operators is analyzed; one too deep is refused as the server does."""
    _connection, session = both
    chain = " || ".join(["'x'"] * 1000)
    for text in (f"select {chain}", "select " + "abs(" * 500 + "1" + ")" * 500):
        assert our_error(session, text) is None
    error = our_error(session, "select " + "+".join(["1"] * 9000))
    assert error is not None and error[0] == "54001"
