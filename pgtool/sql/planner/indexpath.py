"""Index paths."""

from __future__ import annotations

from pgtool.sql.planner.base import Rel, Root


def create(root: Root, rel: Rel) -> None:
    """Add the useful index paths of a relation."""
