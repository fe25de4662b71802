"""Unique and SetOp: duplicates removed, INTERSECT and EXCEPT."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pgtool.nodes.plan import SetOpCmd, SetOpStrategy
from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.grouping import boundaries, key_specs
from pgtool.sql.executor.interning import GroupTable
from pgtool.sql.executor.merging import Keys, aligned
from pgtool.sql.executor.node import Exec
from pgtool.sql.executor.spill import compacted

__all__ = ["SetOpExec", "UniqueExec"]


class UniqueExec(Exec):
    """The first row of each run of equal rows."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.types, self.codecs = self.left.types, self.left.codecs
        self.specs = key_specs(self, plan.uniqColIdx, plan.uniqOperators, plan.uniqCollations)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        last: Batch | None = None
        for batch in self.left.run(ctx):
            ctx.check()
            if not batch.n:
                continue
            if not self.specs:
                yield batch.head(1)
                return
            both = batch if last is None else concat_batches([last, batch], self.codecs)
            new = boundaries(both, self.specs)
            new = new if last is None else new[1:]
            last = compacted(batch.slice(batch.n - 1, batch.n), self.codecs)
            out = batch.filter(new)
            if out.n:
                yield out


class SetOpExec(Exec):
    """INTERSECT and EXCEPT: the left input's rows, as often as the counts of both sides say.

    Sorted inputs are gone through side by side, others counted in a table.
    """

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.right = self.child(plan.righttree)
        self.types, self.codecs = self.left.types, self.left.codecs
        left = (plan.cmpColIdx, plan.cmpOperators, plan.cmpCollations)
        self.specs = key_specs(self, *left)
        self.right_specs = key_specs(self, *left, codecs=self.right.codecs)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        left, right = self.left.run(ctx), self.right.run(ctx)
        if self.plan.strategy != SetOpStrategy.SETOP_SORTED or not self._comparable():
            yield from self._counted(left, right, ctx)
            return
        first = self.plan.cmpNullsFirst
        keys = [
            Keys([replace(s, nulls_first=bool(n)) for s, n in zip(specs, first)])
            for specs in (self.specs, self.right_specs)
        ]
        for mine, other in aligned(left, right, (keys[0], keys[1]),
                                   (self.codecs, self.right.codecs)):  # fmt: skip
            if mine is not None:
                yield from self._counted(iter([mine]), iter([] if other is None else [other]), ctx)

    def _comparable(self) -> bool:
        return bool(self.specs) and all(
            a.codec.typid == b.codec.typid for a, b in zip(self.specs, self.right_specs)
        )

    def _counted(
        self, rows: Iterator[Batch], right: Iterator[Batch], ctx: Context
    ) -> Iterator[Batch]:
        left = _unless_empty(rows)
        if left is None:
            return
        table = GroupTable(self.specs) if self.specs else None
        counts = np.zeros(0, np.int64)
        for batch in right:
            ctx.check()
            ids, groups = self._ids(table, batch, self.right_specs)
            more = np.bincount(ids, minlength=max(groups, len(counts)))
            more[: len(counts)] += counts
            counts = more
        given = np.zeros(len(counts), np.int64)
        for batch in left:
            ctx.check()
            if not batch.n:
                continue
            ids, groups = self._ids(table, batch, self.specs)
            if groups > len(counts):
                extra = np.zeros(2 * groups - len(counts), np.int64)
                counts, given = np.concatenate([counts, extra]), np.concatenate([given, extra])
            turn = _turns(ids) + given[ids]
            given += np.bincount(ids, minlength=len(given))
            keep = self._keep(turn, counts[ids])
            if keep.any():
                yield batch.filter(keep)

    @staticmethod
    def _ids(table: GroupTable | None, batch: Batch, specs: list[Any]) -> tuple[Any, int]:
        if table is None:
            return np.zeros(batch.n, np.int64), 1
        ids, _ = table.numbers(batch, specs)
        return ids, table.count

    def _keep(self, turn: Any, other: Any) -> Any:
        """``turn``: how many equal rows the left side had before; ``other``: the right side's."""
        command = self.plan.cmd
        if command == SetOpCmd.SETOPCMD_INTERSECT:
            return (turn == 0) & (other > 0)
        if command == SetOpCmd.SETOPCMD_INTERSECT_ALL:
            return turn < other
        if command == SetOpCmd.SETOPCMD_EXCEPT:
            return (turn == 0) & (other == 0)
        return turn >= other


def _unless_empty(rows: Iterator[Batch]) -> Iterator[Batch] | None:
    """The rows, or None: then the other side is not even looked at."""
    first = next((batch for batch in rows if batch.n), None)
    return None if first is None else itertools.chain([first], rows)


def _turns(ids: Any) -> Any:
    """For each row how many rows before it have the same number."""
    order = np.argsort(ids, kind="stable")
    found = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1]]))
    sizes = np.diff(np.append(starts, len(ids)))
    out = np.empty(len(ids), np.int64)
    out[order] = np.arange(len(ids)) - np.repeat(starts, sizes)
    return out
