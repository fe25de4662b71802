"""What an export could not read, and what becomes of it.

Without salvage the first damage ends the export. With it every loss is noted as one JSON
object (relation, file, block, offset, field, message, suspected) and the rows that are whole
go on. What is only suspected is noted either way: it keeps no row from coming out.
"""

from __future__ import annotations

from typing import Any

from pgtool.access.heap.page import Tuples
from pgtool.errors import CorruptData, SuspectedLoss


class Losses:
    """Collects damage, or refuses it."""

    def __init__(self, salvage: bool, relation: str = "") -> None:
        self.salvage = salvage
        self.relation = relation
        self.found: list[dict[str, Any]] = []

    def __call__(self, problem: CorruptData) -> None:
        """A :data:`~pgtool.access.damage.Damage` function."""
        suspected = isinstance(problem, SuspectedLoss)
        if not self.salvage and not suspected:
            raise problem
        self.found.append(
            {
                "relation": self.relation, "file": problem.file, "block": problem.block,
                "offset": problem.offset, "field": problem.field, "message": problem.message,
                "suspected": suspected,
            }
        )  # fmt: skip

    def value(self, tuples: Tuples, row: int, column: str, problem: CorruptData) -> None:
        """A value that its type cannot read."""
        self(tuples.corrupt(row, problem.message, column))


def words(loss: dict[str, Any]) -> str:
    """A loss as one line."""
    problem = CorruptData(
        loss["message"], file=loss["file"], block=loss["block"], offset=loss["offset"],
        field=loss["field"],
    )  # fmt: skip
    return f"{loss['relation']}: {problem}"
