"""ALTER COLUMN SET NOT NULL, DROP NOT NULL: the constraint, and attnotnull."""

from __future__ import annotations

from typing import Any

from pgtool.catalog.index import indexes_of
from pgtool.catalog.pg_constraint import (
    ConstraintSpec,
    choose_constraint_name,
    create_constraint,
    named,
    not_null_of,
)
from pgtool.commands.altertable import AlterTable
from pgtool.commands.indexcmds import children_of
from pgtool.errors import SqlError

__all__ = ["drop_not_null", "ensure_not_null", "set_not_null"]


def _column(alter: AlterTable, row: Any, name: str) -> Any:
    found = alter.ddl.attribute(row.oid, name)
    if found is None or found.attisdropped:
        raise SqlError(f'column "{name}" of relation "{row.relname}" does not exist', "42703")
    if found.attnum <= 0:
        raise SqlError(f'cannot alter system column "{name}"', "0A000")
    return found


def drop_not_null(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """DROP NOT NULL."""
    from pgtool.commands.alterconstraints import drop_constraint_row

    ddl = alter.ddl
    column = _column(alter, row, command.name)
    if not column.attnotnull:
        return
    if column.attidentity:
        raise SqlError(
            f'column "{command.name}" of relation "{row.relname}" is an identity column', "42601")
    if row.relispartition:
        for found in ddl.cache.lookup("pg_inherits", "inhrelid", row.oid):
            above = ddl.attribute(found.inhparent, command.name)
            if above.attnotnull:
                raise SqlError(f'column "{command.name}" is marked NOT NULL in parent table',
                               "42P16")  # fmt: skip
    constraint = not_null_of(ddl.writer, row.oid, column.attnum)
    if constraint is None:
        raise SqlError(f"cache lookup failed for not-null constraint on column {command.name!r}",
                       "XX000")  # fmt: skip
    drop_constraint_row(alter, row, constraint, command.behavior, recurse)


def check_droppable(alter: AlterTable, row: Any, column: Any) -> None:
    """A key's column stays NOT NULL."""
    ddl = alter.ddl
    for index in indexes_of(ddl.writer, row.oid):
        columns = index.indkey[: index.indnkeyatts]
        if column.attnum not in columns:
            continue
        if index.indisprimary:
            raise SqlError(f'column "{column.attname}" is in a primary key', "42P16")
        if index.indisreplident:
            raise SqlError(f'column "{column.attname}" is in index used as replica identity',
                           "42P16")  # fmt: skip


def ensure_not_null(
    alter: AlterTable, row: Any, column: Any, name: str | None = None, *, no_inherit: bool = False,
    local: bool = True, validated: bool = True, claim: bool = True,
) -> None:  # fmt: skip
    """A column has a NOT NULL constraint: one that is there, or a new one.

    One that only is inherited becomes the table's own, too, with ``claim``.
    """
    ddl = alter.ddl
    found = not_null_of(ddl.writer, row.oid, column.attnum)
    if found is not None:
        if name and local and found.conname != name:
            raise SqlError(
                f'cannot create not-null constraint "{name}" on column "{column.attname}" of '
                f'table "{row.relname}"', "55000", f'A not-null constraint named '
                f'"{found.conname}" already exists for this column.')  # fmt: skip
        if found.connoinherit and not no_inherit:
            raise SqlError(
                f'cannot change NO INHERIT status of NOT NULL constraint "{found.conname}" on '
                f'relation "{row.relname}"', "0A000")  # fmt: skip
        if claim and local and not found.conislocal:
            ddl.writer.update("pg_constraint", found, conislocal=True)
        if not local:
            ddl.writer.update("pg_constraint", found, coninhcount=found.coninhcount + 1)
        if validated and not found.convalidated:
            ddl.writer.update("pg_constraint", found, convalidated=True)
            alter.work(row.oid).not_nulls.append(int(column.attnum))
        return
    if name and named(ddl.writer, row.oid, name) is not None:
        raise SqlError(
            f'constraint "{name}" for relation "{row.relname}" already exists', "42710")
    made = name or choose_constraint_name(
        ddl.writer, row.relname, column.attname, "not_null", row.relnamespace
    )
    create_constraint(ddl.writer, ConstraintSpec(
        made, row.relnamespace, "n", row.oid, (int(column.attnum),), is_local=local,
        inhcount=0 if local else 1, no_inherit=no_inherit, validated=validated,
    ))  # fmt: skip
    if not column.attnotnull:
        ddl.writer.update("pg_attribute", column, attnotnull=True)
        if validated and column.attgenerated != "v":
            alter.work(row.oid).not_nulls.append(int(column.attnum))
    ddl.advance()
    if no_inherit:
        return
    for child in children_of(ddl, row.oid):
        below = ddl.relation_row(child)
        own = ddl.attribute(child, column.attname)
        ensure_not_null(alter, below, own, made, local=False, validated=validated)


def set_not_null(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET NOT NULL."""
    ddl = alter.ddl
    column = _column(alter, row, command.name)
    if children_of(ddl, row.oid) and not recurse and not column.attnotnull:
        raise SqlError("constraint must be added to child tables too", "42P16",
                       hint="Do not specify the ONLY keyword.")  # fmt: skip
    ensure_not_null(alter, row, column)
