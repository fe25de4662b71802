"""min() and max() through an index: the first row of an ordered subquery."""

from __future__ import annotations

from typing import Any

from pgtool.sql.planner.base import Root


def paths(root: Root) -> Any:
    """The replacement of all aggregates by ordered subqueries; None where it cannot be."""
    return None
