"""Partitioned tables: keys, bounds, and partitions made and attached
(:mod:`pgtool.commands.detach` is the other way).

A bound is analyzed by the key's types and kept as pg_class.relpartbound; it must not meet the
bounds of other partitions. What the parent has (indexes, foreign keys) a partition gets too:
see :mod:`pgtool.commands.partindexes` and :mod:`pgtool.commands.partfkeys`.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import INTERNAL, NORMAL, record
from pgtool.catalog.exprdeps import record_on_relation
from pgtool.commands.context import Ddl
from pgtool.commands.exprs import relation_state
from pgtool.commands.partbounds import check_new_bound, transform_bound
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.ruleutils.names import Names
from pgtool.nodes.exprs import Var
from pgtool.nodes.raw_enums import PartitionStrategy
from pgtool.nodes.text import node_to_text
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type
from pgtool.sql.analyze.typenames import collation_oid
from pgtool.sql.sqlfunc import planned_volatility

__all__ = ["attach", "copy_parent_objects", "index_partitions", "store_bound", "store_key"]

_LETTERS = {
    PartitionStrategy.PARTITION_STRATEGY_LIST: "l",
    PartitionStrategy.PARTITION_STRATEGY_RANGE: "r",
    PartitionStrategy.PARTITION_STRATEGY_HASH: "h",
}  # fmt: skip
MAX_KEYS = 32
INVALID_OBJECT_DEFINITION = "42P17"


# -- keys --------------------------------------------------------------------------------------


class _Key:
    """The columns of a partition key, worked out."""

    def __init__(self, ddl: Ddl, row: Any, spec: Any) -> None:
        self.ddl, self.row = ddl, row
        self.letter = _LETTERS[spec.strategy]
        if self.letter == "l" and len(spec.partParams) != 1:
            raise SqlError('cannot use "list" partition strategy with more than one column',
                           INVALID_OBJECT_DEFINITION)  # fmt: skip
        if len(spec.partParams) > MAX_KEYS:
            raise SqlError(f"cannot partition using more than {MAX_KEYS} columns", "54011")
        self.numbers: list[int] = []
        self.exprs: list[Any] = []
        self.opclasses: list[int] = []
        self.collations: list[int] = []
        for elem in spec.partParams:
            self._add(elem)

    def _add(self, elem: Any) -> None:
        ddl = self.ddl
        at = elem.location + 1 or None
        if elem.name is not None:
            column = ddl.attribute(self.row.oid, elem.name)
            if column is None:
                raise SqlError(f'column "{elem.name}" named in partition key does not exist',
                               "42703", position=at)  # fmt: skip
            if column.attnum <= 0:
                raise SqlError(f'cannot use system column "{elem.name}" in partition key', "42P17",
                               position=at)  # fmt: skip
            if column.attgenerated:
                raise SqlError("cannot use generated column in partition key", "42P17",
                               f'Column "{elem.name}" is a generated column.', position=at)
            number, typid, collation = int(column.attnum), column.atttypid, column.attcollation
        else:
            number, typid, collation = self._expression(elem)
        if elem.collation:
            names = [part.sval for part in elem.collation]
            if not ddl.types.info(typid).typcollation:
                shown = ddl.types.format_type(typid)
                raise SqlError(f"collations are not supported by type {shown}", "42804")
            collation = collation_oid(ddl.state(), names, elem.location)
        if ddl.types.info(typid).typcollation and not collation:
            raise SqlError("could not determine which collation to use for partition expression",
                           "42P22", hint="Use the COLLATE clause to set the collation explicitly.")
        self.numbers.append(number)
        self.collations.append(collation)
        self.opclasses.append(self._opclass(elem, typid))

    def _expression(self, elem: Any) -> tuple[int, int, int]:
        state = relation_state(self.ddl, self.row)
        expr = transform_expr(state, elem.expr, "PARTITION BY")
        assign_collations(state, expr)
        if isinstance(expr, Var) and expr.varattno > 0:
            return int(expr.varattno), expr_type(expr), expr_collation(expr)
        if planned_volatility(self.ddl.session, expr) != "i":
            raise SqlError("functions in partition key expression must be marked IMMUTABLE",
                           INVALID_OBJECT_DEFINITION)  # fmt: skip
        self.exprs.append(expr)
        return 0, expr_type(expr), expr_collation(expr)

    def _opclass(self, elem: Any, typid: int) -> int:
        ddl = self.ddl
        method = c.HASH_AM if self.letter == "h" else c.BTREE_AM
        name = "hash" if self.letter == "h" else "btree"
        if elem.opclass:
            schema, opclass = ddl.split([part.sval for part in elem.opclass])
            spaces = [ddl.namespace(schema)] if schema else ddl.session.search_path
            for space in spaces:
                key = ("opcmethod", "opcname", "opcnamespace")
                row = ddl.cache.one("pg_opclass", key, (method, opclass, space))
                if row is not None:
                    return int(row.oid)
            raise SqlError(
                f'operator class "{opclass}" does not exist for access method "{name}"', "42704")
        found = Names(ddl.session).default_opclass(typid, method)
        if not found:
            shown = ddl.types.format_type(typid)
            raise SqlError(
                f"data type {shown} has no default operator class for access method \"{name}\"",
                "42704", hint=f"You must specify a {name} operator class or define a default "
                f"{name} operator class for the data type.",
            )  # fmt: skip
        return found


def store_key(ddl: Ddl, row: Any, spec: Any) -> None:
    """The row of pg_partitioned_table."""
    key = _Key(ddl, row, spec)
    writer = ddl.writer
    writer.insert("pg_partitioned_table", {
        "partrelid": row.oid, "partstrat": key.letter, "partnatts": len(key.numbers),
        "partdefid": 0, "partattrs": tuple(key.numbers), "partclass": tuple(key.opclasses),
        "partcollation": tuple(key.collations),
        "partexprs": node_to_text(key.exprs) if key.exprs else None,
    })  # fmt: skip
    own = Address(c.RELATION, row.oid)
    record(writer, own, [Address(c.OPERATOR_CLASS, oid) for oid in key.opclasses], NORMAL)
    collations = [oid for oid in key.collations if oid and oid != c.DEFAULT_COLLATION]
    record(writer, own, [Address(c.COLLATION, oid) for oid in collations], NORMAL)
    for number in key.numbers:
        if number:
            record(writer, Address(c.RELATION, row.oid, number), own, INTERNAL)
    if key.exprs:
        record_on_relation(writer, own, key.exprs, row.oid, NORMAL, INTERNAL, reverse=True)


# -- bounds ------------------------------------------------------------------------------------


def store_bound(ddl: Ddl, row: Any, parent: Any, bound: Any) -> None:
    """Make a relation the partition of this bound."""
    check_new_bound(ddl, parent, row, bound)
    ddl.writer.update("pg_class", row, relispartition=True, relpartbound=node_to_text(bound))
    key = ddl.cache.one("pg_partitioned_table", "partrelid", parent.oid)
    if bound.is_default:
        ddl.writer.update("pg_partitioned_table", key, partdefid=row.oid)
    ddl.advance()
    if not bound.is_default and key.partdefid and key.partdefid != row.oid:
        from pgtool.commands.partbounds import verify_default

        verify_default(ddl, parent, key.partdefid)


def copy_parent_objects(ddl: Ddl, row: Any, parent: Any) -> None:
    """A new partition gets the parent's indexes and foreign keys."""
    from pgtool.commands.partfkeys import clone_foreign_keys
    from pgtool.commands.partindexes import clone_indexes

    clone_indexes(ddl, ddl.relation_row(row.oid), parent)
    clone_foreign_keys(ddl, ddl.relation_row(row.oid), parent)


def index_partitions(ddl: Ddl, row: Any, index: int, constraint: int, plan: Any) -> None:
    """An index of a partitioned table goes on to its partitions."""
    from pgtool.commands.indexcmds import children_of
    from pgtool.commands.partindexes import ensure_index

    for child in children_of(ddl, row.oid):
        ensure_index(ddl, ddl.relation_row(child), row, index)


# -- ATTACH, DETACH ------------------------------------------------------------------------------


def _check_attachable(ddl: Ddl, parent: Any, row: Any) -> None:
    if row.relispartition:
        raise SqlError(f'"{row.relname}" is already a partition', "42809")
    if row.reloftype:
        raise SqlError("cannot attach a typed table as partition", "42809")
    if row.relkind == "f":
        raise Unsupported("attaching a foreign table")
    if ddl.cache.lookup("pg_inherits", "inhrelid", row.oid):
        raise SqlError("cannot attach inheritance child as partition", "42809")
    if row.relkind == "r" and ddl.cache.lookup("pg_inherits", "inhparent", row.oid):
        raise SqlError("cannot attach inheritance parent as partition", "42809")
    if row.oid == parent.oid:
        raise SqlError("circular inheritance not allowed", "42P07",
                       f'"{row.relname}" is already a child of "{parent.relname}".')  # fmt: skip
    own = {a.attname for a in ddl.attributes(parent.oid) if not a.attisdropped}
    for a in ddl.attributes(row.oid):
        if not a.attisdropped and a.attidentity:
            raise SqlError(
                f'table "{row.relname}" being attached contains an identity column "{a.attname}"',
                "55000", "The new partition may not contain an identity column.")  # fmt: skip
        if not a.attisdropped and a.attname not in own:
            raise SqlError(
                f'table "{row.relname}" contains column "{a.attname}" not found in parent '
                f'"{parent.relname}"', "42804",
                "The new partition may contain only the columns present in parent.",
            )  # fmt: skip


def attach(alter: Any, parent: Any, command: Any, recurse: bool) -> None:
    """ATTACH PARTITION, of tables and of indexes."""
    from pgtool.commands.altertable import wrong_kind
    from pgtool.commands.inherit import merge_into_existing, store_parent
    from pgtool.commands.partbounds import verify_partition
    from pgtool.commands.partindexes import attach_index

    ddl, node = alter.ddl, command.def_
    if parent.relkind == "I":
        attach_index(ddl, ddl.find_relation(node.name), parent)
        return
    bound = transform_bound(ddl, parent, node.bound)
    row = ddl.open_table(node.name)
    ddl.check_owner(row)
    if row.relkind not in "rpf":
        raise wrong_kind(row, command.subtype)
    _check_attachable(ddl, parent, row)
    check_new_bound(ddl, parent, row, bound)
    merge_into_existing(ddl, row, parent, partition=True)
    store_parent(ddl, row.oid, parent, 1, True)
    ddl.advance()
    store_bound(ddl, ddl.relation_row(row.oid), parent, bound)
    copy_parent_objects(ddl, row, parent)
    ddl.advance()
    verify_partition(ddl, parent, ddl.relation_row(row.oid))
