"""What ALTER TABLE does to rows: verifying new constraints, making a table anew.

Checks run as queries over the table. A rewrite reads every row with the columns it had,
works out the new ones, and gives the rows to the store, which writes them to a new file and
builds the indexes again.
"""

from __future__ import annotations

from typing import Any

from pgtool.commands.context import Ddl
from pgtool.commands.fkeys import ForeignKey
from pgtool.commands.query import expression_text, names_of, qualified, rows_of
from pgtool.errors import SqlError, Unsupported
from pgtool.types.arrays import ArrayValue, pack_array

__all__ = ["missing_array", "referring_values", "rewrite_table", "verify_foreign_key",
           "verify_table"]  # fmt: skip


def missing_array(ddl: Ddl, typid: int, datum: bytes) -> bytes:
    """attmissingval: an array of the one value."""
    return pack_array(ArrayValue(typid, [1], [1], [datum]), ddl.types.info(typid))


def verify_table(ddl: Ddl, row: Any, work: Any) -> None:
    """All rows satisfy the new constraints, or the error that the server gives."""
    table = f"ONLY {qualified(ddl, row)}"
    for number in sorted(work.not_nulls):
        (name,) = names_of(ddl, row.oid, (number,))
        # The column says NOT NULL already: the planner would take an IS NULL for false.
        text = f"SELECT 1 FROM {table} WHERE pg_catalog.num_nulls({name}) > 0 LIMIT 1"
        if next(rows_of(ddl, text), None):
            plain = ddl.attributes(row.oid)[number - 1].attname
            raise SqlError(
                f'column "{plain}" of relation "{row.relname}" contains null values', "23502")
    for name, expr in work.checks:
        text = expression_text(ddl, row, expr)
        if next(rows_of(ddl, f"SELECT 1 FROM {table} WHERE NOT ({text}) LIMIT 1"), None):
            raise SqlError(
                f'check constraint "{name}" of relation "{row.relname}" is violated by some row',
                "23514")  # fmt: skip


def verify_foreign_key(ddl: Ddl, key: ForeignKey) -> None:
    """Every row has its partner."""
    own = [f"fk.{name}" for name in names_of(ddl, key.table.oid, key.columns)]
    other = [f"pk.{name}" for name in names_of(ddl, key.referenced.oid, key.keys)]
    joined = " AND ".join(f"{b} = {a}" for a, b in zip(own, other, strict=True))
    nulls = " OR " if key.match == "f" else " AND "
    there = nulls.join(f"{name} IS NOT NULL" for name in own)
    only = "" if key.table.relkind == "p" else "ONLY "
    over = "" if key.referenced.relkind == "p" else "ONLY "
    text = (
        f"SELECT {', '.join(f'({name})::text' for name in own)} "
        f"FROM {only}{qualified(ddl, key.table)} fk LEFT OUTER JOIN "
        f"{over}{qualified(ddl, key.referenced)} pk ON ({joined}) "
        f"WHERE {other[0]} IS NULL AND ({there}) LIMIT 1"
    )
    found = next(rows_of(ddl, text), None)
    if found is None:
        return
    attributes = ddl.attributes(key.table.oid)
    columns = ", ".join(attributes[n - 1].attname for n in key.columns)
    message = (f'insert or update on table "{key.table.relname}" violates foreign key constraint '
               f'"{key.name}"')  # fmt: skip
    if key.match == "f" and None in found:
        raise SqlError(message, "23503", "MATCH FULL does not allow mixing of null and nonnull key "
                       "values.")  # fmt: skip
    values = ", ".join("null" if v is None else str(v) for v in found)
    raise SqlError(message, "23503", f"Key ({columns})=({values}) is not present in table "
                   f'"{key.referenced.relname}".')  # fmt: skip


def referring_values(ddl: Ddl, key: ForeignKey) -> Any:
    """The key's values of a row that refers to a row of the referenced table, if there is one."""
    own = [f"fk.{name}" for name in names_of(ddl, key.table.oid, key.columns)]
    other = [f"pk.{name}" for name in names_of(ddl, key.referenced.oid, key.keys)]
    joined = " AND ".join(f"{b} = {a}" for a, b in zip(own, other, strict=True))
    only = "" if key.table.relkind == "p" else "ONLY "
    over = "" if key.referenced.relkind == "p" else "ONLY "
    text = (
        f"SELECT {', '.join(f'({name})::text' for name in own)} "
        f"FROM {only}{qualified(ddl, key.table)} fk JOIN "
        f"{over}{qualified(ddl, key.referenced)} pk ON ({joined}) LIMIT 1"
    )
    return next(rows_of(ddl, text), None)


def rewrite_table(ddl: Ddl, row: Any, work: Any) -> None:
    """Give a table a new file with converted rows."""
    if row.relkind == "m":
        raise Unsupported("rewriting a materialized view")
    ddl.store.rewrite(ddl, row, work)
    verify_table(ddl, row, work)


