"""Index entries of dead rows that a writing session's index scans come by.

A scan that finds no visible row behind a TID asks whether anybody could still see one. If
not, the entry is marked dead (:mod:`pgtool.access.btree.kill`). Only a transaction that has
written does this: reading alone changes no file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.access.btree.kill import kill_items
from pgtool.access.heap.indexview import IndexView

__all__ = ["DeadEntries"]

#: More misses of one scan than this are left to VACUUM.
_MOST = 1000


class DeadEntries:
    """What one scan of an index may mark."""

    def __init__(self, session: Any, index: Any, heap: Any) -> None:
        self.instance = session.database.cluster.instance
        self.index = index
        self.view = IndexView(
            self.instance, heap.locator, shared=bool(heap.relisshared),
            catalog=heap.oid < 16384,
        )  # fmt: skip
        self.view.xact = session.xact
        self.left = _MOST

    @classmethod
    def of(cls, session: Any, indexid: int, heap: Any) -> DeadEntries | None:
        """None where the session does not write."""
        xact = getattr(session, "xact", None)
        if xact is None or not xact.wrote or session.database.cluster.instance is None:
            return None
        if heap.locator is None:
            return None
        return cls(session, session.database.relation(indexid), heap)

    def missed(self, places: Any, seen: Any, blocks: list[int]) -> None:
        """TIDs of which only some (places in the array) led to a visible row."""
        gone = np.ones(len(places), bool)
        gone[seen] = False
        if not gone.any() or self.left <= 0:
            return
        tids = places[gone].tolist()[: self.left]
        self.left -= len(tids)
        dead = {tid for tid in tids if self.view.dirty(tid).dead}
        if dead:
            kill_items(self.instance.pool, self.index.locator, sorted(set(blocks)), dead)
