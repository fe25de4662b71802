"""ALTER TABLE's commands on columns: add, drop, default, storage, statistics."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.heap import check_column_count, insert_attributes
from pgtool.catalog.pg_attrdef import default_of, store_default
from pgtool.commands.altertable import AlterTable
from pgtool.commands.constraints import add_checks, add_not_nulls
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.exprs import cook_default, without_place
from pgtool.commands.fkeys import add_foreign_key
from pgtool.commands.indexcmds import children_of
from pgtool.commands.query import evaluate
from pgtool.commands.reloptions import changed_options
from pgtool.commands.sequence import own_by
from pgtool.commands.tabledef import (
    ColumnPlan,
    TableDefinition,
    compression_letter,
    storage_letter,
)
from pgtool.errors import SqlError
from pgtool.nodes.exprs import Const
from pgtool.nodes.raw_enums import DropBehavior
from pgtool.sql.sqlfunc import planned_volatility

__all__ = ["add_column", "drop_column"]


def column_of(alter: AlterTable, row: Any, name: str, *, system_ok: bool = False) -> Any:
    """The pg_attribute row of a column; SqlError where there is none."""
    found = alter.ddl.attribute(row.oid, name)
    if found is None or found.attisdropped:
        raise SqlError(f'column "{name}" of relation "{row.relname}" does not exist', "42703")
    if found.attnum <= 0 and not system_ok:
        raise SqlError(f'cannot alter system column "{name}"', "0A000")
    return found


# -- ADD COLUMN ------------------------------------------------------------------------------


def add_column(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ADD COLUMN with its constraints, in the children too."""
    ddl, node = alter.ddl, command.def_
    if row.relispartition:
        raise SqlError("cannot add column to a partition", "42809")
    if row.reloftype:
        raise SqlError("cannot add column to typed table", "42809")
    old = ddl.attribute(row.oid, node.colname)
    if old is not None:
        if command.missing_ok and old.attnum > 0:
            ddl.notice(
                f'column "{node.colname}" of relation "{row.relname}" already exists, skipping',
                "42701")  # fmt: skip
            return
        if old.attnum > 0:
            raise SqlError(
                f'column "{node.colname}" of relation "{row.relname}" already exists', "42701")
    children = children_of(ddl, row.oid)
    if children and not recurse:
        raise SqlError("column must be added to child tables too", "42P16")
    made = TableDefinition(ddl, row.relname, row.relnamespace, row.relpersistence)
    plan = made.make_column(node)
    made.columns.append(plan)
    made.finish_keys()
    if plan.spec.identity and children:
        raise SqlError("cannot recursively add identity column to table that has child tables",
                       "42P16")  # fmt: skip
    _append(alter, row, plan, made)
    for child in children:
        _to_child(alter, ddl.relation_row(child), made)
    _keys(alter, ddl.relation_row(row.oid), made)
    for sequence, name, internal in made.sequences:
        own_by(ddl, sequence, row.oid, ddl.attribute(row.oid, name).attnum, internal)


def _append(alter: AlterTable, row: Any, plan: ColumnPlan, made: TableDefinition) -> int:
    """The column itself, its default, and what its rows get."""
    ddl = alter.ddl
    number = int(row.relnatts) + 1
    check_column_count(number, row.relkind)
    not_null, plan.spec.not_null = plan.spec.not_null, False
    insert_attributes(ddl.writer, row.oid, [plan.spec], row.relkind, number)
    ddl.writer.update("pg_class", row, relnatts=number)
    ddl.advance()
    expr = _default(alter, row, plan, number)
    work = alter.work(row.oid)
    if row.relkind in "r":
        _values(alter, row, made, number, expr)
    with without_place():
        work.checks += add_checks(ddl, ddl.relation_row(row.oid), made.checks)
    add_not_nulls(ddl, ddl.relation_row(row.oid), made.not_nulls)
    if not_null and plan.spec.generated != "v":
        work.not_nulls.append(number)
    plan.spec.not_null = not_null
    ddl.advance()
    return number


def _default(alter: AlterTable, row: Any, plan: ColumnPlan, number: int) -> Any:
    ddl = alter.ddl
    if plan.raw_default is None and plan.cooked_default is None:
        return None
    column = ddl.attributes(row.oid)[number - 1]
    expr = plan.cooked_default
    if expr is None:
        expr = cooked_default(ddl, plan.raw_default, column, plan.spec.generated, row)
    is_null = isinstance(expr, Const) and expr.constisnull
    if not is_null or plan.spec.generated or ddl.types.info(column.atttypid).typtype == "d":
        store_default(ddl.writer, row.oid, number, expr)
        ddl.advance()
    return expr


def cooked_default(ddl: Any, *given: Any) -> Any:
    """A default, or a generation expression."""
    with without_place():
        return cook_default(ddl, *given)


def _values(
    alter: AlterTable, row: Any, made: TableDefinition, number: int, expr: Any
) -> None:
    """What rows that are there have in the new column: a missing value, or a rewrite."""
    plan = made.columns[0]
    ddl, work = alter.ddl, alter.work(row.oid)
    if plan.spec.generated == "v":
        return
    if plan.spec.identity:
        from pgtool.nodes.exprs import NextValueExpr

        expr = NextValueExpr(seqid=made.sequences[0][0], typeId=plan.spec.typid)
    if expr is None:
        if ddl.types.info(plan.spec.typid).typtype != "d":
            return
        expr = _domain_default(alter, plan)
        if _checked_domain(ddl, plan):
            expr = _as_domain(ddl, plan.spec.typid, expr)
        if expr is None:
            return
    # Another command of the statement may ask for the rewrite, which then needs this, too.
    work.new_values[number] = expr
    volatile = planned_volatility(ddl.session, expr) == "v"
    if plan.spec.generated or volatile or _checked_domain(ddl, plan):
        work.rewrite = True
        return
    datum = evaluate(ddl, expr)
    if datum is not None:
        from pgtool.commands.rewrite import missing_array

        column = ddl.attributes(row.oid)[number - 1]
        ddl.writer.update("pg_attribute", column, atthasmissing=True,
                          attmissingval=missing_array(ddl, column.atttypid, datum))  # fmt: skip


def _domain_default(alter: AlterTable, plan: ColumnPlan) -> Any:
    from pgtool.nodes.text import text_to_node

    ddl = alter.ddl
    typid = plan.spec.typid
    while typid:
        row = ddl.cache.type(typid)
        if row.typdefaultbin is not None:
            return text_to_node(row.typdefaultbin)
        if row.typtype != "d":
            return None
        typid = row.typbasetype
    return None


def _as_domain(ddl: Any, typid: int, expr: Any) -> Any:
    """A value that the domain's constraints look at: its default, or NULL."""
    from pgtool.nodes.exprs import CoerceToDomain, Const

    if expr is None:
        info = ddl.types.info(ddl.state().types.base_type(typid))
        expr = Const(
            consttype=info.oid, consttypmod=-1, constcollid=info.typcollation,
            constlen=info.typlen, constbyval=info.typbyval, constisnull=True,
        )  # fmt: skip
    return CoerceToDomain(arg=expr, resulttype=typid, resulttypmod=-1)


def _checked_domain(ddl: Any, plan: ColumnPlan) -> bool:
    typid = plan.spec.typid
    row = ddl.cache.type(typid)
    while row.typtype == "d":
        if row.typnotnull or ddl.cache.lookup("pg_constraint", "contypid", row.oid):
            return True
        row = ddl.cache.type(row.typbasetype)
    return False


def _to_child(alter: AlterTable, child: Any, made: TableDefinition) -> None:
    """The column of the parent, in a child: merged with one that is there, or new."""
    ddl, plan = alter.ddl, made.columns[0]
    old = ddl.attribute(child.oid, plan.spec.name)
    if old is not None:
        if (old.atttypid, old.atttypmod) != (plan.spec.typid, plan.spec.typmod):
            raise SqlError(
                f'child table "{child.relname}" has different type for column "{plan.spec.name}"',
                "42804")  # fmt: skip
        ddl.writer.update("pg_attribute", old, attinhcount=old.attinhcount + 1)
        ddl.notice(
            f'merging definition of column "{plan.spec.name}" for child "{child.relname}"')
    else:
        from dataclasses import replace

        spec = replace(plan.spec, is_local=False, inhcount=1, has_default=False)
        own = ColumnPlan(spec, plan.raw_default, plan.cooked_default)
        inherited = TableDefinition(ddl, child.relname, child.relnamespace)
        inherited.columns = [own]
        inherited.checks = [
            replace(k, is_local=False, inhcount=1) for k in made.checks if not k.no_inherit
        ]
        inherited.not_nulls = [
            replace(k, is_local=False, inhcount=1) for k in made.not_nulls
        ]  # fmt: skip
        _append(alter, child, own, inherited)
    for grandchild in children_of(ddl, child.oid):
        _to_child(alter, ddl.relation_row(grandchild), made)


def _keys(alter: AlterTable, row: Any, made: TableDefinition) -> None:
    from pgtool.commands.alterconstraints import check_later, later_index
    from pgtool.commands.tablecmds import key_plan

    for key in made.keys:
        later_index(alter, row.oid, key_plan(key))
    for node in made.fkeys:
        check_later(alter, add_foreign_key(alter.ddl, row, node))


# -- DROP COLUMN -----------------------------------------------------------------------------


def drop_column(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """DROP COLUMN, in the children too."""
    ddl = alter.ddl
    if row.reloftype:
        raise SqlError("cannot drop column from typed table", "42809")
    objects: list[Address] = []
    _drop_column(alter, row, command, recurse, False, objects)
    if objects:
        cascade = command.behavior == DropBehavior.DROP_CASCADE
        drop_objects(ddl, objects, cascade, several=len(objects) > 1)


def _drop_column(
    alter: AlterTable, row: Any, command: Any, recurse: bool, inherited: bool,
    objects: list[Address],
) -> None:  # fmt: skip
    ddl, name = alter.ddl, command.name
    found = ddl.attribute(row.oid, name)
    if found is None:
        message = f'column "{name}" of relation "{row.relname}" does not exist'
        if not command.missing_ok:
            raise SqlError(message, "42703")
        ddl.notice(f"{message}, skipping")
        return
    if found.attnum <= 0:
        raise SqlError(f'cannot drop system column "{name}"', "0A000")
    if found.attinhcount > 0 and not inherited:
        raise SqlError(f'cannot drop inherited column "{name}"', "42P16")
    key = ddl.cache.one("pg_partitioned_table", "partrelid", row.oid)
    if key is not None and found.attnum in key.partattrs:
        raise SqlError(f'cannot drop column "{name}" because it is part of the partition key of '
                       f'relation "{row.relname}"', "42P16")  # fmt: skip
    for child in children_of(ddl, row.oid):
        below = ddl.relation_row(child)
        own = ddl.attribute(child, name)
        if recurse and own.attinhcount == 1 and not own.attislocal:
            _drop_column(alter, below, command, True, True, objects)
        else:
            changes: dict[str, Any] = {"attinhcount": own.attinhcount - 1}
            if not recurse:
                changes["attislocal"] = True
            ddl.writer.update("pg_attribute", own, **changes)
    objects.append(Address(c.RELATION, row.oid, found.attnum))


# -- defaults and generation -----------------------------------------------------------------


def each_child(alter: AlterTable, row: Any, recurse: bool) -> list[Any]:
    """The children, where the command is for them, too."""
    ddl = alter.ddl
    return [ddl.relation_row(oid) for oid in children_of(ddl, row.oid)] if recurse else []


def column_default(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET DEFAULT, DROP DEFAULT."""
    ddl = alter.ddl
    column = column_of(alter, row, command.name)
    _refuse_special(row, column, command)
    old = default_of(ddl.writer, row.oid, column.attnum)
    if old is not None:
        drop_objects(ddl, [Address(c.ATTR_DEFAULT, old.oid)], False)
    if command.def_ is not None:
        column = column_of(alter, row, command.name)
        expr = cooked_default(ddl, command.def_, column)
        if not (isinstance(expr, Const) and expr.constisnull) or ddl.types.info(
            column.atttypid
        ).typtype == "d":
            store_default(ddl.writer, row.oid, column.attnum, expr)
    for child in each_child(alter, row, recurse):
        column_default(alter, child, command, True)


def _refuse_special(row: Any, column: Any, command: Any) -> None:
    if column.attidentity:
        hint = None if command.def_ is not None else "Use ALTER TABLE ... ALTER COLUMN ... DROP " \
            "IDENTITY instead."
        raise SqlError(
            f'column "{command.name}" of relation "{row.relname}" is an identity column', "42601",
            hint=hint)  # fmt: skip
    if column.attgenerated:
        word = "SET EXPRESSION" if command.def_ is not None else "DROP EXPRESSION"
        hint = None
        if command.def_ is not None or column.attgenerated == "s":
            hint = f"Use ALTER TABLE ... ALTER COLUMN ... {word} instead."
        raise SqlError(
            f'column "{command.name}" of relation "{row.relname}" is a generated column', "42601",
            hint=hint)  # fmt: skip


# -- small facts -----------------------------------------------------------------------------


def set_statistics(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET STATISTICS."""
    ddl = alter.ddl
    value: int | None = None if command.def_ is None else int(command.def_.ival)
    if value == -1:
        value = None
    if value is not None and value < 0:
        raise SqlError(f"statistics target {value} is too low", "22023")
    if value is not None and value > 10000:
        ddl.notice("lowering statistics target to 10000", "22023", severity="WARNING")
        value = 10000
    if row.relkind in "iI":
        if not command.num:
            raise SqlError("cannot refer to non-index column by number", "0A000")
        columns = ddl.attributes(row.oid)
        if not 0 < command.num <= len(columns):
            raise SqlError(f'column number {command.num} of relation "{row.relname}" does not '
                           "exist", "42703")  # fmt: skip
        column = columns[command.num - 1]
        _check_index_column(ddl, row, column)
    else:
        column = column_of(alter, row, command.name)
    ddl.writer.update("pg_attribute", column, attstattarget=value)
    for child in each_child(alter, row, recurse):
        set_statistics(alter, child, command, True)


def _check_index_column(ddl: Any, row: Any, column: Any) -> None:
    """Statistics are kept for an index's expressions only."""
    facts = ddl.cache.one("pg_index", "indexrelid", row.oid)
    included = column.attnum > facts.indnkeyatts
    if not included and facts.indkey[column.attnum - 1] == 0:
        return
    word, hint = "included", None
    if not included:
        word, hint = "non-expression", "Alter statistics on table column instead."
    raise SqlError(
        f'cannot alter statistics on {word} column "{column.attname}" of index "{row.relname}"',
        "0A000", hint=hint)  # fmt: skip


def set_options(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET (n_distinct = …) of a column."""
    _change_options(alter, row, command, False)


def reset_options(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """RESET (n_distinct) of a column."""
    _change_options(alter, row, command, True)


def _change_options(alter: AlterTable, row: Any, command: Any, reset: bool) -> None:
    column = column_of(alter, row, command.name)
    made = changed_options(column.attoptions, command.def_, "attribute", reset=reset)
    alter.ddl.writer.update("pg_attribute", column, attoptions=made)


def set_storage(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET STORAGE, of the column and of indexes on it."""
    ddl = alter.ddl
    column = column_of(alter, row, command.name)
    letter = storage_letter(ddl, command.def_.sval, column.atttypid)
    ddl.writer.update("pg_attribute", column, attstorage=letter)
    _index_columns(alter, row, column.attnum, attstorage=letter)
    for child in each_child(alter, row, recurse):
        set_storage(alter, child, command, True)


def set_compression(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET COMPRESSION."""
    ddl = alter.ddl
    column = column_of(alter, row, command.name)
    letter = compression_letter(ddl, command.def_.sval, command.name, column.atttypid)
    ddl.writer.update("pg_attribute", column, attcompression=letter)
    _index_columns(alter, row, column.attnum, attcompression=letter)
    for child in each_child(alter, row, recurse):
        set_compression(alter, child, command, True)


def _index_columns(alter: AlterTable, row: Any, number: int, **changes: str) -> None:
    ddl = alter.ddl
    for index in ddl.cache.lookup("pg_index", "indrelid", row.oid):
        if number in index.indkey:
            place = index.indkey.index(number)
            ddl.writer.update("pg_attribute", ddl.attributes(index.indexrelid)[place], **changes)

