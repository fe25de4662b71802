"""FunctionScan: functions in FROM, several side by side (ROWS FROM), WITH ORDINALITY."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.values import RecordValue
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import BATCH_ROWS, Exec
from pgtool.sql.executor.rowtype import scan_scope, with_whole_row
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.setreturning import fields_of, set_caller
from pgtool.sql.executor.vectors import from_items
from pgtool.types.column import FixedColumn

__all__ = ["FunctionExec"]

INT8, RECORD = 20, 2249
_COUNTING = ("generate_series_int4", "generate_series_step_int4", "generate_series_int8",
             "generate_series_step_int8")  # fmt: skip
_MISMATCH = "function return row and query-specified return row do not match"


class _Source:
    """One function of a FunctionScan and the columns that it gives."""

    def __init__(self, env: Any, function: Any) -> None:
        expr = function.funcexpr
        names = [str(getattr(n, "sval", n)) for n in function.funccolnames or ()]
        types, typmods = function.funccoltypes or (), function.funccoltypmods or ()
        columns = tuple(zip(names, types, typmods))
        self.call = set_caller(ScalarCompiler(env, Scope()), expr, columns)
        rettype = expr_type(expr)
        info = env.registry.info(rettype)
        while info.typtype == "d":
            info = env.registry.info(info.typbasetype)
        self.composite = info.typtype == "c" or rettype == RECORD
        #: A domain's rows are rows of the composite type below it.
        self.row_type = info.oid if self.composite else RECORD
        self.live: list[int] | None = None
        if function.funccoltypes:
            self.types = list(function.funccoltypes)
        elif info.typtype == "c":
            attributes = env.registry.lookups.attributes(info.oid, -1) or []
            # Columns keep their numbers: a dropped one stands there as NULL.
            self.live = [i for i, a in enumerate(attributes) if not a.attisdropped]
            self.types = [a.atttypid or 23 for a in attributes]
        elif self.composite:
            self.types = self._out_arguments(env, expr)
        else:
            self.types = [rettype]
        self.width = len(self.types)
        #: The types of a column definition list, which a row must have exactly.
        self.wanted = tuple(self.types) if function.funccoltypes else None
        self.checked: Any = None
        self.registry = env.registry

    def _check(self, found: tuple[int, ...]) -> None:
        """The returned row has the types that the query says."""
        if found == self.wanted or found is self.checked or not found:
            return
        self.checked = found
        if len(found) != self.width:
            plural = "" if len(found) == 1 else "s"
            raise SqlError(_MISMATCH, "42804", f"Returned row contains {len(found)} "
                           f"attribute{plural}, but query expects {self.width}.")  # fmt: skip
        for place, (have, want) in enumerate(zip(found, self.types), 1):
            if have != want:
                name = self.registry.format_type
                raise SqlError(_MISMATCH, "42804",
                               f"Returned type {name(have, -1)} at ordinal "
                               f"position {place}, but query expects "
                               f"{name(want, -1)}.")  # fmt: skip

    @staticmethod
    def _out_arguments(env: Any, expr: Any) -> list[int]:
        row = env.ops.function(expr.funcid).row
        modes, types = row.proargmodes or (), row.proallargtypes or ()
        return [t for m, t in zip(modes, types) if m in "obt"]

    def rows(self, ctx: Context) -> Iterator[tuple[Any, ...]]:
        """The function's rows, each as its columns."""
        for value in self.call((), ctx):
            if not self.composite:
                yield (value,)
                continue
            if self.wanted is not None and isinstance(value, RecordValue):
                self._check(value.fieldtypes)
            fields = fields_of(value, len(self.live) if self.live is not None else self.width)
            if self.live is not None and len(self.live) != self.width:
                spread: list[Any] = [None] * self.width
                for place, field in zip(self.live, fields):
                    spread[place] = field
                fields = tuple(spread)
            yield fields


class FunctionExec(Exec):
    """See the module."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.sources = [_Source(self.env, f) for f in plan.functions]
        self.row_types = [t for s in self.sources for t in s.types]
        if plan.funcordinality:
            self.row_types.append(INT8)
        self.row_codecs = [self.env.codec(t) for t in self.row_types]
        names = [getattr(n, "sval", n) for n in builder.rte(plan.scanrelid).eref.colnames]
        self.names = names
        only = plan.functions[0].funcexpr if len(plan.functions) == 1 else None
        self.single = (
            only is not None and not plan.funcordinality and not self.sources[0].composite
        )
        #: Whether it counts integers, which are made a batch at a time.
        self.counts = (
            self.single and only is not None and type(only).__name__ == "FuncExpr"
            and self.env.ops.function(only.funcid).row.prosrc in _COUNTING
        )  # fmt: skip
        self.filter, self.project = self.over(scan_scope(plan.scanrelid, len(self.row_types)))

    def _rows(self, ctx: Context) -> Iterator[tuple[Any, ...]]:
        if len(self.sources) == 1:
            rows = self.sources[0].rows(ctx)
        else:
            blanks = [(None,) * s.width for s in self.sources]
            parts = [s.rows(ctx) for s in self.sources]
            rows = (
                tuple(v for part, blank in zip(found, blanks)
                      for v in (blank if part is None else part))
                for found in itertools.zip_longest(*parts)
            )  # fmt: skip
        if self.plan.funcordinality:
            return ((*tuple(row), i) for i, row in enumerate(rows, 1))
        return rows

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        if self.counts:
            yield from self._counted(self.sources[0].call((), ctx), ctx)
            return
        rows = self._rows(ctx)
        while True:
            ctx.check()
            part = list(itertools.islice(rows, BATCH_ROWS))
            if not part:
                return
            columns = [
                from_items([row[i] for row in part], codec)
                for i, codec in enumerate(self.row_codecs)
            ]
            batch = Batch(len(part), columns)
            if self.single:
                # The row of a function that gives a scalar is the scalar itself.
                full = Batch(batch.n, [*columns, columns[0]])
            else:
                full = with_whole_row(self.env, batch, self.row_types, self.names, None,
                                      self._row_type())  # fmt: skip
            yield from self.output(full, ctx)

    def _counted(self, numbers: Any, ctx: Context) -> Iterator[Batch]:
        numbers = numbers if isinstance(numbers, range) else range(0)
        for at in range(0, len(numbers), BATCH_ROWS):
            ctx.check()
            part = numbers[at : at + BATCH_ROWS]
            # The numbers fit; the one behind the last may not.
            values = part.start + np.arange(len(part), dtype=np.int64) * part.step
            column = FixedColumn(values.astype(self.row_codecs[0].dtype))
            yield from self.output(Batch(len(part), [column, column]), ctx)

    def _row_type(self) -> int:
        if len(self.sources) == 1 and not self.plan.funcordinality:
            return self.sources[0].row_type
        return RECORD
