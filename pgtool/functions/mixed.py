"""Numerics of several display scales, as 64-bit integers of one scale.

A division gives each value a display scale of its own, and yet most have few digits. What is
computed is computed by the functions over ScaledColumn; the display scales go beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from pgtool.functions.columns import MixedColumn, ScaledColumn
from pgtool.types.numeric import EXACT

__all__ = ["MixedSums", "extremes", "mixed_values", "over_mixed"]

Array = Any
_MOST_SHOWN = 1000

#: What becomes of the display scales; functions that are not here see values one by one.
_SHOWN: dict[str, Any] = {
    "numeric_add": np.maximum, "numeric_sub": np.maximum, "numeric_mul": np.add,
    "numeric_uminus": np.positive, "numeric_abs": np.positive, "numeric_float8": None,
} | {f"numeric_{name}": None for name in ("eq", "ne", "lt", "le", "gt", "ge")}  # fmt: skip


def over_mixed(prosrc: str, vector: Callable[..., Any], args: list[Any]) -> Any:
    """A vectorised function over columns of which some are mixed."""
    if prosrc not in _SHOWN:
        return NotImplemented
    found = vector(*[
        ScaledColumn(a.values, a.scale) if isinstance(a, MixedColumn) else a for a in args
    ])  # fmt: skip
    combine = _SHOWN[prosrc]
    if found is NotImplemented or combine is None:
        return found
    shown = combine(*[a.shown if isinstance(a, MixedColumn) else a.scale for a in args])
    if int(shown.max(initial=0)) > _MOST_SHOWN:
        return NotImplemented
    # A constant is a column of one value.
    return MixedColumn(found.values, found.scale, np.broadcast_to(shown, found.values.shape))


def mixed_values(column: MixedColumn) -> list[Any]:
    """The values as Decimals, each with its display scale as exponent."""
    scale = column.scale
    units = {s: Decimal((0, (1,), -s)) for s in np.unique(column.shown).tolist()}
    return [
        Decimal(v).scaleb(-scale, EXACT).quantize(units[s], context=EXACT)
        for v, s in zip(column.values.tolist(), column.shown.tolist())
    ]


class MixedSums:
    """Sums by scale, and each group's greatest display scale."""

    def __init__(self) -> None:
        self.sums: dict[int, Any] = {}
        self.shown = np.zeros(0, np.int32)

    def show(self, ids: Array, groups: int, shown: Array) -> None:
        """Take in display scales."""
        if len(self.shown) < groups:
            more = np.zeros(max(groups, 2 * len(self.shown)), np.int32)
            more[: len(self.shown)] = self.shown
            self.shown = more
        if groups == 1:
            self.shown[0] = max(int(self.shown[0]), int(shown.max(initial=0)))
        else:
            np.maximum.at(self.shown, ids, shown)


def extremes(ids: Array, groups: int, values: Array, largest: bool) -> Array:
    """The last row of each group that occurs with its greatest or least value."""
    limits = np.iinfo(np.int64)
    best = np.full(groups, limits.min if largest else limits.max, np.int64)
    (np.maximum if largest else np.minimum).at(best, ids, values)
    rows = np.flatnonzero(values == best[ids])
    last = np.full(groups, -1, np.int64)
    last[ids[rows]] = rows
    return last[last >= 0]
