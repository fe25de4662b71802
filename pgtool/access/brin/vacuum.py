"""VACUUM of a BRIN index: there is nothing to take out.

A BRIN index knows ranges of blocks, not rows: what it says of a range stays true when rows
leave it. The server also summarises new ranges on that occasion; ranges without a summary are
read whole by every scan, so leaving that to it costs time and never a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgtool.access.btree.vacuum import BulkDeleteResult

__all__ = ["BrinIndex"]


def _at_once() -> None:
    """No pause."""


@dataclass(frozen=True)
class _Named:
    """What VACUUM asks of an index's descriptor."""

    oid: int
    name: str


class BrinIndex:
    """One BRIN index of a table that is vacuumed."""

    def __init__(self, pool: Any, where: Any, oid: int, name: str) -> None:
        self.pool = pool
        self.where = where
        self.descriptor = _Named(oid, name)

    def bulk_delete(
        self, dead: Any, result: BulkDeleteResult | None = None,
        pause: Callable[[], None] = _at_once,
    ) -> BulkDeleteResult:  # fmt: skip
        """No entry leads to a row."""
        return result or BulkDeleteResult(
            num_pages=self.pool.nblocks(self.where), estimated_count=True
        )

    def vacuum_cleanup(
        self, result: BulkDeleteResult | None = None, pause: Callable[[], None] = _at_once
    ) -> BulkDeleteResult:
        """Its size."""
        return self.bulk_delete((), result)
