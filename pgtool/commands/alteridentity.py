"""ALTER COLUMN ADD, SET and DROP of an identity."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import AUTO, INTERNAL
from pgtool.commands.altercolumns import column_of
from pgtool.commands.altertable import AlterTable
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.indexcmds import children_of
from pgtool.commands.sequence import alter_sequence, create_identity_sequence, own_by
from pgtool.errors import SqlError
from pgtool.nodes.query import DefElem

__all__ = ["INTEGERS", "NOT_INTEGER", "add_identity", "drop_identity", "identity_sequence",
           "set_identity", "set_identity_type"]  # fmt: skip

INTEGERS = (20, 21, 23)
NOT_INTEGER = "identity column type must be smallint, integer, or bigint"


def identity_sequence(alter: AlterTable, row: Any, column: Any) -> Any:
    """The pg_class row of an identity column's sequence."""
    ddl = alter.ddl
    for found in ddl.cache.lookup("pg_depend", ("refclassid", "refobjid"), (c.RELATION, row.oid)):
        if found.classid == c.RELATION and found.refobjsubid == column.attnum and (
            found.deptype == INTERNAL
        ):
            relation = ddl.cache.one("pg_class", "oid", found.objid)
            if relation is not None and relation.relkind == "S":
                return relation
    raise SqlError("no owned sequence found", "XX000")


def _words(row: Any, column: Any) -> str:
    return f'column "{column.attname}" of relation "{row.relname}"'


def _whole(row: Any, recurse: bool, words: str) -> None:
    """A partition has the identity of the whole, which changes with all its partitions."""
    if row.relispartition:
        raise SqlError(f"cannot {words} of a partition", "42P16")
    if row.relkind == "p" and not recurse:
        raise SqlError(f"cannot {words} of only the partitioned table", "42P16",
                       hint="Do not specify the ONLY keyword.")  # fmt: skip


def _set_below(alter: AlterTable, row: Any, column: Any, letter: str) -> None:
    """attidentity of a column and of those of the partitions."""
    ddl = alter.ddl
    ddl.writer.update("pg_attribute", column, attidentity=letter)
    if row.relkind == "p":
        for child in children_of(ddl, row.oid):
            own = ddl.attribute(child, column.attname)
            _set_below(alter, ddl.relation_row(child), own, letter)


def set_identity_type(alter: AlterTable, row: Any, column: Any, type_name: Any) -> None:
    """The sequence of a column that gets another type gives values of that."""
    option = DefElem(defname="as", arg=type_name, location=-1)
    alter_sequence(alter.ddl, identity_sequence(alter, row, column), [option])


def add_identity(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ADD GENERATED AS IDENTITY."""
    ddl, node = alter.ddl, command.def_
    column = column_of(alter, row, command.name)
    if column.atttypid not in INTEGERS:
        raise SqlError(NOT_INTEGER, "22023")
    _whole(row, recurse, "add identity to a column")
    if not column.attnotnull:
        raise SqlError(f"{_words(row, column)} must be declared NOT NULL before identity can be "
                       "added", "55000")  # fmt: skip
    if column.attidentity:
        raise SqlError(f"{_words(row, column)} is already an identity column", "55000")
    if column.atthasdef:
        raise SqlError(f"{_words(row, column)} already has a default value", "55000")
    sequence = create_identity_sequence(
        ddl, row.relname, column.attname, row.relnamespace, node.options, column.atttypid,
        row.relpersistence, row.relowner,
    )  # fmt: skip
    _set_below(alter, row, column, node.generated_when)
    own_by(ddl, sequence, row.oid, column.attnum, True)


def set_identity(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET GENERATED, and the sequence's options."""
    ddl = alter.ddl
    _whole(row, recurse, "change identity column")
    column = column_of(alter, row, command.name)
    if not column.attidentity:
        raise SqlError(f"{_words(row, column)} is not an identity column", "55000")
    options = []
    for option in command.def_:
        if option.defname == "generated":
            letter = chr(option.arg.ival)
            _set_below(alter, row, column, letter)
        else:
            options.append(option)
    if options:
        alter_sequence(ddl, identity_sequence(alter, row, column), options)


def drop_identity(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """DROP IDENTITY."""
    ddl = alter.ddl
    _whole(row, recurse, "drop identity from a column")
    column = column_of(alter, row, command.name)
    if not column.attidentity:
        message = f"{_words(row, column)} is not an identity column"
        if not command.missing_ok:
            raise SqlError(message, "55000")
        ddl.notice(f"{message}, skipping")
        return
    sequence = identity_sequence(alter, row, column)
    _set_below(alter, row, column, "")
    # It is not the column's inner part any more, so that it can be dropped.
    for found in ddl.cache.lookup("pg_depend", ("classid", "objid"), (c.RELATION, sequence.oid)):
        if found.deptype == INTERNAL:
            ddl.writer.update("pg_depend", found, deptype=AUTO)
    ddl.advance()
    drop_objects(ddl, [Address(c.RELATION, sequence.oid)], False)
