"""Constraints of a table: what every row must be before it is stored.

NOT NULL first, in the order of columns, then CHECK in the order of names, as the server
does; the errors show the row as it would. Stored generated columns are computed before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.text import text_to_node
from pgtool.sql.executor.scalar import Scalar, ScalarCompiler
from pgtool.sql.executor.written import Row, RowShape, row_scope
from pgtool.sql.permissions import shown_columns

__all__ = ["RowRules", "failing_row"]

NOT_NULL_VIOLATION, CHECK_VIOLATION = "23502", "23514"
_MAX_FIELD = 64


class RowRules:
    """Everything that a row of one relation is held against."""

    def __init__(self, env: Any, shape: RowShape) -> None:
        self.env = env
        self.shape = shape
        self.relation = shape.relation
        session = env.session
        cache = session.cache
        self.not_null = [
            i for i in shape.live
            if shape.attributes[i].attnotnull and shape.attributes[i].attgenerated != "v"
        ]
        compiler = ScalarCompiler(env, row_scope(shape.natts))
        self.checks: list[tuple[str, Scalar]] = []
        found = cache.lookup("pg_constraint", "conrelid", self.relation.oid)
        for row in sorted(found, key=lambda r: r.conname):
            if row.contype == "c" and getattr(row, "conenforced", True):
                node = self._readable(text_to_node(row.conbin, cache.major))
                self.checks.append((row.conname, compiler.compile(node)))
        self.virtual_not_null = [
            (i, compiler.compile(self._expression(i))) for i in shape.live
            if shape.attributes[i].attnotnull and shape.attributes[i].attgenerated == "v"
        ]
        self.generated: list[tuple[int, Scalar]] = [
            (i, compiler.compile(self._expression(i))) for i in shape.live
            if shape.attributes[i].attgenerated == "s"
        ]
        self._partition: Callable[[Row, Any], bool] | None = None

    def _expression(self, index: int) -> Any:
        """The expression of a generated column."""
        cache = self.env.session.cache
        number = self.shape.attributes[index].attnum
        for row in cache.lookup("pg_attrdef", "adrelid", self.relation.oid):
            if row.adnum == number:
                return self._readable(text_to_node(row.adbin, cache.major))
        raise SqlError(f"no generation expression found for column number {number} of table "
                       f'"{self.relation.relname}"', "XX000")  # fmt: skip

    def _readable(self, node: Any) -> Any:
        """An expression with virtual generated columns replaced by what they compute."""
        virtual = {
            a.attnum: i for i, a in enumerate(self.shape.attributes)
            if a.attgenerated == "v" and not a.attisdropped
        }  # fmt: skip
        if not virtual:
            return node
        from pgtool.nodes.base import mutate
        from pgtool.nodes.exprs import Var

        def change(inner: Any) -> Any:
            if isinstance(inner, Var) and inner.varattno in virtual and not inner.varlevelsup:
                return self._expression(virtual[inner.varattno])
            return mutate(inner, change)

        return change(node)

    def compute(self, row: Row, ctx: Any) -> None:
        """Give the stored generated columns their values."""
        for index, expression in self.generated:
            row.set(index, self.shape.encode(index, expression(row, ctx)))

    def check(self, row: Row, ctx: Any) -> None:
        """Raise the error of the first constraint that the row violates."""
        datums = row.datums
        for index in self.not_null:
            if datums[index] is None:
                raise self._null_error(index, row)
        for index, expression in self.virtual_not_null:
            if expression(row, ctx) is None:
                raise self._null_error(index, row)
        for name, check in self.checks:
            if check(row, ctx) is False:
                raise SqlError(
                    f'new row for relation "{self.relation.relname}" violates check constraint '
                    f'"{name}"', CHECK_VIOLATION, failing_row(self.env, row),
                )  # fmt: skip

    def _null_error(self, index: int, row: Row) -> SqlError:
        return SqlError(
            f'null value in column "{self.shape.attributes[index].attname}" of relation '
            f'"{self.relation.relname}" violates not-null constraint', NOT_NULL_VIOLATION,
            failing_row(self.env, row),
        )  # fmt: skip


def failing_row(env: Any, row: Row) -> str | None:
    """The row in the words of an error's detail; None where the user may see nothing of it."""
    shown = shown_columns(env.session, row.shape.relation.oid)
    if shown is None:
        return f"Failing row contains ({', '.join(_fields(env, row, None))})."
    names = [a.attname for a in row.shape.attributes if a.attnum in shown]
    if not names:
        return None
    fields = ", ".join(_fields(env, row, shown))
    return f"Failing row contains ({', '.join(names)}) = ({fields})."


def _fields(env: Any, row: Row, shown: set[int] | None) -> list[str]:
    """``1``, ``x``, ``null``: long fields are cut."""
    shape = row.shape
    parts = []
    for index in shape.live:
        attribute = shape.attributes[index]
        if shown is not None and attribute.attnum not in shown:
            continue
        datum = row.datums[index]
        if attribute.attgenerated == "v":
            parts.append("virtual")
        elif datum is None:
            parts.append("null")
        else:
            if type(datum) is not bytes:
                datum = shape.fetch(datum)
            text = env.registry.io_of(attribute.atttypid).output(datum)
            parts.append(cut(text, env))
    return parts


def cut(text: str, env: Any) -> str:
    """A field of at most 64 bytes."""
    encoding = env.registry.settings.encoding
    data = encoding.encode(text)
    if len(data) <= _MAX_FIELD:
        return text
    kept = text
    while len(encoding.encode(kept)) > _MAX_FIELD:
        kept = kept[: max(len(kept) - max((len(encoding.encode(kept)) - _MAX_FIELD) // 4, 1), 0)]
    return kept + "..."
