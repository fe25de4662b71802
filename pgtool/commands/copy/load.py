"""COPY FROM: blocks of fields become rows of a table.

Columns that the input leaves out take their defaults; WHERE picks rows; then the rows go the
way of INSERT: whole batches where the table allows it, else one by one. An error tells the
line (and the column) of the input that it came up with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from pgtool.commands.copy.convert import Converter, FieldError
from pgtool.commands.copy.intake import Block, blocks
from pgtool.commands.copy.lines import BAD_COPY_FILE_FORMAT, shown
from pgtool.commands.copy.options import CopyOptions
from pgtool.errors import SqlError
from pgtool.sql.answer import Notice
from pgtool.sql.executor.batch import Batch, ConstColumn
from pgtool.sql.executor.bulkinsert import told
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.domains import check_domain
from pgtool.sql.executor.modifytable import Writing, datum_rows
from pgtool.sql.executor.node import Filter
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Env, Scope
from pgtool.sql.executor.target import Targets
from pgtool.sql.executor.vectors import from_items
from pgtool.sql.executor.written import Row, encoder
from pgtool.sql.planner import trees
from pgtool.sql.targetlist import column_default

__all__ = ["Loader"]

#: How many rows the server collects before it stores them and looks at their keys.
BUFFERED_ROWS = 1000


class Loader:
    """One COPY FROM into one table."""

    def __init__(
        self, session: Any, relation: Any, columns: list[Any], options: CopyOptions, where: Any,
        notices: list[Notice],
    ) -> None:  # fmt: skip
        self.session = session
        self.options = options
        self.columns = columns
        self.name = relation.relname
        if session.check_domain is None:
            session.check_domain = partial(check_domain, session)
        env = self.env = Env(session)
        self.targets = Targets(env, relation)
        self.shape = self.targets.root.shape
        self.ctx = Context(session)
        self.converters = [Converter(session, c.atttypid, c.atttypmod) for c in columns]
        given = {c.attnum for c in columns}
        compiler = ScalarCompiler(env, Scope())
        self.defaults: dict[int, tuple[Any, bool]] = {}
        #: Whether rows are collected, and their keys looked at when the collection is stored.
        self.buffers = trees.volatility(where or [], session.cache, nextval="i") != "v"
        for i in self.shape.live:
            attribute = self.shape.attributes[i]
            if attribute.attgenerated:
                continue
            wanted = attribute.attnum not in given or options.default is not None
            expr = column_default(session, relation, attribute) if wanted else None
            if expr is not None:
                volatile = trees.volatility(expr, session.cache) == "v"
                self.defaults[i] = compiler.compile(expr), volatile
                if trees.volatility(expr, session.cache, nextval="i") == "v":
                    self.buffers = False
        scope = Scope({(1, number): number - 1 for number in range(1, self.shape.natts + 1)})
        self.where = Filter(env, scope, where) if where else None
        self.node = SimpleNamespace(
            env=env, targets=self.targets, conflict=None, returning=None, views=[],
            width=self.shape.natts, left=SimpleNamespace(codecs=self.shape.codecs),
            encoders=[None if c is None else encoder(c) for c in self.shape.codecs],
        )  # fmt: skip
        self.writing = Writing(self.node, self.ctx)  # type: ignore[arg-type]
        self.skipped = 0
        self.notices = notices
        self.count = 0

    # -- running ----

    def text(self, source: Iterator[bytes]) -> int:
        """Load text or CSV; how many rows."""
        width = len(self.columns)
        for block in blocks(source, self.options, width, self.name, self._names()):
            self.ctx.check()
            self._block(block)
        return self._done()

    def binary(self, source: Iterator[bytes]) -> int:
        """Load the binary format; how many rows."""
        from pgtool.commands.copy.readbinary import tuples

        number = 0
        for rows in tuples(source, len(self.columns), self.name):
            columns = []
            for i, converter in enumerate(self.converters):
                try:
                    columns.append(converter.stored([converter.received(r[i]) for r in rows]))
                except SqlError as error:
                    error.within(f"COPY {self.name}, line {number + 1}, column "
                                 f"{self.columns[i].attname}")  # fmt: skip
                    raise
            self._rows(self._batch(columns, [None] * len(columns), len(rows)), None)
            number += len(rows)
        return self._done()

    def _done(self) -> int:
        self.writing.end()
        return self.count

    def _names(self) -> list[str]:
        return [c.attname for c in self.columns]

    def _block(self, block: Block, cut: bool = False) -> None:
        """Store a block's rows; ``cut``: something is wrong with the row behind it."""
        columns = []
        ignoring = self.options.on_error == "ignore"
        #: Row → the first of its columns that cannot be read.
        skipped: dict[int, int] = {}
        wrong = [] if block.failure is None else [block.failure]
        wrong += self._wrong_defaults(block)
        for i, converter in enumerate(self.converters):
            unread: list[int] | None = [] if ignoring else None
            try:
                columns.append(converter.column(block.columns[i], unread))
            except FieldError as problem:
                wrong.append((problem.row, i, self._field_error(block, i, problem)))
            for row in unread or ():
                skipped.setdefault(row, i)
        if wrong:
            self._fail(block, *min(wrong, key=lambda found: found[:2]))
        batch = self._batch(columns, block.defaults, block.n)
        rows = None
        if skipped:
            keep = np.ones(block.n, bool)
            keep[list(skipped)] = False
            for row in sorted(skipped):
                self._skip(block, row, skipped[row])
            rows = np.flatnonzero(keep)
            batch = batch.take(rows)
        self._rows(batch, block, rows, cut)

    def _skip(self, block: Block, row: int, number: int) -> None:
        """ON_ERROR ignore: a row is left out because of one of its columns."""
        self.skipped += 1
        limit = self.options.reject_limit
        if limit and self.skipped > limit:
            problem = FieldError(row, SqlError(
                f"skipped more than REJECT_LIMIT ({limit}) rows due to data type incompatibility",
                "22P02"))  # fmt: skip
            raise self._field_error(block, number, problem)
        if self.options.log_verbosity != "verbose":
            return
        text = block.columns[number].datum(row)
        self.notices.append(Notice(
            "NOTICE", "skipping row due to data type incompatibility at line "
            f'{block.line_number(row)} for column "{self.columns[number].attname}": '
            + ("null input" if text is None else shown(text)),
        ))  # fmt: skip

    def _fail(self, block: Block, row: int, _column: int, error: SqlError) -> NoReturn:
        """The rows before go in, which may fail in a way of their own; then the error."""
        if row:
            self._block(block.head(row), cut=True)
        raise error

    def _wrong_defaults(self, block: Block) -> list[tuple[int, int, SqlError]]:
        """DEFAULT may stand only for columns that have one: (row, column, error)."""
        out = []
        for number, (column, mask) in enumerate(zip(self.columns, block.defaults)):
            if mask is None or column.attnum - 1 in self.defaults:
                continue
            row = int(np.flatnonzero(mask)[0])
            error = SqlError(
                "unexpected default marker in COPY data", BAD_COPY_FILE_FORMAT,
                f'Column "{column.attname}" has no default value.',
            )
            error.context = (f"COPY {self.name}, line {block.line_number(row)}: "
                             f"{shown(block.line(row))}")  # fmt: skip
            out.append((row, number, error))
        return out

    def _field_error(self, block: Block, number: int, problem: FieldError) -> SqlError:
        text = block.columns[number].datum(problem.row) or b""
        line = block.line_number(problem.row)
        return problem.error.within(
            f"COPY {self.name}, line {line}, column {self.columns[number].attname}: {shown(text)}")

    def _batch(self, columns: list[Any], defaults: list[Any], n: int) -> Batch:
        """The table's attributes as columns."""
        shape = self.shape
        out: list[Any] = [ConstColumn(None, n)] * shape.natts
        given = {}
        for column, mask, attribute in zip(columns, defaults, self.columns):
            index = attribute.attnum - 1
            codec = shape.codecs[index]
            assert codec is not None
            out[index] = codec.canonical(column)
            given[index] = mask
        for index, (default, volatile) in self.defaults.items():
            mask = given.get(index)
            if index in given and mask is None:
                continue
            codec = shape.codecs[index]
            assert codec is not None
            rows = n if mask is None else int(np.count_nonzero(mask))
            values = [default((), self.ctx) for _ in range(rows if volatile else min(rows, 1))]
            values = values if volatile else values * rows
            if mask is None:
                out[index] = from_items(values, codec) if volatile else ConstColumn(values[0], n)
                continue
            items = codec.values(out[index])
            for row, value in zip(np.flatnonzero(mask).tolist(), values):
                items[row] = value
            out[index] = from_items(items, codec)
        return Batch(n, out)

    def _rows(
        self, batch: Batch, block: Block | None, rows: Any = None, cut: bool = False
    ) -> None:
        """Store the rows of a batch; ``rows`` are their places in the block."""
        if self.where is not None:
            keep = self.where.mask(batch, self.ctx)
            if not keep.all():
                picked = np.flatnonzero(keep)
                rows = picked if rows is None else rows[picked]
                batch = batch.take(picked)
        if not batch.n:
            return
        root = self.targets.root
        try:
            if root.takes_batches:
                self.count += root.bulk.insert(
                    batch, self.ctx, buffered=BUFFERED_ROWS if self.buffers else 1,
                    before=self.count, cut=cut,
                )  # fmt: skip
            else:
                self._one_by_one(batch, cut)
        except SqlError as error:
            if block is not None and "COPY " not in (error.context or ""):
                row = getattr(error, "row_number", 0)
                row = int(row if rows is None else rows[row])
                place = f"COPY {self.name}, line {block.line_number(row)}"
                if error.sqlstate != "23505" or not self.buffers:
                    place += f": {shown(block.line(row))}"
                error.within(place)
            raise

    def _one_by_one(self, batch: Batch, cut: bool) -> None:
        """Rows that foreign keys or partitions make go in singly, checked a buffer ahead."""
        writing = self.writing
        waiting: list[tuple[int, Any, Row]] = []
        limit = BUFFERED_ROWS if self.buffers else 1
        before = self.count

        def flush() -> None:
            for number, target, row in waiting:
                with told(number):
                    writing.store(target, row)
                self.count += 1
            waiting.clear()

        for number, datums in enumerate(datum_rows(batch, self.node)):  # type: ignore[arg-type]
            with told(number):
                waiting.append((number, *writing.placed(Row(self.shape, datums))))
            if (before + number + 1) % limit == 0:
                flush()
        if not cut:
            flush()
