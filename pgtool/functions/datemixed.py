"""Dates compared with timestamps, a column at once.

A finite date is the timestamp of its midnight; columns with infinities or with dates beyond
the range of timestamps are left to the scalar forms.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.functions.registry import vector

_DAY_US = 86_400_000_000
_LIMIT = 1 << 26


def _instants(days: Any) -> Any:
    days = np.asarray(days)
    if days.size and int(np.abs(days.astype(np.int64)).max()) >= _LIMIT:
        return NotImplemented
    return days.astype(np.int64) * _DAY_US


def _left(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> Any:
        a = _instants(a)
        return a if a is NotImplemented else compare(a, b)

    return compute


def _right(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> Any:
        b = _instants(b)
        return b if b is NotImplemented else compare(a, b)

    return compute


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _compare = getattr(operator, _name)
    vector(f"date_{_name}_timestamp", total=True)(_left(_compare))
    vector(f"timestamp_{_name}_date", total=True)(_right(_compare))
