"""Whole-row references: a scan's columns as one row value, made only when it is read."""

from __future__ import annotations

from typing import Any

from pgtool.functions.columns import ObjectColumn
from pgtool.functions.values import RecordValue
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.scope import Env, Scope

__all__ = ["scan_scope", "with_whole_row"]

RECORD = 2249


class _RowBatch(Batch):
    """A batch whose last column is the row of the others."""

    env: Env
    names: list[str]
    tuples: Any
    types: list[int]
    typid: int
    visible: list[int]

    __slots__ = ("env", "names", "tuples", "types", "typid", "visible")

    def col(self, number: int) -> Any:
        """One column; the row is made at its first use."""
        if self._columns[number] is None:
            codecs = [self.env.codec(t) for t in self.types]
            lists = Batch(self.n, [super(_RowBatch, self).col(i) for i in self.visible])
            types, names = tuple(self.types), tuple(self.names)
            self._columns[number] = ObjectColumn(
                [RecordValue(self.typid, types, row, names) for row in lists.rows(codecs)]
            )
        return super().col(number)


def scan_scope(scanrelid: int, width: int) -> Scope:
    """A scan's own columns from 1, and the whole row (0) after them."""
    places = {(scanrelid, i + 1): i for i in range(width)}
    places[scanrelid, 0] = width
    return Scope(places)


def with_whole_row(
    env: Env, batch: Batch, types: list[int], names: list[str],
    visible: list[int] | None = None, typid: int = RECORD,
) -> Batch:  # fmt: skip
    """The batch with its row as one more column."""
    out = _RowBatch(batch.n, [*[batch.raw(i) for i in range(batch.width)], None])
    out.env, out.types, out.names, out.typid = env, types, names, typid
    out.tuples = getattr(batch, "tuples", None)
    out.visible = list(range(batch.width)) if visible is None else visible
    return out
