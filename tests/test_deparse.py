"""Deparsing against real servers: every stored definition comes out as that server prints it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.functions.registry import Call, find
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.conftest import need
from tests.deparse_objects import MORE
from tests.servers import cluster
from tests.test_node_trees import OBJECTS, SINCE

#: Function → (query of its first arguments, the other arguments).
DEFINITIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "pg_get_viewdef": ("select oid from pg_class where relkind in ('v', 'm')", ()),
    "pg_get_viewdef_ext": ("select oid from pg_class where relkind in ('v', 'm')", (True,)),
    "pg_get_ruledef": ("select oid from pg_rewrite", ()),
    "pg_get_ruledef_ext": ("select oid from pg_rewrite", (True,)),
    "pg_get_indexdef": ("select indexrelid from pg_index", ()),
    "pg_get_indexdef_ext": ("select indexrelid from pg_index", (1, True)),
    "pg_get_constraintdef": ("select oid from pg_constraint", ()),
    "pg_get_constraintdef_ext": ("select oid from pg_constraint", (True,)),
    "pg_get_triggerdef": ("select oid from pg_trigger", ()),
    "pg_get_partkeydef": ("select partrelid from pg_partitioned_table", ()),
    "pg_get_statisticsobjdef": ("select oid from pg_statistic_ext", ()),
    "pg_get_statisticsobjdef_columns": ("select oid from pg_statistic_ext", ()),
    "pg_get_functiondef": ("select oid from pg_proc where prokind <> 'a'", ()),
    "pg_get_function_arguments": ("select oid from pg_proc", ()),
    "pg_get_function_identity_arguments": ("select oid from pg_proc", ()),
    "pg_get_function_result": ("select oid from pg_proc", ()),
    "pg_get_function_sqlbody": ("select oid from pg_proc where prosqlbody is not null", ()),
}
Directory = tuple[Session, dict[str, list[tuple[int, str | None]]]]


@pytest.fixture(scope="module", params=[14, 15, 16, 17, 18])
def directory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Directory]:
    """A session on a directory at rest, and what its server printed."""
    need(request.param)
    script = OBJECTS
    for major, old, new in SINCE.values():
        script = script.replace(old, new) if request.param < major else script
    with cluster(request.param) as server:
        with server.connect() as connection:
            connection.execute(script)
            for statement in MORE.split(";;"):
                _try(connection, statement)
            printed = {
                name: _printed(connection, name, query, rest)
                for name, (query, rest) in DEFINITIONS.items()
            }
        server.stop()
        copy = tmp_path_factory.mktemp("deparse") / "data"
        shutil.copytree(server.data, copy)
        yield Session.open(Cluster(str(copy)), "postgres"), printed


def _try(connection: Any, statement: str) -> None:
    try:
        connection.execute(statement)
    except psycopg.Error:
        return  # Not every major has all of them.


def _printed(connection: Any, name: str, query: str, rest: tuple[Any, ...]) -> Any:
    function = name.removesuffix("_ext")
    more = "".join(f", {value!r}" for value in rest)
    text = f"select q.n::int8, {function}(q.n{more}) from ({query}) q(n)"
    return connection.execute(text).fetchall()


@pytest.mark.server
@pytest.mark.parametrize("name", DEFINITIONS)
def test_definitions_are_the_servers(directory: Directory, name: str) -> None:
    session, printed = directory
    function = find(name)
    call = Call((26,), 25, 100, session)
    assert printed[name]
    for oid, text in printed[name]:
        assert _settled(function.scalar(call, oid, *DEFINITIONS[name][1])) == _settled(text)


def _settled(text: str | None) -> str | None:
    """Parentheses around IS DOCUMENT changed within a major (15.20): they do not count."""
    return text and re.sub(r"\(?('<a/>'::xml)\)? IS DOCUMENT\)?", r"\1 IS DOCUMENT", text)


QUICK = (
    "pg_tables", "pg_indexes", "pg_views", "pg_stats", "pg_roles", "pg_database", "pg_settings",
    "pg_stat_user_tables", "pg_stat_database", "pg_locks", "pg_sequences", "pg_rules",
    "information_schema.tables", "information_schema.table_constraints",
    "information_schema.key_column_usage", "information_schema.schemata",
)  # fmt: skip


@pytest.mark.server
def test_system_views_run(directory: Directory) -> None:
    engine = Engine(directory[0])
    for view in QUICK:
        for outcome in engine.run(f"select * from {view}"):
            assert outcome.answer is not None
            list(outcome.answer.rows())
