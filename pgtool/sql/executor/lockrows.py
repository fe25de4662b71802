"""LockRows: SELECT FOR UPDATE and its kin lock the rows that come by, or leave them out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.access.heap.heapam import HeapRelation, open_heap
from pgtool.access.heap.xmax import LockTupleMode
from pgtool.catalog.heaptarget import heap_target
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.enums import LockClauseStrength, LockWaitPolicy
from pgtool.sql.executor.batch import Batch, values
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import Exec
from pgtool.sql.executor.target import READ_COMMITTED, unpack_tid
from pgtool.transam.tqual import TmResult

__all__ = ["LockRowsExec"]

_MODES = {
    LockClauseStrength.LCS_FORKEYSHARE: LockTupleMode.KeyShare,
    LockClauseStrength.LCS_FORSHARE: LockTupleMode.Share,
    LockClauseStrength.LCS_FORNOKEYUPDATE: LockTupleMode.NoKeyExclusive,
    LockClauseStrength.LCS_FORUPDATE: LockTupleMode.Exclusive,
}
_POLICIES = {
    LockWaitPolicy.LockWaitBlock: "block", LockWaitPolicy.LockWaitSkip: "skip",
    LockWaitPolicy.LockWaitError: "error",
}  # fmt: skip


class LockRowsExec(Exec):
    """See the module."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.types, self.codecs = self.left.types, self.left.codecs
        self.marks = [
            (builder.rte(mark.rti).relid, ctid - 1, table - 1, _MODES[mark.strength],
             _POLICIES[mark.waitPolicy])
            for mark, ctid, table in zip(plan.rowMarks, plan.ctidColumns, plan.tableoidColumns)
        ]  # fmt: skip
        self.heaps: dict[int, HeapRelation] = {}

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        for batch in self.left.run(ctx):
            keep = np.ones(batch.n, bool)
            for mark in self.marks:
                self._lock(batch, keep, mark)
            out = batch if keep.all() else batch.filter(keep)
            if out.n:
                yield out

    def _lock(self, batch: Batch, keep: Any, mark: tuple[int, int, int, Any, str]) -> None:
        """Lock the rows of one relation; those that are not there any more drop out."""
        relid, place, table, mode, policy = mark
        tids = values(batch.col(place), self.codecs[place])
        tables = values(batch.col(table), self.codecs[table]) if table >= 0 else None
        xact = self.env.session.xact
        for row, tid in enumerate(tids):
            if tid is None or not keep[row]:
                continue
            heap = self._heap(relid if tables is None else tables[row])
            result, _failure = heap.lock(xact, unpack_tid(tid), mode, policy)
            if result != TmResult.TM_Ok:
                keep[row] = self._stays(heap, result)

    def _heap(self, oid: int) -> HeapRelation:
        found = self.heaps.get(oid)
        if found is None:
            session = self.env.session
            instance = session.database.cluster.instance
            relation = session.database.relation(oid)
            found = self.heaps[oid] = open_heap(
                instance, heap_target(session.cache, relation, instance)
            )
        return found

    def _stays(self, heap: HeapRelation, result: TmResult) -> bool:
        """What it means that a row could not be locked."""
        if result in (TmResult.TM_SelfModified, TmResult.TM_WouldBlock):
            return False
        if result == TmResult.TM_BeingModified:
            name = self.env.session.database.relation(heap.target.oid).relname
            raise SqlError(f'could not obtain lock on row in relation "{name}"', "55P03")
        if self.env.session.xact.isolation != READ_COMMITTED:
            word = "delete" if result == TmResult.TM_Deleted else "update"
            raise SqlError(f"could not serialize access due to concurrent {word}", "40001")
        if result == TmResult.TM_Deleted:
            return False
        raise Unsupported("locking a row that another session has updated meanwhile")
