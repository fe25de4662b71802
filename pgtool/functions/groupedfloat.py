"""Variance, correlation and regression of floats over many groups at once.

The running sums of each group are arrays that a compiled loop goes over
(:mod:`pgtool.functions.running`). Where there is none, rows go through the scalar form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.functions import running
from pgtool.functions.aggstats import REGR_FINALS, REGR_SUMS, SPREADS
from pgtool.functions.float import overflow
from pgtool.functions.grouped import grown
from pgtool.functions.registry import GroupedAggregate, grouped
from pgtool.types.column import FixedColumn

Array = Any


class _Running(GroupedAggregate):
    """Sums as arrays of floats; the first counts the rows."""

    size = 0
    loop: Any = None

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.sums = [np.zeros(0) for _ in range(self.size)]

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Add."""
        if not running.COMPILED:
            return False
        self.sums = [grown(one, groups) for one in self.sums]
        values = [np.ascontiguousarray(c.values, np.float64) for c in columns]
        if self.loop(np.ascontiguousarray(ids, np.int64), *values, *self.sums) < len(ids):
            raise overflow()
        return True

    def so_far(self, groups: int) -> list[Array]:
        """Each group's sums."""
        return [grown(one, groups)[:groups] for one in self.sums]


class _Spread(_Running):
    """Variance or standard deviation."""

    size = 3
    loop = staticmethod(running.spread)
    is_variance = is_sample = False

    def final(self, groups: int) -> Any:
        """The results."""
        count, _total, squares = self.so_far(groups)
        there = count > 1 if self.is_sample else count > 0
        with np.errstate(all="ignore"):
            found = squares / (count - 1 if self.is_sample else count)
            found = found if self.is_variance else np.sqrt(found)
        return FixedColumn(found, None if there.all() else there)


for _kind, (_is_variance, _is_sample) in SPREADS.items():
    grouped(("float8_accum", f"float8_{_kind}"), ("float4_accum", f"float8_{_kind}"))(
        type(f"Float_{_kind}", (_Spread,),
             {"is_variance": _is_variance, "is_sample": _is_sample})
    )  # fmt: skip


def _regression(name: str) -> type[_Running]:
    compute = REGR_FINALS[name]

    class Regression(_Running):
        """An aggregate over pairs."""

        size = REGR_SUMS
        loop = staticmethod(running.regress)

        def final(self, groups: int) -> Any:
            """The results."""
            sums = [one.tolist() for one in self.so_far(groups)]
            return [compute(list(state)) for state in zip(*sums)]

    return Regression


for _name in REGR_FINALS:
    grouped(("float8_regr_accum", _name))(_regression(_name))
