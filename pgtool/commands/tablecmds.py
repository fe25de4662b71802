"""CREATE TABLE: the definition, columns of parents, the relation, its constraints and indexes.

The order is the server's: sequences of serial columns, the table, defaults, constraints, the
TOAST table, partition bound and key, indexes, foreign keys, ownership of sequences.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.heap import RelationSpec, check_column_count, heap_create
from pgtool.catalog.toasting import create_toast_table
from pgtool.commands.constraints import add_checks, add_defaults, add_not_nulls
from pgtool.commands.context import Ddl, begin
from pgtool.commands.fkeys import add_foreign_key
from pgtool.commands.indexcmds import IndexPlan, define_index
from pgtool.commands.reloptions import read_options
from pgtool.commands.sequence import own_by
from pgtool.commands.tabledef import TableDefinition
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.ddl import IndexElem
from pgtool.nodes.enums import OnCommitAction
from pgtool.nodes.raw_enums import ConstrType as Kind
from pgtool.sql.answer import Outcome

__all__ = ["create", "create_table", "key_plan"]


def key_plan(node: Any) -> IndexPlan:
    """The index of a PRIMARY KEY or UNIQUE constraint."""
    return IndexPlan(
        [IndexElem(name=part.sval) for part in node.keys],
        [IndexElem(name=part.sval) for part in node.including], node.conname,
        options=node.options, unique=True, primary=node.contype == Kind.CONSTR_PRIMARY,
        nulls_not_distinct=node.nulls_not_distinct, constraint=True, deferrable=node.deferrable,
        deferred=node.initdeferred, tablespace=node.indexspace,
    )  # fmt: skip


def _definition(ddl: Ddl, raw: Any, namespace: int) -> TableDefinition:
    node = raw.relation
    made = TableDefinition(ddl, node.relname, namespace, node.relpersistence)
    if raw.ofTypename is not None:
        raise Unsupported("CREATE TABLE OF")
    for element in raw.tableElts:
        kind = type(element).__name__
        if kind == "ColumnDef":
            if made.column(element.colname) is not None:
                made.twice = made.twice or element.colname
            if element.typeName is None:
                made.partial.append(element)
            else:
                made.columns.append(made.make_column(element))
        elif kind == "TableLikeClause":
            from pgtool.commands.tablelike import add_like

            add_like(made, element)
        elif kind == "Constraint":
            made.waiting.append(element)
    return made


def _merge_parents(ddl: Ddl, made: TableDefinition, raw: Any) -> list[Any]:
    """Columns and constraints of the tables inherited from; their pg_class rows."""
    if not raw.inhRelations:
        if made.partial:
            name = made.partial[0].colname
            raise SqlError(f'column "{name}" does not exist', "42703")
        return []
    from pgtool.commands.inherit import merge_parents

    return merge_parents(ddl, made, raw)


def create_table(
    ddl: Ddl, raw: Any, namespace: int, made: TableDefinition, parents: list[Any]
) -> int:
    """Make a table of a finished definition; its OID."""
    node = raw.relation
    kind = "p" if raw.partspec is not None else "r"
    if kind == "p" and node.relpersistence == "u":
        raise SqlError("partitioned tables cannot be unlogged", "0A000")
    check_column_count(len(made.columns), kind)
    options = read_options(raw.options, "heap" if kind == "r" else "partitioned")
    toast_options = read_options(raw.options, "toast", "toast")
    spec = RelationSpec(
        node.relname, namespace, ddl.owner, kind, [plan.spec for plan in made.columns],
        node.relpersistence, ddl.tablespace_oid(raw.tablespacename), _method(ddl, raw, kind),
        options=options,
    )  # fmt: skip
    for plan in made.columns:
        # It is set when the constraint is made, which has its own row.
        plan.spec.has_default = False
    oid = heap_create(ddl.writer, spec)
    for number, parent in enumerate(parents, 1):
        from pgtool.commands.inherit import store_parent

        store_parent(ddl, oid, parent, number, made.is_partition)
    ddl.advance()
    row = ddl.relation_row(oid)
    if made.is_partition:
        from pgtool.commands.partbounds import transform_bound
        from pgtool.commands.partition import store_bound

        store_bound(ddl, row, parents[0], transform_bound(ddl, parents[0], raw.partbound))
    _constraints(ddl, row, made)
    ddl.advance()
    if kind == "p":
        from pgtool.commands.partition import store_key

        store_key(ddl, row, raw.partspec)
        ddl.advance()
    if kind == "r":
        create_toast_table(ddl.writer, oid, toast_options)
    if made.is_partition:
        from pgtool.commands.partition import copy_parent_objects

        copy_parent_objects(ddl, row, parents[0])
    for key in made.keys:
        define_index(ddl, row, key_plan(key))
    for later in made.later:
        later(ddl.relation_row(oid))
    for key in made.fkeys:
        add_foreign_key(ddl, row, _new_table_key(key))
    for sequence, column, internal in made.sequences:
        own_by(ddl, sequence, oid, ddl.attribute(oid, column).attnum, internal)
    ddl.advance()
    return oid


def _new_table_key(node: Any) -> Any:
    """Nothing is there to be checked in a new table."""
    return node.copy(skip_validation=True, initially_valid=True)


def _method(ddl: Ddl, raw: Any, kind: str) -> int:
    if raw.accessMethod is not None and raw.accessMethod != "heap":
        row = ddl.cache.one("pg_am", "amname", raw.accessMethod)
        if row is None:
            raise SqlError(f'access method "{raw.accessMethod}" does not exist', "42704")
        raise Unsupported(f"table access method {raw.accessMethod}")
    if kind == "p":
        return c.HEAP_AM if raw.accessMethod else 0
    return c.HEAP_AM


def _constraints(ddl: Ddl, row: Any, made: TableDefinition) -> None:
    numbered = list(enumerate(made.columns, 1))
    add_defaults(ddl, row, [(n, p) for n, p in numbered if not p.spec.generated])
    ddl.advance()
    add_defaults(ddl, row, [(n, p) for n, p in numbered if p.spec.generated])
    add_checks(ddl, row, made.checks)
    ddl.advance()
    add_not_nulls(ddl, row, made.not_nulls)


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE TABLE."""
    ddl = begin(engine, text)
    node = raw.relation
    if node.relpersistence == "t" or raw.oncommit != OnCommitAction.ONCOMMIT_NOOP:
        raise Unsupported("temporary tables")
    try:
        namespace = ddl.creation_namespace(node.schemaname, node.relname)
    except SqlError as error:
        error.position = node.location + 1
        raise
    key = (node.relname, namespace)
    # Without IF NOT EXISTS the definition is looked at first.
    if raw.if_not_exists and ddl.cache.one(
        "pg_class", ("relname", "relnamespace"), key
    ) is not None:
        ddl.notice(f'relation "{node.relname}" already exists, skipping', "42P07")
        return ddl.done("CREATE TABLE")
    make(ddl, raw, namespace)
    return ddl.done("CREATE TABLE")


def make(ddl: Ddl, raw: Any, namespace: int) -> int:
    """A table as a CREATE TABLE node describes it; its OID."""
    made = _definition(ddl, raw, namespace)
    if made.twice and not raw.inhRelations:
        made.finish_keys()
        read_options(raw.options, "partitioned" if raw.partspec is not None else "heap")
    if made.twice:
        raise SqlError(f'column "{made.twice}" specified more than once', "42701")
    parents = _merge_parents(ddl, made, raw)
    for element in made.waiting:
        made.add_constraint(element)
    made.finish_keys()
    if parents:
        from pgtool.commands.inherit import merge_local_not_nulls

        merge_local_not_nulls(made)
    return create_table(ddl, raw, namespace, made, parents)
