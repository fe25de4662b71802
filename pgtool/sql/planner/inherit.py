"""Inheritance and partitioning: one table in the query, many in the plan."""

from __future__ import annotations

from pgtool.sql.planner.base import Rel, Root


def expand(root: Root, rel: Rel) -> None:
    """Add the relation's children to the query level."""


def size(root: Root, rel: Rel) -> None:
    """Rows of all children together."""


def paths(root: Root, rel: Rel) -> None:
    """Append and MergeAppend over the children's paths."""
