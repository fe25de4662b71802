"""What an export could not read, and what becomes of it.

Without salvage the first damage ends the export. With it every loss is noted as one JSON
object (relation, file, block, offset, field, message) and the rows that are whole go on.
"""

from __future__ import annotations

from typing import Any

from pgtool.access.heap.page import Tuples
from pgtool.errors import CorruptData


class Losses:
    """Collects damage, or refuses it."""

    def __init__(self, salvage: bool, relation: str = "") -> None:
        self.salvage = salvage
        self.relation = relation
        self.found: list[dict[str, Any]] = []

    def __call__(self, problem: CorruptData) -> None:
        """A :data:`~pgtool.access.damage.Damage` function."""
        if not self.salvage:
            raise problem
        self.found.append(
            {
                "relation": self.relation, "file": problem.file, "block": problem.block,
                "offset": problem.offset, "field": problem.field, "message": problem.message,
            }
        )  # fmt: skip

    def value(self, tuples: Tuples, row: int, column: str, problem: CorruptData) -> None:
        """A value that its type cannot read."""
        self(tuples.corrupt(row, problem.message, column))
