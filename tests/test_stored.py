"""Views that older servers stored, against our own analysis in the same directory.

Each statement becomes a view of a server of that major; its rule, read back and brought to
the form of 18, must be what analysis makes of the statement. Then every system view must
expand.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from pgtool.nodes.base import walk
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.text import node_to_text
from pgtool.sql.analyze.query import analyze
from pgtool.sql.parse import parse
from pgtool.sql.rewrite import rewrite
from pgtool.sql.stored import view_query
from tests.conftest import need
from tests.servers import cluster
from tests.test_analyze import HERE, STATEMENTS, our_tree

#: 14 and 15 have these otherwise: underscores in numbers, bytes of row headers, booleans' names.
ELSEWHERE = ("1_000", "(1,x)'::pair", "(select true)")


@pytest.fixture(scope="module", params=[14, 15, 16, 17])
def directory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Session, dict[str, str]]]:
    """A session on a directory with views, and the statement of each view by its name."""
    need(request.param)
    views: dict[str, str] = {}
    with cluster(request.param) as server:
        with server.connect() as connection:
            connection.autocommit = True
            for statement in (HERE / "schema.sql").read_text().split(";\n"):
                _try(connection, statement)
            for number, statement in enumerate(STATEMENTS):
                if any(word in statement for word in ELSEWHERE):
                    continue
                if _create(connection, f"tv{number}", statement):
                    views[f"tv{number}"] = statement
        server.stop()
        copy = tmp_path_factory.mktemp("stored") / "data"
        shutil.copytree(server.data, copy)
        yield Session.open(Cluster(str(copy)), "postgres"), views


def _try(connection: Any, statement: str) -> bool:
    try:
        connection.execute(statement)
    except psycopg.Error:
        return False
    return True


def _create(connection: Any, name: str, statement: str) -> bool:
    try:
        count = len(connection.execute(f"select * from ({statement}) q limit 0").description)
    except psycopg.Error:
        return False
    columns = ", ".join(f"c{i}" for i in range(count))
    return _try(connection, f"create view {name}{f'({columns})' if count else ''} as {statement}")


def _without_group_names(text: str) -> str:
    """The group entry's column names come from the view's, not from the statement's; a view's
    relations are looked at as its owner."""
    text = re.sub(r":checkAsUser \d+", ":checkAsUser 0", text)
    return re.sub(r"(:aliasname \*GROUP\* :colnames) \([^)]*\)", r"\1", text)


def test_stored_views_are_as_analyzed(directory: tuple[Session, dict[str, str]]) -> None:
    session, views = directory
    assert len(views) > 350
    wrong = []
    for name, statement in views.items():
        row = session.cache.one("pg_class", "relname", name)
        assert row is not None
        stored = f"({node_to_text(view_query(session, row.oid))})"
        if _without_group_names(stored) != _without_group_names(our_tree(session, statement)):
            wrong.append(statement)
    assert not wrong, "\n".join(wrong[:10])


def test_system_views_expand(directory: tuple[Session, dict[str, str]]) -> None:
    session, _views = directory
    expanded = 0
    for row in session.cache.lookup("pg_class", "relkind", "v"):
        schema = session.row("pg_namespace", row.relnamespace).nspname
        text = f'select * from {schema}."{row.relname}"'
        query = rewrite(analyze(parse(text)[0], session, text)[0], session)
        left = [
            rte.eref.aliasname for inner in walk([query]) for rte in getattr(inner, "rtable", ())
            if rte.rtekind == RTEKind.RTE_RELATION and rte.relkind == "v"
        ]  # fmt: skip
        assert not left
        expanded += 1
    assert expanded > 130
