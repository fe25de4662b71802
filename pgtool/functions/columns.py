"""Columns that only computing needs, beside the stored forms of :mod:`pgtool.types.column`.

* :class:`ScaledColumn`: numerics as scaled 64-bit integers, all with the same display
  scale; what a vectorised numeric function takes and gives.
* :class:`MixedColumn`: the same where each has a display scale of its own.
* :class:`ObjectColumn`: a list of values (:mod:`pgtool.functions.values`), the fall-back.
* :class:`NumericColumn`: stored numerics that remember their scaled form once asked for.

A vectorised function gets a numpy array (or numpy scalar, for a constant) for a
fixed-width argument, a :class:`~pgtool.types.column.VarColumn` for a variable-width one
and a ScaledColumn for a numeric, and gives the same; ``NotImplemented`` declines, and the
rows then go through the scalar form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.types.column import Valid, VarColumn

__all__ = ["MixedColumn", "NumericColumn", "ObjectColumn", "ScaledColumn"]

Array = npt.NDArray[Any]


@dataclass(slots=True)
class ScaledColumn:
    """Numerics ``values`` · 10^−``scale``, each displayed with ``scale`` decimals."""

    values: Array
    scale: int
    valid: Valid = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True)
class MixedColumn:
    """Numerics ``values`` · 10^−``scale``, displayed with ``shown`` decimals each."""

    values: Array
    scale: int
    shown: Array
    valid: Valid = None

    def __len__(self) -> int:
        return len(self.values)


class NumericColumn(VarColumn):
    """Stored numerics; ``scaled`` is None until computed, False where it cannot be."""

    __slots__ = ("scaled",)

    def __init__(self, buffer: Array, start: Array, length: Array, valid: Valid = None) -> None:
        super().__init__(buffer, start, length, valid)
        self.scaled: Any = None


class ObjectColumn:
    """Values as Python objects, None for NULL; remembers its stored form."""

    __slots__ = ("items", "stored")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.stored: Any = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def valid(self) -> Valid:
        """Which rows are not NULL; None where all are."""
        if None not in self.items:
            return None
        return np.fromiter((v is not None for v in self.items), np.bool_, len(self.items))
