"""ALTER COLUMN SET EXPRESSION, DROP EXPRESSION: columns whose values are generated."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.deletion import drop_statistics
from pgtool.catalog.dependency import (
    AUTO,
    INTERNAL,
    delete_dependencies_of,
    dependencies_of,
)
from pgtool.catalog.pg_attrdef import default_of, store_default
from pgtool.commands.altercolumns import column_of, cooked_default, each_child
from pgtool.commands.altertable import AlterTable
from pgtool.commands.altertype import remember
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.indexcmds import children_of
from pgtool.errors import SqlError

__all__ = ["drop_expression", "set_expression"]


def _virtual_detail(row: Any, name: str) -> str:
    return f'Column "{name}" of relation "{row.relname}" is a virtual generated column.'


def check_drop(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """DROP EXPRESSION, before anything is done."""
    if not recurse and children_of(alter.ddl, row.oid):
        raise SqlError("ALTER TABLE / DROP EXPRESSION must be applied to child tables too",
                       "0A000")  # fmt: skip
    if column_of(alter, row, command.name).attinhcount > 0:
        raise SqlError("cannot drop generation expression from inherited column", "42P16")


def drop_expression(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """DROP EXPRESSION: the column keeps its values."""
    ddl = alter.ddl
    column = column_of(alter, row, command.name)
    if column.attgenerated == "v":
        raise SqlError("ALTER TABLE / DROP EXPRESSION is not supported for virtual generated "
                       "columns", "0A000",
                       _virtual_detail(row, command.name))  # fmt: skip
    if not column.attgenerated:
        message = f'column "{command.name}" of relation "{row.relname}" is not a generated column'
        if not command.missing_ok:
            raise SqlError(message, "55000")
        ddl.notice(f"{message}, skipping")
        return
    ddl.writer.update("pg_attribute", column, attgenerated="")
    old = default_of(ddl.writer, row.oid, column.attnum)
    own = Address(c.ATTR_DEFAULT, old.oid)
    # The default is no part of the column any more, so that it can go alone.
    for dependency in dependencies_of(ddl.writer, own):
        if dependency.deptype == INTERNAL:
            ddl.writer.update("pg_depend", dependency, deptype=AUTO)
    ddl.advance()
    drop_objects(ddl, [own], False)
    for child in each_child(alter, row, recurse):
        drop_expression(alter, child, command, True)


def set_expression(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET EXPRESSION: stored values are generated anew, virtual ones need nothing."""
    ddl = alter.ddl
    column = column_of(alter, row, command.name)
    number = int(column.attnum)
    if not column.attgenerated:
        raise SqlError(
            f'column "{command.name}" of relation "{row.relname}" is not a generated column',
            "55000")  # fmt: skip
    stored = column.attgenerated == "s"
    if not stored and row.relchecks:
        raise SqlError("ALTER TABLE / SET EXPRESSION is not supported for virtual generated "
                       "columns in tables with check constraints", "0A000",
                       _virtual_detail(row, command.name))  # fmt: skip
    if not stored and column.attnotnull:
        alter.work(row.oid).not_nulls.append(number)
    if stored:
        remember(alter, row, column, new_type=False)
    old = Address(c.ATTR_DEFAULT, default_of(ddl.writer, row.oid, number).oid)
    # The column cannot do without its expression: it would refuse to let it go.
    delete_dependencies_of(ddl.writer, old, shared=False)
    ddl.advance()
    drop_objects(ddl, [old], False)
    expr = cooked_default(
        ddl, command.def_, column_of(alter, row, command.name), column.attgenerated, row
    )
    store_default(ddl.writer, row.oid, number, expr)
    ddl.advance()
    if stored and row.relkind == "r":
        work = alter.work(row.oid)
        work.new_values[number] = expr
        work.rewrite = True
    drop_statistics(ddl.writer, row.oid, number)
    for child in each_child(alter, row, recurse):
        set_expression(alter, child, command, True)
