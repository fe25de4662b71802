"""CREATE TABLE AS, SELECT INTO, CREATE and REFRESH MATERIALIZED VIEW."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.heap import RelationSpec, check_column_count, heap_create
from pgtool.catalog.toasting import create_toast_table
from pgtool.commands.context import Ddl, begin
from pgtool.commands.query import up_to_here
from pgtool.commands.reloptions import read_options
from pgtool.commands.view import analyze_query, output_specs, renamed_outputs, store_rule
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.enums import OnCommitAction
from pgtool.nodes.query import RangeVar
from pgtool.nodes.raw import InsertStmt, RawStmt
from pgtool.nodes.raw_enums import ObjectType
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import check_planned

__all__ = ["create", "refresh", "select_into"]

BATCH = 1000
#: A query's text, the types of its parameters and their values.
_Source = tuple[str, list[int], tuple[Any, ...]]


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW."""
    ddl = begin(engine, text)
    into, select = raw.into, raw.query
    matview = raw.objtype == ObjectType.OBJECT_MATVIEW
    tag = "CREATE MATERIALIZED VIEW" if matview else "CREATE TABLE AS"
    source: _Source = text, [], ()
    if type(select).__name__ == "ExecuteStmt":
        select, source = _prepared(engine, select, text)
    node = into.rel
    if node.relpersistence == "t" or into.onCommit != OnCommitAction.ONCOMMIT_NOOP:
        raise Unsupported("temporary tables")
    if matview and node.relpersistence == "u":
        raise SqlError("materialized views cannot be unlogged", "0A000")
    namespace = ddl.creation_namespace(node.schemaname, node.relname)
    key = (node.relname, namespace)
    if ddl.cache.one("pg_class", ("relname", "relnamespace"), key) is not None:
        if raw.if_not_exists:
            ddl.notice(f'relation "{node.relname}" already exists, skipping', "42P07")
            return ddl.done(tag)
        raise SqlError(f'relation "{node.relname}" already exists', "42P07")
    query = analyze_query(ddl, select, *source[:2])
    if matview and query.hasModifyingCTE:
        raise SqlError("materialized views must not use data-modifying statements in WITH", "0A000")
    columns = output_specs(ddl, query, into.colNames, "table")
    renamed_outputs(query, columns)
    check_column_count(len(columns), "r")
    if into.accessMethod not in (None, "heap"):
        raise Unsupported(f"table access method {into.accessMethod}")
    spec = RelationSpec(
        node.relname, namespace, ddl.owner, "m" if matview else "r", columns, node.relpersistence,
        ddl.tablespace_oid(into.tableSpaceName), c.HEAP_AM,
        options=read_options(into.options, "heap"),
        overrides={"relispopulated": not into.skipData} if matview else {},
    )  # fmt: skip
    oid = heap_create(ddl.writer, spec)
    ddl.advance()
    create_toast_table(ddl.writer, oid, read_options(into.options, "toast", "toast"))
    if matview:
        store_rule(ddl, oid, query)
    ddl.advance()
    if into.skipData:
        return ddl.done(tag if raw.query is select else "SELECT 0")
    engine.transactions.new_snapshot()
    count = (
        _fill_view(ddl, oid, query) if matview
        else _insert(ddl, engine, namespace, node.relname, select, source)
    )  # fmt: skip
    outcome = ddl.done(f"SELECT {count}")
    outcome.count = count
    return outcome


def _prepared(engine: Any, execute: Any, text: str) -> tuple[Any, _Source]:
    """The SELECT that EXECUTE stands for."""
    prepared = engine.found(execute.name)
    select = prepared.stmt.stmt
    if type(select).__name__ != "SelectStmt":
        raise SqlError("prepared statement is not a SELECT", "42809")
    values = engine.arguments(execute, prepared, text)
    return select, (prepared.text, prepared.types, values)


def _insert(
    ddl: Ddl, engine: Any, namespace: int, name: str, select: Any, source: _Source
) -> int:
    """The rows of a new table."""
    from pgtool.sql.executor.run import execute

    schema = ddl.database.namespaces[namespace]
    table = RangeVar(schemaname=schema, relname=name, inh=True, relpersistence="p")
    stmt = RawStmt(stmt=InsertStmt(relation=table, selectStmt=select))
    text, types, values = source
    planned, _types = engine.plan(stmt, text, types)
    check_planned(planned, ddl.session)
    result = execute(planned, ddl.session, values)
    result.source.take_all()
    result.context.finish()
    return int(result.context.processed)


def _fill_view(ddl: Ddl, oid: int, query: Any) -> int:
    """The rows of a materialized view whose file is empty."""
    from pgtool.access.heap.heapam import open_heap
    from pgtool.access.heap.tuple import form_tuple
    from pgtool.catalog.heaptarget import heap_target
    from pgtool.sql.executor.run import execute
    from pgtool.sql.planner import plan
    from pgtool.sql.rewrite import rewrite
    from pgtool.sql.stored import copy_tree

    relation = ddl.database.relation(oid)
    instance = ddl.database.cluster.instance
    heap = open_heap(instance, heap_target(ddl.cache, relation, instance))
    planned = plan(rewrite(copy_tree(query), ddl.session), ddl.session)
    check_planned(planned, ddl.session)
    count = 0
    with up_to_here(ddl):
        for rows, columns in execute(planned, ddl.session, ()).stored_batches():
            waiting = [
                form_tuple(relation.attributes, [column.datum(place) for column in columns])
                for place in range(rows)
            ]
            count += rows
            for low in range(0, len(waiting), BATCH):
                heap.multi_insert(ddl.session.xact, waiting[low : low + BATCH])
    return count


def select_into(engine: Any, raw: Any, text: str) -> Outcome:
    """SELECT … INTO is CREATE TABLE AS."""
    from pgtool.nodes.utility import CreateTableAsStmt

    def without(node: Any) -> tuple[Any, Any]:
        if node.larg is not None:
            left, into = without(node.larg)
            return node.copy(larg=left), into
        return node.copy(intoClause=None), node.intoClause

    select, into = without(raw)
    made = CreateTableAsStmt(
        query=select, into=into, objtype=ObjectType.OBJECT_TABLE, is_select_into=True
    )
    return create(engine, made, text)


def refresh(engine: Any, raw: Any, text: str) -> Outcome:
    """REFRESH MATERIALIZED VIEW, not CONCURRENTLY."""
    from pgtool.commands.rewrite_rows import new_files
    from pgtool.sql.stored import view_query

    ddl = begin(engine, text)
    row = ddl.find_relation(raw.relation)
    if row.relkind != "m":
        raise SqlError(f'"{row.relname}" is not a materialized view', "0A000")
    ddl.check_owner(row)
    if raw.concurrent:
        raise Unsupported("REFRESH MATERIALIZED VIEW CONCURRENTLY")
    engine.transactions.new_snapshot()
    indexes = new_files(ddl, row, empty=False)
    if row.relispopulated == raw.skipData:
        ddl.writer.update("pg_class", row, relispopulated=not raw.skipData)
    ddl.advance()
    if not raw.skipData:
        _fill_view(ddl, row.oid, view_query(ddl.session, row.oid))
        ddl.session.xact.command_counter_increment()
    for oid in indexes:
        ddl.store.build_index(oid)
    return ddl.done("REFRESH MATERIALIZED VIEW")
