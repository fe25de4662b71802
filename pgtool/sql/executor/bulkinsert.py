"""Whole batches into one table: constraints over columns, tuples formed page by page.

What :mod:`.modifytable` does row by row, for the plain case: no foreign keys to check and no
partitions to choose. Where a row violates a constraint, those before it are stored first, so
that an error of theirs comes first, as it does row by row; then the row's own error is
raised by the scalar rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pgtool.access.heap.bulk import insert_columns
from pgtool.errors import SqlError
from pgtool.nodes.text import text_to_node
from pgtool.sql.executor.batch import Batch, ConstColumn, stored
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.run import named
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.vectors import VectorCompiler
from pgtool.sql.executor.written import Row
from pgtool.types.column import FixedColumn, VarColumn

__all__ = ["BulkInsert"]


class BulkInsert:
    """Storing batches in one :class:`~pgtool.sql.executor.target.Target`."""

    def __init__(self, target: Any) -> None:
        self.target = target
        env, shape = target.env, target.shape
        self.shape = shape
        scope = Scope({(1, number): number - 1 for number in range(1, shape.natts + 1)})
        compiler = VectorCompiler(env, scope)
        cache = env.session.cache
        self.checks = []
        found = cache.lookup("pg_constraint", "conrelid", target.relation.oid)
        for row in sorted(found, key=lambda r: r.conname):
            if row.contype == "c" and getattr(row, "conenforced", True):
                self.checks.append(compiler.compile(text_to_node(row.conbin, cache.major)))
        self.generated = [
            (i, compiler.compile(target.rules._expression(i))) for i in shape.live
            if shape.attributes[i].attgenerated == "s"
        ]
        #: Attributes that index entries are made of, None where expressions read the row.
        self.indexed: set[int] | None = set()
        for index in target.indexes:
            descriptor = index.descriptor
            if descriptor.predicate is not None or 0 in descriptor.attnums:
                self.indexed = None
                break
            assert self.indexed is not None
            self.indexed |= {number - 1 for number in descriptor.attnums}

    @staticmethod
    def takes(target: Any) -> bool:
        """Whether a table's rows can go in like this."""
        rules = target.rules
        return not (
            target.references.triggers[4] or target.above or rules.virtual_not_null
            or any(a.attgenerated == "v" for a in target.shape.attributes)
        )  # fmt: skip

    def insert(
        self, batch: Batch, ctx: Context, *, buffered: int = 1, before: int = 0, cut: bool = False
    ) -> int:
        """Store a batch whose columns are the table's attributes.

        Rows go in ``buffered`` at a time, ``before`` of them already did, and what is wrong
        with a row keeps those of its buffer from going in (so their keys are not looked at).
        ``cut``: something is wrong with the row behind the batch.
        """
        batch = self._computed(batch, ctx)
        bad = self._first_bad(batch, ctx)
        good = batch.n if bad is None else bad
        if bad is not None or cut:
            good = max(good - (before + good) % buffered, 0)
        if good:
            self._store(batch if good == batch.n else batch.slice(0, good))
        if bad is not None:
            with told(bad):
                self.target.check(self._row(batch, bad), ctx)
            raise AssertionError("a row that only the batch found wrong")
        return batch.n

    def _computed(self, batch: Batch, ctx: Context) -> Batch:
        """With the stored generated columns."""
        if not self.generated:
            return batch
        columns = [batch.raw(i) for i in range(batch.width)]
        for index, vector in self.generated:
            columns[index] = vector.run(batch, ctx)
        return Batch(batch.n, columns)

    def _first_bad(self, batch: Batch, ctx: Context) -> int | None:
        """The first row that violates a constraint."""
        wrong: Any = None
        for index in self.target.rules.not_null:
            missing = _missing(batch.col(index))
            if missing is not None:
                wrong = missing if wrong is None else wrong | missing
        for check in self.checks:
            fails = _false(check.run(batch, ctx), batch.n)
            if fails is not None:
                wrong = fails if wrong is None else wrong | fails
        if wrong is None or not wrong.any():
            return None
        return int(np.flatnonzero(wrong)[0])

    def _row(self, batch: Batch, number: int) -> Row:
        columns = self._stored(batch.slice(number, number + 1))
        return Row(self.shape, [None if c is None else c.datum(0) for c in columns])

    def _stored(self, batch: Batch) -> list[Any]:
        """The columns as tuples store them; None for one that is NULL throughout."""
        out: list[Any] = []
        for i, codec in enumerate(self.shape.codecs):
            column = batch.col(i)
            if codec is None or (type(column) is ConstColumn and column.value is None):
                out.append(None)
                continue
            made = named(stored(column, codec), codec)
            out.append(made)
        return out

    def _store(self, batch: Batch) -> None:
        target = self.target
        columns = self._stored(batch)
        tids = insert_columns(target.heap, target.xact, columns, batch.n)
        if len(target.indexes):
            self._enter(columns, tids)

    def _enter(self, columns: list[Any], tids: Any) -> None:
        """The index entries, all at once where the indexes allow it, else row by row."""
        target = self.target
        indexes = target.indexes
        if indexes.takes_batches():
            keys = self._keys(columns, tids) if indexes.reads_rows else {}
            if keys is not None:
                nulls: list[Any] = [None] * len(tids)
                indexes.insert_batch(
                    target.xact, [nulls if one is None else one for one in columns], tids, keys
                )
                return
        for number, row in enumerate(self._rows(columns, tids)):
            try:
                target.enter(row)
            except SqlError as error:
                error.__dict__["row_number"] = number
                raise

    def _rows(self, columns: list[Any], tids: Any) -> Iterator[Row]:
        """The rows one by one, with what indexes need of them."""
        shape = self.shape
        wanted = range(shape.natts) if self.indexed is None else self.indexed
        nothing = [None] * len(tids)
        lists: list[Any] = [nothing] * shape.natts
        for i in wanted:
            lists[i] = nothing if columns[i] is None else datums_of(columns[i])
        for place, datums in zip(tids.tolist(), zip(*lists)):
            yield Row(shape, list(datums), (place >> 16, place & 0xFFFF))

    def _keys(self, columns: list[Any], tids: Any) -> Any:
        """Entries that expressions and predicates give; None where one of those fails.

        Then the rows before the one that it fails for are entered first, one by one.
        """
        rows = ((row.datums, row) for row in self._rows(columns, tids))
        try:
            return self.target.indexes.keys_of(rows)
        except SqlError:
            return None


@contextmanager
def told(row: int) -> Iterator[None]:
    """An error in here is that of a row of the batch."""
    try:
        yield
    except SqlError as error:
        error.__dict__["row_number"] = row
        raise


def datums_of(column: Any) -> list[bytes | None]:
    """Every datum of a stored column."""
    if isinstance(column, FixedColumn):
        size = column.values.dtype.itemsize
        raw = np.ascontiguousarray(column.values).tobytes()
        out: list[bytes | None] = [
            raw[at : at + size] for at in range(0, len(raw), size)
        ]  # fmt: skip
    else:
        assert isinstance(column, VarColumn)
        raw = column.buffer.tobytes()
        ends = column.start + column.length
        out = [raw[a:b] for a, b in zip(column.start.tolist(), ends.tolist())]
    if column.valid is not None:
        for row in np.flatnonzero(~column.valid).tolist():
            out[row] = None
    return out


def _missing(column: Any) -> Any:
    """Which rows are NULL; None where no row is."""
    if type(column) is ConstColumn:
        return np.ones(column.n, bool) if column.value is None else None
    if hasattr(column, "items"):
        found = np.fromiter((v is None for v in column.items), np.bool_, len(column.items))
        return found if found.any() else None
    return None if column.valid is None else ~column.valid


def _false(column: Any, n: int) -> Any:
    """Which rows of a condition are false (not NULL)."""
    if type(column) is ConstColumn:
        return np.ones(n, bool) if column.value is False else None
    if hasattr(column, "items"):
        return np.fromiter((v is False for v in column.items), np.bool_, n)
    fails = ~column.values.astype(bool)
    return fails if column.valid is None else fails & column.valid
